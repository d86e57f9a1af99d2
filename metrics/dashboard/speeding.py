"""Speed: how long calls take, which model is slow, and how long the first token takes."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from metrics.dashboard import client, states
from metrics.dashboard import format as fmt
from metrics.dashboard.charts import histogram as bars
from metrics.dashboard.charts import lines, ranges
from metrics.dashboard.filters import Filters

FEWEST = 20
"""A model with fewer calls says little about its slow end."""


def histogram(rows: client.Rows) -> None:
    """How many calls took how long, with the median and p95 marked."""
    bins = rows["histogram"]
    if bins.empty:
        st.caption("No successful call of this view tells its latency.")
        return
    totals = rows["totals"].iloc[0]
    bars.draw(bins, {name: totals[f"{name}_latency"] for name in ("p50", "p95")}, key="histogram")


def slowest(speed: pd.DataFrame) -> None:
    """The models by p95, slowest first."""
    held = speed[speed["p95_latency"].notna()]
    enough = held[held["requests"] >= FEWEST]
    if enough.empty:
        st.caption(
            f"No model has {FEWEST} calls with a known latency in this view: all of them are in the table below."
        )
        return
    ranges.draw(enough, key="ranges")
    said = []
    if len(enough) > ranges.MOST:
        said.append(f"the {ranges.MOST} slowest of {len(enough)}")
    if few := len(held) - len(enough):
        said.append(f"{fmt.plural(few, 'model')} with fewer than {FEWEST} calls left out")
    states.remark(said)


def with_time_between_tokens(rows: client.Rows) -> pd.DataFrame:
    """The rows of each model with `p50_inter_token_latency`, in seconds; unknown for who may not read it."""
    try:
        held = rows["sizes"].set_index("value")["p50_inter_token_latency"]
    except client.EndpointFailed:
        held = pd.Series(dtype=float)
    return rows["speed"].assign(p50_inter_token_latency=rows["speed"]["model_name"].map(held))


def tells_first_token(rows: client.Rows) -> bool:
    """Whether any call of the view tells the time to its first token."""
    try:
        return bool(rows["latency"]["p50_ttft"].notna().any())
    except (client.ApiError, LookupError):  # its panel says so
        return False


def first_token(latency: pd.DataFrame, filters: Filters) -> None:
    """The time to the first token, where any call tells it."""
    if latency["p50_ttft"].notna().any():
        lines.first_token(latency, filters, key="ttft")
    else:
        st.caption("No call of this view tells it: send `ttft` (seconds to the first token) with streamed calls. "
                   "The whole latency is never shown in its place.")  # fmt: skip
