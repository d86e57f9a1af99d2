-- JSON in texts: keys, positions from either end, types, missing and broken documents.

SELECT JSONExtractString(payload, 'a'), JSONExtractInt(payload, 'n'), JSONExtractUInt(payload, 'n'),
    JSONExtractFloat(payload, 'f'), JSONExtractBool(payload, 'b'), JSONExtractRaw(payload, 'o') FROM events;

SELECT JSONExtractArrayRaw(payload, 'l'), JSONExtractKeys(payload), JSONExtractKeys(payload, 'o') FROM events;

SELECT JSONExtract(payload, 'a', 'String'), JSONExtract(payload, 'n', 'Int64'), JSONExtract(payload, 'n',
    'Nullable(Int64)'), JSONExtract(payload, 'a', 'Nullable(String)'), JSONExtract(payload, 'l', 'Array(Int64)'),
    JSONExtract(payload, 'f', 'Float64'), JSONExtract(payload, 'b', 'Bool') FROM events;

SELECT JSONExtract('{"a": ["x", "y"]}', 'a', 'Array(String)'), JSONExtract('{"a": {"b": 1}}', 'a', 'b', 'UInt8'),
    JSONExtract('{"a": 300}', 'a', 'UInt8'), JSONExtract('{"a": "5"}', 'a', 'Int32'), JSONExtract('{"a": 1.5}', 'a',
    'Int32'), JSONExtract('{"a": [1, null]}', 'a', 'Array(Nullable(Int32))'), JSONExtract('{"x": 1, "y": 2}',
    'Map(String, UInt8)');

SELECT JSONExtract('{"a": true}', 'a', 'UInt8'), JSONExtract('{"a": true}', 'a', 'Bool'), JSONExtract('{"a": null}',
    'a', 'Nullable(Int32)'), JSONExtract('{"a": null}', 'a', 'Int32'), JSONExtract('{"a": "2025-01-02"}', 'a',
    'Date'), JSONExtract('{"a": "2025-01-02 03:04:05"}', 'a', 'DateTime'), JSONExtract('{"a": 1.25}', 'a',
    'Decimal(9, 2)'), JSONExtract('{"a": {"b": 1}}', 'a', 'String'), JSONExtract('{"a": [1, 2]}', 'a', 'String'),
    JSONExtract('{"a": "x"}', 'a', 'LowCardinality(String)'), JSONExtract('{"a": 1.5}', 'a', 'Float32'),
    JSONExtract('{"a": -1}', 'a', 'UInt32');

SELECT JSONHas(payload, 'a'), JSONHas(payload, 'o', 'k'), JSONHas(payload, 'l', 1), JSONHas(payload, 'l', 4),
    JSONHas(payload, 'l', -1), JSONLength(payload), JSONLength(payload, 'l'), JSONLength(payload, 'a') FROM events;

SELECT JSONExtractString('["a", "b", "c"]', -1), JSONExtractString('["a", "b", "c"]', -3),
    JSONExtractString('["a", "b"]', -5), JSONExtractInt('[1, 2, 3]', -2), JSONExtractRaw('[[1, 2], [3]]', 1, 2);

SELECT JSONExtractString('{"a": "b"', 'a'), JSONExtractInt('', 'a'), JSONHas('x', 'a'), JSONExtractRaw('', 'a'),
    JSONLength('[1, 2'), isValidJSON('{"a": 1}'), isValidJSON('{a: 1}'), isValidJSON(''), isValidJSON('1'),
    isValidJSON('null'), JSONExtractKeys('x'), JSONExtractArrayRaw('{}');

SELECT simpleJSONExtractString('{"a":"x","b":5}', 'a'), simpleJSONExtractInt('{"a":"x","b":5}', 'b'),
    simpleJSONExtractFloat('{"b":1.5}', 'b'), simpleJSONExtractBool('{"b":true}', 'b'), simpleJSONHas('{"b":true}',
    'b'), visitParamExtractString('{"a":"x"}', 'a'), visitParamHas('{"a":"x"}', 'z'), visitParamExtractInt('{"a":5}',
    'a'), simpleJSONExtractUInt('{"a":5}', 'a'), simpleJSONExtractString('{"a":5}', 'a'),
    simpleJSONExtractInt('{"a":"x"}', 'a');

SELECT JSONExtractString('{"a": "x\\u00e9\\ny\\"z"}', 'a'), JSONExtractRaw('{"a": "x\\"y"}', 'a'),
    JSONExtractString('{"a b": 1, "c.d": {"e-f": 2}}', 'c.d', 'e-f'), JSONExtractString('{"a": 1e3}', 'a'),
    JSONExtractString('{"a": 12345678901234567890}', 'a'), JSONExtractString('{"a": 0.1}', 'a'),
    JSONExtractInt('{"a": 1e3}', 'a'), JSONExtractInt('{"a": 12345678901234567890}', 'a'),
    JSONExtractFloat('{"a": 5}', 'a');

SELECT JSONExtractBool('{"a": 0}', 'a'), JSONExtractInt('{"a": "5"}', 'a'), JSONExtractFloat('{"a": "1.5"}', 'a'),
    JSONExtractFloat('{"a": "x"}', 'a'), JSONExtractInt('{"a": "x"}', 'a'), JSONExtractInt('{"a": -5}', 'a'),
    JSONExtractUInt('{"a": -5}', 'a'), JSONExtractUInt('{"a": "7"}', 'a');

SELECT JSONArrayLength('[1, 2, 3]'), JSONArrayLength('x');

SELECT JSONExtractString(user, 'a'), JSONExtract(user, 'a', 'Int64'), JSONExtractInt(user, 'a'), JSONHas(user, 'a')
    FROM events;

SELECT arrayMap(x -> JSONExtractInt(x, 'a'), JSONExtractArrayRaw('[{"a": 1}, {"a": 2}]')),
    length(JSONExtractArrayRaw(payload, 'l')), arraySum(JSONExtract(payload, 'l', 'Array(Int64)')) FROM events;
