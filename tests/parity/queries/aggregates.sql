-- Aggregates, their combinators and their states; as window functions too. `-- approximate` before a query allows 2 %.

SELECT sumIf(delta, cached = 1), sumIf(delta, toNullable(0)), countIf(toNullable(0)), countIf(user, success = 1),
    avgIf(latency, success = 1 AND stream), minIf(model, delta > 5), maxIf(cost, delta > 5), anyIf(user, delta = 5),
    uniqIf(model, success = 1), groupArrayIf(delta, delta > 15), argMaxIf(model, delta, success = 0) FROM events;

SELECT sumIf(delta, cached = 1), avgIf(delta, 1), minIf(model, 1), maxIf(user, 1), countIf(1), anyIf(model, 1),
    groupArrayIf(delta, 1), uniqIf(model, 1), argMaxIf(model, delta, 1), quantileIf(0.5)(delta, 1) FROM none;

SELECT countOrNull(), countOrNull(user), sumOrNull(delta), avgOrNull(delta), uniqOrNull(model), maxOrNull(model),
    anyOrNull(model), quantileOrNull(0.5)(delta), argMaxOrNull(model, delta), groupArrayOrNull(delta),
    quantilesOrNull(0.5)(delta) FROM none;

SELECT countOrNull(), sumOrNull(delta), avgOrNull(delta), uniqOrNull(model), maxOrNull(model), anyOrNull(model),
    quantileOrNull(0.5)(delta), argMaxOrNull(model, delta), groupArraySorted(2)(delta) FROM events;

SELECT avgOrDefault(delta), avgOrDefault(cached), sumOrDefault(cached), countOrDefault(), quantileOrDefault(0.5)(delta),
    minOrDefault(model), anyOrDefault(cached), uniqOrDefault(user) FROM none;

SELECT countOrNullIf(delta > 100), countIfOrNull(delta > 100), countIfOrDefault(delta > 100), sumOrNullIf(delta, delta >
    100), sumIfOrNull(delta, delta > 100), uniqIfOrNull(model, delta > 100), avgOrDefaultIf(delta, delta > 100),
    countIfOrNull(cached, delta > 100), groupArrayIfOrNull(delta, delta > 100) FROM events;

SELECT sumDistinct(prompt_tokens), countDistinct(user), sumDistinctIf(delta, success = 1), avgDistinct(success),
    arraySort(groupArrayDistinct(model)) FROM events;

SELECT sum(DISTINCT cached), avg(DISTINCT success), count(DISTINCT user) FROM events;

SELECT sumArray(sizes), avgArray(sizes), countArray(sizes), uniqArray(tags), minArray(sizes), maxArray(tags),
    arraySort(groupUniqArrayArray(sizes)), quantilesArray(0.5, 0.9)(sizes), quantileExactArray(0.3)(sizes),
    sumArrayIf(sizes, delta > 0), sumIfArray(sizes, arrayMap(x -> x > 1, sizes)), sumDistinctArray(sizes) FROM events;

SELECT sumArray(sizes), avgArray(sizes), countArray(sizes), minArray(sizes), maxArray(tags), uniqArray(tags),
    sumArrayOrNull(sizes), argMaxArray(tags, tags), groupArrayArray(sizes) FROM none;

SELECT model, sumArray(sizes) AS s, argMaxArray(sizes, sizes) AS m, avgOrNullArray(sizes) AS a FROM events
    GROUP BY model ORDER BY model;

SELECT sumForEach(sizes), avgForEach(sizes), countForEach(sizes), uniqForEach(tags), maxForEach(sizes),
    minForEach(tags), quantileForEach(0.5)(sizes), sumForEachIf(sizes, delta > 10), anyForEach(tags) FROM events;

SELECT sumForEach(sizes), avgForEach(sizes), countForEach(tags) FROM none;

SELECT model, sumForEach(sizes) AS s FROM events GROUP BY model ORDER BY model;

SELECT countMerge(c), sumMerge(s), avgMerge(a), minMerge(l), maxMerge(h), argMaxMerge(m), argMinMerge(k), uniqMerge(u),
    uniqExactMerge(x), quantileMerge(0.5)(q), quantilesMerge(0.1, 0.9)(qs), quantileExactMerge(0.3)(e)
FROM (SELECT model, countState() AS c, sumState(delta) AS s, avgState(score) AS a, minState(event_time) AS l,
    maxState(model) AS h, argMaxState(model, delta) AS m, argMinState(provider, delta) AS k, uniqState(user) AS u,
    uniqExactState(model, provider) AS x, quantileState(0.5)(delta) AS q, quantilesState(0.1, 0.9)(score) AS qs,
    quantileExactState(0.3)(delta) AS e FROM events GROUP BY model);

SELECT sumMerge(s), avgMerge(a), minMerge(l), countMerge(c), quantileMerge(0.5)(q), anyMerge(y), uniqMerge(u)
FROM (SELECT day, sumState(cost) AS s, avgState(cost) AS a, minState(user) AS l, countState(cached) AS c,
    quantileState(0.5)(latency) AS q, anyState(if(model = 'gpt-4', user, NULL)) AS y, uniqState(user) AS u
    FROM events GROUP BY day);

SELECT countMerge(c), sumMerge(s), avgMerge(a), maxMerge(m), argMaxMerge(x), uniqMerge(u), quantileMerge(0.5)(q),
    quantilesMerge(0.5)(qq), groupArrayMerge(g), groupUniqArrayMerge(d), anyMerge(y), anyLastMerge(z)
FROM (SELECT countState() AS c, sumState(delta) AS s, avgState(delta) AS a, maxState(model) AS m,
    argMaxState(model, delta) AS x, uniqState(user) AS u, quantileState(0.5)(delta) AS q, quantilesState(0.5)(delta) AS
    qq, groupArrayState(user) AS g, groupUniqArrayState(user) AS d, anyState(user) AS y, anyLastState(model) AS z FROM none);

SELECT model, countMerge(c), sumIfMerge(s), avgIfMerge(a) FROM (SELECT model, stream, countState() AS c,
    sumIfState(delta, success = 1) AS s, avgIfState(latency, success = 1) AS a FROM events GROUP BY model, stream)
    GROUP BY model ORDER BY model;

SELECT sumMergeIf(s, model = 'gpt-4'), countMergeIf(c, model != 'gpt-4'), uniqMergeIf(u, model = 'nope') FROM (SELECT
    model, sumState(delta) AS s, countState() AS c, uniqState(user) AS u FROM events GROUP BY model);

SELECT model, finalizeAggregation(c), finalizeAggregation(a) AS f, finalizeAggregation(q), finalizeAggregation(m),
    arraySort(finalizeAggregation(g)) AS gs FROM (SELECT model, countState() AS c, avgState(cached) AS a,
    quantilesState(0.5, 0.9)(delta) AS q, maxState(cost) AS m, groupUniqArrayState(provider) AS g FROM events
    GROUP BY model) ORDER BY model;

SELECT finalizeAggregation(s2), finalizeAggregation(u2) FROM (SELECT sumMergeState(s) AS s2, uniqMergeState(u) AS u2 FROM
    (SELECT model, sumState(cached) AS s, uniqState(user) AS u FROM events GROUP BY model));

SELECT sum(a), max(b), any(c) IS NULL, min(d) FROM (SELECT sumSimpleState(delta) AS a, maxSimpleState(cost) AS b,
    anySimpleState(model) AS c, minSimpleState(event_time) AS d FROM events GROUP BY model);

SELECT model, sumSimpleState(delta) AS a, maxSimpleState(cost) AS b, groupBitOrSimpleState(prompt_tokens) AS c FROM
    events GROUP BY model ORDER BY model;

SELECT model, round(avgMerge(a), 3) AS mean, countMerge(c) AS n FROM (SELECT model, day, avgState(score) AS a,
    countState() AS c FROM events GROUP BY model, day) GROUP BY model HAVING n > 5 ORDER BY n DESC, model;

SELECT groupBitOrMerge(o), groupBitAndMerge(a), groupBitXorMerge(x), sumWithOverflowMerge(w) FROM (SELECT
    groupBitOrState(prompt_tokens) AS o, groupBitAndState(prompt_tokens) AS a, groupBitXorState(prompt_tokens) AS x,
    sumWithOverflowState(success) AS w FROM events GROUP BY model);

-- quantiles

SELECT quantile(0.3)(delta), quantile(delta), median(latency), quantile(0.3)(event_time), quantile(0.3)(day),
    quantile(0.3)(ingested), quantile(0.9)(latency), quantileDeterministic(0.3)(delta, prompt_tokens) FROM events;

-- approximate
SELECT quantile(0.3)(cost), quantile(0.9)(price), quantiles(0.25, 0.75)(price), median(cost) FROM events;

SELECT quantileExact(0.3)(cost), quantileExact(0.3)(delta), quantileExact(0.5)(event_time), quantileExact(0.5)(day),
    quantileExactLow(0.5)(delta), quantileExactHigh(0.5)(delta), quantileExactLow(0.3)(delta), quantileExactHigh(0.3)(delta),
    quantileExactLow(0.5)(latency), quantileExactLow(1)(delta), quantileExactHigh(0)(delta), medianExact(delta),
    medianExactLow(delta), medianExactHigh(delta) FROM events;

SELECT quantileExactInclusive(0.3)(delta), quantileExactExclusive(0.3)(delta), quantileExactExclusive(0.01)(delta),
    quantileExactExclusive(0.99)(delta), quantileExactExclusive(0.3)(latency), quantilesExactExclusive(0.3, 0.9)(score),
    quantilesExactInclusive(0.3, 0.9)(score), quantilesExact(0.1, 0.5, 1)(delta), quantilesExactLow(0.5)(cached),
    quantilesExactHigh(0.5)(event_time) FROM events;

SELECT quantileExactIf(0.3)(delta, success = 1), quantilesExactIf(0.3, 0.9)(latency, success = 1),
    quantilesIf(0.1, 0.9)(delta, stream), quantileExactLowIf(0.5)(delta, delta > 100), medianIf(score, success = 1) FROM events;

SELECT model, quantiles(0.5, 0.9)(delta) AS a, quantile(0.5)(delta) AS b, quantile(0.99)(delta) AS c,
    quantilesExact(0.5, 0.9)(delta) AS d FROM events GROUP BY model ORDER BY model;

SELECT quantileTDigest(0.3)(delta), quantileTDigest(0.3)(latency), quantilesTDigest(0.3, 0.9)(score),
    medianTDigest(score), quantileTDigestIf(0.9)(delta, success = 1) FROM events;

-- approximate
SELECT quantileTDigest(0.9)(number), quantileTDigest(0.5)(number), quantilesTDigest(0.25, 0.95, 0.99)(number),
    quantileBFloat16(0.9)(number), quantileDD(0.01, 0.9)(number), quantilesDD(0.01, 0.5, 0.9)(number),
    quantileGK(1000, 0.9)(number), quantilesGK(1000, 0.25, 0.9)(number), quantileTiming(0.9)(number),
    quantilesTiming(0.5, 0.9)(number), quantile(0.9)(number), quantiles(0.25, 0.9)(number), median(number),
    quantileDeterministic(0.9)(number, number) FROM numbers(20000);

SELECT quantileTiming(0.3)(prompt_tokens), quantilesTiming(0.3, 0.9)(prompt_tokens), medianTiming(prompt_tokens),
    quantileGK(1000, 0.3)(prompt_tokens), quantilesGK(1000, 0.3, 0.9)(score) FROM events;

SELECT quantileExactWeighted(0.3)(delta, success), quantilesExactWeighted(0.5, 0.7)(delta, success),
    quantileExactWeighted(0.9)(latency, prompt_tokens), quantileExactWeightedIf(0.9)(delta, prompt_tokens, success = 1),
    quantileInterpolatedWeighted(0.3)(prompt_tokens, success) FROM events;

SELECT quantile(0.3)(delta), quantile(0.3)(cost), quantile(0.3)(event_time), quantile(0.3)(day), quantile(0.3)(price),
    quantileExact(0.3)(price), quantileExactLow(0.5)(delta), quantileExactLow(0.5)(ttft), quantileExact(0.3)(score),
    quantileExactInclusive(0.3)(delta), quantileExactExclusive(0.3)(delta), quantilesExactExclusive(0.3, 0.9)(score),
    quantilesExact(0.3)(delta), quantilesExact(0.3)(score), quantilesExact(0.5)(cached), quantiles(0.5)(cached),
    quantileTDigest(0.3)(delta), quantilesTDigest(0.3, 0.9)(score), quantileTDigest(0.5)(cached),
    quantileTiming(0.3)(prompt_tokens), quantilesTiming(0.3)(prompt_tokens), quantileBFloat16(0.3)(score),
    quantileDD(0.01, 0.3)(prompt_tokens), quantileGK(100, 0.3)(prompt_tokens), quantilesGK(100, 0.3, 0.9)(score),
    quantileExactWeighted(0.3)(delta, success), quantileDeterministic(0.3)(delta, prompt_tokens) FROM none;

SELECT quantile(0.5)(x), quantileExact(0.5)(x), median(x), quantiles(0.5)(x), quantileExactLow(0.5)(x) FROM
    (SELECT arrayJoin([1.5, nan, 2.5, 10.0]) AS x);

SELECT quantile(0.5)(x) AS a, quantileExact(0.5)(x) AS b, quantileTDigest(0.5)(x) AS c FROM (SELECT nullIf(delta, delta)
    AS x FROM events);

SELECT quantileExact(0.29)(number), quantileExact(0.57)(number), quantilesExact(0.07, 0.14)(number), quantileExactHigh(0.29)(number),
    quantileTDigest(0.29)(number), quantileTDigest(0.3)(number), quantileExactWeighted(0.29)(number, 1) FROM numbers(100);

SELECT number % 2 AS k, quantileTDigest(0.5)(number) AS a, quantileTDigest(0.9)(number) AS b, quantileExact(0.5)(number) AS c,
    quantileExact(0.9)(number) AS d FROM numbers(50) GROUP BY k ORDER BY k;

-- distinct values

SELECT uniq(user), uniqExact(user, model), uniqCombined(cached), uniqHLL12(user), uniqExact(tags), uniqExact(cost),
    uniq(event_time), uniqExact(latency), uniqCombined64(model), uniq((user, model)), uniqExact((cached, latency)) FROM events;

SELECT uniq(user, cached), uniqExact(user, cached), uniqCombined(cached, latency), count(DISTINCT cached, latency),
    uniqExactIf(user, cached, success = 1) FROM events;

-- approximate
SELECT uniq(number), uniqExact(number), uniqCombined(number % 7000), uniqHLL12(number % 100), uniq(toString(number), number %
    3) FROM numbers(20000);

SELECT uniq(user), uniqExact(model, user), uniqHLL12(delta), uniqIf(user, 1), count(DISTINCT user) FROM none;

-- any, extremes

SELECT any(user), anyLast(user), any_respect_nulls(user), anyLast_respect_nulls(user), first_value(user),
    last_value(user), first_value(user) RESPECT NULLS AS r, anyLast(user) IGNORE NULLS AS i, any(tags), anyLast(provider),
    first_value_respect_nulls(cached), any(cost), any_value(model) FROM (SELECT * FROM events ORDER BY event_time,
    delta) WHERE delta BETWEEN 4 AND 5;

SELECT any(user), anyLast(model), any_respect_nulls(user), first_value(delta), any(tags), any(cost), any(stream) FROM none;

SELECT argMin(user, delta), argMax(user, cached), argMax(delta, (model, delta)), argMax(delta, user),
    argMax(tags, delta), argMin(cost, event_time), argMax(provider, delta), argMaxIf(user, delta, user = 'ann') FROM events;

SELECT argMin(user, delta), argMax(model, delta), argMax(tags, delta), argMax(delta, user), argMin(event_time, delta) FROM none;

SELECT min(stream), max(stream), min(tags), max(tags), min(sizes), max(user), min(user), min(day), max(ingested),
    min(provider), max(cost), min(latency), max(success = 1), min(if(delta > 0, NULL, delta)) FROM events;

SELECT min(user), min(model), max(tags), min(day), max(event_time), min(cost), max(price), min(score), max(stream) FROM none;

SELECT min(x), max(x), sum(x), avg(x), count(x) FROM (SELECT arrayJoin([1.5, nan, 2.5]) AS x);

SELECT model, any(user) IS NULL OR 1 AS a, argMax(delta, cached) AS b, max(cached) AS c FROM events WHERE cached IS NULL
    GROUP BY model ORDER BY model;

-- sums, averages

SELECT sum(stream), sum(success), sum(ttft), sum(cost), sum(price), sum(cached), sum(big), sum(delta), sum(latency),
    sumWithOverflow(success), sumWithOverflow(delta), sumWithOverflow(cost), sumKahan(ttft), sumKahan(delta),
    sumKahan(latency) FROM events;

SELECT sum(toUInt64(18446744073709551615)), sum(toInt64(9223372036854775807)), sumWithOverflow(toUInt8(200)),
    sumWithOverflow(toInt8(100)), sumWithOverflow(toInt16(30000)), sum(toUInt8(255)), sumIf(toUInt64(18446744073709551615),
    number < 2) FROM numbers(3);

SELECT sum(stream), sum(ttft), sum(cost), sum(price), sum(cached), sumWithOverflow(success), sumKahan(ttft),
    avg(delta), avg(cost), avg(cached), avgWeighted(prompt_tokens, success), sumOrNull(price), count(cached) FROM none;

SELECT avg(delta), avg(cost), avg(price), avg(stream), avg(cached), avg(ttft), avg(big), avgWeighted(prompt_tokens, success),
    avgWeighted(score, ttft), avgWeighted(latency, toFloat64(cached)), avgWeighted(delta, toFloat32(0)), avgWeighted(ttft, score) FROM events;

SELECT deltaSum(delta), deltaSum(cached), deltaSum(score) FROM (SELECT * FROM events ORDER BY delta);

SELECT deltaSum(x), deltaSum(toInt64(x)) FROM (SELECT arrayJoin([3, 1, 5, 5, 2, 9]) AS x);

SELECT groupBitAnd(prompt_tokens), groupBitOr(prompt_tokens), groupBitXor(cached), groupBitOr(delta), groupBitAnd(delta),
    groupBitOrIf(prompt_tokens, delta > 100) FROM events;

SELECT groupBitAnd(prompt_tokens), groupBitOr(prompt_tokens), groupBitXor(cached), groupBitAnd(delta), groupBitXor(big) FROM none;

-- collections

SELECT groupArray(3)(delta), groupArraySorted(3)(delta), groupArraySorted(3)(model), groupArraySorted(30)(cached),
    length(groupArray(user)), groupArrayMovingSum(success), groupArrayMovingSum(3)(success), groupArrayMovingAvg(3)(success),
    groupArrayMovingAvg(score), groupArrayMovingSum(2)(score), arraySort(groupUniqArray(model)),
    length(groupUniqArray(3)(model)) FROM (SELECT * FROM events ORDER BY delta, event_time) WHERE delta > 5;

SELECT groupArray(3)(delta), groupArraySorted(3)(delta), groupArrayMovingSum(success), groupArrayMovingAvg(score),
    groupUniqArray(model), groupArray(user), groupArrayInsertAt(delta, success), topK(3)(model) FROM none;

SELECT groupArrayInsertAt(delta, toUInt32(delta)), groupArrayInsertAt('-', 6)(model, toUInt32(delta)), groupArrayInsertAt(0,
    3)(delta, toUInt32(delta + 1)) FROM events WHERE delta BETWEEN 0 AND 3;

SELECT groupConcat(model), groupConcat(',')(user), groupConcat(', ', 3)(delta), groupConcat('; ')(delta), groupConcatIf('-')(delta,
    delta > 7), groupConcat(',')(event_time) FROM (SELECT * FROM events ORDER BY delta, event_time) WHERE delta > 5;

SELECT groupConcat(model), groupConcat(',')(user), groupConcat(',')(delta) FROM none;

SELECT topK(1)(model), topK(2)(success), topKWeighted(1)(model, prompt_tokens), topKIf(1)(stream, stream), topK(1)(user) FROM
    (SELECT * FROM events WHERE user = '' OR model = 'gpt-4');

SELECT model, topK(1)(if(delta > 0, provider, 'x')) AS t FROM events WHERE delta < 0 GROUP BY model ORDER BY model;

-- statistics

SELECT corr(delta, score), covarPop(ttft, score), covarSamp(latency, score), covarPop(ttft, ttft), skewPop(delta),
    skewSamp(delta), kurtPop(score), kurtSamp(delta), entropy(model), entropy(user), varPopStable(delta),
    stddevSampStable(ttft), stddevPop(cached), varSamp(success), corrStable(ttft, ttft), covarPopStable(ttft, ttft),
    varSampIf(delta, success = 1), stddevPop(latency) FROM events;

SELECT corr(delta, score), covarPop(delta, score), covarSamp(delta, score), skewPop(delta), skewSamp(delta), kurtPop(delta),
    kurtSamp(delta), entropy(model), varPop(delta), varSamp(cached), stddevPop(ttft), varPopStable(delta) FROM none;

SELECT varSamp(x), stddevSamp(x), covarSamp(x, x), skewSamp(x), kurtSamp(x), corr(x, x), skewPop(x), kurtPop(x),
    varPop(x), entropy(x) FROM (SELECT 1 AS x);

-- approximate
SELECT kurtPop(latency), kurtSamp(ttft), skewPop(latency) FROM events;

SELECT exponentialMovingAverage(5)(score, delta), exponentialMovingAverage(0.5)(delta, delta) FROM events;

SELECT model, exponentialMovingAverage(2)(score, delta) AS e FROM events GROUP BY model ORDER BY model;

SELECT groupArrayLast(3)(number), groupArrayLast(4)(number), groupArrayLast(20)(number), arraySort(groupArrayIntersect([number, 1,
    2])), sumCount(number), boundingRatio(number, number * 2), deltaSumTimestamp(number, number) FROM numbers(10);

SELECT groupArrayLast(3)(number), groupArrayIntersect([number, 1, 2]), sumCount(number), boundingRatio(number, number * 2),
    deltaSumTimestamp(number, number) FROM numbers(0);

SELECT sumCount(delta), sumCount(cached), sumCount(cost), sumCount(ttft), argMin((model, user), delta), any((model, delta)),
    groupArray(2)((model, delta)), max((delta, model)), simpleLinearRegression(delta, score), sumMap(sizes, sizes),
    maxMap(sizes, sizes), minMap(tags, tags), argMax((model, delta), delta).1, arrayMap(x -> x.2, groupArray(2)((model, delta)))
    FROM events;

SELECT sumCount(delta), sumCount(cached), argMin((model, user), delta), any((model, delta)), groupArray(2)((model, delta)),
    max((delta, model)), simpleLinearRegression(delta, score), sumMap(sizes, sizes), argMax((model, delta), delta).1 FROM none;

SELECT model, x.1 AS a, x.2 AS b, arraySort(g) AS s FROM (SELECT model, argMax((provider, delta), delta) AS x, groupUniqArray(user)
    AS g FROM events GROUP BY model) ORDER BY model;

SELECT argMaxMerge(a).2, argMinMerge(b) FROM (SELECT argMaxState((model, delta), delta) AS a, argMinState(model, (delta, model)) AS b
    FROM events GROUP BY model);

-- funnels

SELECT windowFunnel(10000)(event_time, success = 0, stream), windowFunnel(100)(event_time, model = 'gpt-4', model = 'llama'),
    windowFunnel(3600)(event_time, model = 'gpt-4', model = 'claude-3', model = 'llama', model = 'zzz'),
    windowFunnel(1020)(event_time, model = 'gpt-4', model = 'claude-3', model = 'llama') FROM events;

SELECT provider, windowFunnel(5)(toUInt32(delta + 20), model = 'gpt-4', model = 'claude-3', success = 1) AS f FROM events GROUP
    BY provider ORDER BY provider;

SELECT windowFunnel(10)(event_time, success) AS a, retention(success = 1, stream) AS b FROM none;

SELECT retention(success = 1, stream, model = 'zzz'), retention(model = 'zzz', stream) FROM events;

SELECT provider, retention(model = 'gpt-4', cached > 6) AS r FROM events GROUP BY provider ORDER BY provider;

SELECT sequenceMatch('(?1).*(?2)')(event_time, success = 0, stream), sequenceCount('(?1)(?2)')(event_time, success = 0, stream),
    sequenceCount('(?1).*(?2)')(event_time, success = 0, stream), sequenceMatch('(?1)(?1)(?1)')(event_time, model = 'gpt-4', stream),
    sequenceMatch('(?1).(?2)')(event_time, model = 'gpt-4', model = 'llama') FROM (SELECT * FROM events WHERE
    event_time > '2025-01-01' AND delta NOT IN (-17));

-- windows

SELECT delta, sum(delta) OVER w AS a, avg(score) OVER w AS b, count(user) OVER w AS c, min(cost) OVER w AS d, max(model) OVER w
    AS e, any(user) OVER w AS f, uniqExact(model) OVER w AS g, groupArray(delta) OVER w AS h, argMax(model, delta) OVER w AS i,
    quantile(0.5)(delta) OVER w AS j, countIf(stream) OVER w AS k, stddevPop(score) OVER w AS l, quantileExact(0.5)(delta) OVER w
    AS m, sumOrNull(cached) OVER w AS n FROM events WHERE delta != -17 WINDOW w AS (ORDER BY delta ROWS BETWEEN 2
    PRECEDING AND CURRENT ROW) ORDER BY delta;

SELECT delta, sum(delta) OVER (PARTITION BY provider ORDER BY delta ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING) AS a,
    max(user) OVER (PARTITION BY provider ORDER BY delta ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING) AS b,
    avg(delta) OVER (PARTITION BY provider ORDER BY delta ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING) AS c,
    min(model) OVER (PARTITION BY provider ORDER BY delta ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING) AS d
    FROM events WHERE delta != -17 ORDER BY delta;

SELECT delta, first_value(user) OVER w AS a, last_value(user) OVER w AS b, nth_value(delta, 2) OVER w AS c, nth_value(user, 2)
    OVER w AS d, row_number() OVER w AS e, lagInFrame(delta, 1, 0) OVER w AS f, first_value(user) RESPECT NULLS OVER w AS g,
    last_value(user) RESPECT NULLS OVER w AS h, anyLast(cached) OVER w AS i FROM events WHERE delta != -17
    WINDOW w AS (PARTITION BY provider ORDER BY delta ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) ORDER BY delta;

SELECT day, leadInFrame(delta) OVER (ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS a,
    percent_rank() OVER (ORDER BY day RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS b, dense_rank() OVER
    (ORDER BY provider) AS c, ntile(4) OVER (ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS d
    FROM events WHERE delta != -17 ORDER BY day;

SELECT model, sum(sum(delta)) OVER (ORDER BY model) AS running, max(count()) OVER () AS most, rank() OVER (ORDER BY count() DESC)
    AS r FROM events GROUP BY model ORDER BY model;

-- rows, groups, types

SELECT provider, count(), uniq(provider), any(provider), max(provider), groupUniqArray(provider), topK(1)(provider),
    argMax(provider, delta) FROM events GROUP BY provider ORDER BY provider;

SELECT count() + sum(delta) AS a, sum(delta) / count() AS b, if(count() > 0, 'some', 'none') AS c, max(delta) - min(delta) AS d,
    coalesce(max(cached), 7) AS e, toString(sum(cost)) AS f, length(groupArray(delta)) AS g FROM none;

SELECT model, count(), sum(delta), avg(cached) FROM none GROUP BY model;

SELECT sum(delta) AS s FROM none GROUP BY model HAVING s = 0;

SELECT sum(delta) AS s FROM none HAVING s = 0;

SELECT model, count() AS c FROM events GROUP BY model HAVING avg(delta) > -5 AND max(cached) IS NOT NULL AND uniq(user) > 1
    ORDER BY model;

SELECT user, count(), sum(cached), avg(cost), max(latency), any(user) FROM events GROUP BY user ORDER BY user;

SELECT max(success = 1), sum(success = 1), any(delta > 0), min(stream AND success), groupArray(2)(success = 1), avg(delta > 0)
    FROM (SELECT * FROM events ORDER BY delta) WHERE delta > 17;

SELECT delta, lagInFrame(delta) OVER (ORDER BY delta ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS a, lagInFrame(delta, 3) OVER
    (ORDER BY delta ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS b, lagInFrame(delta, 3, -99) OVER (ORDER BY delta ROWS BETWEEN 2
    PRECEDING AND CURRENT ROW) AS c, lagInFrame(user, 1) OVER (ORDER BY delta ROWS BETWEEN 3 PRECEDING AND 2 PRECEDING) AS d,
    leadInFrame(delta) OVER (ORDER BY delta ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS e, leadInFrame(delta, 2) OVER (ORDER BY
    delta ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS f, leadInFrame(model, 1, 'none') OVER (ORDER BY delta ROWS BETWEEN UNBOUNDED
    PRECEDING AND CURRENT ROW) AS g, lagInFrame(delta) OVER (ORDER BY delta) AS h, leadInFrame(user) OVER (ORDER BY delta ROWS BETWEEN
    CURRENT ROW AND UNBOUNDED FOLLOWING) AS i FROM events WHERE delta != -17 ORDER BY delta;

SELECT argMin(tags, cached), argMax(sizes, user), any(tags), entropy(user), groupArrayOrNull(tags), anyOrNull(tags), sumKahan(cost)
    FROM none;

SELECT anyMerge(a), argMaxMerge(m), anyOrNullArray(found) FROM (SELECT model, anyStateIf(tags, model = 'llama') AS a,
    argMaxStateIf(sizes, delta, model = 'llama') AS m, any(tags) AS found FROM events GROUP BY model) WHERE model < 'm';

SELECT sumWithOverflow(stream), sumKahan(cost), quantile(ingested), quantileTiming(score), boundingRatio(delta, cached),
    deltaSumTimestamp(delta, ttft), quantileBFloat16(prompt_tokens) FROM events;

-- conditions, NULLs, constants

SELECT delta, nonNegativeDerivative(score, event_time) OVER w AS a, nonNegativeDerivative(delta, event_time, INTERVAL
    1 HOUR) OVER w AS b, nonNegativeDerivative(-delta, ingested) OVER w AS d FROM events WHERE delta > 2 AND delta %
    11 != 2 WINDOW w AS (ORDER BY event_time ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) ORDER BY event_time;

SELECT sumIf(delta, user = 'ann'), countIf(user = 'ann'), avgIf(score, NULL), sumIf(delta, NULL), uniqIf(model, cached
    > 3), groupArrayIf(2)(delta, cached > 3) FROM events;

SELECT sum(NULL), count(NULL), avg(NULL), max(NULL), any(NULL), groupArray(NULL), uniq(NULL), min(NULL) FROM events;

SELECT sum(1), count(1), avg(2), max('x'), any(3), groupArray(1) = [1], uniq('a'), quantile(0.5)(1) FROM none;

SELECT avg(cached) OVER (PARTITION BY provider) AS a, sumIf(delta, stream) OVER (PARTITION BY provider) AS b,
    topK(1)(model) OVER (PARTITION BY provider) AS c, sumArray(sizes) OVER (PARTITION BY provider) AS d,
    argMaxIf(model, delta, stream) OVER (PARTITION BY provider) AS e, quantiles(0.5, 0.9)(delta) OVER (PARTITION BY
    provider) AS f, windowFunnel(10000)(event_time, stream, success = 1) OVER (PARTITION BY provider) AS g,
    groupConcat(',')(success) OVER (PARTITION BY provider ORDER BY delta ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS
    h, avgOrNullIf(delta, delta > 100) OVER (PARTITION BY provider) AS i FROM events WHERE delta != -17 ORDER BY
    provider, delta;

SELECT sumOrDefaultIf(delta, delta > 100), avgIfOrDefault(delta, delta > 100), minIfOrDefault(delta, delta > 100),
    quantileIfOrNull(0.5)(delta, delta > 100), maxIfOrNull(delta, delta > 100), anyIfOrNull(model, delta > 100),
    argMaxIfOrNull(model, delta, delta > 100), avgIfOrNull(delta, delta > 100), minIfOrNull(model, delta > 100),
    varPopIfOrNull(delta, delta > 100), sumIfOrDefault(cached, delta > 100), uniqOrNullIf(model, delta > 100),
    sumIfOrNull(cached, delta > 100), medianIfOrNull(delta, delta > 100) FROM events;

SELECT countIfOrNull(delta > 100) FROM none;

SELECT groupArray(tags), arraySort(groupUniqArray(day)), groupArray(2)(cost),
    min(toUUID('00000000-0000-0000-0000-000000000001')), max(toString(delta)) FROM events WHERE delta IN (4, 5);

SELECT sum(cost * prompt_tokens), sum(price * 2), avg(cost + price), sum(toFloat64(cost)) / count(), max(cost) -
    min(cost), sum(prompt_tokens * price) FROM events;

SELECT min(stream), any(stream), argMax(stream, delta), anyLast(stream), groupArray(2)(stream),
    arraySort(groupUniqArray(stream)), sum(stream), avg(stream), count(stream), uniq(stream), sumIf(stream, stream),
    countIf(stream), topK(1)(stream), min(NOT stream) FROM events;

SELECT sumMap(m), minMap(m), avgMap(m), countMap(m), uniqMap(m), groupArrayMap(m), sumMapIf(m, m['a'] = 5) FROM (SELECT arrayJoin([map('a',
    1, 'b', 2), map('a', 5), map('c', -1)]) AS m);

SELECT model, sumSimpleState(big) AS s, maxSimpleState(user) AS m FROM events GROUP BY model
UNION ALL SELECT model, big AS s, user AS m FROM events;

SELECT model, big AS s FROM events UNION ALL SELECT model, sumSimpleState(big) AS s FROM events GROUP BY model;

SELECT sumSimpleState(prompt_tokens) AS s FROM events UNION ALL SELECT prompt_tokens AS s FROM events;
