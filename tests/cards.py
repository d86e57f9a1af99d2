"""The numbers on the cards of every page against the API's, asked for the same time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.conftest import Perch

Number = float | datetime | None
Numbers = dict[str, dict[str, Number]]

UNITS = {
    "": 1.0,
    "k": 1e3,
    "M": 1e6,
    "B": 1e9,
    "%": 0.01,
    "ms": 1e-3,
    "s": 1.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86_400.0,
    "kB": 1e3,
    "MB": 1e6,
    "GB": 1e9,
}
CARD = re.compile(r"\$?(?P<digits>[\d,]+)(?P<part>\.\d+)? ?(?P<unit>[a-zA-Z%]*)(?P<ago> ago)?")
UNKNOWN = ("—", "unpriced")

MOVING = {"Store": float("inf"), "Forecast for its end": 0.01}
"""By how much of itself a number may have moved since it was asked for: the file grows, the month goes on."""


def period(kind: str, server: Perch) -> dict[str, str]:
    """The start and the end that the address of the pages means: all of the real calls, 30 days of the demo's."""
    if kind == "real":
        held = server.pipe("ingest_health")[0]
        first, last = (datetime.fromisoformat(held[name]) for name in ("first_event_time", "last_event_time"))
        return {"start_date": f"{first:%Y-%m-%d} 00:00:00", "end_date": f"{last + timedelta(days=1):%Y-%m-%d} 00:00:00"}
    now = datetime.now(UTC)
    return {"start_date": f"{now - timedelta(days=29):%Y-%m-%d} 00:00:00", "end_date": f"{now:%Y-%m-%d %H:%M:%S}"}


def numbers(kind: str, server: Perch) -> Numbers:
    """What each card of each page has to say: dollars, seconds, shares, counts, moments for ages; None is unknown."""
    health = server.pipe("ingest_health")[0]
    data = {
        "Events": health["events"],
        "Newest event": _moment(health["last_event_time"]) if health["events"] else None,
        "Last hour": health["events_last_hour"],
        "Quarantined": health["quarantined_events"],
        "Unpriced": health["unpriced_requests"],
        "Store": server.get("/v0/datasources/llm_events").json()["statistics"]["bytes"],
    }
    if kind == "empty":
        return {"data": data}
    asked = period(kind, server)
    totals = server.pipe("llm_totals", **asked)[0]
    requests, failed, cost = totals["requests"], totals["failed_requests"], totals["total_cost"]
    spend = {"Spend": cost, "Requests": requests, "Tokens": totals["total_tokens"]}
    success = {"Success rate": totals["success_rate"]}
    wasted = [row["wasted_cost"] for row in server.pipe("llm_wasted_spend", **asked) if row["wasted_cost"] is not None]
    waste = {"Wasted spend": sum(wasted) if wasted else None}
    units = {
        "Cost / success": _share(cost, totals["priced_successes"]),
        "Cost / active user": _share(cost, totals["users"]),
    }
    speeds = {f"{name} latency": totals[f"{name}_latency"] for name in ("p50", "p95", "p99")}
    return {
        "overview": {
            **spend,
            "Cost / 1k requests": 1000 * cost / (requests - totals["unpriced_requests"]),
            "p95 latency": speeds["p95 latency"],
            **success,
            **_month(server, asked),
        },
        "usage": {**spend, **waste, **units, **_month(server, asked)},
        "performance": {**speeds, "Mean latency": totals["avg_latency"], **success, "Failed requests": failed},
        "errors": {"Error rate": failed / requests, "Failed requests": failed, **waste, **_errors(kind, server, asked)},
        "data": data,
    }


def words(kind: str, server: Perch) -> dict[str, str]:
    """What pages without cards have to say."""
    totals = server.pipe("llm_totals", **period(kind, server))[0]
    return {"models": f"{totals['models']} models", "events": f"1 to 200 of {totals['requests']:,}"}


def wrong(shown: Mapping[str, str], expected: Mapping[str, Number]) -> list[str]:
    """Cards that say another number than the API, are not there, or that nobody checks."""
    said = [f"number: no card {label!r}" for label in expected if label not in shown]
    for label, text in shown.items():
        if label not in expected:
            said.append(f"number: tests/cards.py does not know what {label!r} has to be ({text})")
        elif not equal(text, expected[label], MOVING.get(label, 0.0)):
            said.append(f"number: {label!r} is {text} on the page and {expected[label]} in the API")
    return said


def equal(text: str, value: Number, moved: float = 0.0) -> bool:
    """Whether a card says this number, as far as its digits go; it may have `moved` by a share of itself."""
    if value is None or text in UNKNOWN:
        return value is None and text in UNKNOWN
    if isinstance(value, datetime):
        value = (datetime.now(UTC) - value).total_seconds()
    found = CARD.fullmatch(text)
    if found is None or found["unit"] not in UNITS:
        return text == "now" and value < 120
    unit, part = UNITS[found["unit"]], found["part"] or "."
    last = unit * 10.0 ** -(len(part) - 1)  # what one step of the last digit stands for
    far = abs(float(found["digits"].replace(",", "") + part) * unit - value)
    return (
        far <= last * (1.0 if found["ago"] else 0.5) + moved * value + 1e-9 * unit
    )  # an age goes on while it is looked at


def _month(server: Perch, asked: Mapping[str, str]) -> dict[str, float | None]:
    forecasts = server.pipe("llm_forecast", **asked, timezone="UTC")
    if not forecasts:
        return {}
    told = forecasts[0]
    month, end = (datetime.fromisoformat(told[name]) for name in ("month", "month_end"))
    leads = {"Forecast for its end": told["forecast"]}
    if datetime.now() >= end + timedelta(days=1):
        leads = {"The whole month before": told["last_month_cost"]}
    return {f"Spent in {month:%B %Y}": told["spent"], **leads}


def _errors(kind: str, server: Perch, asked: Mapping[str, str]) -> dict[str, Number]:
    errors = server.pipe("llm_errors", **asked, limit=500)
    compared = server.pipe("llm_errors_compared", **asked)
    last = max((row["last_seen"] for row in errors), default=None)
    return {
        "Kinds of error": len(errors),
        # All time is compared with nothing, so that nothing is new in it.
        "New kinds": None if kind == "real" else sum(row["status"] == "new" for row in compared),
        "Last failure": None if last is None else _moment(last),
    }


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _share(top: Any, bottom: Any) -> float | None:
    return top / bottom if top is not None and bottom else None
