-- Arithmetic that wraps, divides by zero and mixes decimals with floats; rounding, bits, conversions, numbers in words.

SELECT 9223372036854775807 + toInt64(1);

SELECT toInt64(9223372036854775807) + 1;

SELECT toUInt64(18446744073709551615) + 1;

SELECT toUInt64(18446744073709551615) * 2;

SELECT toInt64(-9223372036854775808) - 1;

SELECT toInt64(-9223372036854775808) * -1;

SELECT big * big * big * 100 FROM events;

SELECT toUInt64(1) - toUInt64(2);

SELECT toUInt64(18446744073709551615) - toInt64(-1);

SELECT -toUInt64(18446744073709551615);

SELECT -toInt64(-9223372036854775808);

SELECT negate(toUInt8(200));

SELECT -toInt8(-128);

SELECT toInt64(5) + toUInt64(18446744073709551615);

SELECT toInt64(5) * toUInt64(18446744073709551615);

SELECT toInt64(-5) * toUInt64(3);

SELECT intDiv(7, -2);

SELECT intDiv(-7, 2);

SELECT intDivOrZero(7, 0);

SELECT intDiv(7.5, 2);

SELECT intDiv(toUInt64(18446744073709551615), -1);

SELECT intDiv(toUInt64(18446744073709551615), 2);

SELECT moduloOrZero(7, 0);

SELECT 7 % -3;

SELECT -7 % 3;

SELECT -7 % -3;

SELECT 7.5 % 2;

SELECT -7.5 % 2;

SELECT 7.5 % 0;

SELECT 7 % 2.5;

SELECT positiveModulo(-7, 3);

SELECT positiveModulo(7, -3);

SELECT positive_modulo(-7, 3);

SELECT pmod(-7, 3);

SELECT modulo(toInt64(-7), toUInt64(3));

SELECT modulo(toUInt64(7), toInt8(-3));

SELECT toUInt8(200) % toInt32(7);

SELECT mod(7, 3);

SELECT 7 DIV 2;

SELECT 1 / 0;

SELECT -1 / 0;

SELECT 0 / 0;

SELECT 0.0 / 0;

SELECT isNaN(0/0);

SELECT toDecimal64('1.5', 2) + toDecimal32('2.25', 3);

SELECT toDecimal64('1.5', 2) * toDecimal32('2.25', 3);

SELECT toDecimal64('10', 4) / 3;

SELECT 10 / toDecimal64('3', 4);

SELECT toDecimal64('-10', 4) / 3;

SELECT toDecimal64('10', 4) - 3;

SELECT toDecimal64('10', 4) + 1.5;

SELECT toDecimal64('10', 4) * 1.5;

SELECT toDecimal64('10', 4) / 1.5;

SELECT 1.5 / toDecimal64('10', 4);

SELECT toDecimal32('1.5', 2) + toInt64(7);

SELECT toDecimal32('1.5', 2) * toUInt64(7);

SELECT toDecimal32('1.5', 2) = 1.5;

SELECT toDecimal32('1.5', 2) > 1;

SELECT toDecimal32('1.5', 2) = toDecimal64('1.500', 5);

SELECT toDecimal32('1.5', 2) < 1.6;

SELECT -toDecimal64('7.5', 2);

SELECT abs(toDecimal64('-7.5', 2));

SELECT sign(toDecimal64('-7.5', 2));

SELECT toDecimal128('1.5', 10) * toDecimal128('2.5', 10);

SELECT toDecimal128('1.5', 10) / 7;

SELECT toDecimal128('1.5', 10) / toDecimal128('2.5', 10);

SELECT cost * cost FROM events;

SELECT cost / 3 FROM events;

SELECT cost + price * 2 FROM events;

SELECT sum(cost) / sum(price) FROM events;

SELECT round(cost, 3), floor(cost, 3), ceil(cost, 3), trunc(cost, 3), roundBankers(cost, 3) FROM events;

SELECT round(price), floor(price), ceil(price), trunc(price) FROM events;

SELECT round(toDecimal64('2.5', 1)), round(toDecimal64('3.5', 1)), round(toDecimal64('-2.5', 1));

SELECT roundBankers(toDecimal64('2.5', 1)), roundBankers(toDecimal64('3.5', 1));

SELECT floor(toDecimal64('-2.55', 2), 1), ceil(toDecimal64('-2.55', 2), 1), trunc(toDecimal64('-2.55', 2), 1);

SELECT round(toDecimal64('155.5', 1), -1);

SELECT round(2.5), round(-2.5), round(3.5), round(0.5), round(1e300);

SELECT round(1.005, 2), round(2.675, 2), round(1234.5678, -2), round(1250, -2), round(1350, -2), round(-1250, -2),
    round(1249, -2);

SELECT round(toInt32(-155), -1), round(toUInt8(155), -1), round(toInt64(255), -2), round(toUInt8(255), -1);

SELECT floor(155, -1), ceil(155, -1), trunc(155, -1), floor(-155, -1), ceil(-155, -1), trunc(-155, -1);

SELECT roundBankers(155, -1), roundBankers(165, -1);

SELECT roundBankers(2.5), roundBankers(3.5), roundBankers(0.125, 2);

SELECT round(toFloat32(2.45), 1), floor(toFloat32(2.45), 1);

SELECT floor(1.25, 1), ceil(1.25, 1), trunc(-1.25, 1), floor(-1.25, 1), ceil(-1.25, 1);

SELECT floor(123.45, -1), ceil(123.45, -1), trunc(123.45, -1);

SELECT round(score, 3), round(ttft, 1), round(latency, 1) FROM events;

SELECT roundDown(7, [1, 5, 10]), roundDown(0, [1, 5, 10]), roundDown(11.5, [1, 5, 10]);

SELECT roundAge(20), roundAge(0), roundAge(60), roundDuration(40);

SELECT abs(-5), abs(toInt64(-9223372036854775808)), abs(toInt8(-128)), abs(-1.5);

SELECT sign(-1.5), sign(0), sign(toUInt8(5)), sign(nan);

SELECT log2(0), log10(0), ln(2), intExp2(5), intExp10(3);

SELECT pow(2, -1), pow(0, 0), pow(-8, 1/3), power(2, 0.5), pow(0, -1);

SELECT sin(1), cos(1), tan(1), asin(1), acos(1), atan(1), sinh(1), cosh(1), tanh(1), asinh(1), acosh(2), atanh(0.5),
    atan2(1, 2), hypot(3, 4);

SELECT asin(2), acos(2), acosh(0.5), atanh(2), atanh(1);

SELECT factorial(5), factorial(0), sigmoid(0.5);

SELECT isNaN(nan), isFinite(inf), isInfinite(-inf), ifNotFinite(1/0, 5), ifNotFinite(1.5, 2);

SELECT exp(1000), log(inf), sqrt(inf), sin(inf), cos(-inf);

SELECT bitAnd(5, 3), bitOr(5, 3), bitXor(5, 3), bitNot(5), bitShiftLeft(5, 3), bitShiftRight(5, 1);

SELECT bitAnd(toInt8(-5), 3), bitOr(-5, 3), bitXor(-5, 3), bitNot(-5), bitNot(toUInt64(5));

SELECT bitShiftLeft(toUInt8(255), 1), bitShiftLeft(1, 8), bitShiftRight(-5, 1), bitShiftLeft(toUInt64(1), 63),
    bitShiftLeft(toInt64(1), 63);

SELECT bitTest(5, 0), bitTest(5, 1), bitCount(255), bitCount(-1), bitTestAll(5, 0, 2), bitTestAny(5, 1, 3),
    bitHammingDistance(5, 3);

SELECT bitAnd(prompt_tokens, 255), bitAnd(delta, 7), bitOr(delta, 1), bitXor(big, 7), bitShiftLeft(delta, 2) FROM
    events;

SELECT greatest(1, 2.5), least(1, 2.5), greatest(1, 2, 3), least('a', 'b'), greatest('a', 'b');

SELECT greatest(toInt8(-1), toUInt8(5)), least(toInt64(-1), toUInt8(5));

SELECT greatest(1, NULL), least(cached, 5), greatest(cached, prompt_tokens) FROM events;

SELECT greatest(toDecimal32(1, 2), 2), least(toDecimal32('1.5', 2), 2);

SELECT greatest(toDate('2025-01-01'), toDate('2025-02-01')), greatest(event_time, day) FROM events;

SELECT greatest(score, 1), least(score, prompt_tokens), greatest(score, delta) FROM events;

SELECT max2(1, 2), min2(1, 2);

SELECT plus(1, 2), minus(1, 2), multiply(2, 3), divide(1, 2);

SELECT toUInt8(300), toInt8(200), toUInt8(-1), toUInt32(-1), toUInt64(-1), toInt64(toUInt64(18446744073709551615)),
    toInt16(70000);

SELECT toUInt8(prompt_tokens), toInt8(delta), toUInt16(delta), toInt32(big), toUInt32(big), toUInt64(delta),
    toUInt8(score * 100) FROM events;

SELECT toInt32('+5');

SELECT toUInt8('300');

SELECT toInt8('200');

SELECT toUInt64('99999999999999999999');

SELECT toInt32OrZero('5.5'), toInt32OrNull('5.5'), toInt32OrZero(''), toInt32OrNull(''), toUInt8OrZero('300'),
    toUInt8OrNull('300'), toUInt8OrNull('-1'), toInt64OrNull(' 5');

SELECT toInt32OrDefault('x', toInt32(7)), toInt32OrDefault('5', toInt32(7)), toInt32OrDefault('x');

SELECT toFloat64OrDefault('x', 1.5), toFloat64OrDefault('2.5', 1.5);

SELECT toUInt8OrDefault('x', 5);

SELECT toFloat64('1e5'), toFloat64('-.5'), toFloat64('inf'), toFloat64('nan'), toFloat64('5.'), toFloat64('+1.5');

SELECT toFloat64OrZero('1.5x'), toFloat64OrNull(''), toFloat64OrNull('1e400'), toFloat64OrNull(' 1'),
    toFloat32OrNull('1.1'), toFloat64OrNull('inf'), toFloat64OrNull('0x10'), toFloat64OrNull('1_000');

SELECT toFloat32(0.1), toFloat32('0.1'), toFloat64(toFloat32(0.1)), toFloat32(16777217);

SELECT toDecimal32('1.23456', 2), toDecimal32('-1.239', 2), toDecimal32('5', 2), toDecimal64(1.005, 2), toDecimal32(5,
    4), toDecimal64(toDecimal32('1.239', 3), 2);

SELECT toDecimal32('1e2', 2);

SELECT toDecimal64OrZero('x', 2), toDecimal64OrNull('x', 2), toDecimal64OrNull('1.239', 2), toDecimal32OrZero('1.5',
    1), toDecimal128OrNull('', 3), toDecimal64OrDefault('x', 2);

SELECT CAST(1.999 AS Decimal(10, 2)), CAST('1.999' AS Decimal(10, 2)), CAST(toDecimal64('1.999', 3) AS Decimal(10,
    2)), '1.5'::Decimal(5,2);

SELECT CAST('true' AS Bool), toBool('false'), toBool(2), toBool(0.5), CAST(1 AS Bool), toBool('1'), toBool('yes'),
    true + 1, toUInt8(true), toString(false), true = 1, not true, toInt32(true);

SELECT CAST('' AS Nullable(Int32));

SELECT accurateCast(5, 'UInt8'), accurateCastOrNull(300, 'UInt8'), accurateCastOrNull(-1, 'UInt8'),
    accurateCastOrNull('x', 'UInt8'), accurateCastOrNull(5, 'Int16'), accurateCastOrDefault(300, 'UInt8'),
    accurateCastOrDefault(300, 'UInt8', toUInt8(7));

SELECT hex(255), hex(0), hex('abc'), hex(256), hex(toUInt64(5)), hex(-1), unhex('616263'), bin(5);

SELECT unhex('C3A9'), unhex('');

SELECT formatReadableSize(1024), formatReadableSize(1536), formatReadableSize(0), formatReadableSize(1e15),
    formatReadableSize(123456789), formatReadableSize(-5000), formatReadableDecimalSize(1536), formatReadableSize(1);

SELECT formatReadableQuantity(1000), formatReadableQuantity(1234567), formatReadableQuantity(5),
    formatReadableQuantity(1e18), formatReadableQuantity(-1500), formatReadableQuantity(0.5);

SELECT formatReadableTimeDelta(3661), formatReadableTimeDelta(0), formatReadableTimeDelta(100000000),
    formatReadableTimeDelta(59.9), formatReadableTimeDelta(-60), formatReadableTimeDelta(86400);

SELECT bar(5, 0, 10, 10), bar(0, 0, 10, 10), bar(10, 0, 10, 5), bar(3.3, 0, 10, 20), bar(15, 0, 10, 10), bar(-5, 0,
    10, 10), bar(prompt_tokens, 0, 500, 20) FROM events;

SELECT bar(5, 0, 10);

SELECT widthBucket(5, 0, 10, 5), widthBucket(-1, 0, 10, 5), widthBucket(10, 0, 10, 5), width_bucket(9.99, 0, 10, 5),
    widthBucket(0, 0, 10, 5);

SELECT min2(1, 2.5);

SELECT number + 1, number - 5, number * -1, -number, intDiv(number, 2), number % 3, number / 2, number - number FROM
    numbers(3);

SELECT count() - 1, count() * 2, sum(delta) + 1, sum(prompt_tokens) - sum(delta), count() / 7, sum(delta) / count()
    FROM events;

SELECT rand() >= 0;

SELECT toDecimal64('10', 4) / toDecimal64('3', 2);

SELECT toDecimal64('10', 2) / toDecimal64('3', 2);

SELECT cost / (price + 1) FROM events;

SELECT toInt64(10) / toDecimal32('3', 2);

SELECT toDecimal64('10', 4) * toInt64(3);

SELECT price * cost FROM events;

SELECT sum(price * cost) FROM events;

SELECT toUInt8(300.7);

SELECT toUInt8(-1.5);

SELECT toInt32(1e10);

SELECT toInt32(-1e10);

SELECT toInt64(1e30);

SELECT toUInt32(-5.5);

SELECT toUInt64(-5.5);

SELECT toUInt64(1e19);

SELECT toInt8(1000.5);

SELECT intDiv(7.9, 1.5);

SELECT intDiv(7, 1.5);

SELECT intDiv(-7.9, 2);

SELECT intDiv(toFloat32(7.9), 2);

SELECT intDiv(toInt8(-7), toUInt32(2));

SELECT -7.5 % 2.5;

SELECT toDecimal32('+1.5', 2);

SELECT toFloat32OrNull('1.1'), toFloat64OrNull('inf'), toFloat64OrNull('0x10');

SELECT toFloat64OrNull('1.5 ');

SELECT toInt64OrNull(' 5'), toInt64OrNull('+5'), toInt64OrNull('5 '), toUInt8OrNull('300'), toUInt8OrNull('-1'),
    toUInt64OrNull('99999999999999999999');

SELECT isInfinite(1);

SELECT formatReadableSize(0), formatReadableSize(1), formatReadableSize(1023.99), formatReadableSize(1048575),
    formatReadableSize(1e15), formatReadableSize(1e27), formatReadableSize(-5000), formatReadableSize(1025),
    formatReadableSize(1.5), formatReadableSize(1e30);

SELECT formatReadableDecimalSize(0), formatReadableDecimalSize(999.999), formatReadableDecimalSize(1e6),
    formatReadableDecimalSize(1e28);

SELECT formatReadableQuantity(0), formatReadableQuantity(999.999), formatReadableQuantity(1e6),
    formatReadableQuantity(1e9), formatReadableQuantity(1e12), formatReadableQuantity(1e15),
    formatReadableQuantity(1e18), formatReadableQuantity(1e21), formatReadableQuantity(1e24),
    formatReadableQuantity(1e33), formatReadableQuantity(-1500), formatReadableQuantity(0.5);

SELECT formatReadableTimeDelta(3661), formatReadableTimeDelta(0), formatReadableTimeDelta(100000000),
    formatReadableTimeDelta(59.9), formatReadableTimeDelta(-60), formatReadableTimeDelta(86400),
    formatReadableTimeDelta(1), formatReadableTimeDelta(31536000), formatReadableTimeDelta(2629746),
    formatReadableTimeDelta(-3661), formatReadableTimeDelta(0.5);

SELECT bar(0.1, 0, 10, 10), bar(3.3, 0, 10, 20), bar(9.99, 0, 10, 10), bar(1, 0, 3, 7), bar(2, 0, 3, 7.5), bar(nan, 0,
    10, 10);

SELECT bar(5, 10, 0, 10);

SELECT roundAge(0), roundAge(1), roundAge(17), roundAge(18), roundAge(25), roundAge(35), roundAge(45), roundAge(55),
    roundAge(99);

SELECT roundDuration(0), roundDuration(1), roundDuration(10), roundDuration(30), roundDuration(60),
    roundDuration(600), roundDuration(36000), roundDuration(1e6);

SELECT roundDown(toInt64(7), [1,5]), roundDown(7.5, [1, 5]), roundDown(7, [1.5, 5]);

SELECT bitShiftLeft(5, 64), bitShiftRight(5, 64), bitShiftLeft(toInt8(1), 7);

SELECT toTypeName(bitTest(5, 1)), toTypeName(bitCount(5)), toTypeName(bitTestAll(5, 1)),
    toTypeName(bitHammingDistance(1, 2));

SELECT widthBucket(5, 10, 0, 5);

SELECT toTypeName(hex(1)), toTypeName(log(toFloat32(1))), toTypeName(sqrt(toFloat32(4))), toTypeName(pow(toFloat32(2),
    2)), toTypeName(exp(toDecimal32(1,2)));

SELECT sqrt(toDecimal32(4, 2)), exp(toDecimal32(1,2));

SELECT round(toFloat32(2.45), 1), round(toFloat32(0.15), 1), floor(toFloat32(2.45), 1), ceil(toFloat32(2.41), 1),
    trunc(toFloat32(-2.45), 1), round(toFloat32(1234.567), 2), round(toFloat32(1234.567), -2);

SELECT formatReadableQuantity(1125), formatReadableQuantity(0.125), formatReadableQuantity(1375),
    formatReadableSize(1152);

SELECT toInt8(500), toInt32(toUInt32(4294967295)), toInt32OrZero('99999999999');

SELECT toUInt16(-1), toUInt8(toInt64(-5)), toInt8(toFloat64(200));

SELECT 7 % toInt64(-9223372036854775808);

SELECT toTypeName(intDiv(toUInt8(1), 1.5)), toTypeName(intDiv(1.5, toInt64(2))), toTypeName(intDiv(toFloat32(1),
    toFloat64(2)));

SELECT toTypeName(roundDown(7.5, [1,5])), toTypeName(roundDown(toInt64(7), [1,500])), toTypeName(roundDown(7,
    [1,500]));

SELECT toTypeName(widthBucket(1,2,3,toUInt16(4))), toTypeName(widthBucket(1,2,3,toUInt32(4)));

SELECT toTypeName(accurateCastOrNull(5, 'UInt8')), toTypeName(toInt32OrDefault('x')),
    toTypeName(accurateCastOrDefault(5,'UInt8'));

SELECT toUInt64(1) - 1.5, toTypeName(toUInt64(5) % toInt8(3));

SELECT CAST('x' AS Nullable(Int32));

SELECT CAST(user AS Nullable(Int32)) from events where user is null;
