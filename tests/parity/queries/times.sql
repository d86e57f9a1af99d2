-- Dates and times: starts of periods, parts, weeks, arithmetic, formats and parsing, over zones and their changes of clocks.

SELECT toStartOfSecond(ingested), toStartOfMinute(ingested), toStartOfFiveMinutes(ingested),
    toStartOfTenMinutes(ingested), toStartOfFifteenMinutes(ingested), toStartOfHour(ingested), toStartOfDay(ingested),
    toStartOfWeek(ingested), toStartOfMonth(ingested), toStartOfQuarter(ingested), toStartOfYear(ingested),
    toStartOfISOYear(ingested) FROM events;

SELECT toStartOfMillisecond(ingested), toStartOfMicrosecond(ingested) FROM events;

SELECT toStartOfWeek(event_time, 0), toStartOfWeek(event_time, 1), toStartOfWeek(event_time, 2),
    toStartOfWeek(event_time, 3), toStartOfWeek(event_time, 9), toLastDayOfWeek(event_time),
    toLastDayOfWeek(event_time, 1), toLastDayOfMonth(event_time), toMonday(ingested) FROM events;

SELECT toStartOfInterval(event_time, INTERVAL 1 SECOND), toStartOfInterval(event_time, INTERVAL 7 SECOND),
    toStartOfInterval(event_time, INTERVAL 90 MINUTE), toStartOfInterval(event_time, INTERVAL 5 HOUR),
    toStartOfInterval(event_time, INTERVAL 7 DAY), toStartOfInterval(event_time, INTERVAL 3 WEEK),
    toStartOfInterval(event_time, INTERVAL 7 MONTH), toStartOfInterval(event_time, INTERVAL 3 QUARTER),
    toStartOfInterval(event_time, INTERVAL 3 YEAR) FROM events;

SELECT toStartOfInterval(event_time, INTERVAL 90 MINUTE, 'America/Los_Angeles'), toStartOfInterval(event_time,
    INTERVAL 5 HOUR, 'America/Los_Angeles'), toStartOfInterval(event_time, INTERVAL 6 HOUR, 'Asia/Kolkata'),
    toStartOfInterval(event_time, INTERVAL 2 HOUR, 'Asia/Kolkata') FROM events;

SELECT toStartOfInterval(event_time, INTERVAL 1 HOUR, 'Asia/Kolkata'), toStartOfInterval(event_time, INTERVAL 30
    MINUTE, 'Asia/Kolkata'), toStartOfInterval(event_time, INTERVAL 4 HOUR, 'Europe/Madrid'),
    toStartOfInterval(event_time, INTERVAL 12 HOUR, 'America/Los_Angeles'), toStartOfInterval(event_time, INTERVAL 3
    DAY, 'America/Los_Angeles') FROM events;

SELECT toStartOfInterval(ingested, INTERVAL 1 HOUR), toStartOfInterval(ingested, INTERVAL 1 DAY),
    toStartOfInterval(ingested, INTERVAL 1 MONTH), toStartOfInterval(ingested, INTERVAL 100 MILLISECOND),
    toStartOfInterval(ingested, INTERVAL 10 MICROSECOND) FROM events;

SELECT toStartOfInterval(day, INTERVAL 1 DAY), toStartOfInterval(day, INTERVAL 3 DAY), toStartOfInterval(day, INTERVAL
    1 WEEK), toStartOfInterval(day, INTERVAL 2 MONTH) FROM events;

SELECT toStartOfInterval(event_time, toIntervalMinute(10)), toStartOfInterval(event_time, toIntervalHour(2)),
    toStartOfInterval(event_time, INTERVAL '15 minutes') FROM events;

SELECT toWeek(toDate('2024-12-30')), toWeek(toDate('2025-01-01'), 3), toWeek(toDate('2021-01-01'), 3),
    toWeek(toDate('2021-01-01'), 0), toWeek(toDate('2023-01-01'), 0), toWeek(toDate('2023-01-01'), 1),
    toYearWeek(toDate('2021-01-01')), toYearWeek(toDate('2021-01-01'), 3), week(toDate('2025-03-01')),
    yearweek(toDate('2025-03-01'));

SELECT toWeek(event_time, 1, 'Asia/Tokyo'), toYearWeek(event_time, 3, 'Asia/Tokyo') FROM events;

SELECT toDayOfWeek(day), toDayOfWeek(day, 0), toDayOfWeek(day, 1), toDayOfWeek(day, 2), toDayOfWeek(day, 3),
    toDayOfWeek(event_time, 0, 'Asia/Tokyo'), DAYOFWEEK(day), DAYOFYEAR(day), DAYOFMONTH(day), toDayOfYear(event_time,
    'Asia/Tokyo') FROM events;

SELECT toHour(ingested, 'Asia/Kolkata'), toMinute(ingested, 'Asia/Kolkata'), toSecond(ingested),
    toMillisecond(ingested), HOUR(event_time), toQuarter(day), QUARTER(day) FROM events;

SELECT toYYYYMM(event_time), toYYYYMMDD(event_time), toYYYYMMDDhhmmss(event_time), toYYYYMMDDhhmmss(event_time,
    'Asia/Tokyo'), toYYYYMMDDhhmmss(day) FROM events;

SELECT toRelativeYearNum(event_time), toRelativeQuarterNum(event_time), toRelativeMonthNum(event_time),
    toRelativeWeekNum(event_time), toRelativeDayNum(event_time), toRelativeHourNum(event_time),
    toRelativeMinuteNum(event_time), toRelativeSecondNum(event_time) FROM events;

SELECT toRelativeDayNum(day), toRelativeWeekNum(day), toRelativeMonthNum(day), toRelativeHourNum(day) FROM events;

SELECT toUnixTimestamp(event_time), toUnixTimestamp(day), toUnixTimestamp(ingested),
    toUnixTimestamp('2025-01-01 00:00:00', 'Asia/Tokyo'), toUnixTimestamp64Milli(ingested),
    toUnixTimestamp64Micro(ingested), toUnixTimestamp64Second(ingested), toUnixTimestamp64Nano(ingested) FROM events;

SELECT toUnixTimestamp64Milli(toDateTime64('2025-01-01 00:00:00.123456', 6)),
    toUnixTimestamp64Micro(toDateTime64('2025-01-01 00:00:00.123', 3)),
    toUnixTimestamp64Milli(toDateTime64('1969-12-31 23:59:59.5', 3));

SELECT fromUnixTimestamp64Milli(-1), fromUnixTimestamp64Micro(-1500000);

SELECT fromUnixTimestamp(0), fromUnixTimestamp(-1);

SELECT toDateTime(1700000000), toDateTime(1700000000, 'Asia/Tokyo'), toDateTime(1700000000.9),
    toDateTime('2025-01-01 10:00:00', 'Asia/Tokyo'), toDateTime(toDate('2025-01-01'), 'Asia/Tokyo'),
    toDateTime('1700000000'), toDateTime('2025-01-01'), toDateTime(0);

SELECT toDateTime('2025-01-01 1:02:03');

SELECT toDateTime('2025-01-01 10:00:00Z');

SELECT toDateTime('2025-01-01 10:00');

SELECT toDateTime(' 2025-01-01 10:00:00');

SELECT toDateTime(4294967296), toDateTime(-5), toDateTime(5000000000);

SELECT toDateTime('2200-01-01 00:00:00');

SELECT toDateTime('1960-01-01 00:00:00');

SELECT toDateTime64('2025-01-01 00:00:00.123456789', 3), toDateTime64('2025-01-01 00:00:00', 0),
    toDateTime64(1700000000.123, 3), toDateTime64(1700000000, 3), toDateTime64(toDate('2025-01-01'), 3),
    toDateTime64('1900-01-01 00:00:00', 3), toDateTime64('1969-12-31 23:59:59.999', 3),
    toDateTime64('2299-12-31 23:59:59', 0), toDateTime64('2025-01-01 00:00:00.5', 1, 'Asia/Tokyo');

SELECT toDateTime64('1969-12-31 23:59:59.5', 3) + 1, toDateTime(toDateTime64('2025-01-01 00:00:00.9', 3)),
    toStartOfHour(toDateTime64('1969-12-31 23:59:59.5', 3)), toString(toDateTime64('1969-12-31 23:59:59.5', 3)),
    toStartOfSecond(toDateTime64('1969-12-31 23:59:59.5', 3)), toDate(toDateTime64('1969-12-31 23:59:59.5', 3));

SELECT toDate(0), toDate(20000), toDate(65535), toDate(65536), toDate(1700000000), toDate(70000),
    toDate('2025-01-02'), toDate('2025-01-02 10:00:00'), toDate('2149-06-06'), toDate(-1), toDate(5.7);

SELECT toDate('2149-06-07'), toDate('2200-01-01'), toDate('1960-01-01'), toDate32('1960-01-01'),
    toDate32('2200-01-01'), toDate32(20000), toDate32('1900-01-01'), toDate32(-5);

SELECT toDate('2025-1-2');

SELECT toDate('20250102');

SELECT toDate('2025-02-30');

SELECT toDate(event_time), toDate(event_time, 'Asia/Tokyo'), toDate(ingested), toDate32(event_time) FROM events;

SELECT toDate('2149-06-06') + 1, toDate('1970-01-01') - 1, toDate('2025-01-31') + INTERVAL 1 MONTH,
    toDate('2024-02-29') + INTERVAL 1 YEAR, toDateTime('2025-01-31 10:00:00') + INTERVAL 1 MONTH,
    toDateTime('2025-03-31 10:00:00') - INTERVAL 1 MONTH, toDate('2025-01-01') + INTERVAL 5 HOUR, toDate('2025-01-01')
    - INTERVAL 5 SECOND;

SELECT toDate('2025-01-01') + INTERVAL 1 WEEK, toDate('2025-01-01') + INTERVAL 1 QUARTER, toDate('2025-01-01') + 5,
    toDate('2025-01-01') - 5, toDateTime('2025-01-01 00:00:00') + 90, toDateTime('2025-01-01 00:00:00') - 90,
    toDate('2025-01-10') - toDate('2025-01-01'), toDateTime('2025-01-10 00:00:00') - toDateTime('2025-01-01 00:00:00');

SELECT ingested + 1, ingested - 1, ingested + INTERVAL 5 MILLISECOND, ingested + INTERVAL 1 DAY, ingested - INTERVAL 1
    MONTH, event_time + INTERVAL 5 MILLISECOND FROM events;

SELECT ingested - event_time FROM events;

SELECT 5 + toDate('2025-01-01'), INTERVAL 1 DAY + toDate('2025-01-01'), toDate('2025-01-01') + toIntervalDay(3),
    toDateTime('2025-01-01 00:00:00') + toIntervalHour(3), now() - toIntervalDay(1) < now();

SELECT addDays(day, 1), addHours(day, 1), addMonths(day, 1), addYears(day, 1), addWeeks(day, 1), addQuarters(day, 1),
    addMinutes(day, 5), addSeconds(day, 5), subtractDays(day, 1), subtractMonths(day, 1), subtractYears(day, 1),
    subtractHours(event_time, 1), subtractWeeks(event_time, 1), subtractQuarters(event_time, 1),
    subtractMinutes(event_time, 1), subtractSeconds(event_time, 1) FROM events;

SELECT addMilliseconds(ingested, 5), addMicroseconds(ingested, 5), addMilliseconds(event_time, 5) FROM events;

SELECT dateDiff('second', event_time, ingested), dateDiff('minute', event_time, ingested), dateDiff('millisecond',
    event_time, ingested), dateDiff('microsecond', event_time, ingested) FROM events;

SELECT dateDiff('day', day, event_time), dateDiff('hour', day, event_time), dateDiff('month', day, event_time),
    dateDiff('year', day, event_time), dateDiff('week', day, event_time), dateDiff('quarter', day, event_time) FROM
    events;

SELECT dateDiff('hour', event_time, toDateTime('2025-03-09 12:00:00'), 'America/Los_Angeles'), dateDiff('day',
    event_time, toDateTime('2025-03-09 12:00:00'), 'America/Los_Angeles'), dateDiff('hour', event_time,
    toDateTime('2025-03-09 12:10:00'), 'Asia/Kolkata'), dateDiff('minute', event_time,
    toDateTime('2025-03-09 12:10:10'), 'Asia/Kolkata'), dateDiff('week', event_time,
    toDateTime('2025-03-09 12:10:10'), 'Asia/Kolkata') FROM events;

SELECT dateDiff('hh', toDateTime('2025-01-01 00:00:00'), toDateTime('2025-01-02 00:00:00')), dateDiff('yyyy',
    toDate('2024-01-01'), toDate('2025-01-05')), dateDiff('ww', toDate('2024-01-01'), toDate('2025-01-05'));

SELECT age('second', event_time, ingested), age('minute', toDateTime('2025-01-01 00:00:30'),
    toDateTime('2025-01-01 00:02:29')), age('hour', toDateTime('2025-01-01 00:30:00'),
    toDateTime('2025-01-02 00:29:59')), age('day', toDate('2025-01-01'), toDate('2025-01-05')), age('week',
    toDate('2025-01-01'), toDate('2025-01-14')), age('month', toDate('2025-01-31'), toDate('2025-02-28')),
    age('month', toDate('2025-01-15'), toDate('2025-03-14')), age('year', toDate('2024-02-29'), toDate('2025-02-28')),
    age('quarter', toDate('2025-01-15'), toDate('2025-07-14')), age('month', toDate('2025-03-14'),
    toDate('2025-01-15')) FROM events;

SELECT date_trunc('second', event_time), date_trunc('minute', event_time), date_trunc('hour', event_time),
    date_trunc('day', event_time), date_trunc('week', event_time), date_trunc('month', event_time),
    date_trunc('quarter', event_time), date_trunc('year', event_time), date_trunc('MONTH', event_time),
    dateTrunc('day', event_time, 'Asia/Tokyo') FROM events;

SELECT dateName('year', event_time), dateName('month', event_time), dateName('day', event_time), dateName('hour',
    event_time), dateName('weekday', event_time), dateName('week', event_time), dateName('quarter', event_time),
    dateName('dayofyear', event_time), dateName('minute', event_time), dateName('second', event_time),
    dateName('weekday', event_time, 'Asia/Tokyo'), monthName(event_time), MONTHNAME(day) FROM events;

SELECT formatDateTime(event_time,
    '%a %b %c %C %d %D %e %f %F %g %G %h %H %i %I %j %k %l %m %M %n %p %Q %r %R %s %S %t %T %u %V %w %W %y %Y %z %%')
    FROM events;

SELECT formatDateTime(event_time,
    '%a|%b|%c|%C|%d|%D|%e|%F|%g|%G|%h|%H|%i|%I|%j|%k|%l|%m|%M|%n|%p|%Q|%r|%R|%s|%S|%t|%T|%u|%V|%w|%W|%y|%Y|%%') FROM
    events;

SELECT formatDateTime(event_time, '%z'), formatDateTime(event_time, '%z', 'Asia/Kolkata'), formatDateTime(event_time,
    '%z', 'America/Los_Angeles') FROM events;

SELECT formatDateTime(ingested, '%f %Y-%m-%d %H:%i:%S.%f'), formatDateTime(toDateTime64('2025-01-01 00:00:00.5', 3),
    '%f'), formatDateTime(toDateTime64('2025-01-01 00:00:00', 0), '%f') FROM events;

SELECT formatDateTime(day, '%Y-%m-%d %H:%M:%S %f %T'), formatDateTime(toDate('2025-01-05'), '%e %k %l %r %V %G %w %u')
    FROM events;

SELECT formatDateTime(toDateTime('2025-01-05 00:05:09'), '%e %k %l %r %I %h %p'),
    formatDateTime(toDateTime('2025-01-05 12:05:09'), '%k %l %r %I %h %p'),
    formatDateTime(toDateTime('2025-01-05 23:05:09'), '%k %l %r');

SELECT DATE_FORMAT(event_time, '%Y-%m'), formatDateTime(event_time, 'plain'), formatDateTime(event_time, '') FROM
    events;

SELECT toTimeZone(event_time, 'Asia/Tokyo'), toTimezone(event_time, 'Asia/Tokyo'), timezoneOf(toTimeZone(event_time,
    'Asia/Tokyo')), timezoneOffset(toTimeZone(event_time, 'Asia/Kolkata')) FROM events;

SELECT toString(toTimeZone(event_time, 'Asia/Tokyo')), toHour(toTimeZone(event_time, 'Asia/Tokyo')),
    toDate(toTimeZone(event_time, 'Asia/Tokyo')), toStartOfDay(toTimeZone(event_time, 'Asia/Tokyo')),
    toDateTime(toTimeZone(event_time, 'Asia/Tokyo')) FROM events;

SELECT toStartOfHour(toDateTime(1762070400 + number * 1800), 'America/Los_Angeles') as h, count() FROM numbers(8)
    GROUP BY h ORDER BY h;

SELECT toStartOfHour(t, 'Australia/Lord_Howe'), toStartOfDay(t, 'Australia/Lord_Howe'), toHour(t,
    'Australia/Lord_Howe'), toMinute(t, 'Australia/Lord_Howe'), toStartOfFifteenMinutes(t, 'Australia/Lord_Howe'),
    toString(t, 'Australia/Lord_Howe'), toStartOfInterval(t, INTERVAL 1 HOUR, 'Australia/Lord_Howe'),
    toStartOfInterval(t, INTERVAL 1 DAY, 'Australia/Lord_Howe'), timezoneOffset(toTimeZone(t, 'Australia/Lord_Howe'))
    FROM (SELECT toDateTime('2025-04-05 13:00:00') + number * 900 AS t FROM numbers(16));

SELECT toStartOfHour(t, 'Australia/Lord_Howe'), toStartOfDay(t, 'Australia/Lord_Howe'), toString(t,
    'Australia/Lord_Howe'), t + INTERVAL 1 DAY, toTimeZone(t, 'Australia/Lord_Howe') + INTERVAL 1 DAY FROM (SELECT
    toDateTime('2025-10-04 13:00:00') + number * 900 AS t FROM numbers(16));

SELECT toStartOfDay(t, 'America/Havana'), toStartOfHour(t, 'America/Havana'), toDate(t, 'America/Havana'), toString(t,
    'America/Havana'), toStartOfInterval(t, INTERVAL 1 DAY, 'America/Havana') FROM (SELECT
    toDateTime('2025-03-09 03:00:00') + number * 1800 AS t FROM numbers(10));

SELECT toStartOfDay(t, 'America/Havana'), toStartOfHour(t, 'America/Havana'), toDate(t, 'America/Havana'), toString(t,
    'America/Havana') FROM (SELECT toDateTime('2025-11-02 02:00:00') + number * 1800 AS t FROM numbers(14));

SELECT toStartOfDay(t, 'America/Sao_Paulo'), toStartOfHour(t, 'America/Sao_Paulo'), toDate(t, 'America/Sao_Paulo'),
    toString(t, 'America/Sao_Paulo') FROM (SELECT toDateTime('2018-11-04 01:00:00') + number * 1800 AS t FROM
    numbers(10));

SELECT toStartOfDay(t, 'America/Sao_Paulo'), toStartOfHour(t, 'America/Sao_Paulo'), toDate(t, 'America/Sao_Paulo'),
    toString(t, 'America/Sao_Paulo') FROM (SELECT toDateTime('2018-02-17 23:00:00') + number * 1800 AS t FROM
    numbers(12));

SELECT toDateTime(toDate('2018-11-04'), 'America/Sao_Paulo'), toDateTime('2018-11-04 00:30:00', 'America/Sao_Paulo'),
    toDateTime('2025-03-09 02:30:00', 'America/New_York'), toDateTime('2025-11-02 01:30:00', 'America/New_York'),
    toDateTime(toDate('2025-03-09'), 'America/Havana'), toDateTime(toDate('2025-11-02'), 'America/Havana');

SELECT toTimeZone(t, 'America/New_York') + INTERVAL 1 DAY, toTimeZone(t, 'America/New_York') + INTERVAL 24 HOUR,
    toTimeZone(t, 'America/New_York') - INTERVAL 1 MONTH, addDays(toTimeZone(t, 'America/New_York'), 1),
    addHours(toTimeZone(t, 'America/New_York'), 1) FROM (SELECT toDateTime('2025-03-08 04:00:00') + number * 1800 AS t
    FROM numbers(60));

SELECT toTimeZone(t, 'America/New_York') + INTERVAL 1 DAY, toTimeZone(t, 'America/New_York') + INTERVAL 1 WEEK FROM
    (SELECT toDateTime('2025-11-01 03:00:00') + number * 1800 AS t FROM numbers(60));

SELECT toStartOfInterval(t, INTERVAL 6 HOUR, 'America/New_York'), toStartOfInterval(t, INTERVAL 2 HOUR,
    'America/New_York'), toStartOfInterval(t, INTERVAL 12 HOUR, 'America/New_York'), toStartOfInterval(t, INTERVAL 1
    HOUR, 'America/New_York') FROM (SELECT toDateTime('2025-03-08 22:00:00') + number * 1800 AS t FROM numbers(40));

SELECT toStartOfInterval(t, INTERVAL 6 HOUR, 'America/New_York'), toStartOfInterval(t, INTERVAL 2 HOUR,
    'America/New_York'), toStartOfInterval(t, INTERVAL 1 HOUR, 'America/New_York') FROM (SELECT
    toDateTime('2025-11-01 22:00:00') + number * 1800 AS t FROM numbers(40));

SELECT toStartOfMonth(t, 'Asia/Kolkata'), toStartOfYear(t, 'Asia/Kolkata'), toStartOfQuarter(t, 'Asia/Kolkata'),
    toStartOfWeek(t, 0, 'Asia/Kolkata'), toYYYYMM(t, 'Asia/Kolkata'), toStartOfTenMinutes(t, 'Asia/Kolkata') FROM
    (SELECT toDateTime('2024-12-31 18:00:00') + number * 1800 AS t FROM numbers(4));

SELECT dateDiff('day', toDateTime('2025-03-08 12:00:00', 'America/New_York'), toDateTime('2025-03-10 11:00:00',
    'America/New_York')), dateDiff('hour', toDateTime('2025-03-08 12:00:00', 'America/New_York'),
    toDateTime('2025-03-10 11:00:00', 'America/New_York')), dateDiff('day', toDateTime('2025-01-01 23:00:00', 'UTC'),
    toDateTime('2025-01-02 05:00:00', 'Asia/Tokyo'));

SELECT now() > toDateTime('2025-01-01 00:00:00'), toTypeName(now()), toTypeName(now64()), toTypeName(now64(6)),
    today() > toDate('2025-01-01'), yesterday() = today() - 1, toTypeName(now('Asia/Tokyo')), toTypeName(today()),
    now() - now64(3) < 5;

SELECT current_timestamp() > toDateTime('2025-01-01 00:00:00'), NOW() = now(), curdate() = today(),
    toTypeName(nowInBlock());

SELECT timeSlot(event_time), timeSlots(event_time, toUInt32(3600)), timeSlots(event_time, toUInt32(600), 300) FROM
    events;

SELECT parseDateTimeBestEffort('2025-01-02T03:04:05.678Z'), parseDateTimeBestEffort('2025-01-02 03:04:05'),
    parseDateTimeBestEffort('2025-01-02T03:04:05+02:00'), parseDateTimeBestEffort('1735787045'),
    parseDateTimeBestEffort('2025-01-02 03:04'), parseDateTimeBestEffort('20250102030405'),
    parseDateTimeBestEffort('20250102');

SELECT parseDateTimeBestEffort('Jan 2 2025 03:04:05'), parseDateTimeBestEffort('02/01/2025'),
    parseDateTimeBestEffort('2 January 2025'), parseDateTimeBestEffort('Thu, 02 Jan 2025 03:04:05 GMT');

SELECT parseDateTimeBestEffort('2025-01-02T03:04:05'), parseDateTimeBestEffort('2025/01/02 03:04:05'),
    parseDateTimeBestEffort('2025-01-02T03:04:05-0800');

SELECT parseDateTimeBestEffort('2025-01-02T03:04:05', 'Asia/Tokyo'), parseDateTimeBestEffortOrNull('x'),
    parseDateTimeBestEffortOrZero('x'), parseDateTimeBestEffortOrNull('2025-01-02T03:04:05Z'),
    parseDateTimeBestEffortOrNull('');

SELECT parseDateTime64BestEffort('2025-01-02T03:04:05.678Z'), parseDateTime64BestEffort('2025-01-02T03:04:05.678901Z',
    6), parseDateTime64BestEffortOrNull('x'), parseDateTime64BestEffort('2025-01-02 03:04:05');

SELECT toDateOrNull('2025-01-02'), toDateOrNull('x'), toDateOrZero('x'), toDateOrNull(''), toDateOrNull('2025-02-30'),
    toDateTimeOrNull('2025-01-02 03:04:05'), toDateTimeOrNull('2025-01-02'), toDateTimeOrZero('x'),
    toDateTimeOrNull('2025-01-02T03:04:05'), toDateTimeOrNull('1700000000'), toDateTimeOrNull('');

SELECT toDateTime('2025-01-02 03:04:05') = '2025-01-02 03:04:05', toDate('2025-01-02') IN ('2025-01-02',
    '2025-01-03'), toDate('2025-01-02') BETWEEN '2025-01-01' AND '2025-02-01', toDateTime('2025-01-02 03:04:05') >
    toDate('2025-01-02'), toDate('2025-01-02') = toDateTime('2025-01-02 00:00:00'), toDateTime('2025-01-02 03:04:05')
    > '2025-01-02';

SELECT event_time IN ('2025-11-02 07:17:00', '2025-11-02 07:34:00'), event_time = toDateTime64('2025-11-02 07:17:00',
    3), ingested > event_time, event_time >= '2025-11-02', day > event_time FROM events;

SELECT toStartOfMonth(toDate('2149-06-06')), toStartOfYear(toDate32('1950-05-05')), toMonday(toDate('1970-01-01')),
    toStartOfWeek(toDate('1970-01-01')), toStartOfMonth(toDateTime64('1950-05-05 00:00:00', 3)),
    toMonday(toDate32('1950-05-05'));

SELECT toStartOfMonth(toDate32(day)), toLastDayOfMonth(toDate32(day)), toMonday(toDate32(day)),
    addMonths(toDate32(day), 1), toStartOfYear(toDate32(day)), toDayOfWeek(toDate32(day)),
    toStartOfWeek(toDate32(day)) FROM events;

SELECT toString(day), toString(event_time), toString(ingested), toString(toDate32(day)), toString(event_time,
    'Asia/Kolkata'), toString(ingested, 'Asia/Kolkata'), toInt32(day), toInt64(event_time), toFloat64(event_time),
    toUInt32(day), toInt64(ingested), toFloat64(ingested) FROM events;

SELECT UTCTimestamp() > toDateTime('2025-01-01 00:00:00'), toTypeName(UTCTimestamp()), UTC_TIMESTAMP() >
    toDateTime('2025-01-01 00:00:00');

SELECT subDate(day, INTERVAL 1 DAY), addDate(day, INTERVAL 1 DAY) FROM events;

SELECT EXTRACT(YEAR FROM day), EXTRACT(MONTH FROM event_time), EXTRACT(HOUR FROM event_time), EXTRACT(DAY FROM
    event_time) FROM events;

SELECT toDateTime(event_time, 'Asia/Tokyo') x, toHour(x), toDate(x), formatDateTime(x, '%H:%i') FROM events;

SELECT number, toDateTime('2025-01-01 00:00:00') + number * 3600 AS t, toDate('2025-01-01') + number AS d FROM
    numbers(3);

SELECT toDate('2025-01-01') + INTERVAL number DAY AS d, toDateTime('2025-01-01 00:00:00') + INTERVAL number HOUR,
    addDays(toDate('2025-01-01'), number) FROM numbers(3);

SELECT fromUnixTimestamp(1700000000), fromUnixTimestamp(1700000000, '%Y-%m-%d'),
    fromUnixTimestamp64Milli(1700000000123), fromUnixTimestamp64Micro(1700000000123456),
    fromUnixTimestamp64Second(1700000000), fromUnixTimestamp64Milli(1700000000123, 'Asia/Tokyo'),
    FROM_UNIXTIME(1700000000);

SELECT makeDate(2025, 2, 28), makeDate(2025, 60), makeDate32(1950, 1, 1), makeDateTime(2025, 1, 2, 3, 4, 5),
    makeDateTime(2025, 1, 2, 3, 4, 5, 'Asia/Tokyo'), makeDate(2025, 2, 30), makeDate(2025, 13, 1);

SELECT toWeek(day), toWeek(day, 1), toWeek(day, 2), toWeek(day, 3), toWeek(day, 4), toWeek(day, 5), toWeek(day, 6),
    toWeek(day, 7), toYearWeek(day), toYearWeek(day, 1), toYearWeek(day, 2), toYearWeek(day, 3), toYearWeek(day, 4),
    toYearWeek(day, 5), toYearWeek(day, 6), toYearWeek(day, 7), toISOYear(day), toISOWeek(day) FROM events;

SELECT d, toWeek(d), toWeek(d, 1), toWeek(d, 2), toWeek(d, 3), toWeek(d, 4), toWeek(d, 5), toWeek(d, 6), toWeek(d, 7),
    toYearWeek(d), toYearWeek(d, 3), toStartOfISOYear(d), toStartOfWeek(d) FROM (SELECT toDate('2015-12-20') + number
    * 5 AS d FROM numbers(700));

SELECT parseDateTime('2025-01-02 03:04:05', '%Y-%m-%d %H:%i:%S', 'Asia/Tokyo'), parseDateTimeOrNull('x', '%Y-%m-%d',
    'Asia/Tokyo'), parseDateTime('Jan 5 2025', '%b %e %Y', 'Asia/Tokyo'), parseDateTime('02/01/2025', '%d/%m/%Y',
    'Asia/Tokyo'), parseDateTimeOrZero('x', '%Y', 'Asia/Tokyo');

SELECT age('month', a, b), age('year', a, b), age('quarter', a, b), age('day', a, b), dateDiff('month', a, b),
    dateDiff('week', a, b) FROM (SELECT toDateTime('2024-02-29 12:00:00') + number * 1000003 AS a,
    toDateTime('2025-01-31 06:00:00') - number * 777777 AS b FROM numbers(60));

SELECT toStartOfInterval(event_time, INTERVAL 1 DAY, toDateTime('2024-01-01 05:00:00')), toStartOfInterval(event_time,
    INTERVAL 1 MONTH, toDateTime('2024-01-15 05:00:00')), toStartOfInterval(event_time, INTERVAL 7 HOUR,
    toDateTime('2024-01-15 05:00:00')) FROM events;

SELECT toDateOrNull('2025-01-02'), toDateOrNull('x'), toDateOrNull('2025-02-30'),
    toDateTimeOrNull('2025-01-02 03:04:05'), toDateTimeOrNull('1700000000'), toDateTimeOrZero('x'), toDateOrZero('x'),
    toDate32OrNull('x'), toDateTime64OrNull('2025-01-02 03:04:05.5', 3), toDateTime64OrZero('x', 3),
    toDateTimeOrNull('2025-01-02 03:04:05', 'Asia/Tokyo'), toDateOrDefault('x', toDate('2025-01-01'));

SELECT day - 30000, day + 50000, toDate(day - 30000), day - INTERVAL 1 WEEK FROM events;

SELECT toTypeName(toRelativeYearNum(event_time)), toTypeName(toRelativeQuarterNum(event_time)),
    toTypeName(toRelativeMonthNum(event_time)), toTypeName(toRelativeWeekNum(event_time)),
    toTypeName(toRelativeDayNum(event_time)), toTypeName(toRelativeHourNum(event_time)),
    toTypeName(toRelativeMinuteNum(event_time)), toTypeName(toRelativeSecondNum(event_time)), toTypeName(toWeek(day)),
    toTypeName(toYearWeek(day)), toTypeName(toMillisecond(ingested)), toTypeName(timeSlots(event_time,
    toUInt32(3600))) from events limit 1;

SELECT toStartOfInterval(event_time, INTERVAL 1 DAY, toDateTime('2024-01-01 05:00:00')) from events limit 1;

SELECT toStartOfInterval(event_time, INTERVAL 1 MONTH, toDateTime('2024-01-15 05:00:00')) from events limit 1;

SELECT formatDateTime(toDateTime('2025-01-05 05:05:09'), '%k|%l|%r|%e|%c|%C|%g|%f');

SELECT toTypeName(toUnixTimestamp64Second(ingested)), toTypeName(dateName('day', day)), toTypeName(ingested -
    event_time), toTypeName(toStartOfMillisecond(event_time)) from events limit 1;

SELECT toTypeName(toStartOfISOYear(day)), toTypeName(toLastDayOfWeek(day)),
    toTypeName(toStartOfISOYear(toDate32(day))) from events limit 1;
