"""What the commands `prices` and `reprice` print: tables and sentences from the answers of the API.

Beside the river, over the API as every command (metrics/client.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tabulate import tabulate

from metrics.client import Api

Json = dict[str, Any]

COMPARED = """
SELECT model_name AS model, count() AS requests, countIf(computed_cost IS NULL) AS not_computed,
    countIf(abs(toFloat64(sent_cost) - toFloat64(computed_cost)) < 1.5e-9) AS alike,
    toFloat64(sumIf(sent_cost, computed_cost IS NOT NULL)) AS sent, toFloat64(sum(computed_cost)) AS computed
FROM llm_events WHERE sent_cost IS NOT NULL AND ifNull(cache_hit, 0) = 0
GROUP BY model_name ORDER BY requests DESC, model_name
"""
"""Calls whose cost was sent and computed. Alike are those that differ by no more than a billionth of a dollar."""


def listed(answer: Json) -> str:
    """The models of the stored calls with today's prices, then the project's own prices."""
    rows = [
        [each["model"], each["provider"], f"{each['requests']:,}", *_prices(each), each["origin"] or "unknown"]
        for each in answer["models"]
    ]
    heads = ["model", "provider", "requests", *_HEADS, "from"]
    told = [_table(heads, rows, text=(0, 1, 6)), "Dollars per million tokens."]
    own = [[each["model"], each["provider"], *_prices(each), each["since"], each["origin"]] for each in answer["own"]]
    if own:
        told += ["", "Own prices:", _table(["model", "provider", *_HEADS, "from day", "in"], own, text=(0, 1, 5, 6))]
    return "\n".join(told)


_HEADS = ("input", "output", "cached")


def _prices(priced: Json) -> list[str]:
    """The prices of short prompts; a + says that longer ones have others."""
    if not priced["tiers"]:
        return ["", "", ""]
    sign = "+" if len(priced["tiers"]) > 1 else ""
    return [_dollars(priced["tiers"][0][name]) + sign for name in _HEADS]


def explained(answer: Json) -> str:
    """One model: which entry holds, since when, each price, an example; or the lines to add."""
    name = answer["model"] + (f" of {answer['provider']}" if answer["provider"] else "")
    if not answer["tiers"]:
        return f"{name}: no price is known at {answer['at']} UTC. To add to prices.toml:\n\n{answer['add']}"
    since = f"since {answer['since']}" if answer["since"] else "at all times"
    lines = [f"{name} at {answer['at']} UTC: {answer['origin']}, {since}."]
    for tier in answer["tiers"]:
        if len(answer["tiers"]) > 1:
            lines.append(f"  prompts of more than {tier['above']:,} tokens:" if tier["above"] else "  shorter prompts:")
        lines += [
            f"  {label:<22} {_dollars(tier[key]):>10} per million tokens"
            for key, label in _LABELS.items()
            if tier[key] is not None
        ]
        if tier["request"]:
            lines.append(f"  {'each request':<22} {_dollars(tier['request']):>10}")
    example = answer["example"]
    counts = f"{example['prompt_tokens']:,} prompt and {example['completion_tokens']:,} completion tokens"
    return "\n".join([*lines, f"Example: {counts} cost {_dollars(example['cost'])}."])


_LABELS = {"input": "prompt", "cached": "of it read from cache", "cache_write": "of it written to cache",
           "output": "completion"}  # fmt: skip


def unknown(answer: Json) -> str:
    """The models that have calls without a cost, and the lines to add to prices.toml."""
    found = [each for each in answer["models"] if each["unpriced_requests"]]
    if not found:
        return "Every call has a cost."
    requests, tokens = (sum(each[f"unpriced_{what}"] for each in found) for what in ("requests", "tokens"))
    rows = [
        [each["model"], each["provider"], f"{each['unpriced_requests']:,}", f"{each['unpriced_tokens']:,}",
         each["last_seen"], each["origin"] or ""]
        for each in found
    ]  # fmt: skip
    heads = ["model", "provider", "requests", "tokens", "last seen", "has a price by now"]
    told = [f"unpriced: {requests:,} requests, {tokens:,} tokens", _table(heads, rows, text=(0, 1, 4, 5))]
    if lines := [each["add"] for each in found if each["add"]]:
        told += ["", "To add to prices.toml, with the prices filled in:", "", "\n\n".join(lines)]
    return "\n".join([*told, "", "`python -m metrics reprice` then prices the calls that are stored."])


def compared(perch: Api) -> str:
    """The costs that apps sent against those that are computed, by model."""
    rows = [
        [each["model"], f"{each['requests']:,}", f"{each['not_computed']:,}", f"{each['alike']:,}",
         _cost(each["sent"]), _cost(each["computed"]), _ratio(each["computed"], each["sent"])]
        for each in perch.rows(COMPARED)
    ]  # fmt: skip
    heads = ["model", "requests", "no price", "alike", "sent", "computed", "computed / sent"]
    return f"{_table(heads, rows, text=(0,))}\nAlike: no more than a billionth of a dollar apart."


def differences(models: Sequence[Json]) -> str:
    """What repricing changes, by model."""
    if not models:
        return "Nothing changes: every cost is what the prices say."
    rows = [
        [each["model"], f"{each['requests']:,}", *_change(each, "cost"), *_change(each, "computed_cost")]
        for each in models
    ]
    rows.append(["all", f"{sum(each['requests'] for each in models):,}", *_sums(models)])
    kinds = ("cost", "computed")
    heads = ["model", "requests", *(f"{kind} {part}" for kind in kinds for part in ("old", "new", "difference"))]
    gone = sum(each["newly_unpriced"] for each in models)
    priced = f"{sum(each['newly_priced'] for each in models):,} calls get a cost that had none"
    lost = f", {gone:,} lose theirs" if gone else ""
    return f"{_table(heads, rows, text=(0,))}\n{priced}{lost}."


def _change(each: Json, name: str) -> list[str]:
    return [_cost(each[f"old_{name}"]), _cost(each[f"new_{name}"]), f"{each[f'{name}_difference']:+,.6f}"]


def _sums(models: Iterable[Json]) -> list[str]:
    sums: list[str] = []
    for name in ("cost", "computed_cost"):
        old, new = (sum(each[f"{when}_{name}"] or 0 for each in models) for when in ("old", "new"))
        sums += [_cost(old), _cost(new), f"{new - old:+,.6f}"]
    return sums


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]], text: Sequence[int]) -> str:
    """A table whose columns hold numbers, to the right, but for those of `text`."""
    aligned = ["left" if at in text else "right" for at in range(len(heads))]
    return tabulate(rows, heads, tablefmt="presto", colalign=aligned if rows else None, disable_numparse=True)


def _dollars(value: float) -> str:
    """A price with the digits that it has."""
    return f"${value:,.2f}" if round(value, 2) == value else f"${value:.12f}".rstrip("0")


def _cost(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.6f}"


def _ratio(one: float | None, other: float | None) -> str:
    return f"{one / other:.4f}" if one is not None and other else ""
