"""The headers with which pages of any origin may call the API: what guards it is the token, which no browser adds."""

from __future__ import annotations

from typing import Final

CORS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Content-Encoding, Idempotency-Key, If-None-Match",
    "Access-Control-Expose-Headers": (
        "ETag, Retry-After, X-DB-Exception-Code, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, "
        "Idempotent-Replayed"
    ),
    "Access-Control-Max-Age": "7200",  # seconds, the most that Chromium keeps it
}
