-- ORDER BY ... WITH FILL: series without gaps.

SELECT toStartOfHour(event_time, 'America/New_York') AS h, count() AS c FROM events WHERE event_time > '2025-01-01'
    GROUP BY h ORDER BY h WITH FILL STEP 1800;

SELECT toStartOfDay(event_time, 'America/New_York') AS d, count() AS c FROM events WHERE event_time > '2025-01-01'
    GROUP BY d ORDER BY d WITH FILL FROM toDateTime('2025-10-31 00:00:00', 'America/New_York') TO
    toDateTime('2025-11-06 00:00:00', 'America/New_York') STEP INTERVAL 1 DAY;

SELECT toDate(event_time) AS d, model, count() AS c FROM events WHERE event_time > '2025-01-01' GROUP BY d, model
    ORDER BY d WITH FILL FROM toDate('2025-10-31') TO toDate('2025-11-04'), model;

SELECT toDate(event_time) AS d, count() AS c FROM events WHERE event_time > '2025-01-01' GROUP BY d ORDER BY d DESC
    WITH FILL FROM toDate('2025-11-05') TO toDate('2025-10-30') STEP -1;

SELECT toDate(event_time) AS d, count() AS c FROM events WHERE event_time > '2025-01-01' GROUP BY d ORDER BY d DESC
    WITH FILL FROM toDate('2025-11-05') TO toDate('2025-10-30') STEP INTERVAL -1 DAY;

SELECT toDate(event_time) AS d, count() AS c FROM none GROUP BY d ORDER BY d WITH FILL FROM toDate('2025-01-01') TO
    toDate('2025-01-04');

SELECT delta AS d, count() AS c FROM none GROUP BY d ORDER BY d WITH FILL;

SELECT model, delta FROM none ORDER BY model, delta WITH FILL FROM 0 TO 3;

SELECT number AS n FROM numbers(5) WHERE n % 2 = 1 ORDER BY n WITH FILL FROM 2 TO 4;

SELECT number AS n, toString(n) AS s FROM numbers(5) WHERE n % 3 = 1 ORDER BY n WITH FILL FROM 0 TO 7 INTERPOLATE (s
    AS s);

SELECT number * 2 AS n, toNullable(number) AS v FROM numbers(3) ORDER BY n WITH FILL TO 8 INTERPOLATE (v);

SELECT number * 2 AS n, toNullable(number) AS v FROM numbers(3) ORDER BY n WITH FILL TO 8;

SELECT number AS n FROM numbers(2) ORDER BY n WITH FILL TO 10 LIMIT 3 OFFSET 1;

SELECT * FROM (SELECT toDate('2025-01-01') + number * 2 AS d, number AS v FROM numbers(3) ORDER BY d WITH FILL)
    WHERE v = 0 ORDER BY d;

SELECT sum(v) FROM (SELECT number * 2 AS n, number AS v FROM numbers(3) ORDER BY n WITH FILL INTERPOLATE (v));

WITH g AS (SELECT toStartOfHour(event_time) AS h, count() AS c FROM events WHERE event_time > '2025-01-01' GROUP BY
    h ORDER BY h WITH FILL STEP INTERVAL 15 MINUTE) SELECT count(), sum(c), max(h) FROM g;

SELECT toStartOfInterval(event_time, INTERVAL 30 MINUTE) AS t, countIf(success = 1) AS ok, avg(latency) AS l FROM
    events WHERE event_time > '2025-01-01' GROUP BY t ORDER BY t ASC WITH FILL STEP INTERVAL 30 MINUTE;

SELECT toStartOfHour(event_time) AS h, model, count() AS c FROM events WHERE event_time > '2025-01-01' GROUP BY h,
    model ORDER BY model, h WITH FILL FROM toDateTime('2025-11-02 06:00:00') TO toDateTime('2025-11-02 10:00:00')
    STEP INTERVAL 1 HOUR;

SELECT delta / 4 AS x FROM events WHERE delta > 15 ORDER BY x WITH FILL STEP 0.25;

SELECT toUInt8(number * 100) AS n FROM numbers(3) ORDER BY n WITH FILL STEP 50;

SELECT number % 2 AS k, count() AS c FROM numbers(6) GROUP BY k ORDER BY c, k WITH FILL FROM 0 TO 4;

SELECT DISTINCT number % 2 * 2 AS k FROM numbers(6) ORDER BY k WITH FILL;

SELECT toStartOfMonth(toDate('2025-01-15')) AS m, 1 AS one ORDER BY m WITH FILL TO toDate('2025-05-01') STEP
    INTERVAL 1 MONTH;

SELECT toStartOfWeek(toDate('2025-01-15'), 1) AS w, 1 AS one ORDER BY w WITH FILL TO toDate('2025-03-01') STEP
    INTERVAL 1 WEEK;

SELECT toDateTime('2025-01-31 10:00:00') AS m ORDER BY m WITH FILL TO toDateTime('2025-06-01 00:00:00') STEP
    INTERVAL 1 MONTH;

SELECT number AS a, 5 AS b FROM numbers(2) ORDER BY b, a WITH FILL TO 4;

SELECT model, delta FROM none ORDER BY model, delta WITH FILL FROM 0 TO 3;

SELECT model, delta FROM none ORDER BY model, delta WITH FILL FROM 0;

SELECT toStartOfFifteenMinutes(event_time) AS t, count() AS c FROM events WHERE event_time > '2025-01-01' GROUP BY t
    ORDER BY t WITH FILL STEP toIntervalMinute(15) LIMIT 5;

SELECT toStartOfDay(event_time) AS t, count() AS c FROM events WHERE event_time > '2025-01-01' GROUP BY t ORDER BY t
    WITH FILL FROM toStartOfDay(toDateTime('2025-11-01 10:00:00')) TO toStartOfDay(toDateTime(
    '2025-11-05 10:00:00')) STEP toIntervalDay(1);

WITH toDate('2025-11-01') AS a, toDate('2025-11-04') AS b SELECT toDate(event_time) AS d, count() AS c FROM events
    WHERE d BETWEEN a AND b GROUP BY d ORDER BY d WITH FILL FROM a TO b + 1;

SELECT toDate(event_time) AS d, count() AS c FROM events WHERE event_time > '2025-01-01' GROUP BY d ORDER BY d WITH
    FILL FROM toDate('2025-11-01') TO today() - today() + toDate('2025-11-04');

SELECT toYYYYMM(day) AS m, count() AS c FROM events GROUP BY m ORDER BY m WITH FILL;

SELECT d, sum(c) OVER (ORDER BY d) AS r FROM (SELECT toDate(event_time) AS d, count() AS c FROM events WHERE
    event_time > '2025-01-01' GROUP BY d ORDER BY d WITH FILL TO toDate('2025-11-05')) ORDER BY d;
