"""What a reader should know first: calls of an absurd price, budgets that run out, hours full of failures."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from metrics.dashboard import client, failing, spending, states
from metrics.dashboard import format as fmt
from metrics.dashboard.charts import bullets
from metrics.dashboard.frame import View

MOST = 3
"""Of one kind so many are told one by one."""


def needed(rows: client.Rows, view: View) -> None:
    """One line for each thing that needs a look; a source that fails says so and hides no other."""
    sources: list[Callable[[client.Rows, View], list[str]]] = [_outliers, _budgets, _spikes, _refused]
    said: list[str] = []
    for source in sources:
        try:
            said += source(rows, view)
        except client.EndpointFailed as failure:
            said.append(f":material/error: Not known: {failure}")
    if said:
        st.markdown("\n".join(f"- {line}" for line in said))
    else:
        states.calm("Nothing stands out in this view.")


def _outliers(rows: client.Rows, view: View) -> list[str]:
    calls = rows["outliers"]
    said = [
        f":material/paid: **One call of {call['model_name']} cost {fmt.dollars(call['cost'])}**, "
        f"{call['times_median']:,.0f} times its median, {_time(call['event_time'], view)}{_whose(call)}"
        for _, call in calls.head(MOST).iterrows()
    ]
    more = len(calls) - MOST
    return [*said, f"{fmt.plural(more, 'more call')} far above the median: see Usage"] if more > 0 else said


def _whose(call: pd.Series) -> str:
    known = [f"{name} {call[name]}" for name in ("user", "team", "feature") if not pd.isna(call[name]) and call[name]]
    return f" ({', '.join(known)})" if known else ""


def _budgets(rows: client.Rows, view: View) -> list[str]:
    budgets = rows["budgets"]
    near = [row for _, row in budgets.iterrows() if bullets.state(row["used_share"], row["pace"]) != "fine"]
    return [
        f":material/account_balance_wallet: **Budget {spending.budget_name(row)}**: {row['used_share']:.0%} spent, "
        f"{spending.pace(row)}"
        for row in near
    ]


def _spikes(rows: client.Rows, view: View) -> list[str]:
    found = failing.spikes(rows)
    said = [f":material/trending_up: {line}" for line in failing.told(found.head(MOST), view.filters)]
    more = len(found) - MOST
    return [*said, f"{fmt.plural(more, 'more spike')} of errors: see Errors"] if more > 0 else said


def _refused(rows: client.Rows, view: View) -> list[str]:
    refused = view.health["quarantined_events"]
    return [f":material/block: {fmt.plural(refused, 'row')} refused at the door: see Data"] if refused else []


def _time(moment: pd.Timestamp, view: View) -> str:
    return f"{moment.tz_convert(view.filters.timezone):%d %b %Y %H:%M}"
