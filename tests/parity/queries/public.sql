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
