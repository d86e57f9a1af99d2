-- IN, EXISTS, literals, operators and the order of clauses.

SELECT count() FROM events PREWHERE delta > 0 WHERE success;

SELECT count() FROM events SETTINGS max_threads = 1, max_execution_time = 10;

SELECT a.rank FROM prices a, prices b, prices c WHERE a.rank = b.rank AND b.rank = c.rank ORDER BY a.rank;

SELECT count() FROM events WHERE (model, provider) IN (('gpt-4', 'openai'), ('llama', ''));

SELECT count() FROM events WHERE (model, provider) IN (SELECT model, 'openai' FROM prices);

SELECT count() FROM events WHERE (model, provider) NOT IN (SELECT model, 'openai' FROM prices);

SELECT count() FROM events WHERE (model, provider) IN ('gpt-4', 'openai');

SELECT count() FROM events WHERE model IN ('gpt-4');

SELECT count() FROM events WHERE model IN 'gpt-4';

SELECT count() FROM events WHERE model NOT IN ('gpt-4', 'llama');

SELECT count() FROM events WHERE NOT model IN ('gpt-4', 'llama');

SELECT count() FROM events WHERE model IN [];

SELECT count() FROM events WHERE model IN ();

SELECT count() FROM events WHERE user NOT IN ('ann', NULL);

SELECT count() FROM events WHERE user IN (SELECT user FROM events);

SELECT count() FROM events WHERE user NOT IN (SELECT user FROM events);

SELECT count() FROM events WHERE delta IN (1, 2.5, 300);

SELECT count() FROM events WHERE delta IN (SELECT rank FROM prices);

SELECT count() FROM events WHERE event_time IN ('2025-11-02 07:17:00');

SELECT count() FROM events WHERE day IN ('2025-01-10', '2025-01-19');

SELECT count() FROM events WHERE day IN (toDate('2025-01-10'));

SELECT count() FROM events WHERE EXISTS (SELECT 1 FROM prices WHERE rank > 100);

SELECT count() FROM events WHERE NOT EXISTS (SELECT 1 FROM prices WHERE rank > 100);

SELECT delta, delta > (SELECT avg(delta) FROM events) AS above FROM events ORDER BY delta;

SELECT (SELECT delta FROM events WHERE delta = 1000);

SELECT 1, 'a', NULL, [1], true;

FROM prices SELECT rank ORDER BY rank;

SELECT 1 -- a comment
, 2 /* another */, 3 # third;

SELECT 1e3, 0x1F, 1_000, 0b101, 1E-2, .5, 5., 1.0, 1e100, 00012, -0.0;

SELECT 0xFFFFFFFFFF, 18446744073709551615, -9223372036854775808;

SELECT $$he'llo$$, $tag$x$tag$;

SELECT `model` AS `a b`, "rank" AS "c d" FROM prices ORDER BY `a b`, "c d";

SELECT model AS "quoted""name" FROM prices LIMIT 1;

SELECT p.`rank` FROM prices AS `p` ORDER BY `p`.`rank`;

SELECT rank r, rank AS s, rank + 1 t FROM prices ORDER BY r;

SELECT CASE WHEN delta > 5 THEN 'hi' WHEN delta > 0 THEN 'mid' ELSE 'lo' END AS c, count() FROM events GROUP BY c
    ORDER BY c;

SELECT delta, CASE model WHEN 'gpt-4' THEN 1 WHEN 'llama' THEN 2 END FROM events ORDER BY delta;

SELECT delta BETWEEN 1 AND 5, delta NOT BETWEEN 1 AND 5 FROM events ORDER BY delta;

SELECT model = 'gpt-4' AND NOT success OR stream FROM events ORDER BY delta;

SELECT DISTINCT success FROM events ORDER BY success;

SELECT DISTINCT model, user FROM events ORDER BY model, user;

SELECT DISTINCT tags FROM events ORDER BY length(tags), tags;

SELECT DISTINCT delta % 3 AS r FROM events ORDER BY r DESC LIMIT 2;

SELECT DISTINCT model FROM events ORDER BY delta LIMIT 5;

SELECT DISTINCT count() FROM events GROUP BY model ORDER BY count();

SELECT delta FROM events WHERE delta IN (SELECT delta FROM events WHERE delta > 15) AND model IN (SELECT model FROM
    prices) ORDER BY delta;

SELECT if(delta > 0, 1, 0) AS f, sum(f) FROM events GROUP BY f ORDER BY f;

SELECT x FROM (SELECT delta AS x FROM (SELECT delta FROM events) WHERE x > 17) ORDER BY x;

SELECT q.x, q.y FROM (SELECT delta AS x, model AS y FROM events) AS q WHERE q.x > 17 ORDER BY q.x;

SELECT * FROM (SELECT * FROM (SELECT model, rank FROM prices)) ORDER BY rank;

SELECT (1, 2) = (1, 2), (1, 2) < (1, 3);

SELECT 1 WHERE 0;

SELECT 1 AS x WHERE x = 1;

SELECT 1 LIMIT 0;

SELECT 5 AS n ORDER BY n LIMIT 10;

SELECT count() FROM events WHERE 1;

SELECT count() FROM events WHERE 0;

SELECT count() FROM events WHERE success AND stream;

SELECT count() FROM events WHERE cached;

SELECT count() FROM events WHERE NOT cached;

SELECT count() FROM events LIMIT 5;

SELECT toUInt8(delta > 0) AS pos, count() FROM events GROUP BY pos ORDER BY pos;

SELECT model, count() FROM events WHERE (delta > 0) = 1 GROUP BY model ORDER BY model;

SELECT model FROM events WHERE delta > 17 UNION ALL SELECT model FROM prices WHERE rank = 1;

SELECT * FROM events LIMIT 0;

SELECT count() AS `count()` FROM events;

SELECT max(delta), max(delta) + 1, -max(delta), max(-delta), not max(delta), max(delta) IS NULL, max(delta) BETWEEN
    1 AND 2, max(delta) IN (1, 2) FROM events;

SELECT sizes[1], sizes[-1], [1,2,3][2], tags[1] || 'x' FROM events ORDER BY delta LIMIT 3;

SELECT 'abc' LIKE 'a%', 'abc' ILIKE 'A%', 'abc' NOT LIKE 'b%', 'abc' NOT ILIKE 'B%', 'a' REGEXP 'a';

SELECT INTERVAL 1 DAY + toDate('2025-01-01'), toDate('2025-01-01') + INTERVAL '1 day', toDate('2025-01-01') -
    INTERVAL 2 WEEK;

SELECT model, count() FROM events GROUP BY model ORDER BY count() DESC, model LIMIT 3;

SELECT model, delta FROM events ORDER BY model DESC, delta ASC LIMIT 5;

SELECT a.delta FROM events AS a WHERE a.delta = (SELECT max(delta) FROM events);

SELECT any(delta) = 1 ? 'x' : 'y' FROM events WHERE delta = 1;

SELECT countIf(delta > 0) / count() * 100 AS pct, round(pct, 2) FROM events;

SELECT * FROM (SELECT 1 AS a UNION ALL SELECT 2) AS u JOIN (SELECT 1 AS a) AS v ON u.a = v.a;

SELECT model, delta FROM events WHERE (model, delta) IN (SELECT model, max(delta) FROM events GROUP BY model) ORDER
    BY model;

SELECT 1 AS x, x IN (1, 2), x NOT IN (3);

SELECT [1, 2] = [1, 2], has([1, 2], 1);

SELECT model AS a, a AS b, b AS c FROM prices ORDER BY c LIMIT 1;

SELECT count() FROM prices p WHERE EXISTS (SELECT 1 FROM events e WHERE e.delta = rank AND e.model = p.model);

SELECT count() FROM prices p WHERE EXISTS (SELECT 1 FROM events e WHERE e.delta > p.rank);

SELECT p.rank, EXISTS (SELECT 1 FROM events e WHERE e.model = p.model) AS x FROM prices p ORDER BY p.rank;

SELECT p.rank FROM prices p WHERE NOT EXISTS (SELECT * FROM events e WHERE e.model = p.model AND e.delta > 15) ORDER
    BY p.rank;

SELECT count() FROM events e WHERE EXISTS (SELECT 1 FROM prices p WHERE p.model = e.model) AND e.delta > 0;

SELECT count() FROM events e WHERE EXISTS (SELECT count() FROM prices p WHERE p.model = e.model GROUP BY p.rank
    HAVING count() > 1);

WITH (SELECT min(delta), max(delta) FROM events) AS r SELECT r.1, r.2, r.2 - r.1 AS span;

WITH (SELECT (min(delta), max(delta)) FROM events) AS r SELECT r.1, r.2;

WITH (SELECT min(event_time), max(event_time) FROM events) AS r SELECT count() FROM events WHERE event_time > r.1
    AND event_time < r.2;

SELECT (SELECT min(delta), max(delta) FROM events).1 AS a;

SELECT date_add(DAY, 1, toDate('2025-01-01')) AS a, dateAdd(day, 1, toDate('2025-01-01')) AS b, DATE_DIFF('day',
    toDate('2025-01-01'), toDate('2025-01-03')) AS c, date_diff(day, toDate('2025-01-01'), toDate('2025-01-03')) AS
    d;

SELECT EXTRACT(YEAR FROM event_time) FROM events ORDER BY delta LIMIT 1;

SELECT substring(model FROM 1 FOR 2) FROM prices ORDER BY rank;

SELECT trim(BOTH 'x' FROM 'xax');

SELECT position('a' IN 'bab');

SELECT DATE '2025-01-01';

SELECT CAST('2025-01-01' AS Date), CAST('2025-01-01', 'Date') AS b;

SELECT tuple(1, 'a').1;

SELECT (1, 2).1 + 1;

SELECT if(1, 2, 3) ? 1 : 0;

SELECT any(delta) IGNORE NULLS FROM events WHERE delta = 1;

SELECT first_value(user) IGNORE NULLS OVER (ORDER BY delta) AS f FROM events ORDER BY delta LIMIT 3;

SELECT count() FILTER (WHERE delta > 0), sum(delta) FILTER (WHERE success = 1) FROM events;

SELECT tupleElement((1, 'a'), 2);

SELECT model, delta FROM events ORDER BY (model, delta) LIMIT 3;

SELECT model, count() FROM events GROUP BY (model, provider) ORDER BY model, count();

SELECT count() FROM events GROUP BY (model), (provider) ORDER BY count();

SELECT a, b FROM (SELECT 1 AS a, 2 AS b) AS t (a, b);

SELECT number FROM numbers(10) WHERE number BETWEEN 2 AND 4 ORDER BY number DESC LIMIT 100 BY number;

SELECT delta AS `a.b` FROM events ORDER BY `a.b` LIMIT 1;

SELECT 1;;

SELECT count(), FROM events;

SELECT count(DISTINCT model) FILTER (WHERE delta > 0) FROM events;

SELECT quantile(0.5)(delta) FILTER (WHERE delta > 0), sum(delta) FILTER (WHERE success), count(*) FILTER (WHERE
    success) FROM events;

SELECT sum(delta) FILTER (WHERE success) OVER (PARTITION BY model) FROM events ORDER BY delta;
