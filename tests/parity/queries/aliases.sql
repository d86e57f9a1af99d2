-- WITH and aliases: what a name means, declared in one place and used in another.

WITH toDateTime('2025-11-02 08:00:00') AS start, start + INTERVAL 2 HOUR AS stop SELECT count() FROM events WHERE
    event_time >= start AND event_time < stop;

WITH 5 AS k, x AS (SELECT delta, delta + k AS d FROM events WHERE delta > k) SELECT d, k FROM x ORDER BY d;

WITH (SELECT max(delta) FROM events) AS top SELECT delta, top, delta = top AS best FROM events WHERE delta > top - 3
    ORDER BY delta;

WITH (SELECT max(delta) FROM events) AS top SELECT count() FROM (SELECT delta FROM events WHERE delta = top);

WITH x(a, b) AS (SELECT 1, 2) SELECT a, b FROM x;

WITH x AS (SELECT 1 AS a), y AS (SELECT a + 1 AS b FROM x) SELECT * FROM x, y;

SELECT b + 1 AS a, 2 AS b;

SELECT delta + 1 AS d, d * 2 AS e, e + d AS f FROM events WHERE f > 40 ORDER BY f LIMIT 3;

SELECT delta AS model FROM events WHERE model > 15 ORDER BY model;

SELECT lower(model) AS model, count() FROM events GROUP BY model ORDER BY model;

SELECT toStartOfHour(event_time) AS event_time, count() FROM events WHERE event_time > '2025-11-02 08:10:00' GROUP
    BY event_time ORDER BY event_time;

SELECT toDate(event_time) AS day, count() FROM events GROUP BY day ORDER BY day;

SELECT model, sum(prompt_tokens) AS s FROM events PREWHERE delta > 0 WHERE prompt_tokens > 100 GROUP BY model HAVING
    s > 200 ORDER BY s DESC, model LIMIT 2;

WITH delta * 2 AS twice SELECT twice, twice + 1 FROM events WHERE twice > 30 ORDER BY twice;

WITH toStartOfHour(event_time) AS h SELECT h, count() FROM events GROUP BY h ORDER BY h;

WITH 'gpt-4' AS m SELECT p.rank FROM events AS e JOIN prices AS p ON e.model = p.model AND p.model = m GROUP BY
    p.rank ORDER BY p.rank;

WITH 2 AS k SELECT intDiv(delta, k) AS g, count() FROM events GROUP BY intDiv(delta, k) ORDER BY g;

WITH x AS (SELECT 1 AS a) SELECT * FROM x UNION ALL SELECT a + 1 FROM x;

WITH 3 AS k SELECT k UNION ALL SELECT k + 1;

SELECT * FROM (WITH 3 AS k SELECT k AS z);

WITH x AS (WITH 4 AS q SELECT q AS w) SELECT w FROM x;

WITH a AS (SELECT 1 AS v), b AS (WITH a AS (SELECT 2 AS v) SELECT v FROM a) SELECT a.v, b.v FROM a, b;

WITH toDate('2025-01-01') AS d0, d0 + 1 AS d1 SELECT d0, d1, d1 - d0;

WITH ['a','b'] AS arr SELECT has(arr, 'a'), arr;

WITH (SELECT groupArray(model) FROM prices) AS ms SELECT count() FROM events WHERE has(ms, model);

WITH top AS (SELECT model FROM events GROUP BY model ORDER BY count() DESC, model LIMIT 2) SELECT model, count() c
    FROM events WHERE model IN (SELECT model FROM top) GROUP BY model ORDER BY model;

WITH top AS (SELECT model FROM prices) SELECT count() FROM events WHERE model IN top;

WITH 1 AS x SELECT x AS y, (SELECT x + 1) AS z;

WITH sum(delta) AS s SELECT model, s FROM events GROUP BY model ORDER BY s;

WITH sum(delta) AS s SELECT model, s / count() AS a FROM events GROUP BY model HAVING s > 0 ORDER BY model;

SELECT 1 AS a, a + 1 AS a2 UNION ALL SELECT 3, 4;

SELECT delta AS d FROM events ORDER BY -d LIMIT 2;

SELECT (delta % 3 AS g) + 1 AS h, g FROM events GROUP BY g ORDER BY g;

SELECT count() AS c, c / 2 AS half FROM events;

SELECT model, max(delta) AS m FROM events GROUP BY model ORDER BY m LIMIT 1 BY m % 3;

WITH x AS MATERIALIZED (SELECT 1 AS a) SELECT a FROM x;

WITH now() AS n SELECT n = n;

WITH t1 AS (SELECT delta AS k, count() AS n FROM events GROUP BY k) SELECT sum(n), count() FROM t1 WHERE k % 2 = 0;

SELECT e.delta AS delta, e.delta + 1 AS nxt FROM events AS e WHERE e.delta = 1;

SELECT delta + 1 AS delta, delta AS other FROM events WHERE delta = 5;

SELECT -delta AS delta FROM events ORDER BY delta LIMIT 3;

SELECT -delta AS delta FROM events ORDER BY events.delta LIMIT 3;

SELECT toString(delta) AS delta FROM events WHERE delta = '5';
