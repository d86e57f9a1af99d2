-- Queries of all kinds. Each file of this folder has queries that both engines answer alike: columns, their types, rows, and
-- their order where ORDER BY fixes it. The tables are those of data.py: events (42 rows), prices (4 rows), none (the
-- columns of events, no row).

SELECT model, sum(prompt_tokens) AS t, sum(cost) c, avg(latency), avg(success) sr, count() FROM events GROUP BY
    model;

SELECT sum(prompt_tokens), sum(cost), avg(latency), avg(ttft), count(), min(model), max(event_time), sum(price),
    sum(ttft), max(latency), min(cost), uniq(model), any(model) FROM none;

SELECT model, toFloat64(sum(cost)) AS total_cost, count() AS requests FROM events GROUP BY model ORDER BY total_cost
    DESC NULLS LAST, requests DESC, model;

SELECT toStartOfHour(event_time, 'America/Los_Angeles') h, count() c FROM events GROUP BY h ORDER BY h;

SELECT toStartOfDay(event_time, 'America/Los_Angeles') h, count() c, sum(success) FROM events GROUP BY h ORDER BY h;

SELECT toStartOfHour(event_time) h, countIf(success = 0) c, quantile(0.5)(latency) q, quantileIf(0.9)(latency,
    success = 1) FROM events GROUP BY h ORDER BY h;

SELECT * FROM events ORDER BY event_time, model, prompt_tokens, delta;

SELECT * EXCEPT (tags, sizes) FROM events WHERE model = 'gpt-4' ORDER BY delta;

SELECT model, provider FROM events WHERE user IS NULL AND latency > 0.5 ORDER BY delta LIMIT 3;

SELECT if(success, 'ok', 'bad') AS s, count() FROM events GROUP BY s;

SELECT model, prompt_tokens + cached, prompt_tokens - 5, prompt_tokens * 2, prompt_tokens / 3, intDiv(prompt_tokens,
    7), prompt_tokens % 7, -delta, delta * 2.5, big + 1, ttft * 2 FROM events;

SELECT multiIf(prompt_tokens < 10, 'low', prompt_tokens < 100, 'mid', 'high') AS bucket, count() FROM events GROUP
    BY bucket ORDER BY bucket;

WITH 5 AS n, toDate('2025-03-01') AS d SELECT count() FROM events WHERE prompt_tokens > n AND day >= d;

WITH per AS (SELECT model, sum(prompt_tokens) AS t FROM events GROUP BY model) SELECT model, t, t / (SELECT sum(t)
    FROM per) AS share FROM per ORDER BY share DESC, model;

SELECT e.model, p.dollars, p.note, p.rank FROM events e LEFT JOIN prices p ON e.model = p.model ORDER BY e.delta,
    p.rank;

SELECT model, dollars, note FROM events INNER JOIN prices USING (model) ORDER BY delta, dollars;

SELECT model, row_number() OVER (PARTITION BY model ORDER BY event_time, delta) AS rn, sum(prompt_tokens) OVER
    (PARTITION BY model) s FROM events ORDER BY model, rn;

SELECT 1 AS a, 'x' AS b UNION ALL SELECT 300, 'y';

SELECT model, count() AS c FROM events GROUP BY model HAVING c > 5 ORDER BY c DESC, model LIMIT 2 OFFSET 1;

SELECT event_time, toTimeZone(event_time, 'America/Los_Angeles') l, timezoneOffset(l), formatDateTime(event_time,
    '%Y-%m-%d %H:%i:%S', 'America/Los_Angeles') f FROM events ORDER BY delta;

SELECT groupArray(delta) FROM (SELECT delta FROM events ORDER BY delta);

SELECT arraySort(groupUniqArray(model)), arrayStringConcat(arraySort(groupUniqArray(model)), ', ') FROM events;

SELECT argMax(model, delta), argMin(model, delta) FROM events;

SELECT dateDiff('second', min(event_time), max(event_time)), dateDiff('day', min(event_time), max(event_time)) FROM
    events;

SELECT model, replaceRegexpAll(model, '[0-9]+', '#'), lower(model), upper(model), substring(model,1,3),
    position(model, '4'), match(model, 'gpt.*'), model LIKE 'gpt%', length(model), concat(model, '-', provider),
    empty(model) FROM events WHERE model != 'Ünïcode';

SELECT round(score, 2), round(delta / 4), floor(score), ceil(score), toString(score), toString(delta),
    toInt32(score), toUInt8(success) FROM events;

SELECT coalesce(cached, 0), ifNull(user, 'none'), nullIf(model, ''), toString(cost), cached IN (1, 2), user NOT IN ('ann'),
    cached BETWEEN 1 AND 3 FROM events;

SELECT event_time + INTERVAL 1 DAY, event_time - INTERVAL 3 MONTH, event_time + 5, day + 1, day - INTERVAL 1 MONTH,
    addHours(event_time, 3) FROM events;

SELECT sum(cost) / count() FROM events;

SELECT toStartOfInterval(event_time, INTERVAL 15 MINUTE) t, count() FROM events GROUP BY t ORDER BY t;

SELECT model, delta FROM events ORDER BY delta LIMIT 2 BY model LIMIT 5;

SELECT toStartOfHour(event_time, 'America/Los_Angeles') h, count() c FROM events GROUP BY h ORDER BY h;

SELECT e.model, p.model FROM events e LEFT JOIN prices p ON e.model = p.model ORDER BY e.delta, p.rank;

SELECT p.model, e.model FROM events e LEFT JOIN prices p ON e.model = p.model ORDER BY e.delta, p.rank;

SELECT * FROM prices a LEFT JOIN prices b ON a.model = b.model AND a.rank < b.rank ORDER BY a.rank, b.rank;

SELECT * FROM prices a JOIN prices b USING (model) ORDER BY a.rank, b.rank;

SELECT a.*, b.rank FROM prices a JOIN prices b USING (model) ORDER BY a.rank, b.rank;

SELECT count() FROM events, prices;

SELECT p.model, count() FROM prices p RIGHT JOIN events e ON e.model = p.model GROUP BY p.model;

SELECT e.model, p.dollars FROM events e FULL JOIN prices p ON e.model = p.model ORDER BY e.delta, p.rank;

SELECT model FROM events WHERE model IN (SELECT model FROM prices) ORDER BY delta;

SELECT model FROM events WHERE model NOT IN (SELECT note FROM prices) ORDER BY delta;

SELECT model, provider FROM events WHERE (model, provider) IN (('gpt-4','openai'),('llama','anthropic')) ORDER BY
    delta;

SELECT lower(provider), provider, max(provider), concat(provider,'x'), provider = 'openai', length(provider) FROM
    events GROUP BY provider ORDER BY provider;

SELECT toStartOfWeek(day), toStartOfWeek(day,1), toMonday(day), toStartOfMonth(day), toYYYYMM(day),
    toDayOfWeek(day), toStartOfDay(day), toStartOfQuarter(day), toLastDayOfMonth(day) FROM events;

SELECT toHour(event_time, 'Asia/Kolkata'), toDate(event_time,'Asia/Kolkata'), toStartOfHour(event_time,'Asia/Kolkata'),
    toString(event_time,'Asia/Kolkata'), toStartOfMinute(event_time,'Asia/Kolkata'),
    toStartOfFifteenMinutes(event_time,'Asia/Kolkata'), toStartOfMonth(event_time,'Asia/Kolkata'),
    toMonday(event_time,'Asia/Kolkata'), toStartOfWeek(event_time, 1,'Asia/Kolkata'),toYYYYMM(event_time,'Asia/Kolkata')
    FROM events;

SELECT toStartOfInterval(event_time, INTERVAL 1 HOUR, 'America/Los_Angeles') a, toStartOfInterval(event_time,
    INTERVAL 1 DAY, 'America/Los_Angeles') b, toStartOfInterval(event_time, INTERVAL 1 WEEK, 'America/Los_Angeles')
    c, toStartOfInterval(event_time, INTERVAL 1 MONTH, 'America/Los_Angeles') d, toStartOfInterval(event_time,
    INTERVAL 5 MINUTE, 'America/Los_Angeles') e FROM events;

SELECT toStartOfInterval(event_time, INTERVAL 6 HOUR), toStartOfInterval(event_time, INTERVAL 3 DAY),
    toStartOfInterval(event_time, INTERVAL 2 WEEK), toStartOfInterval(event_time, INTERVAL 5 MONTH),
    toStartOfInterval(event_time, INTERVAL 1 QUARTER), toStartOfInterval(event_time, INTERVAL 1 YEAR),
    toStartOfInterval(event_time, INTERVAL 30 SECOND) FROM events;

SELECT date_trunc('hour', event_time), date_trunc('day', event_time), date_trunc('week', event_time), date_trunc('month',
    event_time), date_trunc('hour', event_time, 'America/Los_Angeles') FROM events;

SELECT toUnixTimestamp(event_time), toDateTime(toUnixTimestamp(event_time)), toDateTime(day), toDate(event_time),
    toDateTime(ingested), toDate(ingested), toString(ingested), toString(day), toDateTime64(event_time, 3) FROM
    events;

SELECT ingested, toStartOfHour(ingested), toStartOfDay(ingested), toTimeZone(ingested,'Europe/Madrid'),
    toStartOfSecond(ingested), toUnixTimestamp(ingested) FROM events;

SELECT dateDiff('minute', event_time, ingested), dateDiff('hour', event_time, now()) > 0, dateDiff('week', min(day)
    OVER (), day), dateDiff('month', toDate('2024-01-15'), day), dateDiff('year', toDate('2024-01-15'), day),
    dateDiff('day', event_time, toDateTime('2025-11-03 00:30:00'), 'America/Los_Angeles') FROM events;

SELECT event_time > '2025-11-02 09:00:00', event_time >= toDateTime('2025-11-02 09:00:00'), day = '2025-01-10', day
    > toDate('2025-05-01'), event_time > day, ingested > '2025-11-02 09:00:00.5', event_time < now(), event_time
    BETWEEN '2025-11-02 08:00:00' AND '2025-11-02 10:00:00' FROM events;

SELECT toDateTime('2025-11-02 01:30:00', 'America/Los_Angeles'), toDateTime('2025-03-09 02:30:00',
    'America/Los_Angeles');

SELECT count(user), count(DISTINCT model), uniqExact(user), sumIf(cost, model = 'gpt-4'), avgIf(latency, success =
    0), maxIf(cost, model='zzz'), minIf(prompt_tokens, model='zzz'), countIf(user = 'ann'), anyIf(model, model =
    'llama'), uniqIf(model, success), sumIf(prompt_tokens, user = 'ann'), avgIf(prompt_tokens, user = 'zz') FROM
    events;

SELECT quantile(0.5)(latency), quantiles(0.5,0.9)(latency), quantileExact(0.5)(latency), median(cached),
    sum(cached), avg(cached), stddevPop(latency) FROM none;

SELECT sum(price) * 1000, price + 1, price * 2, price / 3, price * 1.5, price > 1.5, -price, round(price, 1),
    toFloat64(price), cost * prompt_tokens, cost * 1000000, toString(price), toDecimal64(prompt_tokens, 2),
    abs(delta), toDecimal64('1.25', 4) FROM events GROUP BY price, cost, prompt_tokens, delta;

SELECT greatest(prompt_tokens, 10), least(prompt_tokens, delta), greatest(score, 1), least(cached, 3),
    greatest(event_time, toDateTime('2025-11-02 09:00:00')) FROM events;

SELECT [1,2,3], [1,2.5], ['a'], [1, NULL], [delta, 1], array(1,2), [], length(tags), tags[1], tags[5], tags[-1],
    has(tags,'a'), indexOf(tags,'b'), arraySort(tags), arrayReverseSort(tags), arrayReverse(sizes),
    arrayDistinct(tags), arraySum(sizes), arrayAvg(sizes), arrayMax(sizes), arrayMin(sizes), arrayUniq(tags),
    arrayStringConcat(tags, ','), arrayConcat(sizes, [7]), arraySlice(sizes, 2, 2), range(3), arrayEnumerate(sizes),
    hasAny(tags, ['b','z']), hasAll(tags,['a']), arrayPushBack(sizes, 1), empty(tags), arrayCumSum(sizes), tags = ['a']
    FROM events;

SELECT arrayMap(x -> x * 2, sizes), arrayFilter(x -> x > 1, sizes), arrayCount(x -> x > 1, sizes), arrayExists(x ->
    x = 'b', tags), arrayAll(x -> x < 3, sizes), arraySum(x -> x + 1, sizes), arrayFirst(x -> x > 1, sizes),
    arrayMap(x -> concat(x, model), tags), arrayFirstIndex(x -> x > 1, sizes) FROM events;

SELECT JSONExtractString(payload,'a'), JSONExtractInt(payload,'n'), JSONExtractFloat(payload,'f'),
    JSONExtractBool(payload,'b'), JSONExtractRaw(payload,'o'), JSONExtractString(payload,'o','k',1),
    JSONHas(payload,'a'), JSONExtractUInt(payload,'n'), JSONLength(payload,'l'), JSONLength(payload),
    isValidJSON(payload), JSONExtractRaw(payload,'a') FROM events;

SELECT 1 / 0, 0 / 0, -1 / 0, 5 % 3, -5 % 3, intDiv(-7, 2), -7 / 2, round(2.5), round(3.5), round(-2.5), round(0.125,
    2), round(2.675, 2), round(1234.567, -2), floor(-1.5), ceil(1.2), floor(1.25, 1), sqrt(2), sqrt(-1), pow(2, 10),
    exp(1), log(0), log(-1), log2(8), log10(1000), sign(-5), abs(-5), abs(-1.5), isNaN(0/0), isFinite(1/0), 1 = 1,
    'a' < 'b', 3 > 2.5, pi();

SELECT NOT success, success AND stream, success OR delta, success = stream, stream = true, stream, NOT stream,
    xor(success, 1), isNull(user), isNotNull(user), user = 'ann' AND success, user = 'ann' OR success FROM events;

SELECT splitByChar(',', 'a,b,,c'), splitByChar(',', ''), splitByString('--', 'a--b'), startsWith(model,'gpt'),
    endsWith(model,'4'), trim('  a '), trimLeft('  a'), left(model, 2), right(model, 2), reverse('abc'), repeat('ab',
    3), leftPad('7', 3, '0'), format('{}-{}', model, provider), extract(model, '([a-z]+)-'), extract(model, '[0-9]'),
    replaceAll(model, '-', '_'), replaceOne('aaa','a','b'), replaceRegexpOne('a1b2','[0-9]','#'), lengthUTF8(model),
    upperUTF8(model), positionCaseInsensitive(model, 'GPT'), concatWithSeparator('/', model, provider),
    countSubstrings('aXbX','X'), model ILIKE 'GPT%', notLike(model, 'g%'), substring('hello', -3), substring('hello',
    2), substring('hello', -3, 2) FROM events WHERE model != 'Ünïcode';

SELECT domain('https://user@www.example.com:80/a/b?c=d#e'), domainWithoutWWW('https://www.example.com/a'), path('https://www.example.com/a/b?c=d'),
    protocol('https://x.y'), cutQueryString('https://x.y/a?b=c#d'), domain('x'), path('https://x.y');

SELECT CASE WHEN success THEN 'a' WHEN delta > 0 THEN 'b' END, CASE model WHEN 'gpt-4' THEN 1 WHEN 'llama' THEN 2
    ELSE 0 END, CASE WHEN cached > 3 THEN cached ELSE 0 END FROM events;

SELECT model AS m, count() AS c, c * 2 AS d, d + 1 FROM events GROUP BY m ORDER BY d DESC, m;

SELECT DISTINCT model, provider FROM events ORDER BY model, provider;

SELECT toDate(event_time) AS event_time, count() FROM events GROUP BY event_time ORDER BY event_time;

SELECT model, sum(prompt_tokens) AS prompt_tokens FROM events GROUP BY model ORDER BY prompt_tokens DESC, model;

SELECT number, number * 2 AS d FROM numbers(5) WHERE number % 2 = 0;

SELECT lagInFrame(delta) OVER (ORDER BY delta) AS l, lag(delta, 2) OVER (ORDER BY delta, prompt_tokens), lead(delta,
    1, 99) OVER (ORDER BY delta) , rank() OVER (ORDER BY model), dense_rank() OVER (ORDER BY model), sum(delta) OVER
    (ORDER BY delta ROWS BETWEEN 2 PRECEDING AND CURRENT ROW), avg(score) OVER (PARTITION BY model ORDER BY delta),
    first_value(model) OVER (ORDER BY delta), ntile(3) OVER (ORDER BY delta) FROM (SELECT DISTINCT model, delta,
    prompt_tokens, score FROM events) ORDER BY delta;

SELECT sum(x) FROM (SELECT 1 AS x UNION ALL SELECT -1 UNION ALL SELECT NULL);

SELECT max(t) OVER () FROM (SELECT sum(delta) AS t FROM events GROUP BY model);

SELECT (SELECT count() FROM events) AS total, (SELECT max(model) FROM events WHERE 0) AS m;

SELECT sumOrNull(prompt_tokens), avgOrNull(score), countOrNull(), maxOrDefault(delta) FROM none;

SELECT count(), sum(prompt_tokens) FROM none GROUP BY model;

SELECT 'x' AS dimension, count() FROM events GROUP BY dimension;

SELECT 'x' AS dimension, count() FROM none GROUP BY dimension;

SELECT tags, sizes FROM events WHERE has(sizes, 2) ORDER BY delta;

SELECT anyLast(model), argMax(user, delta), argMin(cost, delta), groupUniqArray(3)(provider) != [] FROM events;

SELECT e.model, e.delta + 1 FROM events AS e WHERE e.delta IN (1, 2, NULL) ORDER BY e.delta;

SELECT model FROM events GROUP BY model ORDER BY avg(latency) DESC, model;

SELECT toTypeName(prompt_tokens), toTypeName(cost), toTypeName(event_time) FROM events LIMIT 1;

SELECT least(1, NULL), 1 + NULL, concat('a', NULL), if(NULL, 1, 2), NULL = 1, [NULL], count(NULL), coalesce(NULL,
    1), toString(NULL);

SELECT user, count() c, sum(cost) FROM events GROUP BY user ORDER BY user;

SELECT user, count() c FROM events GROUP BY user ORDER BY user DESC;

SELECT user, count() c FROM events GROUP BY user ORDER BY user NULLS FIRST;

SELECT user, max(latency) l FROM events GROUP BY user ORDER BY l DESC, user;

SELECT model, avgIf(ttft, success = 2) a FROM events GROUP BY model ORDER BY a DESC, model;

SELECT model, avgIf(ttft, success = 2) a FROM events GROUP BY model HAVING a > 0;

SELECT model, avgIf(ttft, delta > 0) a FROM events GROUP BY model HAVING a >= 0.1 ORDER BY a DESC, model;

SELECT toDate(event_time) d, uniq(user), uniq(model, provider), uniqExact(model) FROM events GROUP BY d ORDER BY d;

SELECT countIf(success), countIf(NOT success), countIf(stream), sum(success), sum(stream), avg(success = 1),
    sum(cost > 0.01) FROM events;

SELECT sum(if(success = 1, prompt_tokens, 0)), sum(prompt_tokens * success), sum(delta), sum(big), sum(ttft * 2),
    avg(cost), avg(price), min(user), max(user), max(day), min(ingested) FROM events;

SELECT model, cost, cost * 2, cost + 1, cost - price, cost > 0.02, cost = 0, price >= 2, cost * 1.5, cost / 2 FROM
    events;

SELECT toFloat64(sum(cost)) / count(), sum(cost) / 3, round(sum(cost), 4), sum(cost) * 2, toString(sum(cost)) FROM
    events;

SELECT sum(price) / sum(prompt_tokens), sum(prompt_tokens) / sum(success), intDiv(sum(prompt_tokens), 7) FROM events;

SELECT * FROM (SELECT model, count() AS c FROM events GROUP BY model) WHERE c > 5 ORDER BY c, model;

SELECT a.model, a.c, b.t FROM (SELECT model, count() c FROM events GROUP BY model) a LEFT JOIN (SELECT model,
    sum(prompt_tokens) t FROM events WHERE success = 1 GROUP BY model) b ON a.model = b.model ORDER BY a.model;

SELECT a.model FROM events a LEFT JOIN prices b ON a.model = b.model WHERE b.rank = 0 ORDER BY a.delta;

SELECT a.model, b.note IS NULL, b.note, b.dollars, coalesce(b.note, 'x') FROM events a LEFT JOIN prices b ON a.model
    = b.model ORDER BY a.delta, b.dollars;

SELECT a.model FROM events a LEFT SEMI JOIN prices b ON a.model = b.model ORDER BY a.delta;

SELECT a.model FROM events a LEFT ANTI JOIN prices b ON a.model = b.model ORDER BY a.delta;

SELECT model, dollars FROM events LEFT JOIN prices USING (model) ORDER BY delta, dollars;

SELECT count() FROM events CROSS JOIN prices WHERE events.model = prices.model;

SELECT count() FROM events WHERE 1;

SELECT count() FROM events WHERE success AND NOT stream OR delta = 3;

SELECT model FROM events WHERE model LIKE '%4%' AND model NOT LIKE 'gpt-4o%' ORDER BY delta;

SELECT model FROM events WHERE model IN ('gpt-4', 'llama') AND prompt_tokens NOT IN (1, 2) ORDER BY delta;

SELECT event_time FROM events WHERE event_time >= now() - INTERVAL 100 YEAR ORDER BY delta;

SELECT toHour(event_time) AS h, count() FROM events GROUP BY h ORDER BY h;

SELECT toDayOfWeek(event_time) AS dow, toHour(toTimeZone(event_time, 'America/New_York')) AS h, count() FROM events
    GROUP BY dow, h ORDER BY dow, h;

SELECT formatDateTime(event_time, '%Y-%m'), formatDateTime(event_time, '%d/%m/%y %H:%i'), formatDateTime(day, '%F'),
    formatDateTime(event_time, '%T %a %b %j %W %M %p %I') FROM events;

WITH toStartOfDay(event_time) AS d SELECT d, count() FROM events GROUP BY d ORDER BY d;

WITH (SELECT max(event_time) FROM events) AS latest SELECT count() FROM events WHERE event_time > latest - INTERVAL
    1 HOUR;

WITH x AS (SELECT 1 AS a), y AS (SELECT a + 1 AS b FROM x) SELECT a, b FROM x, y;

WITH 'gpt-4' AS wanted SELECT count() FROM (SELECT model FROM events WHERE model = wanted);

SELECT model, prompt_tokens FROM events ORDER BY prompt_tokens DESC, model LIMIT 3 OFFSET 2;

SELECT model, delta FROM events ORDER BY model, delta DESC LIMIT 1 BY model;

SELECT model, sum(prompt_tokens) t, t / sum(t) OVER () AS share FROM events GROUP BY model ORDER BY model;

SELECT event_time, sum(prompt_tokens) OVER (PARTITION BY model ORDER BY event_time, delta ROWS BETWEEN UNBOUNDED
    PRECEDING AND CURRENT ROW) r FROM events ORDER BY event_time, delta, r;

SELECT d, c, c - lagInFrame(c, 1, 0) OVER (ORDER BY d) AS diff FROM (SELECT toDate(event_time) d, count() c FROM
    events GROUP BY d) ORDER BY d;

SELECT if(cached > 3, 'hi', 'lo') x, count() FROM events GROUP BY x ORDER BY x;

SELECT multiIf(user IS NULL, 'none', user = '', 'empty', user) u, count() FROM events GROUP BY u ORDER BY u;

SELECT nullIf(prompt_tokens, 0), nullIf(user, ''), ifNull(cost, 0), ifNull(latency, -1), coalesce(user, model),
    coalesce(cached, delta), coalesce(latency, ttft), assumeNotNull(cached) FROM events;

SELECT toUInt32(delta > 0), toInt64(prompt_tokens), toFloat32(score), toString(latency), toString(user), toDate('2025-01-02'),
    toDateTime('2025-01-02 03:04:05'), toString(event_time), toDate(event_time) = '2025-11-02' FROM events;

SELECT min(event_time), max(event_time), max(event_time) - min(event_time), toDate(max(event_time)) -
    toDate(min(event_time)) FROM events;

SELECT groupArray(user) = [], length(groupArray(user)), length(groupUniqArray(user)),
    arraySort(groupUniqArray(toString(user))) FROM events;

SELECT arraySort(groupArray(delta))[1], arrayElement(arraySort(groupArray(delta)), -1), length(groupArrayIf(delta,
    success = 1)) FROM events;

SELECT quantileExact(0.25)(delta), quantileExact(0.75)(big), quantileExactIf(0.5)(delta, success = 1),
    quantileExactInclusive(0.3)(delta), quantilesIf(0.1,0.9)(delta, success=1), medianIf(delta, stream) FROM events;

SELECT any(model), anyLast(model), anyIf(user, user = 'ann'), first_value(model) FROM (SELECT * FROM events ORDER BY
    delta) WHERE delta = 5;

SELECT argMax(model, (delta, prompt_tokens)) FROM events;

SELECT argMaxIf(model, delta, success = 1), argMinIf(delta, event_time, model = 'zzz') FROM events;

SELECT DISTINCT toStartOfHour(event_time) AS h FROM events ORDER BY h DESC LIMIT 3;

SELECT count() FROM (SELECT DISTINCT user FROM events);

SELECT count(DISTINCT user), count(DISTINCT cached), count(DISTINCT model, provider) FROM events;

SELECT 'a' || 'b', 'it''s', 'tab\there', 'uni\'q', '', ' ', '%', '{p0:String}', '$p0', '\\d';

SELECT `model` AS `my model`, "provider" AS "p r" FROM events ORDER BY delta LIMIT 1;

SELECT 1 AS `a"b`, 2 AS `c``d`;

SELECT x.a FROM (SELECT 1 AS a) AS x;

SELECT (SELECT 1) + 1, (SELECT 'x'), (SELECT sum(delta) FROM events) / 2;

SELECT count() FROM events WHERE EXISTS (SELECT 1 FROM prices);

SELECT -delta, - (delta + 1), +delta, delta * -1, 1 - 1, -1, - -1 FROM events;

SELECT 255 + 1, 1 + 1.5, 4294967295 + 1, 10 / 4, 10 % 4, 7.5 % 2, -7 % 3, 2 * 3.5, 1e3, 0.1 + 0.2, 100000 * 100000,
    255 * 255, 65535 * 65535;

SELECT score = 0, score > 1 AND score < 3, score BETWEEN 1 AND 2, isNaN(score / 0), score / 0 > 1, ttft = 0.5,
    latency = 0.25, latency IN (0.25, 0.5) FROM events;

SELECT tags, arrayMap(t -> upper(t), tags) u, arrayFilter(t -> t = 'a', tags), arrayExists(t -> t IN ('a','b'),
    tags), arrayMap((x) -> x + delta, sizes) FROM events;

SELECT * FROM events WHERE arrayExists(x -> x = 'b', tags) AND length(sizes) > 1 ORDER BY delta;

SELECT sum(length(tags)), sum(arraySum(sizes)), max(length(payload)) FROM events;

SELECT model, count() FROM events GROUP BY ALL ORDER BY model;

SELECT toStartOfHour(event_time) AS hour, model, count() AS c, sum(c) OVER (PARTITION BY hour) FROM events GROUP BY
    hour, model ORDER BY hour, model;

SELECT uniqExactIf(user, success = 1), uniqIf(user, 0), sumDistinct(prompt_tokens), countDistinct(model) FROM events;

SELECT a FROM (SELECT 1 AS a UNION ALL SELECT 2 UNION ALL SELECT 2) ORDER BY a;

SELECT a FROM (SELECT 1 AS a UNION DISTINCT SELECT 1);

SELECT 1 UNION ALL SELECT NULL UNION ALL SELECT 1.5;

SELECT 'a' AS x INTERSECT SELECT 'a';

SELECT number FROM numbers(5) EXCEPT SELECT 2;

SELECT number, toStartOfDay(now()) - toIntervalDay(number) < now() FROM numbers(3);

SELECT position('héllo', 'l'), lengthUTF8('héllo'), length('héllo'), upperUTF8('é'), upper('é'), substringUTF8('héllo',
    2, 2), leftUTF8('héllo', 2), match('a\nb', 'a.b'), replaceRegexpAll('a\nb', 'a.b', 'x'), extract('x=1;y=2',
    'y=(\\d)'), like('a\nb', 'a%b'), 'a_b' LIKE 'a\\_b', 'axb' LIKE 'a\\_b';

SELECT timezoneOffset(toTimeZone(event_time, 'America/Los_Angeles')) o, toStartOfHour(event_time,'America/Los_Angeles')
    h, count() FROM events GROUP BY o, h ORDER BY h;

SELECT toDateTime(toStartOfDay(event_time, 'America/Los_Angeles'), 'UTC') b, count() FROM events GROUP BY b ORDER BY
    b;

SELECT fromUnixTimestamp(toUnixTimestamp(event_time)) = event_time, toUnixTimestamp64Milli(ingested),
    toUnixTimestamp('2025-01-01 00:00:00'), fromUnixTimestamp64Milli(1700000000123) FROM events;

SELECT h, c FROM (SELECT toStartOfHour(event_time, 'America/Los_Angeles') h, count() c FROM events GROUP BY h) ORDER
    BY h;

SELECT toDate(h) d, toHour(h) hh, toString(h) s FROM (SELECT toStartOfHour(event_time, 'America/Los_Angeles') h FROM
    events) ORDER BY h;

SELECT arrayJoin([1,2]) AS x, count() FROM events GROUP BY x ORDER BY x;

SELECT model, arrayJoin(tags) AS t FROM events WHERE length(tags) > 1 ORDER BY delta, t;

SELECT x, t FROM (SELECT 1 AS x, [1,2] AS a) ARRAY JOIN a AS t ORDER BY t;

SELECT arrayJoin(tags) AS t, count() AS c, sum(delta) FROM events GROUP BY t ORDER BY c DESC, t;

SELECT toStartOfDay(now()) - toIntervalDay(arrayJoin(range(3))) < now() AS d FROM (SELECT 1);

SELECT arrayJoin(range(3)) AS n;

SELECT arrayJoin(arrayMap(i -> toDate('2025-01-01') + i, range(3))) AS d ORDER BY d;

SELECT tags, model FROM events ARRAY JOIN tags ORDER BY delta, tags;

SELECT t, count() FROM events ARRAY JOIN tags AS t GROUP BY t ORDER BY t;

WITH grid AS (SELECT toStartOfHour(toDateTime('2025-11-02 07:00:00')) + toIntervalHour(arrayJoin(range(5))) AS h)
    SELECT grid.h, count(e.model) c, sum(e.prompt_tokens) FROM grid LEFT JOIN (SELECT toStartOfHour(event_time) AS
    h, * FROM events) e ON grid.h = e.h GROUP BY grid.h ORDER BY grid.h;

SELECT (SELECT 1) + 1, (SELECT 'x'), model IN (SELECT model FROM prices) FROM events;

SELECT count(DISTINCT user), count(DISTINCT cached), count(DISTINCT model, provider) FROM events;

SELECT toFloat32(score), varSamp(ttft), avg(ttft), sum(ttft) FROM events GROUP BY score, ttft;

SELECT -delta, - -1, least(1, NULL) FROM events;

SELECT JSONExtractString('{"a":true}','a'), JSONExtractString('{"a":null}','a'), JSONExtractString('{"a":1.50}','a'),
    JSONExtractString('{"a":{"b": 1}}','a'), JSONExtractString('{"a":[1, 2]}','a'), JSONExtractString('{"a":"x\\ny"}','a'),
    JSONExtractRaw('{"a":{"b": 1,"c":[1, 2]}}','a'), JSONExtractInt('{"a":1.7}','a'), JSONExtractInt('{"a":"1.7"}','a'),
    JSONExtractInt('{"a":true}','a'), JSONExtractFloat('{"a":true}','a'), JSONExtractBool('{"a":1}','a'),
    JSONExtractBool('{"a":"true"}','a'), JSONExtractString('"x"'), JSONExtractInt('5'), JSONExtractUInt('{"a":-1}','a'),
    JSONHas('{"a":null}','a'), JSONExtractRaw('{"a":1.50}','a'), JSONExtractFloat('{"a":"x"}','a');

SELECT substring('abc', 0), substring('abc', 0, 2), substring('abc', 5), substring('abc', -5, 3), left('abc', -1),
    left('abc', 0), right('abc', 5), right('abc', -1), left('abc', -5), substring('abc', 2, -1), position('abc', ''),
    position('', 'a'), replaceAll('aaa', '', 'x'), splitByChar(',', ''), extract('abc', 'x'), trimBoth('\t a '),
    leftPad('abc', 2), repeat('a', -1), repeat('a', 0), replaceRegexpAll('abc', '', '-'), replaceRegexpAll('abc',
    '(b)', '[\\1\\0]'), replaceRegexpAll('hello', '^h|o$', '');

SELECT arrayDistinct([1,NULL,1,2]), arraySort([3,NULL,1]), arrayReverseSort([3,NULL,1]), arrayUniq([1,NULL]),
    hasAll([1,2],[1]), hasAny([1],[2]), range(0), range(2,5), range(0,10,3), arrayConcat([1],[2.5]),
    arrayPushBack([1],300);

SELECT length([]), empty([]);

SELECT hasAll([1,2],[]), hasAny([1],[]);

SELECT round(5.5), round(6.5), round(-5.5), round(1.005, 2), round(2.345, 2), round(1e10 + 0.5), ceil(0.1, 0),
    trunc(-1.9), truncate(1.99, 1), roundBankers(2.5), round(toFloat32(1.25), 1), round(0.5), round(1.5);

SELECT 1 < 2 < 3;

SELECT hour(toDateTime('2025-01-01 10:00:00')), YEAR(toDate('2025-01-01')), month(toDate('2025-01-01')), day(toDate('2025-01-05')),
    minute(toDateTime('2025-01-01 10:07:00'));

SELECT cosineDistance([1.0,2.0],[2.0,3.0]), L2Distance([1.5],[3.5]), dotProduct([1.0,2.0],[3.0,4.0]),
    cosineDistance([toFloat32(1)],[toFloat32(2)]), arrayCumSum([1,2,3]), arrayWithConstant(2,'x'),
    arrayFirst(x->x>5,[1,2]), arrayEnumerate([5,6]);

SELECT toDecimal64(1.29, 1), toDecimal64(-1.29,1), CAST(1.29 AS Decimal(10,1)), round(toDecimal64('1.25', 2), 1),
    round(toDecimal64('-1.25', 2), 1), toInt32(toDecimal64('-1.7',1)), toFloat64(toDecimal64('0.1',1));

SELECT toDecimal64('1.29', 1);

SELECT dateDiff('week', toDate('2025-11-02'), toDate('2025-11-03')), dateDiff('quarter', toDate('2025-01-31'),
    toDate('2025-04-01')), dateDiff('hour', toDateTime('2025-01-01 00:59:59'), toDateTime('2025-01-01 01:00:00')),
    age('day', toDateTime('2025-01-01 10:00:00'), toDateTime('2025-01-03 09:00:00'));

SELECT toDateTime('2025-01-01'), toDate('2025-01-01 10:00:00'), toDateTime('2025-01-01 10:00:00.7'), toDateTime('2025-01-01T10:00:00');

SELECT parseDateTimeBestEffort('2025-01-01T10:00:00Z'), parseDateTimeBestEffort('2025-01-01 10:00:00+02:00'),
    toDateTimeOrNull('x'), toDateOrZero('x'), parseDateTimeBestEffort('2025-01-01');

SELECT number % 3 = 0 ? 'a' : 'b' AS x FROM numbers(3)
;

SELECT toStartOfWeek(event_time), toStartOfWeek(event_time, 1), toMonday(event_time), toStartOfMonth(event_time),
    toStartOfQuarter(event_time), toStartOfYear(event_time), toYYYYMM(event_time), toYYYYMMDD(event_time),
    toHour(event_time), toMinute(event_time), toDayOfWeek(event_time), toDayOfMonth(event_time),
    toDayOfYear(event_time), toISOWeek(event_time)
FROM events;

SELECT median(score), quantile(0.9)(score), quantiles(0.1, 0.5, 0.9)(score), quantileExact(0.5)(prompt_tokens),
    quantileExact(0.9)(score), stddevPop(score), stddevSamp(score), varPop(delta), corr(score, delta),
    covarPop(score, delta)
FROM events;

SELECT toInt32('12'), toInt32OrZero('x'), toInt32OrNull('x'), toFloat64('1.5'), toFloat64OrZero('a'), toUInt8(3.99),
    toInt64(-3.99), toInt8(-1), toString(1.0), toString(1e20), toString(0.1), toString(1e-7), toString(123456.789),
    toString(true), CAST(3.7 AS Int32), CAST('5' AS UInt8), CAST(5 AS String), CAST(NULL AS Nullable(Int32)),
    toBool(1), toUInt64(5), toString(toFloat32(0.1)), toString(-0.5), toString(1e15), toString(123456789012345678);

SELECT toString(1 / 3) AS a, toString(1e16) AS b, toString(123456789.123456789) AS c, toString(1e-5) AS d,
    toString(1.5e300) AS e, toString(nan) AS f, toString(-inf) AS g, toString(toFloat32(1) / 3) AS h,
    toString(0.00001234) AS i, toString(1.5e20) AS j, toString(-0.001) AS k;

SELECT arraySlice([1, 2, 3], 2), arraySlice([1, 2, 3], 1, 0), arraySlice([1, 2, 3], 5, 1), [1, 2, 3][0],
    indexOf([1, 2], 3), arrayStringConcat(['a', 'b'], '');

SELECT NOT 1 = 2, 1 = 1 AND 2 = 3 OR 1, NOT (1 > 2), 2 BETWEEN 1 AND 3 AND 1, 5 NOT BETWEEN 1 AND 3, 1 IN 1,
    'a' IN ('a'), 1 IN [1, 2] AS among, NULL IS NULL, 1 IS NOT NULL
;

SELECT model, quantile(0.5)(score) AS a, quantile(0.9)(score) AS b, quantile(0.9)(delta) AS c, quantileIf(0.1)(score,
    success = 1) AS d, quantileIf(0.7)(score, success = 1) AS e, quantileExactInclusive(0.2)(latency) AS f,
    quantileExactInclusive(0.8)(latency) AS g
FROM events GROUP BY model ORDER BY b DESC, model;

SELECT model, provider, count() c FROM events GROUP BY model, provider ORDER BY c DESC, model, provider LIMIT 1
    BY model;

SELECT number FROM numbers(3) UNION ALL SELECT 7 AS number ORDER BY number DESC LIMIT 1;

SELECT model FROM events LIMIT 1 BY model;

SELECT toDate(event_time) AS d, model, sum(cost) AS c, rank() OVER (PARTITION BY d ORDER BY c DESC) AS r FROM
    events GROUP BY d, model ORDER BY d, r, model;

SELECT * FROM (SELECT model, sum(cost) c FROM events GROUP BY model) AS a JOIN (SELECT model, count() n FROM
    events GROUP BY model) AS b ON a.model = b.model ORDER BY a.model;

SELECT model, if(count() > 5, 'many', 'few') x FROM events GROUP BY model ORDER BY model;

SELECT model, sum(prompt_tokens) AS s, s / count() AS per, round(per, 1) AS r FROM events GROUP BY model HAVING
    s > 0 AND per > 1 ORDER BY r DESC, model;

SELECT lower(model) AS m, upper(m) AS u FROM events GROUP BY m ORDER BY m;

SELECT toStartOfHour(event_time) AS h, countIf(success = 0) / count() AS rate FROM events GROUP BY h ORDER BY h;

SELECT e.user, u.n FROM events AS e INNER JOIN (SELECT user, count() AS n FROM events GROUP BY user) AS u ON
    e.user = u.user ORDER BY e.delta;

SELECT a.rank, b.rank FROM prices a FULL OUTER JOIN prices b ON a.rank = b.rank + 1 ORDER BY a.rank, b.rank;

SELECT count() FROM prices a LEFT JOIN prices b ON a.model = b.model AND b.rank > 2 WHERE b.model = '';

SELECT p.model, e.tags, e.event_time, e.stream, e.day, e.cost, e.ingested FROM prices p LEFT JOIN events e ON
    p.model = e.model AND e.delta > 15 ORDER BY p.rank, e.delta;

SELECT delta AS x FROM events WHERE x > 15 ORDER BY x;

SELECT event_time AS t, t + INTERVAL 1 HOUR AS t2 FROM events ORDER BY delta LIMIT 1;

SELECT any(cost) IS NULL OR 1, max(cost) > 0.5 OR max(cost) <= 0.5 FROM events;

SELECT model, count() FROM events WHERE cost IS NULL GROUP BY model ORDER BY 2 DESC, 1;

SELECT arrayJoin(splitByChar('-', model)) AS part, count() AS c FROM events GROUP BY part ORDER BY c DESC, part;

SELECT countIf(user, success = 1), sumIf(cached, NOT stream), avgIf(latency, latency < 2 AND success),
    uniqExactIf(model, cost > 0.01) FROM events;

SELECT quantile(0.95)(latency) AS p95, quantile(0.95)(if(success = 1, latency, NULL)) AS p95ok FROM events;

SELECT formatDateTime(toStartOfMonth(event_time), '%Y-%m') AS m, sum(price) FROM events GROUP BY m ORDER BY m;

SELECT sum(toDecimal64(score, 4)), toFloat64(sum(cost)) * 100 / toFloat64(sum(price)) FROM events;

SELECT (cost IS NULL) + (latency IS NULL) AS unknown, count() FROM events GROUP BY unknown ORDER BY unknown;

SELECT success + stream, (success = 1) + 1, sum((success = 1) AND stream), max(success = 1), toString(success =
    1), [success = 1], if(success = 1, success = 1, 0), greatest(success = 1, 0) FROM events GROUP BY success,
    stream;

SELECT min(if(stream, delta, NULL)), max(nullIf(delta, 19)), sum(nullIf(delta, 19)), count(nullIf(delta, 19))
    FROM events;

SELECT * FROM events WHERE NOT (user = 'ann') ORDER BY delta, event_time;

SELECT count() FROM events WHERE user != 'ann' OR user IS NULL
