-- GROUP BY, the shorthands of the SELECT list, table functions, and arrays as rows.

SELECT model, provider, count() FROM events GROUP BY ALL ORDER BY ALL;

SELECT model, count() + 1 AS c, length(model) FROM events GROUP BY 1 ORDER BY 2 DESC, 1;

SELECT upper(model) || '!' AS x, count() FROM events GROUP BY model ORDER BY x;

SELECT model, provider, count() AS c FROM events GROUP BY model, provider WITH ROLLUP ORDER BY model, provider, c;

SELECT model, provider, count() AS c FROM events GROUP BY ROLLUP(model, provider) ORDER BY model, provider, c;

SELECT model, provider, count() AS c FROM events GROUP BY model, provider WITH CUBE ORDER BY model, provider, c;

SELECT user, success, count() AS c, sum(cost) FROM events GROUP BY user, success WITH CUBE ORDER BY user, success, c;

SELECT model, provider, count() AS c FROM events GROUP BY GROUPING SETS ((model), (provider), ()) ORDER BY model,
    provider, c;

SELECT toStartOfDay(event_time) AS d, upper(model) AS u, count() AS c FROM events GROUP BY d, u WITH ROLLUP ORDER BY
    d, u, c;

SELECT delta % 2 AS k, k + 1 AS k1, count() AS c FROM events GROUP BY k WITH ROLLUP ORDER BY k, c;

SELECT model, grouping(model) AS g, count() FROM events GROUP BY model WITH ROLLUP ORDER BY g, model;

SELECT model, sum(c) OVER () FROM (SELECT model, count() AS c FROM events GROUP BY model) ORDER BY model;

SELECT count() FROM events HAVING count() > 5;

SELECT count() FROM events HAVING count() > 500;

SELECT 1 FROM events HAVING 1;

SELECT model FROM events GROUP BY model HAVING count() > 5 ORDER BY model;

SELECT model FROM events GROUP BY model ORDER BY count() DESC, model;

SELECT model, any(provider) FROM events GROUP BY model, length(model) HAVING length(model) > 4 ORDER BY model;

SELECT DISTINCT model, count() FROM events GROUP BY model, provider ORDER BY model, count();

SELECT * EXCEPT model FROM prices ORDER BY rank;

SELECT * EXCEPT (model, note), upper(model) AS m FROM prices ORDER BY rank;

SELECT * REPLACE (rank + 1 AS rank) FROM prices ORDER BY rank;

SELECT * REPLACE (upper(model) AS model, dollars * 2 AS dollars) FROM prices ORDER BY rank;

SELECT * EXCEPT note REPLACE (rank * 2 AS rank) FROM prices ORDER BY rank;

SELECT p.* FROM prices p ORDER BY rank;

SELECT p.* EXCEPT (note) FROM prices p ORDER BY rank;

SELECT p.* REPLACE (1 AS rank), p.rank AS r FROM prices p ORDER BY r;

SELECT * APPLY(toString) FROM prices ORDER BY model, rank;

SELECT * EXCEPT(model, note) APPLY(sum) FROM prices;

SELECT COLUMNS('ank|oll') FROM prices ORDER BY rank;

SELECT COLUMNS('ank') APPLY(x -> x + 1) FROM prices ORDER BY rank;

SELECT * EXCEPT('n.*') FROM prices ORDER BY rank;

SELECT COLUMNS(rank, model) FROM prices ORDER BY rank;

SELECT count(*) FROM prices;

SELECT p.*, e.delta FROM prices p JOIN events e ON e.model = p.model ORDER BY p.rank, e.delta LIMIT 4;

SELECT *, 1 AS one FROM prices ORDER BY rank;

SELECT number FROM numbers(3);

SELECT number FROM numbers(2, 3);

SELECT number FROM numbers(0, 10, 3);

SELECT zero FROM zeros(2);

SELECT dummy FROM system.one;

SELECT * FROM generate_series(1, 5);

SELECT * FROM generateSeries(1, 10, 3);

SELECT * FROM values('a UInt8, b String', (1, 'x'), (2, 'y'));

SELECT * FROM values((1, 'x'), (2, 'y'));

SELECT number * 2 AS n FROM numbers(3) AS t WHERE t.number > 0;

SELECT arrayJoin(range(1, 4)) AS x, arrayJoin([10,20]) AS y;

SELECT arrayJoin([1,2]) AS x, x + 1 AS y;

SELECT arrayJoin([1,2]) + arrayJoin([1,2]) AS s;

SELECT toDateTime('2025-01-01 00:00:00') + arrayJoin(range(0, 86400, 21600)) AS t;

SELECT toStartOfDay(toDateTime('2025-01-01 10:00:00')) + INTERVAL arrayJoin(range(3)) DAY AS d;

SELECT arrayJoin(arrayMap(x -> toDateTime('2025-01-01 00:00:00') + toIntervalHour(x), range(0, 3))) AS h;

SELECT arrayJoin(arrayMap(x -> toStartOfHour(toDateTime('2025-01-01 05:30:00') + x * 3600),
    range(toUInt32(dateDiff('hour', toDateTime('2025-01-01 05:00:00'), toDateTime('2025-01-01 08:00:00')) + 1)))) AS
    h ORDER BY h;

WITH toDate('2025-01-01') AS s, toDate('2025-01-05') AS e SELECT arrayJoin(arrayMap(i -> s + i, range(toUInt32(e -
    s)))) AS day;

WITH toDate('2025-01-01') AS s, toDate('2025-01-05') AS e SELECT arrayJoin(arrayMap(x -> toDate(x),
    range(toUInt32(s), toUInt32(e), 1))) AS day;

SELECT tags, sizes, t, s FROM events ARRAY JOIN tags AS t, sizes AS s WHERE length(tags) = length(sizes) ORDER BY
    delta, t, s;

SELECT delta, t, n FROM events ARRAY JOIN tags AS t, arrayEnumerate(tags) AS n ORDER BY delta, n;

SELECT delta, t FROM events LEFT ARRAY JOIN tags AS t ORDER BY delta, t;

SELECT delta, tags FROM events LEFT ARRAY JOIN tags ORDER BY delta, tags;

SELECT delta, x, y FROM events LEFT ARRAY JOIN tags AS x, arrayEnumerate(tags) AS y ORDER BY delta, y;

SELECT * FROM (SELECT 1 AS a, [1,2] AS b) ARRAY JOIN b;

SELECT * FROM (SELECT 1 AS a, [1,2] AS b) ARRAY JOIN b AS c;

SELECT * FROM (SELECT 1 AS a, [1,2] AS b, ['x','y'] AS c) ARRAY JOIN b, c AS d;

SELECT x FROM (SELECT 1) ARRAY JOIN [1,2,3] AS x;

SELECT x, y FROM (SELECT [1,2] AS a) ARRAY JOIN a AS x, arrayMap(v -> v * 2, a) AS y;

SELECT x FROM system.one ARRAY JOIN range(3) AS x;

SELECT x, count() FROM events ARRAY JOIN tags AS x WHERE x = 'a' GROUP BY x;

SELECT delta, arrayJoin(tags) FROM events ORDER BY delta, arrayJoin(tags);

SELECT arrayJoin(tags) AS t, uniq(model) FROM events WHERE t != 'b' GROUP BY t ORDER BY t;

SELECT count() FROM (SELECT arrayJoin([1,2,3]) AS x FROM prices);

SELECT count(), arrayJoin([1,2]) AS x FROM prices GROUP BY x ORDER BY x;

SELECT sum(arrayJoin([1,2,3])) FROM prices;

SELECT a, b FROM (SELECT [1,2] AS a, [3,4] AS b) ARRAY JOIN a, b;

SELECT t.x FROM (SELECT [1,2] AS x) AS t ARRAY JOIN x;

SELECT e.delta, tag FROM events AS e ARRAY JOIN e.tags AS tag ORDER BY e.delta, tag;

SELECT tag, p.rank FROM events e ARRAY JOIN tags AS tag JOIN prices p ON p.model = e.model ORDER BY e.delta, tag,
    p.rank;

SELECT p.rank, tag FROM prices p JOIN events e ON p.model = e.model ARRAY JOIN e.tags AS tag ORDER BY e.delta, tag,
    p.rank;

SELECT * REPLACE (-rank AS rank) FROM prices ORDER BY rank;

SELECT * REPLACE (upper(model) AS model) FROM prices WHERE model = 'gpt-4';

SELECT model, provider, sum(delta) AS s, count() FROM events WHERE delta > 0 GROUP BY model, provider WITH ROLLUP
    HAVING s > 10 ORDER BY s, model, provider;

SELECT model, provider, model = '' AS e, count() FROM events GROUP BY ROLLUP(model, provider) ORDER BY model,
    provider, count();

SELECT user, count() FROM events GROUP BY user WITH ROLLUP ORDER BY user, count();

SELECT day, event_time > '2025-01-01' AS late, count() AS c FROM events WHERE delta > 10 GROUP BY CUBE(day, late)
    ORDER BY day, late, c;

SELECT cost, count() AS c FROM events WHERE delta > 12 GROUP BY cost WITH ROLLUP ORDER BY cost, c;

SELECT stream, sum(stream) AS s, count() FROM events GROUP BY stream WITH ROLLUP ORDER BY stream, s;

SELECT intDiv(delta, 10) AS d, sum(d) AS s, max(d + 1) FROM events GROUP BY d WITH ROLLUP ORDER BY d, s;

SELECT model AS m, count() AS c, c * 2 FROM events GROUP BY GROUPING SETS ((m), ()) ORDER BY m, c LIMIT 3;

SELECT model, count() AS c, sum(c) OVER () AS t FROM events GROUP BY model WITH ROLLUP ORDER BY model, c;

SELECT model, provider, grouping(model, provider) AS g, count() AS c FROM events GROUP BY CUBE(model, provider)
    ORDER BY g, model, provider;

SELECT if(grouping(model) = 1, 'all', model) AS m, count() AS c FROM events GROUP BY ROLLUP(model) ORDER BY c, m;

WITH toStartOfDay(event_time) AS d SELECT d, count() AS c FROM events WHERE delta > 0 GROUP BY d WITH ROLLUP ORDER
    BY d;

SELECT e.delta, t FROM events AS e ARRAY JOIN arrayDistinct(e.tags) AS t WHERE e.delta > 15 ORDER BY e.delta, t;

SELECT model, groupArray(t) FROM (SELECT model, t FROM events ARRAY JOIN tags AS t WHERE delta = 3 ORDER BY t) GROUP
    BY model;

SELECT t, i FROM events ARRAY JOIN tags AS t, arrayEnumerate(tags) AS i WHERE delta > 17 ORDER BY delta, i;

SELECT delta, length(tags) AS l, t FROM events LEFT ARRAY JOIN tags AS t WHERE delta > 15 ORDER BY delta, t;

SELECT (arrayJoin(range(3)) AS n) * 2 AS m, n FROM system.one ORDER BY n;

WITH arrayJoin(range(3)) AS n SELECT n, n + 1 AS m;

WITH range(3) AS r SELECT arrayJoin(r) AS n, toDate('2025-01-01') + n AS d;

SELECT toDate('2025-01-01') + arrayJoin(range(3)) AS d, count() FROM prices GROUP BY d ORDER BY d;

SELECT count() FROM prices WHERE arrayJoin([1, 2]) = 1;

WITH (SELECT min(toDate(event_time)) FROM events) AS lo, (SELECT max(toDate(event_time)) FROM events) AS hi SELECT
    dateDiff('day', lo, hi) AS n;

WITH (SELECT max(delta) FROM events) AS hi SELECT arrayJoin(range(toUInt64(hi))) AS x ORDER BY x DESC LIMIT 2;

WITH 10 AS k SELECT number FROM numbers(k) ORDER BY number DESC LIMIT 1;

WITH (SELECT count() FROM prices) AS n SELECT number FROM numbers(assumeNotNull(n)) ORDER BY number;

SELECT model, count() AS c FROM events GROUP BY model HAVING c > (SELECT count() / 10 FROM events) ORDER BY model;

SELECT model, count() c FROM events GROUP BY model HAVING count() > 5 AND model != '' ORDER BY c DESC, model ASC
    NULLS LAST;

SELECT * FROM values('d Date, t DateTime, n Nullable(UInt8), s String', ('2025-01-01', '2025-01-01 10:00:00', NULL,
    'x'), ('2025-01-02', '2025-01-02 10:00:00', 3, 'y'));

SELECT a, b FROM values('a UInt8, b String', (1, 'x')) AS v WHERE v.a = 1;

SELECT v.b, e.delta FROM values('b String', 'gpt-4', 'llama') AS v JOIN events AS e ON e.model = v.b WHERE e.delta >
    10 ORDER BY e.delta;

SELECT rank + 1 AS rank FROM prices ORDER BY rank DESC;

SELECT p.rank + 1 AS rank FROM prices p ORDER BY p.rank DESC;

SELECT delta AS d FROM events WHERE d > 10 AND d < 14 ORDER BY d;

SELECT count() AS model, max(delta) AS m FROM events GROUP BY provider ORDER BY model, m;

SELECT model AS provider, provider AS model FROM events WHERE delta = 3;

SELECT sum(prompt_tokens) AS prompt_tokens, prompt_tokens / 2 AS half FROM events;

WITH x AS (SELECT delta AS y FROM events) SELECT y AS z, z * 2 AS w FROM x WHERE w > 30 ORDER BY w;

WITH a AS (SELECT 1 AS v), a2 AS (SELECT v + 1 AS v FROM a) SELECT (SELECT v FROM a2) AS q, v FROM a;

WITH 1 AS delta SELECT delta FROM events LIMIT 1;

WITH 'x' AS model SELECT model, count() FROM events GROUP BY model;

SELECT (SELECT max(rank) FROM prices) AS m, count() FROM events WHERE delta > m;

SELECT if(x > 1, 'a', 'b') AS y, x FROM (SELECT arrayJoin([1, 2]) AS x) ORDER BY x;

SELECT model, count() AS c FROM events GROUP BY model WITH CUBE ORDER BY c DESC, model LIMIT 2;

SELECT model, count() AS c FROM events GROUP BY model WITH ROLLUP ORDER BY model, c LIMIT 1 BY model;

SELECT upper(model) AS model, count() AS c FROM events GROUP BY model WITH ROLLUP ORDER BY model, c;

SELECT concat(model, '!') AS m, count() AS c FROM events GROUP BY ROLLUP(model) ORDER BY m, c;

SELECT toStartOfHour(event_time) AS h, model, count() AS c FROM events WHERE delta > 10 GROUP BY GROUPING SETS ((h,
    model), (h), ()) ORDER BY h, model, c;

SELECT coalesce(user, 'none') AS u, count() AS c FROM events GROUP BY u WITH ROLLUP ORDER BY u, c;

SELECT user, count() AS c FROM events GROUP BY user ORDER BY user NULLS FIRST;

SELECT DISTINCT user, success FROM events ORDER BY success, user;

SELECT d, t FROM (SELECT delta AS d, tags FROM events WHERE delta > 16) LEFT ARRAY JOIN tags AS t ORDER BY d, t;

SELECT d, t, length(tags) FROM (SELECT delta AS d, tags FROM events WHERE delta > 16) ARRAY JOIN tags AS t ORDER BY
    d, t;

SELECT count(), uniq(t) FROM events ARRAY JOIN arrayConcat(tags, ['z']) AS t;

SELECT model, t, count() AS c FROM events ARRAY JOIN tags AS t GROUP BY model, t ORDER BY model, t LIMIT 1 BY model;

SELECT t, n FROM (SELECT ['a', 'b'] AS t, 5 AS n) ARRAY JOIN t WHERE t = 'b';

SELECT a, b FROM (SELECT [[1, 2], [3]] AS x) ARRAY JOIN x AS a ARRAY JOIN a AS b ORDER BY b;

SELECT s, sum(c) FROM (SELECT arrayJoin(sizes) AS s, 1 AS c FROM events) GROUP BY s ORDER BY s;

SELECT quantile(0.5)(delta) AS q, q * 2 AS w FROM events WHERE model IN (SELECT model FROM prices WHERE note IS NOT
    NULL);

SELECT toHour(event_time) AS h, toDayOfWeek(event_time) AS w, count() AS c FROM events GROUP BY w, h ORDER BY w, h;

SELECT count(), countIf(x > 1) FROM (SELECT arrayJoin([1, 2, 3]) AS x) WHERE x < 3;

SELECT sum(x) FROM (SELECT 1 AS x UNION ALL SELECT 2.5 UNION ALL SELECT NULL);

SELECT toTypeName(a), a FROM (SELECT 1 AS a UNION ALL SELECT -1) ORDER BY a;

SELECT model, count() AS c FROM events GROUP BY model ORDER BY c DESC, model LIMIT 3 WITH TIES;

SELECT intDiv(delta, 10) AS d, count() AS c FROM events GROUP BY d ORDER BY c DESC LIMIT 1, 2;

SELECT delta FROM events ORDER BY delta LIMIT 1 + 1 OFFSET 2 - 1;

SELECT number AS n FROM numbers(4) ORDER BY n % 2, n DESC;

SELECT *, 1 AS rank FROM prices p ORDER BY p.rank;

SELECT *, upper(model) AS model FROM prices ORDER BY prices.rank;

SELECT p.*, 1 AS rank FROM prices p ORDER BY p.rank;

WITH 1 AS rank SELECT p.rank, p.rank + 1 FROM prices p ORDER BY p.rank;

SELECT * EXCEPT (rank), rank + 1 AS rank FROM prices ORDER BY model, rank;

SELECT * EXCEPT (model), lower(model) AS model FROM prices p ORDER BY p.rank;

SELECT * REPLACE (rank + 1 AS rank) FROM prices p ORDER BY p.rank;

SELECT p.* REPLACE (rank + 1 AS rank) FROM prices p ORDER BY p.rank;

SELECT *, toDate(event_time) AS day FROM (SELECT event_time, delta FROM events) ORDER BY delta LIMIT 2;

SELECT *, delta + 1 AS delta FROM (SELECT delta FROM events) AS q ORDER BY q.delta LIMIT 2;
