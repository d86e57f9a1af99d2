-- LIMIT BY, WITH TIES, DISTINCT ON, WITH FILL, UNION and its kind, QUALIFY and windows.

SELECT model, delta FROM events ORDER BY model, delta LIMIT 2 BY model;

SELECT model, delta FROM events ORDER BY model, delta LIMIT 1 OFFSET 1 BY model;

SELECT model, delta FROM events ORDER BY model, delta LIMIT 1, 2 BY model;

SELECT model, delta FROM events ORDER BY model, delta LIMIT 2 BY model LIMIT 3;

SELECT model, delta FROM events ORDER BY model, delta LIMIT 2 BY model LIMIT 3 OFFSET 2;

SELECT model, provider, delta FROM events ORDER BY delta DESC LIMIT 1 BY model, provider;

SELECT delta FROM events ORDER BY intDiv(delta, 10) LIMIT 1 WITH TIES;

SELECT intDiv(delta, 10) AS d FROM events ORDER BY d LIMIT 1 WITH TIES;

SELECT delta FROM events ORDER BY delta OFFSET 2 ROWS FETCH FIRST 3 ROWS ONLY;

SELECT delta FROM events ORDER BY delta FETCH FIRST 3 ROWS ONLY;

SELECT intDiv(delta, 10) AS d FROM events ORDER BY d FETCH FIRST 3 ROWS WITH TIES;

SELECT delta FROM events ORDER BY delta LIMIT 2, 3;

SELECT delta FROM events ORDER BY delta LIMIT 3 OFFSET 2;

SELECT delta FROM events ORDER BY delta OFFSET 38;

SELECT DISTINCT ON (model) model, delta FROM events ORDER BY model, delta;

SELECT DISTINCT ON (model, provider) model, provider, delta FROM events ORDER BY delta DESC;

SELECT number AS n FROM numbers(3) ORDER BY n WITH FILL;

SELECT number * 3 AS n FROM numbers(3) ORDER BY n WITH FILL;

SELECT number * 3 AS n, 'x' AS s, number AS v FROM numbers(3) ORDER BY n WITH FILL FROM 0 TO 10 STEP 2;

SELECT toDate('2025-01-01') + number * 3 AS d, count() AS c FROM numbers(3) GROUP BY d ORDER BY d WITH FILL;

SELECT toDate('2025-01-01') + number * 3 AS d, count() AS c FROM numbers(3) GROUP BY d ORDER BY d WITH FILL FROM
    toDate('2024-12-30') TO toDate('2025-01-10') STEP 1;

SELECT toDate('2025-01-01') + number * 3 AS d, count() AS c FROM numbers(3) GROUP BY d ORDER BY d WITH FILL STEP
    INTERVAL 1 DAY;

SELECT toStartOfMonth(toDate('2025-01-01') + number * 70) AS d, count() AS c FROM numbers(3) GROUP BY d ORDER BY d
    WITH FILL STEP INTERVAL 1 MONTH;

SELECT toStartOfHour(event_time) AS h, count() AS c FROM events WHERE day > '2025-01-20' AND event_time >
    '2025-01-01' GROUP BY h ORDER BY h WITH FILL STEP 3600;

SELECT toStartOfHour(event_time) AS h, count() AS c FROM events WHERE event_time > '2025-01-01' GROUP BY h ORDER BY
    h WITH FILL FROM toDateTime('2025-11-02 05:00:00') TO toDateTime('2025-11-03 00:00:00') STEP toIntervalHour(1);

SELECT toStartOfHour(event_time) AS h, count() AS c FROM events WHERE event_time > '2025-01-01' GROUP BY h ORDER BY
    h WITH FILL STEP INTERVAL 30 MINUTE;

SELECT model, intDiv(delta, 10) AS d, count() AS c FROM events GROUP BY model, d ORDER BY model, d WITH FILL FROM -3
    TO 3;

SELECT model, intDiv(delta, 10) AS d, count() AS c FROM events GROUP BY model, d ORDER BY model, d WITH FILL;

SELECT number * 2 AS n, number AS v FROM numbers(3) ORDER BY n WITH FILL FROM 0 TO 7 INTERPOLATE;

SELECT number * 2 AS n, number AS v, 'a' AS s FROM numbers(3) ORDER BY n WITH FILL FROM 0 TO 7 INTERPOLATE (v, s);

SELECT number * 2 AS n FROM numbers(3) ORDER BY n WITH FILL LIMIT 4;

SELECT toFloat64(number) AS n FROM numbers(3) ORDER BY n WITH FILL STEP 0.5;

SELECT number + 0.5 AS n FROM numbers(3) ORDER BY n WITH FILL FROM 0 TO 3;

SELECT toNullable(number * 2) AS n FROM numbers(3) ORDER BY n WITH FILL;

SELECT delta FROM events ORDER BY ALL LIMIT 2;

SELECT model, delta FROM events ORDER BY ALL DESC LIMIT 2;

SELECT model, delta FROM events ORDER BY 1, 2 DESC;

SELECT user FROM events ORDER BY user NULLS FIRST, delta;

SELECT user FROM events ORDER BY user DESC NULLS FIRST, delta;

SELECT latency FROM events ORDER BY latency DESC, delta;

SELECT 1 AS a UNION ALL SELECT 2 UNION DISTINCT SELECT 2;

SELECT 1 AS a UNION DISTINCT SELECT 1 UNION ALL SELECT 1;

(SELECT 1 AS a UNION ALL SELECT 2) UNION ALL SELECT 3;

SELECT 1 AS a UNION ALL (SELECT 2 UNION DISTINCT SELECT 2);

(SELECT 1 AS a) UNION ALL (SELECT 2);

SELECT number FROM numbers(3) UNION ALL SELECT number FROM numbers(5) ORDER BY number DESC LIMIT 2;

SELECT number FROM numbers(3) UNION ALL SELECT number FROM numbers(5) LIMIT 1;

SELECT number FROM numbers(3) LIMIT 1 UNION ALL SELECT number FROM numbers(5) LIMIT 1;

SELECT number FROM numbers(3) ORDER BY number DESC LIMIT 1 UNION ALL SELECT number FROM numbers(5) ORDER BY number
    DESC LIMIT 1;

(SELECT number FROM numbers(3) LIMIT 1) UNION ALL (SELECT number FROM numbers(5) LIMIT 1);

SELECT * FROM (SELECT number FROM numbers(3) UNION ALL SELECT number FROM numbers(5)) ORDER BY number LIMIT 3;

SELECT number FROM numbers(5) INTERSECT SELECT number FROM numbers(3);

SELECT number % 2 AS x FROM numbers(5) INTERSECT SELECT number FROM numbers(3);

SELECT number % 2 AS x FROM numbers(5) INTERSECT DISTINCT SELECT number FROM numbers(3);

SELECT number % 2 AS x FROM numbers(5) EXCEPT SELECT 1;

SELECT number % 2 AS x FROM numbers(5) EXCEPT DISTINCT SELECT 1;

SELECT number FROM numbers(5) EXCEPT SELECT number FROM numbers(2) UNION ALL SELECT 9;

SELECT number FROM numbers(5) UNION ALL SELECT number FROM numbers(2) INTERSECT SELECT 1;

SELECT toUInt8(1) AS a UNION ALL SELECT toInt16(-1) UNION ALL SELECT toUInt32(5);

SELECT 'x' AS a UNION ALL SELECT NULL;

SELECT model AS a FROM prices UNION ALL SELECT provider FROM events;

SELECT toDate('2025-01-01') AS a UNION ALL SELECT toDateTime('2025-01-01 01:00:00');

SELECT [1] AS a UNION ALL SELECT [NULL];

SELECT 1 AS a, 2 AS b UNION ALL SELECT 3 AS b, 4 AS a;

SELECT model, delta FROM events QUALIFY row_number() OVER (PARTITION BY model ORDER BY delta) = 1 ORDER BY model;

SELECT model, row_number() OVER (PARTITION BY model ORDER BY delta) AS rn FROM events QUALIFY rn <= 2 ORDER BY
    model, rn;

SELECT delta, sum(delta) OVER w, avg(delta) OVER w FROM events WINDOW w AS (ORDER BY delta ROWS BETWEEN 2 PRECEDING
    AND CURRENT ROW) ORDER BY delta;

SELECT delta, sum(delta) OVER (ORDER BY delta RANGE BETWEEN 2 PRECEDING AND 1 FOLLOWING) AS s FROM events ORDER BY
    delta;

SELECT delta, sum(delta) OVER (ORDER BY delta) AS s FROM events ORDER BY delta;

SELECT delta, count() OVER (ORDER BY delta DESC RANGE BETWEEN 5 PRECEDING AND CURRENT ROW) AS s FROM events ORDER BY
    delta;

SELECT event_time, count() OVER (ORDER BY event_time RANGE BETWEEN 3600 PRECEDING AND CURRENT ROW) AS s FROM events
    ORDER BY delta;

SELECT day, sum(delta) OVER (ORDER BY day RANGE BETWEEN 18 PRECEDING AND CURRENT ROW) AS s FROM events ORDER BY day,
    delta;

SELECT model, sum(sum(delta)) OVER (ORDER BY model) AS s FROM events GROUP BY model ORDER BY model;

SELECT model, count() AS c, c / sum(c) OVER () AS share FROM events GROUP BY model ORDER BY model;

SELECT model, count() * 100 / sum(count()) OVER () AS share FROM events GROUP BY model ORDER BY model;

SELECT model, rank() OVER (ORDER BY count() DESC, model) AS r FROM events GROUP BY model ORDER BY r;

SELECT delta, lagInFrame(delta) OVER (ORDER BY delta ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS p
    FROM events ORDER BY delta;

SELECT delta, first_value(delta) OVER (PARTITION BY model ORDER BY delta) f, last_value(delta) OVER (PARTITION BY
    model ORDER BY delta) l FROM events ORDER BY delta;

SELECT delta, dense_rank() OVER (ORDER BY intDiv(delta, 10)), percent_rank() OVER (ORDER BY delta) FROM events WHERE
    delta != -17 ORDER BY delta;

SELECT delta, sum(delta) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS s FROM events ORDER BY
    delta;

SELECT delta, sum(delta) OVER (ORDER BY delta ROWS 2 PRECEDING) AS s FROM events ORDER BY delta;

SELECT delta, sum(delta) OVER (w ORDER BY delta) AS s FROM events WINDOW w AS (PARTITION BY model) ORDER BY delta;

SELECT model, sumIf(delta, success = 1) OVER (PARTITION BY model) AS s FROM events ORDER BY delta;

SELECT 'x' AS kind, count() AS n FROM events UNION ALL SELECT 'y', count() FROM prices;

SELECT kind, sum(n) FROM (SELECT 'x' AS kind, count() AS n FROM events UNION ALL SELECT 'y', count() FROM prices)
    GROUP BY kind ORDER BY kind;

WITH a AS (SELECT 1 AS x UNION ALL SELECT 2), b AS (SELECT x FROM a UNION DISTINCT SELECT x + 1 FROM a) SELECT *
    FROM b ORDER BY x;

SELECT * FROM prices WHERE rank = 1 UNION ALL SELECT * FROM prices WHERE rank = 2;

SELECT * FROM (SELECT model, rank FROM prices UNION ALL SELECT model, toUInt16(0) FROM events LIMIT 2) ORDER BY
    model, rank;

SELECT toNullable(1) AS a UNION ALL SELECT 2;

SELECT toLowCardinality('a') AS a UNION ALL SELECT 'b';

SELECT toLowCardinality('a') AS a UNION ALL SELECT toLowCardinality('b');

SELECT event_time AS t FROM events WHERE delta = 1 UNION ALL SELECT toStartOfHour(event_time, 'Asia/Tokyo') FROM
    events WHERE delta = 1;

SELECT 1 AS a, 'x' AS b UNION ALL SELECT 256, 'y' UNION ALL SELECT -1, 'z';

SELECT [1, 2] AS a UNION ALL SELECT [300];

SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 INTERSECT SELECT 3;

SELECT number FROM numbers(10) WHERE number IN (SELECT 1 UNION ALL SELECT 2);

(SELECT 1 AS x) UNION ALL (SELECT 2 EXCEPT SELECT 2);

SELECT 1 AS x EXCEPT (SELECT 2 UNION ALL SELECT 1);

SELECT model, row_number() OVER (ORDER BY sum(delta) DESC, model) AS r, sum(delta) AS s FROM events GROUP BY model
    ORDER BY r;

SELECT model, delta, sum(delta) OVER (PARTITION BY model ORDER BY delta) / sum(delta) OVER (PARTITION BY model) AS
    share FROM events WHERE delta > 0 ORDER BY delta;

SELECT day, avg(score) OVER (ORDER BY day ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS ma FROM events WHERE delta !=
    -17 ORDER BY day;

SELECT d, c, sum(c) OVER (ORDER BY d ASC) AS running FROM (SELECT toDate(event_time) AS d, count() AS c FROM events
    GROUP BY d) ORDER BY d;

SELECT d, c, c - lagInFrame(c, 1, 0) OVER (ORDER BY d ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS
    diff FROM (SELECT toStartOfHour(event_time) AS d, count() AS c FROM events GROUP BY d) ORDER BY d;

SELECT delta, count() OVER w1, sum(delta) OVER w2 FROM events WHERE delta > 10 WINDOW w1 AS (PARTITION BY model), w2
    AS (w1 ORDER BY delta) ORDER BY delta;

SELECT prompt_tokens, count() OVER (ORDER BY prompt_tokens RANGE BETWEEN 100 PRECEDING AND 100 FOLLOWING) AS n FROM
    events ORDER BY prompt_tokens;

SELECT score, count() OVER (ORDER BY score RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) AS n FROM events ORDER BY
    score;

SELECT DISTINCT ON (model) model, delta FROM events ORDER BY model, delta DESC LIMIT 3;

SELECT model, provider, count() AS c FROM events GROUP BY model, provider ORDER BY c DESC, model, provider LIMIT 1
    BY provider LIMIT 2;

SELECT model, delta FROM events ORDER BY delta DESC LIMIT 1 BY model, delta % 2 LIMIT 5;

SELECT count() FROM (SELECT model FROM events LIMIT 1 BY model);

SELECT multiIf(delta < 0, 'neg', delta = 0, 'zero', 'pos') AS s, count() AS n, sum(n) OVER () AS t, round(n / t, 2)
    AS share FROM events GROUP BY s ORDER BY s;

SELECT model, provider, count() AS c, sum(c) OVER (PARTITION BY model) AS t FROM events GROUP BY ROLLUP(model,
    provider) ORDER BY model, provider, c;

SELECT row_number() OVER (ORDER BY delta) AS rn, delta FROM events QUALIFY rn BETWEEN 3 AND 5 ORDER BY rn;

SELECT model, delta, max(delta) OVER (PARTITION BY model) AS m FROM events QUALIFY delta = m ORDER BY model;

SELECT model, sum(delta) AS s FROM events GROUP BY model QUALIFY rank() OVER (ORDER BY s DESC) <= 2 ORDER BY s DESC;
