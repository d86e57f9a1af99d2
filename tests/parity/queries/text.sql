-- Texts: bytes and characters, splitting, patterns, padding, addresses, base64 and UUIDs.

SELECT length('é'), lengthUTF8('é'), lower('ÀB'), lowerUTF8('ÀB'), upper('é'), upperUTF8('é'), reverseUTF8('aé'),
    substringUTF8('héllo', -3), substringUTF8('héllo', 2, 100), substringUTF8('héllo', 0), substringUTF8('héllo', -3,
    2), substringUTF8('abc', 2, -1), leftUTF8('héllo', -1), rightUTF8('héllo', -1), rightUTF8('héllo', 2);

SELECT substring('héllo', 1, 1), substring('héllo', 4, 2), left('héllo', 1), right('héllo', 2), reverse('abc') from
    events where delta = 1;

SELECT substring(model, 1, 3), left(model, 3), right(model, 3) from events where model != 'Ünïcode';

SELECT replaceOne('aaa', 'a', 'b'), replaceAll('aaa', 'a', 'b'), replaceRegexpOne('a1b2', '[0-9]', 'x'),
    replaceRegexpAll('a1b2', '([0-9])', '<\\1>'), replaceRegexpAll('abc', '', '-'), replace('aXa', 'X', '-'),
    replaceRegexpAll('abc', 'b', '\\0\\0'), regexp_replace('abc', 'b', 'x');

SELECT multiSearchAny(model, ['gpt', 'llama']), multiSearchAnyCaseInsensitive(model, ['GPT']), multiMatchAny(model,
    ['^gpt', 'lla']) FROM events;

SELECT startsWith('abc', 'ab'), endsWith('abc', 'bc'), startsWith('abc', ''), startsWithUTF8('éa', 'é'),
    endsWithUTF8('aé', 'é'), startsWith(model, 'gpt'), endsWith(model, provider) FROM events;

SELECT 'abc' LIKE 'a%', 'abc' LIKE '_b_', 'a%c' LIKE 'a\\%c', 'ABC' ILIKE 'a%', 'abc' NOT LIKE 'b%', 'ABC' NOT ILIKE
    'a%', like('a_c', 'a\\_c'), 'a\nb' LIKE 'a%', 'É' ILIKE 'é', 'abc' LIKE '', '' LIKE '%', 'a\\c' LIKE 'a\\\\c',
    'abc' LIKE 'A%';

SELECT trim('  a '), trimLeft('  a'), trimRight('a  '), trimBoth('xxaxx', 'x'), trim(TRAILING 'x' FROM 'axx'), trimBoth('\t a \n');

SELECT leftPad('abc', 5, '*'), rightPad('abc', 5, '*'), leftPad('abc', 2), lpad('a', 3), leftPad('abc', 7, 'xy'),
    rightPad('abc', 0), repeat('ab', 3), repeat('a', 0);

SELECT empty(''), notEmpty('a'), empty(' '), base64Encode('abc'), base64Decode('YWJj'), base64Encode(''),
    base64Encode('é'), base64Decode('');

SELECT domain('https://www.a.com/x'), domainWithoutWWW('https://www.a.com/x');

SELECT path('https://a.com/x/y?q=1#f'), pathFull('https://a.com/x/y?q=1#f'), protocol('https://a.com'),
    queryString('https://a.com/?a=1&b=2#f'), fragment('https://a.com/#abc'),
    queryStringAndFragment('https://a.com/?a=1#f');

SELECT cutQueryString('https://a.com/?a=1#f'), cutWWW('https://www.a.com/'), cutFragment('https://a.com/#f'),
    cutQueryStringAndFragment('https://a.com/?a=1#f'), decodeURLComponent('a%20b%C3%A9'), encodeURLComponent('a b/é'),
    decodeURLFormComponent('a+b%20c'), encodeURLFormComponent('a b');

SELECT domain('a.com'), domain(''), domain('//a.com/x'), domain('http://a.com:80'), domain('ftp://u@a.com/x'),
    path('a.com/x'), protocol('a.com'), queryString('a?b'), domain('mailto:x@y.com'),
    domainWithoutWWW('http://www.www.com'), path('http://a.com'), fragment('a'), domain('https://a_b.com/'),
    domain('https://EXAMPLE.com');

SELECT toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0'), toUUIDOrNull('x'), toUUIDOrZero('x'),
    length(toString(generateUUIDv4())), toString(toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')),
    toTypeName(generateUUIDv4());

SELECT toString(1), toString(1.5), toString(true), toString('a'), toString(toDecimal32('1.50', 2)),
    toString(toDate('2025-01-01')), toString(toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')),
    toString(toFloat32(0.1)), toString(toInt64(-5));

SELECT lowerUTF8(model), upperUTF8(model), lengthUTF8(model), length(model), reverseUTF8(model) FROM events;

SELECT multiSearchAnyCaseInsensitive(model, ['GPT']), multiMatchAny(model, ['^gpt', 'lla']), startsWithUTF8(model,
    'Ü') FROM events;

SELECT splitByChar(',', 'a,b,c'), splitByChar(',', ''), splitByString(', ', 'a, b'), splitByChar(',', ',a,');

SELECT extract('abc123', '[0-9]+'), extract('abc123', '([a-z]+)([0-9]+)'), extractAll('a1b22', '[0-9]+');

SELECT concat('a', 'b', 'c'), concat('a', NULL), concatWithSeparator('-', 'a', 'b'), concatWithSeparator('-', 'a', 1),
    'a' || 1, concat('x'), concatWithSeparator('-');

SELECT left(model, 0), left(model, 50), right(model, 50), substring(model, 50), substring(model, -100, 5) FROM events;
