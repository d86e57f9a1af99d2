-- What the compiled SQL calls by name: ClickHouse's meaning where DuckDB has a function of another.
-- The store runs these statements at every start, with the global time zone UTC.

-- Time zones. A DateTime is kept as its UTC wall time.
-- UTC, which most calls ask for, costs nothing: the CASE is decided before the rows are read.
CREATE OR REPLACE MACRO ch_local(t, zone) AS CASE WHEN zone = 'UTC' THEN t ELSE timezone(zone, timezone('UTC', t)) END;
CREATE OR REPLACE MACRO ch_day_start(wall, zone) AS
    CASE WHEN zone = 'UTC' THEN wall ELSE timezone('UTC', timezone(zone, wall)) END;
-- A wall time that the clocks skip in spring is read with the offset that holds after the gap.
CREATE OR REPLACE MACRO ch_instant(wall, zone) AS
    ch_day_start(wall, zone) - (ch_local(ch_day_start(wall, zone), zone) - wall);
CREATE OR REPLACE MACRO ch_now() AS date_trunc('second', timezone('UTC', now()));
CREATE OR REPLACE MACRO ch_floor(t, step) AS make_timestamp((epoch_us(t) // 1000000 // step * step) * 1000000);
CREATE OR REPLACE MACRO ch_floor_local(t, wall, step) AS
    make_timestamp(epoch_us(t) - (epoch_us(wall) % (CAST(step AS BIGINT) * 1000000)));
CREATE OR REPLACE MACRO ch_floor_since(t, start, step) AS
    make_timestamp(epoch_us(start)
        + (epoch_us(t) - epoch_us(start)) // (step * CAST(1000000 AS BIGINT)) * (step * CAST(1000000 AS BIGINT)));
-- Lord Howe's clocks change by half an hour: from then on to midnight its hours start half past.
CREATE OR REPLACE MACRO ch_hour_start(t, zone) AS
    CASE WHEN zone IN ('Australia/Lord_Howe', 'Australia/LHI')
         THEN ch_floor_since(t, ch_day_start(date_trunc('day', ch_local(t, zone)), zone), 3600)
         ELSE ch_floor_local(t, ch_local(t, zone), 3600) END;
CREATE OR REPLACE MACRO ch_floor_in_day(wall, step) AS ch_floor_since(wall, date_trunc('day', wall), step);
CREATE OR REPLACE MACRO ch_month_number(wall, base) AS
    CAST((date_part('year', wall) - base) * 12 + date_part('month', wall) - 1 AS BIGINT);
CREATE OR REPLACE MACRO ch_month_floor(wall, months, base) AS
    make_date(
        CAST(ch_month_number(wall, base) // months * months // 12 + base AS INTEGER),
        CAST(ch_month_number(wall, base) // months * months % 12 + 1 AS INTEGER),
        1
    );
CREATE OR REPLACE MACRO ch_time_slots(t, duration, size) AS
    list_transform(range(epoch_us(t) // 1000000 // size, (epoch_us(t) // 1000000 + duration) // size + 1),
                   lambda n: make_timestamp(n * size * 1000000));

-- The ends of what a Date and a DateTime can hold.
CREATE OR REPLACE MACRO ch_clamped_date(d) AS
    CASE WHEN d < DATE '1970-01-01' THEN DATE '1970-01-01' WHEN d > DATE '2149-06-06' THEN DATE '2149-06-06' ELSE d END;
CREATE OR REPLACE MACRO ch_wrapped_date(d) AS
    DATE '1970-01-01' + CAST(date_diff('day', DATE '1970-01-01', d) & 65535 AS INTEGER);
CREATE OR REPLACE MACRO ch_clamped_time(t) AS
    CASE WHEN t < TIMESTAMP '1970-01-01' THEN TIMESTAMP '1970-01-01'
         WHEN t > TIMESTAMP '2106-02-07 06:28:15' THEN TIMESTAMP '2106-02-07 06:28:15' ELSE t END;
CREATE OR REPLACE MACRO ch_time_of(n) AS
    CASE WHEN n < 0 THEN TIMESTAMP '1970-01-01' WHEN n > 4294967295 THEN TIMESTAMP '2106-02-07 06:28:15'
         ELSE make_timestamp(CAST(n AS BIGINT) * 1000000) END;
-- A number below 65536 is a day, any other a Unix time.
CREATE OR REPLACE MACRO ch_date(n) AS
    CASE WHEN n < 0 THEN DATE '1970-01-01' WHEN n < 65536 THEN DATE '1970-01-01' + CAST(n AS INTEGER)
         ELSE CAST(ch_time_of(n) AS DATE) END;
CREATE OR REPLACE MACRO ch_date32(n) AS
    CASE WHEN n < 120530 THEN DATE '1970-01-01' + CAST(greatest(n, -25567) AS INTEGER) ELSE CAST(ch_time_of(n) AS DATE) END;

-- Dates and times from text.
CREATE OR REPLACE MACRO ch_time_text(s, zone) AS
    CASE WHEN regexp_full_match(s, '[0-9]{5,10}') THEN make_timestamp(CAST(s AS BIGINT) * 1000000)
         ELSE ch_instant(CAST(s AS TIMESTAMP), zone) END;
-- A day past the end of its month is in the next one.
CREATE OR REPLACE MACRO ch_date_text(s) AS
    CASE WHEN regexp_full_match(s, '[0-9]{8}') THEN CAST(strptime(s, '%Y%m%d') AS DATE)
         WHEN regexp_matches(s, '^[0-9]{4}-[0-9]{2}-(29|30|31)')
         THEN CAST(left(s, 8) || '01' AS DATE) + CAST(substring(s, 9, 2) AS INTEGER) - 1
         ELSE CAST(CAST(s AS TIMESTAMP) AS DATE) END;
CREATE OR REPLACE MACRO ch_try_best_effort(s, zone) AS
    CASE WHEN regexp_full_match(s, '[0-9]{9,10}') THEN make_timestamp(CAST(s AS BIGINT) * 1000000)
         WHEN regexp_matches(s, '(Z|[+-][0-9]{2}:?[0-9]{2})$') AND length(s) > 10
         THEN timezone('UTC', TRY_CAST(regexp_replace(s, '([+-][0-9]{2})([0-9]{2})$', '\1:\2') AS TIMESTAMPTZ))
         WHEN regexp_matches(s, ' (GMT|UTC)$')
         THEN try_strptime(left(s, length(s) - 4), ['%a, %d %b %Y %H:%M:%S', '%d %b %Y %H:%M:%S', '%Y-%m-%d %H:%M:%S'])
         ELSE ch_instant(coalesce(TRY_CAST(replace(s, '/', '-') AS TIMESTAMP), try_strptime(s, [
             '%Y%m%d%H%M%S', '%Y%m%d', '%d/%m/%Y %H:%M:%S', '%d/%m/%Y', '%b %d %Y %H:%M:%S', '%b %d %Y',
             '%d %b %Y %H:%M:%S', '%d %b %Y', '%d %B %Y %H:%M:%S', '%d %B %Y', '%B %d %Y', '%a, %d %b %Y %H:%M:%S'
         ])), zone) END;
CREATE OR REPLACE MACRO ch_best_effort(s, zone) AS
    CASE WHEN s IS NOT NULL
         THEN coalesce(ch_try_best_effort(s, zone), error('Cannot parse ''' || s || ''' as a time')) END;
CREATE OR REPLACE MACRO ch_offset_text(minutes) AS
    CASE WHEN minutes < 0 THEN '-' ELSE '+' END || lpad(CAST(abs(minutes) // 60 AS VARCHAR), 2, '0')
    || lpad(CAST(abs(minutes) % 60 AS VARCHAR), 2, '0');

-- Dates and times from numbers.
CREATE OR REPLACE MACRO ch_make_date(y, m, d, least_) AS
    CASE WHEN y < least_ OR y > least_ + 399 OR m < 1 OR m > 12 OR d < 1 OR d > 31 THEN DATE '1970-01-01'
         ELSE make_date(CAST(y AS INTEGER), CAST(m AS INTEGER), 1) + CAST(d AS INTEGER) - 1 END;
CREATE OR REPLACE MACRO ch_make_year_date(y, d, least_) AS
    CASE WHEN y < least_ OR y > least_ + 399 OR d < 1 OR d > 365 THEN DATE '1970-01-01'
         ELSE make_date(CAST(y AS INTEGER), 1, 1) + CAST(d AS INTEGER) - 1 END;
CREATE OR REPLACE MACRO ch_make_time(y, mo, d, h, mi, s) AS
    CASE WHEN h < 0 OR h > 23 OR mi < 0 OR mi > 59 OR s < 0 OR s > 59 THEN TIMESTAMP '1970-01-01'
         ELSE CAST(ch_make_date(y, mo, d, 1970) AS TIMESTAMP) + to_seconds(h * 3600 + mi * 60 + s) END;

CREATE OR REPLACE MACRO ch_past_month(t) AS epoch_us(CAST(t AS TIMESTAMP)) - epoch_us(date_trunc('month', CAST(t AS TIMESTAMP)));
CREATE OR REPLACE MACRO ch_age_in_months(a, b) AS
    date_diff('month', a, b)
    + CASE WHEN b >= a AND ch_past_month(b) < ch_past_month(a) THEN -1
           WHEN b < a AND ch_past_month(b) > ch_past_month(a) THEN 1 ELSE 0 END;

-- Weeks as MySQL counts them. The first week starts with the first such weekday of the year, or is the first that has
-- four days or more in it.
CREATE OR REPLACE MACRO ch_weekday(d, monday) AS
    CAST(CASE WHEN monday THEN date_part('isodow', d) - 1 ELSE date_part('dow', d) END AS INTEGER);
CREATE OR REPLACE MACRO ch_first_week(jan, monday, weekday_first) AS
    jan + CASE WHEN weekday_first THEN (7 - ch_weekday(jan, monday)) % 7
               WHEN ch_weekday(jan, monday) < 4 THEN - ch_weekday(jan, monday)
               ELSE 7 - ch_weekday(jan, monday) END;
CREATE OR REPLACE MACRO ch_first_week_of(y, monday, weekday_first) AS
    ch_first_week(make_date(CAST(y AS INTEGER), 1, 1), monday, weekday_first);
CREATE OR REPLACE MACRO ch_week_year(d, monday, weekday_first) AS
    CASE WHEN d < ch_first_week_of(date_part('year', d), monday, weekday_first) THEN date_part('year', d) - 1
         WHEN d >= ch_first_week_of(date_part('year', d) + 1, monday, weekday_first) THEN date_part('year', d) + 1
         ELSE date_part('year', d) END;
CREATE OR REPLACE MACRO ch_week_of_any_year(d, monday, weekday_first) AS
    date_diff('day', ch_first_week_of(ch_week_year(d, monday, weekday_first), monday, weekday_first), d) // 7 + 1;
CREATE OR REPLACE MACRO ch_week_of_year(d, monday, weekday_first) AS
    CASE WHEN d < ch_first_week_of(date_part('year', d), monday, weekday_first) THEN 0
         ELSE date_diff('day', ch_first_week_of(date_part('year', d), monday, weekday_first), d) // 7 + 1 END;

-- Comparisons with NaN: nothing is equal to it, less or greater.
CREATE OR REPLACE MACRO ch_equals(a, b) AS (a = b AND NOT isnan(a));
CREATE OR REPLACE MACRO ch_notEquals(a, b) AS (a <> b OR isnan(a));
CREATE OR REPLACE MACRO ch_less(a, b) AS (a < b AND NOT isnan(b));
CREATE OR REPLACE MACRO ch_greater(a, b) AS (a > b AND NOT isnan(a));
CREATE OR REPLACE MACRO ch_lessOrEquals(a, b) AS (a <= b AND NOT isnan(b));
CREATE OR REPLACE MACRO ch_greaterOrEquals(a, b) AS (a >= b AND NOT isnan(a));

-- Arithmetic.
CREATE OR REPLACE MACRO ch_divide(a, b) AS
    CASE WHEN b <> 0 THEN a / b
         WHEN b = 0 AND (a = 0 OR isnan(a)) THEN CAST('nan' AS DOUBLE)
         WHEN b = 0 AND a > 0 THEN CAST('inf' AS DOUBLE)
         WHEN b = 0 AND a < 0 THEN CAST('-inf' AS DOUBLE) END;
CREATE OR REPLACE MACRO ch_scaled_text(n, scale) AS
    CASE WHEN n < 0 THEN '-' ELSE '' END
    || CASE WHEN scale = 0 THEN CAST(abs(n) AS VARCHAR)
            ELSE left(lpad(CAST(abs(n) AS VARCHAR), 40, '0'), 40 - scale) || '.'
                 || right(lpad(CAST(abs(n) AS VARCHAR), 40, '0'), scale) END;
-- A decimal's digits as a whole number.
CREATE OR REPLACE MACRO ch_unscaled(a) AS CAST(replace(CAST(a AS VARCHAR), '.', '') AS HUGEINT);
CREATE OR REPLACE MACRO ch_decimal_divide(a, b, scale) AS
    CASE WHEN b = 0 THEN error('Division by zero') ELSE ch_scaled_text(a // b, scale) END;
-- The lowest bits of a whole number as a signed one; `half` is 2 to the bits less 1.
CREATE OR REPLACE MACRO ch_lowest_signed(n, half) AS
    ((CAST(n AS HUGEINT) + CAST(half AS HUGEINT)) & (2 * CAST(half AS HUGEINT) - 1)) - CAST(half AS HUGEINT);
-- A float as the processor makes a whole number of it: what does not fit is the least, which `least_` is.
CREATE OR REPLACE MACRO ch_whole(x, least_) AS
    CASE WHEN x > least_ AND x < -least_ THEN CAST(trunc(x) AS HUGEINT)
         WHEN isfinite(x) THEN CAST(least_ AS HUGEINT)
         WHEN x IS NOT NULL THEN error('Unexpected inf or nan to integer conversion') END;
CREATE OR REPLACE MACRO ch_positive(rest, divisor) AS CASE WHEN rest < 0 THEN rest + abs(divisor) ELSE rest END;
CREATE OR REPLACE MACRO ch_fmod(a, b) AS CASE WHEN a < 0 THEN - fmod(- a, abs(b)) ELSE fmod(a, abs(b)) END;
CREATE OR REPLACE MACRO ch_positive_fmod(a, b) AS ch_positive(ch_fmod(a, b), b);
CREATE OR REPLACE MACRO ch_step_floor(n, step) AS n - ((n % step) + step) % step;
CREATE OR REPLACE MACRO ch_step_ceil(n, step) AS n + (step - n % step) % step;
CREATE OR REPLACE MACRO ch_step_trunc(n, step) AS n - n % step;
CREATE OR REPLACE MACRO ch_step_round(n, step) AS (n + sign(n) * (step // 2)) // step * step;
CREATE OR REPLACE MACRO ch_step_bankers(n, step) AS
    CASE WHEN 2 * abs(n % step) = step AND (n // step) % 2 = 0 THEN n - n % step ELSE ch_step_round(n, step) END;
CREATE OR REPLACE MACRO ch_bucket(x, low, high, count_) AS
    CASE WHEN x IS NULL OR low IS NULL OR high IS NULL OR count_ IS NULL THEN NULL
         WHEN low >= high OR x < low THEN 0 WHEN x >= high THEN count_ + 1
         ELSE floor((x - low) * count_ / (high - low)) + 1 END;
CREATE OR REPLACE MACRO ch_sqrt(x) AS CASE WHEN x < 0 THEN CAST('nan' AS DOUBLE) ELSE sqrt(x) END;
CREATE OR REPLACE MACRO ch_asin(x) AS CASE WHEN abs(x) > 1 THEN CAST('nan' AS DOUBLE) ELSE asin(x) END;
CREATE OR REPLACE MACRO ch_acos(x) AS CASE WHEN abs(x) > 1 THEN CAST('nan' AS DOUBLE) ELSE acos(x) END;
CREATE OR REPLACE MACRO ch_acosh(x) AS CASE WHEN x < 1 THEN CAST('nan' AS DOUBLE) ELSE acosh(x) END;
CREATE OR REPLACE MACRO ch_atanh(x) AS
    CASE WHEN abs(x) > 1 THEN CAST('nan' AS DOUBLE) WHEN abs(x) = 1 THEN x * CAST('inf' AS DOUBLE) ELSE atanh(x) END;
CREATE OR REPLACE MACRO ch_exp10(x) AS pow(10e0, x);
CREATE OR REPLACE MACRO ch_sigmoid(x) AS 1 / (1 + exp(- x));
CREATE OR REPLACE MACRO ch_tgamma(x) AS gamma(x);
CREATE OR REPLACE MACRO ch_hypot(a, b) AS sqrt(a * a + b * b);
CREATE OR REPLACE MACRO ch_intexp2(n) AS
    CASE WHEN n < 0 THEN CAST(0 AS UBIGINT) WHEN n < 64 THEN CAST(CAST(1 AS HUGEINT) << CAST(n AS INTEGER) AS UBIGINT)
         WHEN n IS NOT NULL THEN 18446744073709551615 END;
CREATE OR REPLACE MACRO ch_intexp10(n) AS
    CASE WHEN n < 0 THEN CAST(0 AS UBIGINT) WHEN n < 20 THEN CAST('1' || repeat('0', n) AS UBIGINT)
         WHEN n IS NOT NULL THEN 18446744073709551615 END;
CREATE OR REPLACE MACRO ch_even_digits(s) AS CASE WHEN length(s) % 2 = 1 THEN '0' || s ELSE s END;
CREATE OR REPLACE MACRO ch_binary(s) AS lpad(s, CAST((length(s) + 7) // 8 * 8 AS INTEGER), '0');

-- Numbers in words. Ties go up, away from zero.
CREATE OR REPLACE MACRO ch_two_places(x) AS CAST(round(CAST(x AS DECIMAL(38, 10)), 2) AS VARCHAR);
CREATE OR REPLACE MACRO ch_steps(x, base, most) AS len(list_filter(range(1, most), lambda i: abs(x) >= pow(base, i)));
CREATE OR REPLACE MACRO ch_readable(x, base, units) AS
    ch_two_places(x / pow(base, ch_steps(x, base, len(units)))) || units[ch_steps(x, base, len(units)) + 1];
CREATE OR REPLACE MACRO ch_counted(n, unit) AS CASE WHEN n = 0 THEN '' WHEN n = 1 THEN '1 ' || unit ELSE n || ' ' || unit || 's' END;
CREATE OR REPLACE MACRO ch_joined(parts) AS
    CASE len(parts) WHEN 0 THEN '0 seconds' WHEN 1 THEN parts[1]
         ELSE array_to_string(parts[1:-2], ', ') || ' and ' || parts[-1] END;
CREATE OR REPLACE MACRO ch_in_words(x, parts) AS
    CASE WHEN x <= -1 THEN '-' ELSE '' END || ch_joined(list_filter(parts, lambda p: p <> ''));
CREATE OR REPLACE MACRO ch_eighths(n) AS
    repeat('█', n // 8) || ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'][n % 8 + 1];
CREATE OR REPLACE MACRO ch_bar(x, low, high, width) AS
    CASE WHEN x IS NULL OR low IS NULL OR high IS NULL OR width IS NULL THEN NULL
         WHEN isnan(x) OR low >= high OR x <= low THEN ''
         ELSE ch_eighths(CAST(floor(8 * CASE WHEN x >= high THEN width ELSE (x - low) * width / (high - low) END) AS BIGINT)) END;
CREATE OR REPLACE MACRO ch_log(x) AS
    CASE WHEN x > 0 THEN ln(x) WHEN x = 0 THEN CAST('-inf' AS DOUBLE) WHEN x < 0 THEN CAST('nan' AS DOUBLE) END;
CREATE OR REPLACE MACRO ch_log2(x) AS
    CASE WHEN x > 0 THEN log2(x) WHEN x = 0 THEN CAST('-inf' AS DOUBLE) WHEN x < 0 THEN CAST('nan' AS DOUBLE) END;
CREATE OR REPLACE MACRO ch_log10(x) AS
    CASE WHEN x > 0 THEN log10(x) WHEN x = 0 THEN CAST('-inf' AS DOUBLE) WHEN x < 0 THEN CAST('nan' AS DOUBLE) END;
CREATE OR REPLACE MACRO ch_log1p(x) AS ch_log(1 + x);

-- Texts.
CREATE OR REPLACE MACRO ch_integer_text(s) AS
    CASE WHEN s IS NULL OR regexp_full_match(s, '[+-]?[0-9]+') THEN s
         ELSE error('Cannot parse ''' || s || ''' as an integer') END;
CREATE OR REPLACE MACRO ch_natural_text(s) AS
    CASE WHEN s IS NULL OR regexp_full_match(s, '[+]?[0-9]+') THEN s
         ELSE error('Cannot parse ''' || s || ''' as an integer without a sign') END;
CREATE OR REPLACE MACRO ch_float_text_only(s) AS
    CASE WHEN s IS NULL OR regexp_full_match(s, '[^\s_]+') THEN s ELSE error('Cannot parse ''' || s || ''' as a number') END;
CREATE OR REPLACE MACRO ch_try_float_text(s) AS CASE WHEN regexp_full_match(s, '[^\s_]+') THEN s END;
CREATE OR REPLACE MACRO ch_bool_text(s) AS
    CASE WHEN lower(s) IN ('true', 't', 'yes', 'y', 'on', 'enable', 'enabled', '1') THEN TRUE
         WHEN lower(s) IN ('false', 'f', 'no', 'n', 'off', 'disable', 'disabled', '0') THEN FALSE
         WHEN s IS NOT NULL THEN error('Cannot parse ''' || s || ''' as a Bool') END;
CREATE OR REPLACE MACRO ch_try_integer_text(s) AS CASE WHEN regexp_full_match(s, '[+-]?[0-9]+') THEN s END;
CREATE OR REPLACE MACRO ch_decimal_text(s) AS
    CASE WHEN contains(s, '.') THEN rtrim(rtrim(s, '0'), '.') ELSE s END;
CREATE OR REPLACE MACRO ch_float_text(x) AS
    CASE WHEN x = trunc(x) AND abs(x) < 1e15 THEN CAST(TRY_CAST(x AS BIGINT) AS VARCHAR)
         WHEN isfinite(x) AND abs(x) >= 1e15 AND abs(x) < 1e21
         THEN CAST(TRY_CAST(CAST(x AS VARCHAR) AS DECIMAL(38, 0)) AS VARCHAR)
         WHEN abs(x) < 1 AND abs(x) >= 1e-6
         THEN ch_decimal_text(CAST(TRY_CAST(CAST(x AS VARCHAR) AS DECIMAL(38, 26)) AS VARCHAR))
         ELSE replace(regexp_replace(CAST(x AS VARCHAR), 'e([+-])0*', 'e\1'), 'e+', 'e') END;
-- From an offset that may lie before the text; a size below 0 leaves out as many at the end.
CREATE OR REPLACE MACRO ch_slice(s, offset_, size) AS
    CASE WHEN size IS NULL THEN substring(s, greatest(offset_, 0) + 1)
         WHEN size >= 0 THEN substring(s, greatest(offset_, 0) + 1, greatest(size + least(offset_, 0), 0))
         ELSE substring(s, greatest(offset_, 0) + 1, greatest(length(s) - greatest(offset_, 0) + size, 0)) END;
CREATE OR REPLACE MACRO ch_substring(s, start, size) AS
    CASE WHEN start = 0 THEN ''
         WHEN strlen(s) = length(s) THEN
             ch_slice(s, CASE WHEN start > 0 THEN start - 1 ELSE length(s) + start END, size)
         ELSE decode(unhex(ch_slice(hex(s), 2 * CASE WHEN start > 0 THEN start - 1 ELSE strlen(s) + start END, 2 * size))) END;
CREATE OR REPLACE MACRO ch_substring_utf8(s, start, size) AS
    CASE WHEN start = 0 THEN '' ELSE ch_slice(s, CASE WHEN start > 0 THEN start - 1 ELSE length(s) + start END, size) END;
CREATE OR REPLACE MACRO ch_left(s, n) AS
    CASE WHEN strlen(s) = length(s) THEN left(s, n) ELSE decode(unhex(left(hex(s), 2 * n))) END;
CREATE OR REPLACE MACRO ch_right(s, n) AS
    CASE WHEN strlen(s) = length(s) THEN right(s, n) ELSE decode(unhex(right(hex(s), 2 * n))) END;
CREATE OR REPLACE MACRO ch_reverse(s) AS
    CASE WHEN strlen(s) = length(s) THEN reverse(s) ELSE error('reverse of text that is not ASCII turns bytes; use reverseUTF8') END;
CREATE OR REPLACE MACRO ch_position(s, needle) AS
    CAST(CASE WHEN strpos(s, needle) = 0 THEN 0 ELSE strlen(left(s, strpos(s, needle) - 1)) + 1 END AS UBIGINT);
CREATE OR REPLACE MACRO ch_count_substrings(s, needle) AS
    CAST(CASE WHEN needle = '' THEN 0 ELSE (strlen(s) - strlen(replace(s, needle, ''))) // strlen(needle) END AS UBIGINT);
CREATE OR REPLACE MACRO ch_replace_regexp(s, pattern, other, options) AS
    CASE WHEN pattern = '' THEN s ELSE regexp_replace(s, pattern, other, options) END;
CREATE OR REPLACE MACRO ch_replace_one(s, needle, other) AS
    CASE WHEN needle = '' OR strpos(s, needle) = 0 THEN s
         ELSE left(s, strpos(s, needle) - 1) || other || substring(s, strpos(s, needle) + length(needle)) END;
CREATE OR REPLACE MACRO ch_array_distinct(a) AS
    list_filter(a, lambda x, i: x IS NOT NULL AND list_position(a, x) = i);

-- Arrays.
CREATE OR REPLACE MACRO ch_array_compact(a) AS list_filter(a, lambda x, i: i = 1 OR x IS DISTINCT FROM a[i - 1]);
CREATE OR REPLACE MACRO ch_array_slice(a, start, size) AS
    list_slice(a,
        CASE WHEN start > 0 THEN start ELSE greatest(len(a) + start + 1, 1) END,
        CASE WHEN size IS NULL THEN len(a) WHEN size < 0 THEN len(a) + size
             WHEN start > 0 THEN start + size - 1 ELSE len(a) + start + size END);
CREATE OR REPLACE MACRO ch_array_jaccard(a, b) AS
    len(list_intersect(a, b)) / CAST(len(list_distinct(list_concat(a, b))) AS DOUBLE);
CREATE OR REPLACE MACRO ch_array_ordinals(a) AS
    list_transform(a, lambda x, i: len(list_filter(a[1:i], lambda y: y IS NOT DISTINCT FROM x)));
CREATE OR REPLACE MACRO ch_array_kinds(a) AS
    list_transform(a, lambda x: list_position(ch_array_distinct(a), x));
CREATE OR REPLACE MACRO ch_first_true(flags) AS coalesce(list_position(flags, TRUE), 0);
CREATE OR REPLACE MACRO ch_last_true(flags) AS
    CASE WHEN list_contains(flags, TRUE) THEN len(flags) + 1 - list_position(list_reverse(flags), TRUE) ELSE 0 END;
CREATE OR REPLACE MACRO ch_array_fill(a, flags) AS
    list_transform(a, lambda x, i: a[greatest(ch_last_true(flags[1:i]), 1)]);
CREATE OR REPLACE MACRO ch_array_reverse_fill(a, flags) AS
    list_transform(a, lambda x, i: a[CASE WHEN list_contains(flags[i:], TRUE) THEN i + ch_first_true(flags[i:]) - 1
                                          ELSE len(a) END]);
CREATE OR REPLACE MACRO ch_array_running(a) AS list_transform(a, lambda x, i: list_sum(list_slice(a, 1, i)));
CREATE OR REPLACE MACRO ch_array_difference(a) AS
    list_transform(a, lambda x, i: CASE WHEN i = 1 THEN 0 ELSE x - a[i - 1] END);
-- A value inside an array, tuple or map as text.
CREATE OR REPLACE MACRO ch_quoted(s) AS '''' || replace(replace(s, '\', '\\'), '''', '\''') || '''';

-- Addresses. A host has a dot in it, and not as its last character.
CREATE OR REPLACE MACRO ch_url_host(s) AS
    regexp_extract(s, '^(?://|.[a-zA-Z0-9.+-]{0,12}://)?(?:[^@:/?#\s<>{}|\\^\[\]]*@)?'
        || '([^:/?#@\s<>{}|\\^\[\];=&~%]+)(?:[:/?#@]|$)', 1);
CREATE OR REPLACE MACRO ch_url_domain(s) AS
    CASE WHEN s IS NULL THEN NULL WHEN regexp_matches(ch_url_host(s), '\..*[^.]$') THEN ch_url_host(s) ELSE '' END;
CREATE OR REPLACE MACRO ch_url_domainwithoutwww(s) AS regexp_replace(ch_url_domain(s), '^www\.', '');
CREATE OR REPLACE MACRO ch_url_protocol(s) AS regexp_extract(s, '^([a-zA-Z][a-zA-Z0-9+.-]*):(?s:...)', 1);
CREATE OR REPLACE MACRO ch_url_pathfull(s) AS
    CASE WHEN regexp_matches(s, '^[^/]*//') THEN regexp_extract(s, '^[^/]*//[^/]*((?s)/.*)', 1)
         ELSE regexp_extract(s, '^[^/]*((?s)/.*)', 1) END;
CREATE OR REPLACE MACRO ch_url_path(s) AS regexp_extract(ch_url_pathfull(s), '^[^?#]*');
CREATE OR REPLACE MACRO ch_url_querystring(s) AS regexp_extract(s, '\?([^#]*)', 1);
CREATE OR REPLACE MACRO ch_url_fragment(s) AS regexp_extract(s, '(?s)#(.*)', 1);
CREATE OR REPLACE MACRO ch_url_querystringandfragment(s) AS
    CASE WHEN strpos(s, '?') > 0 THEN regexp_extract(s, '(?s)\?(.*)', 1) ELSE regexp_extract(s, '(?s)#.*') END;
CREATE OR REPLACE MACRO ch_url_cutwww(s) AS
    regexp_replace(s, '^((?:[a-zA-Z][a-zA-Z0-9+.-]*:)?//(?:[^:/?#]*@)?)www\.(?s:(.))', '\1\2');
CREATE OR REPLACE MACRO ch_url_cutquerystring(s) AS regexp_replace(s, '\?[^#]*', '');
CREATE OR REPLACE MACRO ch_url_cutfragment(s) AS regexp_replace(s, '(?s)#.*', '');
CREATE OR REPLACE MACRO ch_url_cutquerystringandfragment(s) AS
    CASE WHEN strpos(s, '?') > 0 THEN regexp_replace(s, '(?s)\?.*', '') ELSE regexp_replace(s, '(?s)#.*', '') END;
CREATE OR REPLACE MACRO ch_url_encodeurlcomponent(s) AS url_encode(s);
CREATE OR REPLACE MACRO ch_url_encodeurlformcomponent(s) AS replace(url_encode(s), '%20', '+');
CREATE OR REPLACE MACRO ch_url_decodeurlcomponent(s) AS url_decode(s);
CREATE OR REPLACE MACRO ch_url_decodeurlformcomponent(s) AS url_decode(replace(s, '+', ' '));
CREATE OR REPLACE MACRO ch_url_parameter(s, name) AS
    regexp_extract(s, '(?s)^[^?#]*(?:[?#]|[?#].*?[?&#])' || regexp_escape(name) || '=([^&#]*)', 1);
-- The address up to each of its slashes, marks and hashes: the head, then the head with one piece more, and so on.
CREATE OR REPLACE MACRO ch_url_head(s) AS
    CASE WHEN regexp_matches(s, '^[a-z0-9]+://') THEN regexp_extract(s, '^[a-z0-9]+://[^/?#]*[/?#]?') ELSE s END;
CREATE OR REPLACE MACRO ch_url_growing(head, s) AS
    list_transform(regexp_extract_all(substring(s, length(head) + 1), '[/?#]*[^/?#]+[/?#]?'), lambda x, i: head
        || array_to_string(list_slice(regexp_extract_all(substring(s, length(head) + 1), '[/?#]*[^/?#]+[/?#]?'), 1, i), ''));
CREATE OR REPLACE MACRO ch_url_hierarchy(s) AS
    CASE WHEN coalesce(s, '') = '' THEN CAST([] AS VARCHAR[]) ELSE list_prepend(ch_url_head(s), ch_url_growing(ch_url_head(s), s)) END;

-- JSON in texts. A text that is no JSON has nothing in it.
CREATE OR REPLACE MACRO ch_json(s) AS CASE WHEN s <> '' THEN TRY(CAST(s AS JSON)) END;
CREATE OR REPLACE MACRO ch_json_string(s, path) AS
    CASE WHEN s IS NULL THEN NULL
         WHEN coalesce(json_type(ch_json(s), path), 'NULL') = 'NULL' THEN ''
         WHEN json_type(ch_json(s), path) = 'VARCHAR' THEN json_extract_string(ch_json(s), path)
         WHEN json_type(ch_json(s), path) = 'DOUBLE'
         THEN ch_float_text(TRY_CAST(json_extract_string(ch_json(s), path) AS DOUBLE))
         ELSE CAST(json_extract(ch_json(s), path) AS VARCHAR) END;
CREATE OR REPLACE MACRO ch_json_raw(s, path) AS
    CASE WHEN s IS NULL THEN NULL ELSE coalesce(CAST(json_extract(ch_json(s), path) AS VARCHAR), '') END;
CREATE OR REPLACE MACRO ch_json_float(s, path) AS
    CASE WHEN s IS NULL THEN NULL
         WHEN json_type(ch_json(s), path) IN ('BIGINT', 'UBIGINT', 'DOUBLE', 'VARCHAR', 'HUGEINT')
         THEN coalesce(TRY_CAST(json_extract_string(ch_json(s), path) AS DOUBLE), 0) ELSE CAST(0 AS DOUBLE) END;
CREATE OR REPLACE MACRO ch_json_int(s, path) AS
    CASE WHEN s IS NULL THEN NULL
         WHEN ch_try_integer_text(json_extract_string(ch_json(s), path)) IS NOT NULL
         THEN coalesce(TRY_CAST(json_extract_string(ch_json(s), path) AS BIGINT), 0)
         WHEN json_type(ch_json(s), path) IN ('DOUBLE', 'VARCHAR')
         THEN coalesce(TRY_CAST(trunc(TRY_CAST(json_extract_string(ch_json(s), path) AS DOUBLE)) AS BIGINT), 0)
         ELSE CAST(0 AS BIGINT) END;
CREATE OR REPLACE MACRO ch_json_uint(s, path) AS
    CASE WHEN s IS NULL THEN NULL
         WHEN json_type(ch_json(s), path) IN ('BIGINT', 'UBIGINT', 'VARCHAR')
         THEN coalesce(TRY_CAST(ch_try_integer_text(json_extract_string(ch_json(s), path)) AS UBIGINT), 0)
         ELSE CAST(0 AS UBIGINT) END;
CREATE OR REPLACE MACRO ch_json_bool(s, path) AS
    CASE WHEN s IS NULL THEN NULL
         WHEN json_type(ch_json(s), path) = 'BOOLEAN' THEN json_extract_string(ch_json(s), path) = 'true'
         WHEN json_type(ch_json(s), path) IN ('BIGINT', 'UBIGINT', 'DOUBLE')
         THEN TRY_CAST(json_extract_string(ch_json(s), path) AS DOUBLE) <> 0
         ELSE FALSE END;
CREATE OR REPLACE MACRO ch_json_has(s, path) AS
    CASE WHEN s IS NOT NULL THEN json_type(ch_json(s), path) IS NOT NULL END;
CREATE OR REPLACE MACRO ch_json_length(s, path) AS
    CASE WHEN s IS NULL THEN NULL
         WHEN json_type(ch_json(s), path) = 'ARRAY' THEN CAST(json_array_length(ch_json(s), path) AS UBIGINT)
         WHEN json_type(ch_json(s), path) = 'OBJECT' THEN CAST(len(json_keys(ch_json(s), path)) AS UBIGINT)
         ELSE CAST(0 AS UBIGINT) END;

-- A level that is a parameter: one that is none becomes 2, which DuckDB refuses; a level below 0 counts down there.
CREATE OR REPLACE MACRO ch_level(p) AS CASE WHEN p BETWEEN 0 AND 1 THEN p ELSE 2e0 END;
-- Quantiles of sorted lists: the element at a place counted from 0, and the places that each family of quantiles picks.
CREATE OR REPLACE MACRO ch_at(sorted, place) AS
    list_extract(sorted, least(greatest(CAST(place AS BIGINT), 0), len(sorted) - 1) + 1);
CREATE OR REPLACE MACRO ch_nearest(sorted, level) AS ch_at(sorted, floor(level * len(sorted)));
CREATE OR REPLACE MACRO ch_nearest_low(sorted, level) AS
    ch_at(sorted, CASE WHEN level = 0.5 THEN (len(sorted) - 1) // 2 ELSE floor(level * len(sorted)) END);
CREATE OR REPLACE MACRO ch_exclusive(sorted, level) AS
    ch_at(sorted, floor(level * (len(sorted) + 1)) - 1)
    + CASE WHEN level * (len(sorted) + 1) BETWEEN 1 AND len(sorted)
           THEN (level * (len(sorted) + 1) - floor(level * (len(sorted) + 1)))
                * (CAST(ch_at(sorted, floor(level * (len(sorted) + 1))) AS DOUBLE)
                   - ch_at(sorted, floor(level * (len(sorted) + 1)) - 1))
           ELSE 0 END;
-- Of values with weights, {v, w}: the value at which the weights add up to a share of their sum.
CREATE OR REPLACE MACRO ch_reached(sorted, share) AS
    CASE WHEN len(sorted) > 0 THEN list_extract(list_transform([share], lambda least_: list_reduce(
        sorted, lambda a, p: CASE WHEN a.w < least_ THEN {'v': p.v, 'w': a.w + p.w} ELSE a END)), 1).v END;
CREATE OR REPLACE MACRO ch_weighted(sorted, level) AS
    ch_reached(sorted, ceil(level * list_sum(list_transform(sorted, lambda p: p.w))));
-- The same with the place between two values, each value standing at the middle of its weight.
CREATE OR REPLACE MACRO ch_passed(sorted, share) AS
    CASE WHEN len(sorted) > 0 THEN list_extract(list_transform([share], lambda wanted: list_reduce(
        list_transform(sorted, lambda p: {'v': CAST(p.v AS DOUBLE), 'w': p.w, 'at': p.w / 2, 'last': CAST(p.v AS DOUBLE)}),
        lambda a, p: CASE
            WHEN a.at >= wanted THEN a
            ELSE {'v': CASE WHEN a.w + p.w / 2 < wanted THEN p.v
                            ELSE a.last + (p.v - a.last) * (wanted - a.at) / (a.w + p.w / 2 - a.at) END,
                  'w': a.w + p.w, 'at': a.w + p.w / 2, 'last': p.v} END)), 1).v END;
CREATE OR REPLACE MACRO ch_weighted_between(sorted, level) AS
    ch_passed(sorted, level * list_sum(list_transform(sorted, lambda p: p.w)));

-- Moments of n numbers, from the sums of their powers: skewness and kurtosis, of a sample or of all.
CREATE OR REPLACE MACRO ch_spread(n, s1, s2, sample) AS
    CASE WHEN n > sample THEN greatest(s2 - s1 * s1 / n, 0) / (n - sample) END;
CREATE OR REPLACE MACRO ch_skew(n, s1, s2, s3, sample) AS
    ch_divide((s3 - 3 * s2 * s1 / n + 2 * s1 * s1 * s1 / n / n) / n, pow(ch_spread(n, s1, s2, sample), 1.5));
CREATE OR REPLACE MACRO ch_kurt(n, s1, s2, s3, s4, sample) AS
    ch_divide(
        (s4 - 4 * s3 * s1 / n + 6 * s2 * s1 * s1 / n / n - 3 * s1 * s1 * s1 * s1 / n / n / n) / n,
        pow(ch_spread(n, s1, s2, sample), 2e0));

-- What a function may make of little: the engine cannot be stopped inside one call. Constants are computed before CASE
-- chooses, hence the bounds inside it.
CREATE OR REPLACE MACRO ch_range(low, high, step) AS
    CASE WHEN step <> 0 AND (high - low) // step > 1000000
         THEN error('At most 1,000,000 elements in an array that a function makes')
         ELSE range(low, CASE WHEN step > 0 THEN least(high, low + 1000001 * step)
                              ELSE greatest(high, low + 1000001 * step) END, step) END;
CREATE OR REPLACE MACRO ch_repeat(s, times) AS
    CASE WHEN strlen(s) * least(times, 1000001) > 1000000
         THEN error('At most 1,000,000 bytes in a text that a function makes')
         ELSE repeat(s, least(times, 1000001)) END;
CREATE OR REPLACE MACRO ch_lpad(s, length_, fill) AS
    CASE WHEN length_ > 1000000 THEN error('At most 1,000,000 bytes in a text that a function makes')
         ELSE lpad(s, least(length_, 1000001), fill) END;
CREATE OR REPLACE MACRO ch_rpad(s, length_, fill) AS
    CASE WHEN length_ > 1000000 THEN error('At most 1,000,000 bytes in a text that a function makes')
         ELSE rpad(s, least(length_, 1000001), fill) END;
CREATE OR REPLACE MACRO ch_pattern(p) AS
    CASE WHEN regexp_matches(p, '\{[0-9]*,?[0-9]{2}') THEN error('At most 9 counted repetitions in a pattern that is computed')
         ELSE p END;
CREATE OR REPLACE MACRO ch_json_elements(s, path) AS
    CASE WHEN json_type(ch_json(s), path) = 'ARRAY'
         THEN CAST(json_extract(ch_json(s), path || '[*]') AS VARCHAR[]) ELSE CAST([] AS VARCHAR[]) END;
CREATE OR REPLACE MACRO ch_json_keys(s, path) AS
    CASE WHEN json_type(ch_json(s), path) = 'OBJECT' THEN json_keys(ch_json(s), path) ELSE CAST([] AS VARCHAR[]) END;
CREATE OR REPLACE MACRO ch_json_members(s, path) AS
    CASE WHEN json_type(ch_json(s), path) = 'OBJECT'
         THEN CAST(json_extract(ch_json(s), path || '.*') AS VARCHAR[]) ELSE CAST([] AS VARCHAR[]) END;
-- Numbers of any size; NULL where there is none.
CREATE OR REPLACE MACRO ch_json_number(s, path) AS
    CASE WHEN json_type(ch_json(s), path) IN ('BIGINT', 'UBIGINT', 'HUGEINT', 'DOUBLE', 'VARCHAR')
         THEN json_extract_string(ch_json(s), path)
         WHEN json_type(ch_json(s), path) = 'BOOLEAN'
         THEN CASE WHEN json_extract_string(ch_json(s), path) = 'true' THEN '1' ELSE '0' END END;
CREATE OR REPLACE MACRO ch_json_whole(s, path) AS
    CASE WHEN json_type(ch_json(s), path) = 'DOUBLE'
         THEN TRY_CAST(trunc(TRY_CAST(json_extract_string(ch_json(s), path) AS DOUBLE)) AS HUGEINT)
         ELSE TRY_CAST(ch_try_integer_text(ch_json_number(s, path)) AS HUGEINT) END;
