-- What projects in the open use: keys named in GROUP BY, joins of three tables, columns that several of them have.
-- Columns, types, rows and their order are alike on both engines.

SELECT hour, upper(provider) AS p, count() FROM events WHERE hour < 20 GROUP BY p, toHour(event_time) AS hour
    ORDER BY hour, p;

SELECT size, count() AS c FROM events GROUP BY length(model) AS size ORDER BY size;

SELECT e.model, p.rank, q.rank, p.note, e.delta FROM events e JOIN prices p ON e.model = p.model JOIN prices q
    ON p.model = q.model ORDER BY e.delta, p.rank, q.rank;

SELECT e.delta, p.dollars FROM events e LEFT JOIN (SELECT model, dollars FROM prices) p ON e.model = p.model
    LEFT JOIN (SELECT model AS other, rank FROM prices) q ON e.model = q.other ORDER BY e.delta, p.dollars;

SELECT e.*, p.rank, q.dollars FROM (SELECT model, delta FROM events) AS e JOIN prices p ON e.model = p.model
    JOIN prices q ON p.model = q.model ORDER BY e.delta, p.rank, q.dollars;

SELECT model, p.rank, q.rank FROM (SELECT DISTINCT model FROM events) AS e JOIN prices p USING (model)
    JOIN prices q USING (model) ORDER BY model, p.rank, q.rank;

SELECT date_add(DAY, 1, day), dateAdd(month, delta, day), date_sub(SECOND, 60, event_time), timestampAdd(event_time,
    INTERVAL -1 DAY), timestamp_sub(hour, 3, event_time), DATE_ADD(event_time, INTERVAL 1 HOUR), dateSub(`day`, INTERVAL 1
    WEEK), INTERVAL 1 DAY + day FROM events ORDER BY delta, event_time;

SELECT date_diff(DAY, day, event_time), timestampDiff(hour, day, event_time), DATEDIFF('month', day,
    event_time), dateDiff(SQL_TSI_WEEK, day, event_time) FROM events ORDER BY delta, event_time;

WITH toStartOfDay(timestampAdd(toDate('2025-11-03'), INTERVAL -7 DAY)) AS first, toDate('2025-11-03') AS last
    SELECT first, dateDiff('day', first, last) + 1 AS days, timestampAdd(first, INTERVAL -dateDiff('day', first, last)
    - 1 DAY) AS before, last - INTERVAL (days * 2) HOUR AS half, count() FROM events WHERE event_time >= before;

SELECT prompt_tokens IN ('37', '74'), delta IN ['-3', '5'] AS a, delta NOT IN ('1', '2'), score IN ('0.5', '0'), cached IN ('1', '2'),
    stream IN (1) FROM events ORDER BY delta, event_time;

WITH (SELECT max(delta) FROM events) AS delta SELECT model, sum(delta) FROM (SELECT model, prompt_tokens FROM events WHERE delta
    > 3) GROUP BY model ORDER BY model;

WITH (SELECT most FROM (SELECT max(delta) AS most FROM events)) AS most SELECT model, delta FROM events WHERE delta > most - 5
    ORDER BY delta, model;

WITH (SELECT avg(prompt_tokens) AS mean FROM events) AS mean SELECT count() FROM events WHERE prompt_tokens > mean;

SELECT e.model, e.model AS m, c FROM (SELECT e.model, count() AS c FROM events e JOIN prices p ON e.model = p.model JOIN prices
    q ON e.model = q.model GROUP BY e.model) ORDER BY c;

SELECT uniq(*), uniqExact(*) AS u, count(DISTINCT *) FROM (SELECT model, user, success FROM events);

SELECT ROW_NUMBER() OVER (ORDER BY delta, event_time), DENSE_RANK() OVER (ORDER BY model), LAG(delta) OVER (ORDER BY delta),
    NullIf(model, ''), NULLIF(cached, 1) FROM events WHERE delta > -17 ORDER BY delta,
    event_time;

WITH (SELECT min(day) FROM events) AS start, (SELECT min(day) + 3 FROM events) AS end SELECT arrayJoin(arrayMap(x -> toDate(x),
    range(toUInt32(start), toUInt32(end)))) AS date WHERE date <= now() ORDER BY date;

SELECT model, uniq(*), sum(prompt_tokens) AS delta, uniqExact(*) AS u FROM (SELECT model, delta, prompt_tokens, user FROM events)
    GROUP BY model ORDER BY model;

SELECT countDistinctMerge(s) FROM (SELECT COUNTDistinctState(user) AS s FROM events GROUP BY model);

SELECT COUNTDistinctIf(user, success), COUNT(DISTINCT user) FROM events;

SELECT day + toInterval(delta, 'day'), event_time - toInterval(2, 'Hour') FROM events ORDER BY delta, event_time;

SELECT DISTINCT model, sum(delta) AS stock, CASE WHEN stock > 10 THEN 'in' WHEN model = '' THEN 'none' ELSE 'out' END AS state
    FROM events GROUP BY model ORDER BY model;

SELECT toStartOfHour(event_time) AS interval, interval + toIntervalDay(1) AS after, interval - INTERVAL 1 DAY AS before, interval + 1 AS s,
    INTERVAL '2' HOUR + interval AS later, interval + INTERVAL '1 day' AS next FROM events GROUP BY interval ORDER BY interval;

SELECT arrayJoin(['', 'a', 'B', 'ab']) AS s, multiSearchAny(s, ['']) AS e, multiSearchAnyCaseInsensitive(s, ['']) AS i,
    multiSearchAny(s, ['', 'b']) AS b, multiSearchAnyCaseInsensitive(s, ['b', 'x']) AS c ORDER BY s;

SELECT user, multiSearchAnyCaseInsensitive(model, ['']), multiSearchAny(model, ['gpt', '']) FROM events ORDER BY delta, event_time;

SELECT events.model, e.delta, count() AS c FROM events AS e WHERE events.success = 1 GROUP BY events.model, e.delta ORDER BY
    e.delta, events.model;

SELECT e.model, prices.dollars AS d, sum(events.prompt_tokens) AS s FROM events AS e LEFT JOIN prices AS p ON events.model =
    prices.model GROUP BY e.model, d ORDER BY e.model, d;

WITH stats AS (SELECT model, avg(delta) AS mean FROM events GROUP BY model) SELECT e.delta, stats.mean AS m FROM events e JOIN
    stats s ON e.model = s.model WHERE e.delta > stats.mean ORDER BY e.delta;

SELECT model, SUMSimpleState(prompt_tokens) AS s, MAXSimpleState(delta) AS m, Sum(delta), COUNTIf(delta > 0) FROM events GROUP BY
    model ORDER BY model;
