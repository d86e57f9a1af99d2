"""Money: what the month comes to and which budget it meets, what changed and why, what is wasted and what is saved."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import streamlit as st

from metrics.dashboard import client, states, tables, viewer
from metrics.dashboard import format as fmt
from metrics.dashboard.charts import bullets, month, waterfall
from metrics.dashboard.filters import Filters

SET_BUDGET = """curl '{url}/v0/events?name=budgets&wait=true' \\
     -H "Authorization: Bearer $PERCH_TOKEN" \\
     -d '{{"scope": "all", "value": "", "amount": 500}}'"""

MOVERS = 8
"""So many of the largest changes are told by name; the rest is one bar."""

EFFECTS = {"volume_effect": "volume", "mix_effect": "mix", "price_effect": "price"}


def month_calls(filters: Filters) -> dict[str, client.Call]:
    """What is asked of the month in which the view ends: how far it has come, and how far its budgets have."""
    here = {**filters.period(), "timezone": filters.timezone}
    return {"forecast": client.pipe("llm_forecast", here), "budgets": client.pipe("llm_budgets", here)}


def course_calls(filters: Filters) -> dict[str, client.Call]:
    """That month day by day, and the one before."""
    here = {**filters.period(), "timezone": filters.timezone}
    before = {**here, "end_date": f"{_month_start(filters):%Y-%m-%d %H:%M:%S}"}
    return {
        "month": client.pipe("llm_forecast_days", here),
        "month_before": client.pipe("llm_forecast_days", before),
    }


def _month_start(filters: Filters) -> datetime:
    """The first moment, in UTC, of the month in which the view ends."""
    last = (min(filters.end, filters.now) - timedelta(seconds=1)).astimezone(filters.zone)
    return last.replace(day=1, hour=0, minute=0, second=0, microsecond=0).astimezone(filters.now.tzinfo)


def _is_over(filters: Filters) -> bool:
    """Whether the month in which the view ends is over by now: then nobody asks where it leads."""
    first = _month_start(filters).astimezone(filters.zone)
    after = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    return filters.now >= after


def month_so_far(rows: client.Rows, filters: Filters) -> None:
    """The month in words: spent, against the month before, and where it leads or why that is not told. A month that
    is over leads nowhere."""
    forecast = rows["forecast"]
    if forecast.empty:
        st.caption("No call in this month or the one before.")
        return
    told = forecast.iloc[0]
    change = fmt.change(told["spent"], told["previous_spent"])
    against = f"{fmt.dollars(told['previous_spent'])} in the same part of the month before"
    columns = st.columns([1, 1], gap="small")
    columns[0].metric(
        f"Spent in {told['month']:%B %Y}",
        fmt.dollars(told["spent"], unknown="unpriced"),
        delta=change,
        delta_color="gray",
        delta_arrow="off" if change == "new" else "auto",
    )
    columns[0].caption(f"against {against}" if change is not None else against)
    if _is_over(filters):
        columns[1].metric("The whole month before", fmt.dollars(told["last_month_cost"]))
        columns[1].caption("The month is over")
    else:
        columns[1].metric("Forecast for its end", fmt.dollars(told["forecast"]))
        columns[1].caption(_band(told))
    if told["unpriced_requests"]:
        states.remark([f"{fmt.plural(told['unpriced_requests'], 'request')} of the month unpriced, in none of these"])


def _band(told: pd.Series) -> str:
    if not fmt.known(told["forecast"]):
        return f"No forecast: {told['reason']}"
    low, high = fmt.dollars(told["forecast_low"]), fmt.dollars(told["forecast_high"])
    return f"8 of 10 times between {low} and {high}; the whole month before cost {fmt.dollars(told['last_month_cost'])}"


def month_course(rows: client.Rows, filters: Filters) -> None:
    """The month day by day, added up, beside the one before, with the forecast and the budget of all calls."""
    forecast, days = rows["forecast"], rows["month"]
    if forecast.empty or days.empty:
        return
    told = forecast.iloc[0]
    course = days[["day"]].rename(columns={"day": "t"})
    course["actual"] = days["cost"].cumsum()
    before = rows["month_before"]["cost"].fillna(0).cumsum().reindex(days.index)
    course["previous"] = before if before.any() else np.nan
    ahead = days["expected_cost"].notna()
    course["forecast"] = np.nan
    if fmt.known(told["forecast"]) and not _is_over(filters):
        eve = ahead.shift(-1, fill_value=False) & ~ahead  # the dashes go on where the line ends
        course["forecast"] = days["cumulative_cost"].where(ahead, course["actual"].where(eve))
    # The band widens with the root of the days ahead, and at the end of the month is that of the endpoint.
    width = np.sqrt(ahead.cumsum() / max(int(ahead.sum()), 1))
    course["low"] = course["forecast"] - (told["forecast"] - told["forecast_low"]) * width
    course["high"] = course["forecast"] + (told["forecast_high"] - told["forecast"]) * width
    budgets = _budgets(rows)
    month.draw(course, None if budgets is None else _of_all(budgets), key="month")


def _budgets(rows: client.Rows) -> pd.DataFrame | None:
    try:
        return rows["budgets"]
    except client.EndpointFailed:  # its own panel says so
        return None


def _of_all(budgets: pd.DataFrame) -> float | None:
    amounts = budgets[budgets["scope"] == "all"]["budget"]
    return float(amounts.iloc[0]) if len(amounts) else None


def budgets(rows: client.Rows) -> None:
    """Each budget of the month: how much of it is spent, where the month leads, and the day it runs out."""
    held = rows["budgets"]
    if held.empty:
        st.caption(
            "No budget is set. It is an amount a month, for all calls or a team, feature, model, provider, environment:"
        )
        st.code(SET_BUDGET.format(url=viewer.api_url()), language=None, wrap_lines=True)
        return
    lines = held.assign(
        name=[budget_name(row) for _, row in held.iterrows()],
        used=held["used_share"],
        text=[
            f"{fmt.dollars(row['spent'])} of {fmt.dollars(row['budget'])} · {row['used_share']:.0%}"
            for _, row in held.iterrows()
        ],
        note=[pace(row) for _, row in held.iterrows()],
    )
    bullets.draw(lines[["name", "used", "pace", "text", "note"]], key="budgets")
    for _, row in lines.iterrows():
        if bullets.state(row["used"], row["pace"]) != "fine":
            st.caption(f":material/warning: **{row['name']}**: {row['note']}")


def budget_name(budget: pd.Series) -> str:
    """What a budget is for."""
    return "All calls" if budget["scope"] == "all" else f"{budget['scope']} {budget['value']}"


def pace(budget: pd.Series) -> str:
    """Where the month leads, and when the budget runs out."""
    ends = budget["runs_out_on"]
    if budget["used_share"] >= 1:
        return f"spent{f' since {ends:%d %b}' if not pd.isna(ends) else ''}"
    if not fmt.known(budget["pace"]):
        return f"no forecast: {budget['reason']}"
    out = f", runs out on {ends:%d %b}" if not pd.isna(ends) else ", lasts the month"
    return f"leads to {budget['pace']:.0%} ({fmt.dollars(budget['forecast'])}){out}"


def drivers(rows: client.Rows, filters: Filters, dimension: str) -> None:
    """From the spend of the period before to that of this one, by what changed most, each split into its reasons."""
    if not filters.compare:
        st.caption("Nothing to compare with: the range All has no period before it, or the comparison is off.")
        return
    causes = rows["drivers"]
    before, now = causes["previous_total_cost"].sum(), causes["total_cost"].sum()
    if not before and not now:
        st.caption("No call of this period or the one before has a price.")
        return
    if not before:
        st.caption("Nothing was spent in the period before: all of this is new.")
    moved = causes[causes["change"] != 0].sort_values("change", key=abs, ascending=False, kind="stable")
    waterfall.draw(
        before,
        _folded(moved),
        names=("Period before", "This period"),
        key="drivers",
        alternative=f"What changed the spend, by {dimension}",
        dimension=dimension,
    )
    st.caption(_why(causes))


def _folded(moved: pd.DataFrame) -> pd.DataFrame:
    """The largest changes by name, and all others as one, which has no value: name, value, change, note."""
    top, rest = moved.head(MOVERS), moved.iloc[MOVERS:]
    lines = [
        {
            "name": _named(row["value"], row["status"]),
            "value": str(row["value"]),
            "change": row["change"],
            "note": _parts(row),
        }
        for _, row in top.iterrows()
    ]
    if len(rest):
        sums = rest[["change", *EFFECTS]].sum()
        lines.append({"name": f"{len(rest)} others", "value": None, "change": sums["change"], "note": _parts(sums)})
    return pd.DataFrame(lines, columns=["name", "value", "change", "note"])


def _named(value: object, status: object) -> str:
    name = str(value) or "(none)"
    return name if status == "kept" else f"{name} ({status})"


def _parts(amounts: pd.Series) -> str:
    return ", ".join(f"{name} {fmt.signed_dollars(amounts[column])}" for column, name in EFFECTS.items())


def _why(causes: pd.DataFrame) -> str:
    sums = causes[["change", *EFFECTS]].sum().map(fmt.signed_dollars)
    return (
        f"Together {sums['change']}: {sums['volume_effect']} by the number of calls, {sums['mix_effect']} by which are "
        f"called, {sums['price_effect']} by what a call costs."
    )


def wasted(rows: client.Rows) -> None:
    """What failed calls cost, by model."""
    spent = rows["wasted"]
    failed = spent[spent["wasted_cost"] > 0]
    if failed.empty:
        said = "No failed call cost anything" if spent["failed_requests"].any() else "No call failed"
        states.calm(f"{said} in this view.")
        return
    tables.show_wasted(failed)


def cache(rows: client.Rows) -> None:
    """How much of the prompts came from a cache, and what the app's own cache saved."""
    held = rows["cache"]
    told = held[held["cached_tokens"].notna() | (held["cache_hit_requests"] > 0)]
    if told.empty:
        st.caption("No call of this view tells of a cache: send `cached_tokens` and `cache_hit` to see what it saves.")
        return
    told = told.assign(provider_saved=told["cached_tokens"] * told["model_name"].map(_saved_each(rows)))
    tables.show_cache(told)
    said = [_provider_saving(told)] if told["cached_tokens"].any() else []
    silent = held["total_prompt_tokens"].sum() - told["total_prompt_tokens"].sum()
    if silent:
        said.append(f"{fmt.count(silent)} prompt tokens of models that tell nothing of a cache left out")
    states.remark(said)


def _saved_each(rows: client.Rows) -> dict[str, float]:
    """What a token that the provider reads from its cache costs less than another one, in dollars, by model.

    By the prices of today. A model is left out that has no price for either, or prices that differ by provider.
    """
    try:
        prices = rows["prices"]
    except client.EndpointFailed:  # a token that may not read them: then nothing is known
        return {}
    found: dict[str, set[float]] = {}
    for model, tiers in zip(prices["model"], prices["tiers"], strict=True):
        first = tiers[0] if tiers else {}
        if first.get("input") is not None and first.get("cached") is not None:
            found.setdefault(model, set()).add((first["input"] - first["cached"]) / 1e6)
    return {model: each.pop() for model, each in found.items() if len(each) == 1}


def _provider_saving(told: pd.DataFrame) -> str:
    """What the providers' caches saved together, and how many cached tokens that leaves out."""
    known = told["provider_saved"].notna()
    unknown = told["cached_tokens"][~known].sum()
    if not known.any():
        return f"What the provider's cache saved is not known: {fmt.count(unknown)} cached tokens have no such price"
    said = (
        f"The provider's cache saved {fmt.dollars(told['provider_saved'].sum())}: cached tokens times what they cost "
        "less than others by today's prices"
    )
    return f"{said}; {fmt.count(unknown)} cached tokens without such a price left out" if unknown else said


def heaviest(rows: client.Rows, name: str, dimension: str) -> None:
    """Who or what costs most, with the running sum of the shares."""
    held = rows[name]
    if held.empty or set(held["value"]) == {""}:
        st.caption(f"No call of this view names a {dimension}: send `{dimension}` with each call to see it here.")
        return
    tables.show_heaviest(held, dimension)
    if (values := int(held["value_count"].iloc[0])) > len(held):
        st.caption(
            f"{len(held):,} of {values:,}, which make {fmt.percent(held['cumulative_share'].iloc[-1])} of the cost"
        )
