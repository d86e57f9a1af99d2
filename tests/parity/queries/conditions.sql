-- Conditions, branches and NULL.

SELECT if(NULL, 1, 2), multiIf(0, 1, 0, 2, 3), coalesce(NULL, 2), ifNull(NULL, 'x'), nullIf(1, 1), nullIf('a', 'b'),
    assumeNotNull(toNullable(5)), toNullable(5), isNull(NULL), isNotNull(1), isZeroOrNull(0);

SELECT user = 'ann', user IN ('ann', 'bob'), user NOT IN ('ann'), cached > 3 AND success, cached > 3 OR success,
    cached + 1, cached IS NULL, ifNull(cached, 0) + 1, coalesce(user, provider), nullIf(user, ''), greatest(cached, 2)
    FROM events;

SELECT transform(model, ['gpt-4', 'llama'], ['G', 'L'], 'other'), transform(model, ['gpt-4'], ['G']),
    transform(success, [0, 1], ['no', 'yes'], '?'), transform(delta, [1, 2], [10, 20], 0) FROM events;

SELECT throwIf(delta > 100), ignore(1, 'a'), materialize(5), identity(5), toTypeName(materialize(5)) FROM events;

SELECT 1 IS DISTINCT FROM NULL, NULL IS NOT DISTINCT FROM NULL;

SELECT 1 <=> NULL, 1 <=> 1;

SELECT isNotDistinctFrom(1, NULL), isDistinctFrom(1, 2);

SELECT stream IS TRUE FROM events;

SELECT NULL AND 0, NULL OR 1, NULL AND 1, NOT NULL, xor(1, 0), and(1, 1, 0), or(0, 0);

SELECT case when user = 'ann' then 'A' when user is null then 'N' else user end, case success when 1 then 'y' else 'n'
    end FROM events;
