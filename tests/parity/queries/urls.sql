-- Addresses and their parts, well formed and not; what a query holds; %41 written and read.

SELECT arrayJoin(['http://www.a.b/c', 'www.a.b', '//www.a.b/', 'http://user@www.a.b', 'ftp://www.www.a.x/', 'http://a.b/www.b',
    'http://www.', '1://www.a.c', 'http://a.b/?b=1#c', 'http://a.b/#c?d=1', 'a?b', '?', 'http://a.b/?b?c', '', '#?x',
    'http://a.b#c/d', '#', 'a?#', 'http://localhost/x', 'localhost:80', 'a.b/c', 'a.b', 'http://[::1]:8/', 'http://a_b.c/',
    'http://a b.c/', 'mailto:a@b.c', 'http:/x.y/z', 'https://a.b.', 'http://a?x=/y', '/b?c', 'a/b/c', 'HTTPS://X.Y/z', 'a://', 'a:bcd', 'a:bc', 'localhost:8080', 'not a url',
    'http://a.b:80', 'http://.b', 'http://a.b?c', 'https://example.com/a/b?x=1&y=2#f']) AS url, protocol(url) AS protocol,
    domain(url) AS domain, domainWithoutWWW(url) AS without, path(url) AS path, pathFull(url) AS whole, queryString(url) AS query,
    fragment(url) AS fragment, queryStringAndFragment(url) AS both, cutWWW(url) AS w, cutQueryString(url) AS q,
    cutFragment(url) AS f, cutQueryStringAndFragment(url) AS qf ORDER BY url;

SELECT arrayJoin(['https://example.com/a/b?x=1#f', 'example.com/a', '', '/a/b/', 'http://x.y', 'http://x.y/', 'a/b',
    'https://a.b/c//d?q=1&r/2=3#z/y', 'http://a/b/?q', 'http://a///b', 'http://a/?#', 'http://', 'http:///x', 'HTTP://X/y',
    'a1://x/y', 'a-b://x/y', 'http://a b/c d/e', 'http://a?', 'http://a?b#', '//a/b', 'http://a/b//', 'http://ä/ö/ü'])
    AS url, URLHierarchy(url) AS pieces, URLHierarchy(url)[1] AS first, URLHierarchy(url)[2] AS second ORDER BY url;

SELECT arrayJoin(['http://a.b/?x=1&y=2', 'http://a.b/p?xy=5&y=a%20b&y=3', '', 'a?b=1;y=2', 'http://a.b/#y=3', 'y=4', '?y', '?y=',
    'http://a/?yy=1&y=2', 'http://a/&y=1?x=2', 'http://a/#y=2?y=3', 'http://a/?x=y=3&y=4', 'y=1?y=2', 'http://a/y=1&y=2',
    'http://a/?y.=1&y+=2']) AS url, extractURLParameter(url, 'y') AS y, extractURLParameter(url, 'y.') AS dotted,
    extractURLParameter(url, substring('xy', 1, 1)) AS x ORDER BY url;

SELECT arrayJoin(['a b/c?é=1&~*-._+()!', '', '100%', 'a%20b', '%', '%4', '%zz', '%C3%A9', '+', '%2b%2B', 'a+b%2B']) AS s,
    encodeURLComponent(s) AS e, encodeURLFormComponent(s) AS f, decodeURLComponent(s) AS d, decodeURLFormComponent(s) AS g
    ORDER BY s;

SELECT DISTINCT domain(user) AS d, URLHierarchy(user) AS h, extractURLParameter(model, 'a') AS p, encodeURLFormComponent(user)
    AS e FROM events ORDER BY e;
