-- JOIN of every kind: names, defaults for rows not found, USING, ANY, SEMI, ANTI and ASOF.

SELECT p.model, e.provider, e.user, e.cached, e.stream, e.day, e.tags, e.event_time, e.cost, e.price, e.latency,
    e.ttft FROM prices p LEFT JOIN events e ON p.model = e.model AND e.delta > 17 ORDER BY p.rank;

SELECT p.model, e.delta FROM events e RIGHT JOIN prices p ON p.model = e.model AND e.delta > 15 ORDER BY p.rank,
    e.delta;

SELECT e.model, p.model, p.note, p.rank FROM events e FULL JOIN prices p ON p.model = e.model ORDER BY e.delta,
    p.rank, e.model;

SELECT model, rank, delta FROM prices LEFT JOIN events USING (model) ORDER BY rank, delta;

SELECT model, rank, delta FROM events RIGHT JOIN prices USING (model) ORDER BY rank, delta;

SELECT model, rank, delta FROM events FULL JOIN prices USING (model) ORDER BY rank, delta, model;

SELECT * FROM prices LEFT JOIN (SELECT model, max(delta) AS d FROM events GROUP BY model) AS e USING (model) ORDER
    BY rank;

SELECT * FROM prices JOIN (SELECT model, max(delta) AS d FROM events GROUP BY model) AS e USING model ORDER BY rank;

SELECT * FROM (SELECT toUInt8(1) AS k, 'a' AS x) a JOIN (SELECT toInt32(1) AS k, 'b' AS y) b USING (k);

SELECT k FROM (SELECT toUInt8(1) AS k, 'a' AS x) a FULL JOIN (SELECT toInt32(2) AS k, 'b' AS y) b USING (k) ORDER BY
    k;

SELECT * FROM (SELECT 1 AS k, 2 AS j) a JOIN (SELECT 1 AS k, 2 AS j, 3 AS z) b USING (k, j);

SELECT a.k, b.k FROM (SELECT toNullable(1) AS k) a JOIN (SELECT toNullable(1) AS k) b ON a.k = b.k;

SELECT count() FROM (SELECT CAST(NULL AS Nullable(Int32)) AS k) a JOIN (SELECT CAST(NULL AS Nullable(Int32)) AS k) b
    ON a.k = b.k;

SELECT count() FROM (SELECT CAST(NULL AS Nullable(Int32)) AS k) a JOIN (SELECT CAST(NULL AS Nullable(Int32)) AS k) b
    USING (k);

SELECT a.rank, b.rank FROM prices a JOIN prices b ON a.model = b.model AND a.rank < b.rank ORDER BY a.rank;

SELECT a.rank, b.rank FROM prices a LEFT JOIN prices b ON a.model = b.model AND a.rank < b.rank ORDER BY a.rank,
    b.rank;

SELECT a.rank, b.rank FROM prices a JOIN prices b ON a.rank < b.rank ORDER BY a.rank, b.rank;

SELECT a.rank, b.rank FROM prices a, prices b WHERE a.rank = b.rank ORDER BY a.rank;

SELECT a.rank, b.rank FROM prices a CROSS JOIN prices b ORDER BY a.rank, b.rank;

SELECT e.delta, p.rank FROM events e ANY LEFT JOIN prices p ON e.model = p.model WHERE e.model = 'gpt-4' ORDER BY
    e.delta;

SELECT e.delta, p.model FROM events e ANY LEFT JOIN prices p ON e.model = p.model ORDER BY e.delta;

SELECT e.delta, p.model FROM events e ANY INNER JOIN prices p ON e.model = p.model ORDER BY e.delta;

SELECT p.model, e.model FROM prices p ANY INNER JOIN events e ON e.model = p.model ORDER BY p.rank;

SELECT e.delta FROM events e LEFT SEMI JOIN prices p ON e.model = p.model ORDER BY e.delta;

SELECT e.delta, p.model FROM events e SEMI JOIN prices p ON e.model = p.model ORDER BY e.delta;

SELECT e.delta FROM events e LEFT ANTI JOIN prices p ON e.model = p.model ORDER BY e.delta;

SELECT e.delta, p.model, p.rank FROM events e ANTI JOIN prices p ON e.model = p.model ORDER BY e.delta;

SELECT p.rank FROM events e RIGHT SEMI JOIN prices p ON e.model = p.model ORDER BY p.rank;

SELECT p.rank FROM events e RIGHT ANTI JOIN prices p ON e.model = p.model ORDER BY p.rank;

SELECT * FROM prices p LEFT ANTI JOIN events e USING (model);

SELECT * FROM prices p LEFT SEMI JOIN (SELECT model FROM events) e USING (model) ORDER BY rank;

SELECT a.t, b.t, b.v FROM (SELECT 'x' AS k, number * 3 AS t FROM numbers(4)) a ASOF JOIN (SELECT 'x' AS k, number *
    2 AS t, number AS v FROM numbers(3)) b ON a.k = b.k AND a.t >= b.t ORDER BY a.t;

SELECT a.t, b.t, b.v FROM (SELECT 'x' AS k, number * 3 AS t FROM numbers(4)) a ASOF LEFT JOIN (SELECT 'x' AS k,
    number * 2 + 1 AS t, number AS v FROM numbers(3)) b ON a.k = b.k AND a.t > b.t ORDER BY a.t;

SELECT a.t, b.t FROM (SELECT 'x' AS k, number * 3 AS t FROM numbers(4)) a ASOF JOIN (SELECT 'x' AS k, number * 2 AS
    t FROM numbers(3)) b ON a.k = b.k AND a.t <= b.t ORDER BY a.t;

SELECT a.t, b.v FROM (SELECT 'x' AS k, number * 3 AS t FROM numbers(4)) a ASOF JOIN (SELECT 'x' AS k, number * 2 AS
    t, number AS v FROM numbers(3)) b USING (k, t) ORDER BY a.t;

SELECT e.delta, p.rank FROM events e GLOBAL LEFT JOIN prices p ON e.model = p.model ORDER BY e.delta, p.rank;

SELECT count() FROM events e GLOBAL ANY LEFT JOIN prices p ON e.model = p.model;

SELECT count() FROM events WHERE model GLOBAL IN (SELECT model FROM prices);

SELECT e.delta, p.rank, q.rank FROM events e LEFT JOIN prices p ON e.model = p.model LEFT JOIN prices q ON q.model =
    p.model AND q.rank > p.rank ORDER BY e.delta, p.rank, q.rank;

SELECT a.rank, b.rank, c.rank FROM prices a JOIN prices b USING (model) JOIN prices c USING (model) ORDER BY a.rank,
    b.rank, c.rank;

SELECT * FROM prices a JOIN prices b ON a.rank = b.rank ORDER BY a.rank;

SELECT a.*, b.* FROM prices a JOIN prices b ON a.rank = b.rank ORDER BY a.rank;

SELECT a.*, b.rank FROM prices a JOIN prices b ON a.rank = b.rank ORDER BY a.rank;

SELECT * FROM prices a JOIN prices b USING (rank) ORDER BY rank;

SELECT rank, b.model FROM prices a JOIN prices b ON a.rank = b.rank ORDER BY a.rank;

SELECT model FROM prices a JOIN prices b ON a.rank = b.rank ORDER BY a.rank;

SELECT delta, dollars FROM events JOIN prices ON events.model = prices.model ORDER BY delta, dollars;

SELECT events.delta, prices.dollars FROM events JOIN prices ON events.model = prices.model ORDER BY events.delta,
    prices.dollars;

SELECT events.model, prices.model FROM events JOIN prices ON events.model = prices.model ORDER BY events.delta,
    prices.dollars LIMIT 2;

SELECT e.model AS model, count() AS c, sum(p.dollars) FROM events e LEFT JOIN prices p ON e.model = p.model GROUP BY
    model ORDER BY model;

SELECT x.m, y.n FROM (SELECT model AS m, count() AS c FROM events GROUP BY m) x LEFT JOIN (SELECT model AS m,
    sum(rank) AS n FROM prices GROUP BY m) y ON x.m = y.m ORDER BY x.m;

SELECT x.m, y.n FROM (SELECT model AS m, count() AS c FROM events GROUP BY m) x LEFT JOIN (SELECT model AS m,
    sum(rank) AS n FROM prices GROUP BY m) y USING m ORDER BY m;

SELECT count() FROM prices a INNER ANY JOIN events b ON a.model = b.model;

SELECT count() FROM prices a LEFT OUTER JOIN events b ON a.model = b.model;

SELECT count() FROM prices a ALL INNER JOIN events b ON a.model = b.model;

SELECT a.rank FROM prices a LEFT JOIN prices b ON a.rank = b.rank WHERE b.note IS NULL ORDER BY a.rank;

SELECT p.model, e.provider FROM prices p LEFT JOIN (SELECT DISTINCT model, provider FROM events) e ON p.model =
    e.model ORDER BY p.rank, e.provider;

SELECT a.rank + b.rank AS s FROM prices a JOIN prices b ON a.rank + 1 = b.rank ORDER BY s;

SELECT a.rank FROM prices a JOIN prices b ON lower(a.model) = lower(b.model) OR a.rank = b.rank ORDER BY a.rank;

SELECT toDate(e.event_time) AS d, d2.x FROM events e JOIN (SELECT toDate('2025-11-02') AS dd, 1 AS x) d2 ON d =
    d2.dd ORDER BY e.delta LIMIT 2;

WITH g AS (SELECT toDate('2025-11-01') + number AS day FROM numbers(4)), c AS (SELECT toDate(event_time) AS day,
    count() AS n FROM events GROUP BY day) SELECT g.day, c.n FROM g LEFT JOIN c ON g.day = c.day ORDER BY g.day;

WITH g AS (SELECT toDate('2025-11-01') + number AS day FROM numbers(4)), c AS (SELECT toDate(event_time) AS day,
    count() AS n FROM events GROUP BY day) SELECT day, n FROM g LEFT JOIN c USING day ORDER BY day;

SELECT p.model, coalesce(e.user, 'none') FROM prices p LEFT JOIN events e ON p.model = e.model AND e.delta > 17
    ORDER BY p.rank;

SELECT p.rank, s.d FROM prices p LEFT JOIN (SELECT DISTINCT model, success > 0 AS d FROM events) s ON s.model =
    p.model ORDER BY p.rank, s.d;

SELECT a.x, b.y FROM (SELECT 1 AS x) a LEFT JOIN (SELECT 2 AS y, NULL AS z) b ON a.x = b.y;

SELECT count() FROM events e JOIN prices p ON p.model = e.model AND p.rank > 1 AND e.delta BETWEEN 0 AND 10;

SELECT sum(e.delta) FROM events e INNER JOIN (SELECT model FROM prices WHERE rank < 3) p ON e.model = p.model;

SELECT p.model FROM prices p JOIN events e ON true LIMIT 1;

SELECT count() FROM prices p LEFT JOIN events e ON 1 = 1;

SELECT count() FROM events e LEFT JOIN prices p ON e.provider = p.model;

SELECT count() FROM events e LEFT JOIN prices p ON e.user = p.model;

SELECT count() FROM events e LEFT JOIN prices p ON e.cached = p.rank;

SELECT a.u FROM (SELECT user AS u FROM events) a JOIN (SELECT user AS u FROM events) b ON a.u = b.u ORDER BY a.u
    LIMIT 3;

SELECT u FROM (SELECT 'ann' AS u) a LEFT JOIN (SELECT user AS u, delta FROM events) b USING (u) ORDER BY delta LIMIT
    3;

SELECT user, n FROM (SELECT DISTINCT user FROM events) AS a RIGHT JOIN (SELECT 'zed' AS user, 5 AS n) b USING (user);

SELECT user, n FROM (SELECT 'zed' AS user, 5 AS n) a FULL JOIN (SELECT DISTINCT user FROM events) AS b USING (user)
    ORDER BY user;

SELECT e.model, count(p.rank), max(p.note) FROM events e LEFT JOIN prices p ON e.model = p.model GROUP BY e.model
    ORDER BY e.model;

SELECT e.model, count(p.note), countIf(p.model != '') FROM events e LEFT JOIN prices p USING (model) GROUP BY
    e.model ORDER BY e.model;

SELECT model, count(), sum(rank) FROM events e LEFT JOIN prices p USING (model) GROUP BY model ORDER BY model;

SELECT coalesce(nullIf(p.model, ''), 'none') AS m, count() FROM events e LEFT JOIN prices p ON e.model = p.model
    GROUP BY m ORDER BY m;

WITH a AS (SELECT model, count() AS n FROM events GROUP BY model), b AS (SELECT model, max(rank) AS r FROM prices
    GROUP BY model) SELECT a.*, b.r FROM a FULL OUTER JOIN b ON a.model = b.model ORDER BY a.model, b.r;

WITH a AS (SELECT toDate(event_time) AS d, count() AS n FROM events GROUP BY d), b AS (SELECT day AS d, count() AS m
    FROM events GROUP BY d) SELECT d, n, m FROM a FULL OUTER JOIN b USING (d) ORDER BY d;

WITH a AS (SELECT 1 AS k, 10 AS x UNION ALL SELECT 2, 20), b AS (SELECT 2 AS k, 5 AS y UNION ALL SELECT 3, 6), c AS
    (SELECT 3 AS k, 7 AS z UNION ALL SELECT 4, 8) SELECT k, x, y, z FROM a FULL JOIN b USING (k) FULL JOIN c USING
    (k) ORDER BY k;

WITH a AS (SELECT 1 AS k, 10 AS x UNION ALL SELECT 2, 20), b AS (SELECT 2 AS k, 5 AS y), c AS (SELECT 1 AS k, 7 AS
    z) SELECT k, x, y, z FROM a LEFT JOIN b USING (k) LEFT JOIN c USING (k) ORDER BY k;

WITH a AS (SELECT 1 AS k, 10 AS x UNION ALL SELECT 2, 20), b AS (SELECT 2 AS k, 5 AS y), c AS (SELECT 1 AS k, 7 AS
    z) SELECT a.k, b.k, c.k, x, y, z FROM a LEFT JOIN b ON a.k = b.k LEFT JOIN c ON c.k = a.k ORDER BY a.k;

WITH a AS (SELECT 1 AS k, 2 AS j, 10 AS x), b AS (SELECT 1 AS k, 5 AS y), c AS (SELECT 2 AS j, 7 AS z) SELECT * FROM
    a LEFT JOIN b USING (k) LEFT JOIN c USING (j);

SELECT a.x, b.x FROM (SELECT number AS x FROM numbers(3)) AS a LEFT JOIN (SELECT number + 1 AS x FROM numbers(3)) AS
    b ON a.x = b.x AND b.x > 1 ORDER BY a.x;

SELECT a.x, b.y FROM (SELECT number AS x FROM numbers(3)) AS a LEFT JOIN (SELECT number AS x, [number] AS y FROM
    numbers(2)) AS b ON a.x = b.x ORDER BY a.x;

SELECT a.x, b.s FROM (SELECT number AS x FROM numbers(3)) AS a LEFT JOIN (SELECT number AS x, toLowCardinality('q')
    AS s FROM numbers(2)) AS b ON a.x = b.x ORDER BY a.x;

SELECT * FROM (SELECT 1 AS k, 2 AS a) AS l JOIN (SELECT 1 AS k, 3 AS a) AS r USING k;

SELECT count() FROM events AS a JOIN events AS b ON a.delta = b.delta + 1 AND a.model = b.model WHERE a.success AND
    NOT b.success;

SELECT a.delta, b.delta FROM events AS a LEFT JOIN events AS b ON a.delta = b.delta - 1 AND b.model = 'gpt-4' WHERE
    a.delta > 10 ORDER BY a.delta;

SELECT a.delta FROM events AS a LEFT JOIN prices AS p ON a.model = p.model WHERE p.model = '' ORDER BY a.delta;

SELECT e.delta, p.rank FROM (SELECT delta, model FROM events) AS e LEFT ANY JOIN prices AS p ON p.model = e.model
    WHERE e.model != 'claude-3' ORDER BY e.delta;

SELECT p.rank, e.delta FROM prices AS p RIGHT ANY JOIN (SELECT model, delta FROM events WHERE model = 'gpt-4') AS e
    ON p.model = e.model ORDER BY e.delta;

SELECT model, rank FROM prices ANY LEFT JOIN (SELECT DISTINCT model FROM events) AS e USING (model) ORDER BY rank;

SELECT p.model, q.model FROM prices AS p LEFT ANTI JOIN events AS q ON p.model = q.model;

SELECT a.t, b.v FROM (SELECT 1 AS k, toDateTime('2025-01-01 00:00:00') + number * 600 AS t FROM numbers(4)) AS a
    ASOF LEFT JOIN (SELECT 1 AS k, toDateTime('2025-01-01 00:05:00') + number * 900 AS t, number + 1 AS v FROM
    numbers(2)) AS b ON a.k = b.k AND b.t <= a.t ORDER BY a.t;

SELECT p.model, e.provider, e.delta, e.tags, e.user, e.day FROM prices p LEFT JOIN events e ON p.model = e.model AND
    e.delta > 17 ORDER BY p.rank SETTINGS join_use_nulls = 1;

SELECT model, rank, delta FROM prices FULL JOIN (SELECT model, delta FROM events WHERE delta > 15) AS e USING
    (model) ORDER BY rank, delta SETTINGS join_use_nulls = 1;

SELECT model, rank, delta FROM prices LEFT JOIN (SELECT model, delta FROM events WHERE delta > 15) AS e USING
    (model) ORDER BY rank, delta SETTINGS join_use_nulls = 1;

SELECT e.delta, p.rank, p.model FROM events e LEFT ANTI JOIN prices p ON p.model = e.model ORDER BY delta LIMIT 1
    SETTINGS join_use_nulls = 1;

SELECT e.delta, p.rank, p.model FROM events e ANY LEFT JOIN prices p ON p.model = e.model ORDER BY delta LIMIT 1
    SETTINGS join_use_nulls = 1;

SELECT * FROM (SELECT p.rank, e.delta FROM prices p LEFT JOIN events e ON p.model = e.model AND e.delta > 17) ORDER
    BY rank SETTINGS join_use_nulls = 1;

SELECT * FROM (SELECT p.rank, e.delta FROM prices p LEFT JOIN events e ON p.model = e.model AND e.delta > 17
    SETTINGS join_use_nulls = 1) ORDER BY rank;

SELECT a.k, b.k, c.k FROM (SELECT 1 AS k) a LEFT JOIN (SELECT 2 AS k) b ON a.k = b.k LEFT JOIN (SELECT 0 AS k) c ON
    b.k = c.k SETTINGS join_use_nulls = 1;

SELECT 1 AS a UNION ALL SELECT 2 SETTINGS max_threads = 1;

SELECT toDate(event_time) AS day, p.rank FROM events e JOIN prices p ON model = p.model AND day > '2025-01-01' ORDER
    BY delta, p.rank LIMIT 3;

SELECT lower(e.model) AS model, p.rank FROM events e JOIN prices p ON e.model = p.model ORDER BY e.delta, p.rank
    LIMIT 3;

SELECT e.delta + 1 AS rank, p.rank FROM events e JOIN prices p ON e.delta = p.rank ORDER BY p.rank;

SELECT e.delta + 1 AS rank, p.rank AS r FROM events e JOIN prices p ON e.delta = p.rank WHERE rank > 2 ORDER BY rank;

SELECT model, count() FROM events e JOIN prices p ON e.model = p.model GROUP BY model ORDER BY model;

SELECT a.* EXCEPT (note), b.note AS n2 FROM prices a JOIN prices b ON a.rank = b.rank ORDER BY a.rank;

SELECT * EXCEPT (note) FROM prices a LEFT JOIN (SELECT rank, 'z' AS z FROM prices WHERE rank < 3) b USING (rank)
    ORDER BY rank;

SELECT DISTINCT e.model FROM events e LEFT JOIN prices p ON e.model = p.model WHERE p.rank = 0 ORDER BY e.model;

SELECT p.rank, e.c FROM prices p ANY LEFT JOIN (SELECT model, count() AS c FROM events GROUP BY model) e USING model
    ORDER BY p.rank;

SELECT p.rank, e.c FROM (SELECT model, count() AS c FROM events GROUP BY model) e ANY RIGHT JOIN prices p USING
    model ORDER BY p.rank;

SELECT p.rank FROM prices p LEFT SEMI JOIN events e ON p.model = e.model AND e.delta > p.rank ORDER BY p.rank;

SELECT p.rank FROM prices p LEFT ANTI JOIN events e ON p.model = e.model AND e.delta > 17 ORDER BY p.rank;

SELECT a.t, b.t, b.v FROM (SELECT number % 2 AS k, number AS t FROM numbers(6)) a ASOF LEFT JOIN (SELECT number % 2
    AS k, number + 2 AS t, toString(number) AS v FROM numbers(3)) b ON a.k = b.k AND a.t >= b.t ORDER BY a.t;

SELECT g.d, count(e.model) AS c FROM (SELECT toDate('2025-11-01') + arrayJoin(range(3)) AS d) AS g LEFT JOIN events
    AS e ON toDate(e.event_time) = g.d GROUP BY g.d ORDER BY g.d;

SELECT g.d, countIf(e.model != '') AS c FROM (SELECT toDate('2025-11-01') + arrayJoin(range(3)) AS d) AS g LEFT JOIN
    events AS e ON toDate(e.event_time) = g.d GROUP BY g.d ORDER BY g.d;

SELECT * EXCEPT (note, model) FROM prices a JOIN prices b ON a.rank = b.rank ORDER BY a.rank;

SELECT COLUMNS('rank') FROM prices a JOIN prices b ON a.rank = b.rank ORDER BY a.rank;

SELECT * EXCEPT ('note|model') FROM prices a JOIN prices b USING (rank) ORDER BY rank;
