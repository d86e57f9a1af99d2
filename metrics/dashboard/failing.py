"""Failures: how many calls fail, with which error, of which model, and since when."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from metrics.dashboard import client, exploring, states, tables, timeline, urlstate
from metrics.dashboard import format as fmt
from metrics.dashboard.charts import heatmap, intervals, stacked
from metrics.dashboard.filters import Filters
from metrics.dashboard.frame import View

EVENTS = Path(__file__).resolve().parents[2] / "pages" / "events.py"


def over_time(rows: client.Rows, filters: Filters, height: int = 170) -> None:
    """Failures over time by message, spikes marked. A message keeps its colour: it follows its rank over all time."""
    failures = rows["errors_over_time"]
    if failures.empty:
        return states.calm("No call failed in this view.")
    stacked.draw(
        failures,
        filters,
        key="errors",
        column="error",
        measure="failed_requests",
        ranked=rows["all_errors"]["error"].tolist(),
        alternative="Failed calls over time by error",
        most=5,
        width=32,
        height=height,
        marks=marks(rows),
        act=_to_calls,
    )
    return None


def marks(rows: client.Rows) -> pd.DataFrame | None:
    """The spikes, for the chart to point at; None where they are not known."""
    try:
        found = spikes(rows)
    except client.EndpointFailed:  # what tells the spikes in words says so
        return None
    return found.assign(text=found.apply(spike_text, axis=1)) if len(found) else found


def spikes(rows: client.Rows) -> pd.DataFrame:
    """The buckets that `llm_reliability` calls a spike, the worst first."""
    buckets = rows["reliability"]
    return buckets[buckets["spike"] == 1].sort_values("error_rate", ascending=False)


def spike_text(bucket: pd.Series) -> str:
    """What a spike is, in words."""
    rate, usual = fmt.percent(bucket["error_rate"]), fmt.percent(bucket["usual_error_rate"])
    return (
        f"{bucket['failed_requests']:,.0f} of {fmt.plural(bucket['requests'], 'call')} failed, {rate} (usual: {usual})"
    )


def told(found: pd.DataFrame, filters: Filters) -> list[str]:
    """Spikes in words, with their times."""
    times = found["bucket_utc"].dt.tz_convert(filters.timezone).dt.strftime(timeline.WHEN[filters.granularity])
    return [f"**Errors, {when}**: {spike_text(row)}" for when, (_, row) in zip(times, found.iterrows(), strict=True)]


def show_spikes(rows: client.Rows, filters: Filters) -> None:
    """The spikes in words."""
    found = spikes(rows)
    if found.empty:
        known = rows["reliability"]["usual_error_rate"].notna().any()
        if known:
            states.calm("No part of this view stands out from those before it.")
        else:
            st.caption(f"Too short to tell: what is usual needs 7 {filters.granularity}s with calls before.")
        return
    for line in told(found.head(8), filters):
        st.markdown(f":material/trending_up: {line}")
    if len(found) > 8:
        st.caption(f"and {len(found) - 8} more")


def by_model(speed: pd.DataFrame) -> None:
    """The error rate of each model with its interval, that of the surest trouble first."""
    failed = speed[speed["failed_requests"] > 0]
    if failed.empty:
        return states.calm("No model failed in this view.")
    rates = pd.DataFrame(
        {
            "name": failed["model_name"],
            "requests": failed["requests"],
            "rate": failed["failed_requests"] / failed["requests"],
            "low": 1 - failed["success_rate_high"],
            "high": 1 - failed["success_rate_low"],
        }
    )
    rates = rates.sort_values(["low", "rate"], ascending=False)
    intervals.draw(rates, key="rates", alternative="Error rate by model with its 95 % interval", dimension="model")
    if len(rates) > intervals.MOST:
        st.caption(f"{intervals.MOST} of {len(rates)} models with failed calls")
    return None


def grouped(rows: client.Rows, view: View) -> None:
    """Failures by normalised message; a row that is chosen leads to its calls."""
    errors, filters = rows["errors"], view.filters
    if errors.empty:
        return states.calm("No call failed in this view.")
    table = errors
    if filters.compare:
        table = errors.merge(rows["compared"][["error", "status", "previous_failed_requests"]], on="error", how="left")
        pairs = zip(table["failed_requests"], table["previous_failed_requests"], table["status"], strict=True)
        table["change"] = [_change(now, before, status) for now, before, status in pairs]
    table = with_trends(table, rows["errors_over_time"], timeline.buckets(filters))
    view.offer(errors, "errors")
    place = tables.choose_error(table, filters.timezone, key="errors_table")
    if place is not None:
        urlstate.drill(EVENTS, _calls(str(errors["error"].iloc[place])))
    return None


def _calls(error: str) -> urlstate.Values:
    """The changes of the address that lead to the calls with an error."""
    search = "" if error == "no message" else exploring.error_text(error)
    return {"failed": "on", "search": search, "page": "1", "tail": "off"}


def _to_calls(error: str) -> None:
    urlstate.drill_next(EVENTS, _calls(error))


def _to_calls_of(cell: tuple[str, str]) -> None:
    error, model = cell
    urlstate.drill_next(EVENTS, {**_calls(error), "model": [model]})


def _change(now: float, before: float, status: str) -> str | None:
    if status in ("new", "back"):
        return status
    change = fmt.change(now, before)
    return None if change is None else "0%" if change == 0 else str(change)


def with_trends(errors: pd.DataFrame, over_time: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Add the course of each error over the whole buckets of the view."""
    wide = over_time.set_index(["bucket_utc", "error"])["failed_requests"].unstack("bucket_utc")
    wide = wide.reindex(index=errors["error"], columns=frame["bucket_utc"][~frame["partial"]]).fillna(0)
    return errors.assign(trend=pd.Series(wide.to_numpy().tolist(), index=errors.index))


def matrix(rows: client.Rows) -> None:
    """Which model fails with which error."""
    cells = rows["matrix"]
    if cells.empty:
        return states.calm("No call failed in this view.")
    return heatmap.failures(cells, rows["errors"]["error"].tolist(), key="matrix", act=_to_calls_of)
