-- Arrays, lambdas over one or several of them, maps, tuples and vectors.

SELECT range(5), range(2, 5), range(0, 10, 3), range(5, 0), range(10, 0, -2), range(0), range(toUInt64(3)), range(-3,
    3);

SELECT arrayMap(x -> x + 1, [1, 2]), arrayMap((x, y) -> x + y, [1, 2], [3, 4]), arrayMap((x, i) -> x * i, sizes,
    arrayEnumerate(sizes)), arrayMap(x -> (x, x * 2), [1, 2]) FROM events;

SELECT arrayFilter(x -> x > 1, [1, 2, 3]), arrayFilter((x, y) -> y > 1, ['a', 'b'], [1, 2]), arrayFilter(x -> NULL,
    [1]), arrayFilter((x, i) -> i % 2 = 0, [10, 20, 30], arrayEnumerate([10, 20, 30]));

SELECT arrayExists(x -> x > 2, [1, 2, 3]), arrayAll(x -> x > 0, [1, 2]), arrayCount(x -> x > 1, [1, 2, 3]),
    arrayCount([1, 0, 1]), arrayExists((x, y) -> x = y, [1, 2], [2, 2]), arrayAll([1, 1]), arrayExists([0, 0]),
    arrayCount((x, y) -> x > y, [3, 1], [2, 2]);

SELECT arraySum([1, 2]), arraySum(x -> x * 2, [1, 2]), arrayAvg([1, 2]), arrayMin([3, 1]), arrayMax([3, 1]),
    arrayProduct([2, 3]), arraySum([1.5, 2]), arrayAvg(x -> x, [1, 2, 4]), arrayMin(x -> -x, [1, 2]),
    arraySum([toDecimal32('1.5', 2)]), arrayMax(['a', 'b']);

SELECT arraySum((x, y) -> x * y, [1, 2], [3, 4]), arrayProduct(x -> x + 1, [1, 2]);

SELECT arrayFirst(x -> x > 1, [1, 2, 3]), arrayLast(x -> x < 3, [1, 2, 3]), arrayFirstIndex(x -> x > 1, [1, 2, 3]),
    arrayLastIndex(x -> x < 3, [1, 2, 3]), arrayFirst(x -> x > 9, [1]), arrayLast(x -> x > 9, [1]), arrayFirstOrNull(x
    -> x > 9, [1]), arrayLastOrNull(x -> x > 0, [1, 2]), arrayFirst((x, y) -> y, ['a', 'b'], [0, 1]);

SELECT arrayFill(x -> x != 0, [1, 0, 0, 2]), arrayReverseFill(x -> x != 0, [0, 1, 0, 2]);

SELECT arrayCumSum([1, 2, 3]), arrayDifference([1, 3, 6]), arrayCumSum(x -> x * 2, [1, 2]), arrayDifference([1.5, 2]),
    arrayCumSum([1.5, 2]), arrayDifference(sizes), arrayCumSum(sizes) FROM events;

SELECT arraySort([3, 1, 2]), arraySort(x -> -x, [3, 1, 2]), arrayReverseSort([3, 1, 2]), arrayReverseSort(x -> -x, [3,
    1, 2]), arraySort((x, y) -> y, ['a', 'b', 'c'], [3, 1, 2]), arraySort(['b', 'a']), arraySort([1, NULL, 0]),
    arraySort([nan, 1, 0]), arraySort((x, y) -> -y, ['a', 'b', 'c'], [1, 1, 2]);

SELECT arrayReverseSort([1, NULL, 0]), arraySort(x -> x.2, [(1, 'b'), (2, 'a')]), arrayReverseSort((x, y) -> y, ['a',
    'b', 'c'], [1, 1, 2]);

SELECT arrayZip([1, 2], ['a', 'b']), arrayEnumerate(['a', 'b']), arrayEnumerateUniq(['a', 'b', 'a']),
    arrayEnumerateDense(['a', 'b', 'a']);

SELECT arrayConcat([1], [2, 3]), arrayDistinct([1, 1, 2]), arrayIntersect([1, 2, 3], [2, 3, 4]), arraySlice([1, 2, 3,
    4], 2, 2), arraySlice([1, 2, 3], -2), arraySlice([1, 2, 3], -2, 1), arraySlice([1, 2, 3], 1, -1), arraySlice([1,
    2, 3], 2), arraySlice([1, 2, 3, 4], 1 + 1, 2);

SELECT arraySort(arrayUnion([1, 2], [2, 3])), arraySort(arrayExcept([1, 2], [2]));

SELECT arrayPushBack([1], 2), arrayPushFront([1], 2), arrayPopBack([1, 2]), arrayPopFront([1, 2]), arrayPopBack([]),
    arrayPushBack(['a'], 'b'), arrayPushBack([1], NULL);

SELECT arrayResize([1, 2], 4), arrayResize([1, 2, 3], 2), arrayResize([1], 3, 9), arrayResize(['a'], 3, 'x'),
    arrayResize([1, 2, 3], -2), arrayReverse([1, 2, 3]), reverse([1, 2]), arrayResize([1], -3);

SELECT arrayReduce('sum', [1, 2, 3]), arrayReduce('max', [1, 2, 3]), arrayReduce('count', [1, 2]), arrayReduce('uniq',
    [1, 1, 2]), arrayReduce('avg', [1, 2]), arrayReduce('min', ['b', 'a']), arrayReduce('groupArray', [1, 2]),
    arrayReduce('median', [1, 2, 3]), arrayReduce('any', [1, 2]);

SELECT arrayFlatten([[1, 2], [3]]), flatten([[1], [2]]), arrayFlatten([[[1]], [[2], [3]]]), arrayCompact([1, 1, 2, 2,
    1]), arrayCompact(['a', 'a', 'b']), arrayCompact([NULL, NULL, 1]);

SELECT has([1, 2], 2), has(['a'], 'b'), hasAll([1, 2], [1]), hasAny([1, 2], [3, 2]), indexOf([1, 2, 2], 2),
    countEqual([1, 2, 2], 2), length([1, 2]), empty([1]), notEmpty([1]), has([1, NULL], NULL), countEqual([1, NULL,
    NULL], NULL), has([1, 2], 1.0), has(tags, 'a'), has(sizes, delta), hasAny(tags, ['a', 'z']) FROM events;

SELECT arrayElement([1, 2], 1), arrayElement(['a'], -1), sizes[delta], tags[1], sizes[-2] FROM events;

SELECT arrayWithConstant(3, 'a');

SELECT arrayUniq([1, 1, 2]), arrayJaccardIndex([1, 2], [2, 3]), arrayStringConcat(['a', 'b']), arrayStringConcat(['a',
    'b'], ','), arrayStringConcat([1, 2], ','), arrayStringConcat(arrayMap(x -> toString(x), [1, 2]), '-');

SELECT map('a', 1, 'b', 2), map('a', 1)['a'], map('a', 1)['z'], map('a', 'x')['z'], mapKeys(map('a', 1)),
    mapValues(map('a', 1)), mapContains(map('a', 1), 'a'), mapContainsKey(map('a', 1), 'b'), length(map('a', 1)),
    map(1, 'x')[1], toTypeName(map('a', 1)), mapFromArrays(['a', 'b'], [1, 2]), map('a', [1])['a'], map('a', [1])['b'];

SELECT mapFilter((k, v) -> v > 1, map('a', 1, 'b', 2)), mapApply((k, v) -> (k, v * 2), map('a', 1)), mapExists((k, v)
    -> v = 1, map('a', 1)), mapAll((k, v) -> v = 1, map('a', 1)), mapUpdate(map('a', 1), map('b', 2)),
    mapConcat(map('a', 1), map('b', 2)), mapContainsValue(map('a', 1), 1);

SELECT map(model, delta), map(model, delta)[model], mapKeys(map(model, delta)), arrayMap(k -> upper(k),
    mapKeys(map(model, delta))) FROM events;

SELECT tuple(1, 'a'), tuple(1, 'a').1, tupleElement((1, 'a'), 2), ((1, 2), 'x'), ((1, 2), 'x').1.2, tuple(1), (1,
    NULL), toTypeName((1, NULL)), [(1, 'a'), (2, 'b')], [(1, 'a')][1].2;

SELECT (delta, model), (delta, model).2, tuple(delta, tags), (user, cost) FROM events;

SELECT CAST((1, 'a') AS Tuple(a UInt8, b String)), tupleElement(CAST((1, 'x') AS Tuple(a UInt8, b String)), 'b'),
    CAST((1, 'a') AS Tuple(a UInt8, b String)).a;

SELECT (1, 2) = (1, 2), (1, 2) < (1, 3), (1, 'a') IN ((1, 'a'), (2, 'b')), (1, 2) != (1, 3);

SELECT arrayMap(t -> t.1, [(1, 'a')]), arrayMap(t -> tupleElement(t, 2), arrayZip([1], ['x'])), arrayFilter(t -> t.2 >
    1, [('a', 1), ('b', 2)]), arraySort(t -> -t.1, [(1, 'a'), (2, 'b')]), arrayMap((a, b) -> a || b, ['x'], ['y']);

SELECT groupArray((model, delta)) from (select * from events order by delta limit 2);

SELECT cosineDistance([1.0, 2.0], [3.0, 4.0]), L2Distance([1, 2], [3, 4]), L1Distance([1, 2], [3, 5]), dotProduct([1,
    2], [3, 4]), LinfDistance([1, 2], [3, 5]), L2Norm([3, 4]), L1Norm([3, -4]), cosineDistance([1, 2], [3, 4]),
    L2SquaredDistance([1, 2], [3, 4]), scalarProduct([1, 2], [3, 4]), LinfNorm([1, -5]);

SELECT dotProduct(CAST([1, 2] AS Array(Float32)), CAST([3, 4] AS Array(Float32))), L2Distance(CAST([1, 2] AS
    Array(Float32)), CAST([3, 4] AS Array(Float32))), cosineDistance(CAST([1, 2] AS Array(Float32)), CAST([3, 4] AS
    Array(Float32)));

SELECT arrayMap(x -> if(x > 1, 'a', 'b'), [1, 2]), arrayMap(x -> toString(x), sizes), arrayMap(x -> x + delta, sizes),
    arrayFilter(x -> x IN (1, 2), sizes), arrayMap(x -> arrayMap(y -> x + y, [1, 2]), [10, 20]) FROM events;

SELECT arrayDistinct(arrayMap(x -> lower(x), tags)), length(arrayFilter(x -> x = 'a', tags)), arraySum(arrayMap(x ->
    length(x), tags)), arrayStringConcat(arraySort(arrayDistinct(tags)), '|') FROM events;

SELECT [1, 2] = [1, 2], [1] < [2], ['a'] != ['b'], [1, 2] || [3], concat([1], [2]), arrayConcat(['a'], tags) FROM
    events;

SELECT arrayCount(x -> x > 0, []), arrayMap(x -> x, []), arrayFilter(x -> 1, []), arraySort([]), arrayReverse([]),
    arrayConcat([], [1]), arrayDistinct([]);

SELECT length(tags) > 0 AND tags[1] = 'a', arrayElement(tags, 1) IN ('a', 'b'), multiIf(has(tags, 'b'), 'b', 'none')
    FROM events;

SELECT arrayAvg(sizes), arrayMin(sizes), arrayMax(sizes), arraySum(sizes), arrayProduct(sizes) FROM events;

SELECT toString([1, 2]), toString(['a', 'it''s']), toString((1, 'a')), toString(map('a', 1)), toString([NULL, 1]),
    concat('x', [1, 2]), toString([1.5]), toString(tags) FROM events;

SELECT CAST(['1'] AS Array(UInt8)), CAST([1.5] AS Array(UInt8)), CAST([1, NULL] AS Array(Nullable(String)));

SELECT indexOf(tags, 'b'), countEqual(sizes, 1), arrayEnumerateUniq(tags), arrayCompact(tags), arrayIntersect(tags,
    ['a', 'c']) FROM events;
