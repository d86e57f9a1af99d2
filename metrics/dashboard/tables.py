"""Rows -> the columns of a table, and how each is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd
import streamlit as st

from metrics.dashboard import clicks
from metrics.dashboard import format as fmt

FEW, TALL = 12, 400
"""Tables of more than so many rows are so many pixels high and scroll; half a row shows that there are more."""

POINTS = 60
"""A trend has so many points at most, of a day or, as weekends would blur others, of whole weeks."""

cc = st.column_config


def models(usage: pd.DataFrame, before: pd.DataFrame | None, speed: pd.DataFrame) -> pd.DataFrame:
    """One row a model: cost, its share and change, requests, p95, success, tokens. `before` is the previous period."""
    whole = usage["total_cost"].sum()
    spend = ["model_name", "total_cost", "requests", "total_tokens", "unpriced_requests"]
    quality = ["model_name", "p50_latency", "p95_latency", "success_rate"]
    table = usage[spend].merge(speed[quality], on="model_name", how="left")
    table["share"] = table["total_cost"] / whole if whole else float("nan")
    if before is not None:
        table["change"] = _changes(table, before)
    return table


def with_trends(table: pd.DataFrame, series: pd.DataFrame, latency: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Add the course of requests and of p95 to each model's row."""
    requests = _courses(series, frame, "requests", table["model_name"]).fillna(0)
    p95 = _courses(latency, frame, "p95_latency", table["model_name"])
    lists = {
        "requests_trend": requests.to_numpy().tolist(),
        "p95_trend": [p95.loc[name].dropna().tolist() for name in p95.index],
    }
    return table.assign(**{name: pd.Series(values, index=table.index) for name, values in lists.items()})


def show_models(table: pd.DataFrame, key: str) -> str | None:
    """Draw the table of models; the name of the model whose row was chosen."""
    trends = ["requests", "requests_trend", "p95_latency", "p95_trend"]
    order = ["model_name", "total_cost", "share", *(["change"] if "change" in table else []), *trends]
    config = {
        "model_name": cc.TextColumn("Model", pinned=True, width=170),
        "total_cost": cc.NumberColumn("Cost", format=_dollars(table["total_cost"]), width=78),
        "share": _share("Share of cost", table["share"], 118),
        "change": cc.TextColumn("Δ cost", width=72, alignment="right"),
        "requests": cc.NumberColumn("Requests", format="localized", width=76),
        "requests_trend": cc.BarChartColumn("Requests trend", y_min=0, color="gray", width=104),
        "p95_latency": cc.NumberColumn("p95", format="%.2f s", width=72),
        "p95_trend": cc.LineChartColumn("p95 trend", y_min=0, color="orange", width=104),
        "success_rate": cc.NumberColumn("Success", format="percent", width=72),
        "total_tokens": cc.NumberColumn("Tokens", format="compact", width=66),
    }
    order += ["success_rate", "total_tokens"]
    place = _choose(table, "Usage by model", order, config, key)
    return None if place is None else str(table["model_name"].iloc[place])


def show_spend(usage: pd.DataFrame, wasted: pd.DataFrame) -> None:
    """Unit costs by model; `wasted` (llm_wasted_spend) has what a success cost and what failed calls did."""
    requests, tokens = usage["requests"], usage["total_tokens"]
    priced = requests - usage["unpriced_requests"]
    priced_tokens = tokens - usage["unpriced_tokens"]
    success = wasted.set_index("value")["cost_per_successful_request"].reindex(usage["model_name"])
    table = usage.assign(
        per_request=usage["total_cost"] / priced.where(priced > 0),
        per_success=success.to_numpy(),
        per_million=usage["total_cost"] / priced_tokens.where(priced_tokens > 0) * 1e6,
        output=usage["total_completion_tokens"] / tokens.where(tokens > 0),
    )
    columns = ["model_name", "total_cost", "requests", "per_request", "per_success", "per_million"]
    show(
        table,
        "Cost by model",
        [*columns, "total_prompt_tokens", "total_completion_tokens", "output", "unpriced_requests"],
        {
            "model_name": cc.TextColumn("Model", pinned=True, width=200),
            "total_cost": cc.NumberColumn("Cost", format=_dollars(table["total_cost"])),
            "requests": cc.NumberColumn("Requests", format="localized"),
            "per_request": cc.NumberColumn(
                "per request", format=_dollars(table["per_request"], 6), help="Cost / priced requests"
            ),
            "per_success": cc.NumberColumn(
                "per success",
                format=_dollars(table["per_success"], 6),
                help="Cost of all priced calls / those that succeeded",
            ),
            "per_million": cc.NumberColumn("per 1M tokens", format="$%.2f", help="Cost / priced tokens"),
            "total_prompt_tokens": cc.NumberColumn("Prompt tokens", format="compact"),
            "total_completion_tokens": cc.NumberColumn("Completion tokens", format="compact"),
            "output": cc.NumberColumn("Output share", format="percent"),
            "unpriced_requests": cc.NumberColumn("Unpriced", format="localized", help="Requests without a price"),
        },
        clicked=clicks.cell("spend", table["model_name"], "model_name", "model"),
    )


def show_performance(speed: pd.DataFrame) -> None:
    """Latency, success and throughput by model."""
    table = speed.assign(between_tokens=speed["p50_inter_token_latency"] * 1000)
    streamed = ["between_tokens"] if table["between_tokens"].notna().any() else []
    seconds = {"p50_latency": "p50", "p90_latency": "p90", "p95_latency": "p95", "p99_latency": "p99"}
    more = {"avg_latency": "mean", "p50_ttft": "TTFT p50", "p95_ttft": "TTFT p95"}
    held = {name: label for name, label in {**seconds, **more}.items() if speed[name].notna().any()}
    throughput = "output_tokens_per_second"
    show(
        table,
        "Performance by model",
        ["model_name", "requests", "success_rate", "failed_requests", *held, *streamed, throughput],
        {
            "model_name": cc.TextColumn("Model", pinned=True, width=200),
            "requests": cc.NumberColumn("Requests", format="localized"),
            "success_rate": cc.NumberColumn("Success", format="percent"),
            "failed_requests": cc.NumberColumn("Failed", format="localized"),
            **{name: cc.NumberColumn(label, format="%.2f s") for name, label in held.items()},
            "between_tokens": cc.NumberColumn("ITL", format="%.1f ms", help="From one token to the next, median"),
            throughput: cc.NumberColumn("Tokens / s", format="%.0f", help="Completion tokens a second, median"),
        },
        clicked=clicks.cell("performance", speed["model_name"], "model_name", "model"),
    )


def choose_error(errors: pd.DataFrame, zone: str, key: str) -> int | None:
    """Draw failures by message, most frequent first; the place of the one whose row was chosen."""
    change = ["change"] if "change" in errors else []
    order = ["error", "failed_requests", "share", *change, "trend", "models", "first_seen", "last_seen"]
    config = {
        "error": cc.TextColumn("Error", width=290),
        "failed_requests": cc.NumberColumn("Count", format="localized", width=64),
        "share": _share("Share", errors["share"], 110),
        "trend": cc.BarChartColumn("Trend", y_min=0, color="gray", width=90),
        "change": cc.TextColumn(
            "Change", width=68, help="new: never seen before; back: seen, but not in the period before"
        ),
        "models": cc.TextColumn("Models", width=140),
        "first_seen": cc.DatetimeColumn("First seen", format="D MMM YYYY HH:mm", timezone=zone, width=124),
        "last_seen": cc.DatetimeColumn("Last seen", format="D MMM YYYY HH:mm", timezone=zone, width=124),
    }
    return _choose(errors, "Errors", order, config, key)


def show_differences(table: pd.DataFrame) -> None:
    """Models side by side: a measure and a column of words for each model."""
    names = [str(name) for name in table.columns[1:]]
    short = fmt.short_names(names, 28)
    columns = {name: cc.TextColumn(short[name], width=205, help=name) for name in names}
    config = {"Measure": cc.TextColumn("Measure", pinned=True, width=190), **columns}
    show(table, "Models side by side", list(table.columns), config)


def show_switches(rows: pd.DataFrame) -> None:
    """What another model would have saved, with its speed and success beside it."""
    free = rows["switched_cost"] == 0
    table = rows.assign(
        feature=rows["feature"].replace("", "(none)"),
        saved=rows["saving_share"].map("{:.0%}".format).mask(free, "free"),
        cost=_then(rows["total_cost"].map(fmt.dollars), rows["switched_cost"].map(fmt.dollars)),
        p95=_then(rows["p95_latency"].map(fmt.seconds), rows["alternative_p95_latency"].map(fmt.seconds)),
        success=_then(rows["success_rate"].map(_share_text), rows["alternative_success_rate"].map(_share_text)),
        surely=rows["alternative_success_rate_low"].map("{:.0%}".format),
        calls=_then(rows["requests"].map(fmt.count), rows["alternative_requests"].map(fmt.count)),
    )
    show(
        table,
        "What a switch of model would save",
        ["feature", "model_name", "alternative", "saving", "saved", "cost", "p95", "success", "surely", "calls"],
        {
            "feature": cc.TextColumn("Feature", width=90),
            "model_name": cc.TextColumn("Now", width=174),
            "alternative": cc.TextColumn("Switch to", width=174),
            "saving": cc.NumberColumn("Saving", format=_dollars(table["saving"]), width=72),
            "saved": cc.TextColumn("Saved", width=58, help="free: a token of it costs nothing", alignment="right"),
            "cost": cc.TextColumn("Cost", width=124, help="Now, and with the other model"),
            "p95": cc.TextColumn("p95", width=112, help="Latency now, and of the other model"),
            "success": cc.TextColumn("Success", width=104, help="Now, and of the other model"),
            "surely": cc.TextColumn("at least", width=62, help="Lower end of the 95 % interval of the other's success"),
            "calls": cc.TextColumn("Calls", width=90, help="Of the model now, and of the other"),
        },
    )


def _then(now: pd.Series, other: pd.Series) -> pd.Series:
    return now + " → " + other


def _share_text(value: float) -> str:
    return f"{value:.1%}"


def show_wasted(rows: pd.DataFrame) -> None:
    """What failed calls cost."""
    show(
        rows,
        "Wasted spend by model",
        ["value", "wasted_cost", "wasted_share", "failed_requests", "requests"],
        {
            "value": cc.TextColumn("Model", pinned=True, width=170),
            "wasted_cost": cc.NumberColumn("Wasted", format=_dollars(rows["wasted_cost"]), help="Cost of failed calls"),
            "wasted_share": cc.NumberColumn("of its cost", format="percent"),
            "failed_requests": cc.NumberColumn("Failed", format="localized"),
            "requests": cc.NumberColumn("Requests", format="localized"),
        },
        clicked=clicks.cell("wasted", rows["value"], "value", "model"),
    )


def show_cache(rows: pd.DataFrame) -> None:
    """What caches do, by model."""
    show(
        rows,
        "Cache by model",
        [
            *("model_name", "cached_share", "cached_tokens", "provider_saved"),
            *("cache_hit_requests", "cache_hit_share", "saved_cost"),
        ],
        {
            "model_name": cc.TextColumn("Model", pinned=True, width=170),
            "cached_share": cc.ProgressColumn(
                "Cached", format="percent", min_value=0, max_value=1, width=110, help="Share of its prompt tokens"
            ),
            "cached_tokens": cc.NumberColumn("Cached tokens", format="compact"),
            "provider_saved": cc.NumberColumn(
                "Provider saved",
                format=_dollars(rows["provider_saved"]),
                help="Cached tokens × (price of a token - of a cached one), by today's prices; in the cost already",
            ),
            "cache_hit_requests": cc.NumberColumn("Cache hits", format="localized", help="Answered by the app's cache"),
            "cache_hit_share": cc.NumberColumn("of requests", format="percent"),
            "saved_cost": cc.NumberColumn(
                "Hits saved", format=_dollars(rows["saved_cost"]), help="What the cache hits would have cost"
            ),
        },
        clicked=clicks.cell("cache", rows["model_name"], "model_name", "model"),
    )


def show_sources(rows: pd.DataFrame) -> None:
    """Who told the costs of each model: the app, the price list, or nobody; and how far the two are apart."""
    compared = rows["compared_sent_cost"]
    table = rows.assign(apart=(rows["compared_computed_cost"] - compared) / compared.where(compared > 0))
    show(
        table,
        "Where costs come from, by model",
        [
            *(
                "model_name",
                "requests",
                "sent_requests",
                "computed_requests",
                "cache_hit_requests",
                "unpriced_requests",
            ),
            *("total_cost", "compared_sent_cost", "compared_computed_cost", "apart"),
        ],
        {
            "model_name": cc.TextColumn("Model", pinned=True, width=200),
            "requests": cc.NumberColumn("Requests", format="localized"),
            "sent_requests": cc.NumberColumn("Cost sent", format="localized", help="Calls whose app sent a cost"),
            "computed_requests": cc.NumberColumn(
                "In price list", format="localized", help="Calls that it has a cost of"
            ),
            "cache_hit_requests": cc.NumberColumn("Cache hits", format="localized"),
            "unpriced_requests": cc.NumberColumn("Unpriced", format="localized"),
            "total_cost": cc.NumberColumn("Cost", format=_dollars(table["total_cost"])),
            "compared_sent_cost": cc.NumberColumn("Sent", format=_dollars(compared), help="Of calls that have both"),
            "compared_computed_cost": cc.NumberColumn(
                "Computed", format=_dollars(table["compared_computed_cost"]), help="Of calls that have both"
            ),
            "apart": cc.NumberColumn("Apart", format="percent", help="Computed against sent"),
        },
        clicked=clicks.cell("sources", table["model_name"], "model_name", "model"),
    )


def show_heaviest(rows: pd.DataFrame, dimension: str) -> None:
    """Who costs most, with the course of it over the days of the view."""
    days = int(rows["trend"].map(len).max())
    step = 1 if days <= POINTS else 7 * math.ceil(days / (7 * POINTS))
    table = rows.assign(
        value=rows["value"].replace("", "(none)"),
        each=rows["total_cost"] / rows["requests"].where(rows["requests"] > 0),
        trend=rows["trend"].map(lambda costs: _summed(costs, step)),
    )
    show(
        table,
        f"Heaviest by {dimension}",
        ["rank", "value", "total_cost", "trend", "share", "cumulative_share", "requests", "each"],
        {
            "rank": cc.NumberColumn("#", width=32),
            "value": cc.TextColumn(dimension.capitalize(), width=92),
            "total_cost": cc.NumberColumn("Cost", format=_dollars(table["total_cost"]), width=66),
            "trend": cc.AreaChartColumn(
                "Trend", y_min=0, color="gray", width=70, help=f"Cost of {fmt.plural(step, 'day')} a point, UTC"
            ),
            "share": _share("Share", table["share"], 84),
            "cumulative_share": cc.NumberColumn("Together", format="percent", width=66, help="With all above it"),
            "requests": cc.NumberColumn("Requests", format="localized", width=66),
            "each": cc.NumberColumn("each", format=_dollars(table["each"], 6), width=66, help="Cost / requests"),
        },
        clicked=clicks.cell(f"heaviest_{dimension}", rows["value"], "value", dimension),
    )


def show_quarantine(rows: pd.DataFrame, zone: str) -> None:
    """Why rows were refused."""
    show(
        rows,
        "Quarantined rows by reason",
        ["error", "column", "quarantined_events", "last_seen", "example"],
        {
            "error": cc.TextColumn("Reason", width=170),
            "column": cc.TextColumn("Column", width=125),
            "quarantined_events": cc.NumberColumn("Rows", format="localized", width=50),
            "last_seen": cc.DatetimeColumn("Last seen", format="D MMM YYYY HH:mm", timezone=zone, width=128),
            "example": cc.TextColumn("Example", width=300),
        },
    )


def show_unpriced(rows: pd.DataFrame, zone: str) -> None:
    """The models of calls without a price."""
    show(
        rows,
        "Unpriced calls by model",
        ["model_name", "provider", "unpriced_requests", "unpriced_tokens", "last_seen"],
        {
            "model_name": cc.TextColumn("Model", width=170),
            "provider": cc.TextColumn("Provider", width=80),
            "unpriced_requests": cc.NumberColumn("Requests", format="localized", width=76),
            "unpriced_tokens": cc.NumberColumn("Tokens", format="localized", width=80),
            "last_seen": cc.DatetimeColumn("Last seen", format="D MMM YYYY HH:mm", timezone=zone, width=128),
        },
        clicked=clicks.cell("unpriced", rows["model_name"], "model_name", "model"),
    )


def show_outliers(rows: pd.DataFrame, zone: str) -> None:
    """Calls far above their model's median cost."""
    others = [name for name in ("user", "team", "feature", "id") if _filled(rows[name])]
    show(
        rows,
        "Calls far above the median cost of their model",
        ["event_time", "model_name", "cost", "times_median", "prompt_tokens", "completion_tokens", *others],
        {
            "event_time": cc.DatetimeColumn("Time", format="D MMM YYYY HH:mm", timezone=zone, width=128),
            "model_name": cc.TextColumn("Model", width=170),
            "cost": cc.NumberColumn("Cost", format="$%.2f", width=70),
            "times_median": cc.NumberColumn("× median", format="%.0f", width=70, help="Cost / median of the model"),
            "prompt_tokens": cc.NumberColumn("Prompt", format="localized", width=80),
            "completion_tokens": cc.NumberColumn("Completion", format="localized", width=80),
            **{name: cc.TextColumn(name.capitalize()) for name in others},
        },
    )


def show_exports(rows: pd.DataFrame, zone: str) -> None:
    """The monthly Parquet files."""
    table = rows.assign(size=rows["bytes"].map(fmt.bytes_), exported_at=pd.to_datetime(rows["exported_at"], utc=True))
    show(
        table.sort_values("month", ascending=False),
        "Exported months",
        ["month", "rows", "size", "exported_at", "path"],
        {
            "month": cc.TextColumn("Month", width=80),
            "rows": cc.NumberColumn("Rows", format="localized", width=80),
            "size": cc.TextColumn("Size", width=80, alignment="right"),
            "exported_at": cc.DatetimeColumn("Exported", format="D MMM YYYY HH:mm", timezone=zone, width=140),
            "path": cc.TextColumn("File"),
        },
    )


def show_events(rows: pd.DataFrame, zone: str) -> None:
    """The newest calls. A column that none of them fills is left out."""
    order, config = _event_columns(rows, zone)
    show(rows, "Latest events", order, config)


def choose_event(rows: pd.DataFrame, zone: str, key: str) -> int | None:
    """Draw calls; the place of the one whose row was chosen."""
    order, config = _event_columns(rows, zone)
    return _choose(rows, "Calls, newest first", order, config, key)


def _event_columns(rows: pd.DataFrame, zone: str) -> tuple[list[str], dict[str, Any]]:
    tokens = ["prompt_tokens", "completion_tokens"]
    mark = ["cost_mark"] if "cost_mark" in rows else []
    first = ["event_time", "model_name", *tokens, "cost", *mark, "latency", "success", "error_message"]
    later = [*first, "total_tokens", "ingested_at"]
    others = [str(name) for name in rows if name not in later and _filled(rows[name])]
    config = {
        "event_time": cc.DatetimeColumn("Time", format="D MMM YYYY HH:mm:ss", timezone=zone, pinned=True),
        "model_name": cc.TextColumn("Model"),
        "prompt_tokens": cc.NumberColumn("Prompt", format="localized"),
        "completion_tokens": cc.NumberColumn("Completion", format="localized"),
        "cost": cc.NumberColumn("Cost", format="$%.6f"),
        "cost_mark": cc.TextColumn("Odd cost", width=110, help="Over $1 and over 20 times its model's median"),
        "latency": cc.NumberColumn("Latency", format="%.2f s"),
        "success": cc.CheckboxColumn("OK"),
        "error_message": cc.TextColumn("Error", width=180),
        **{name: cc.Column(name.replace("_", " ").capitalize()) for name in others},
        "ingested_at": cc.DatetimeColumn("Ingested", format="D MMM YYYY HH:mm:ss", timezone=zone),
    }
    return [*first, *others, "ingested_at"], config


def show(
    rows: pd.DataFrame,
    alternative: str,
    order: Sequence[str],
    config: dict[str, Any],
    clicked: dict[str, Any] | None = None,
) -> None:
    """A table. `clicked` is what a click on a cell does (clicks.cell)."""
    st.dataframe(
        rows,
        hide_index=True,
        placeholder=fmt.UNKNOWN,
        height=_height(rows),
        alt=alternative,
        column_order=list(order),
        column_config=config,
        **(clicked or {}),
    )


def _choose(rows: pd.DataFrame, alternative: str, order: Sequence[str], config: dict[str, Any], key: str) -> int | None:
    """A table with a box before each row; the place of the row that was chosen."""
    chosen = st.dataframe(
        rows,
        hide_index=True,
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        placeholder=fmt.UNKNOWN,
        height=_height(rows),
        alt=alternative,
        column_order=list(order),
        column_config=config,
    )
    places = chosen["selection"]["rows"]
    return places[0] if places and places[0] < len(rows) else None


def _dollars(costs: pd.Series, most: int = 4) -> str:
    """As many digits, from 2 to `most`, as the smallest amount needs so as not to read as nothing."""
    smallest = costs[costs > 0].min()
    digits = 2 if pd.isna(smallest) else min(most, max(2, -math.floor(math.log10(smallest))))
    return f"$%.{digits}f"


def _height(rows: pd.DataFrame) -> int | Literal["content"]:
    return "content" if len(rows) <= FEW else TALL


def _share(label: str, shares: pd.Series, width: int) -> Any:
    largest = shares.max()
    return cc.ProgressColumn(
        label, format="percent", min_value=0, max_value=float(largest) if largest > 0 else 1.0, width=width
    )


def _summed(costs: Sequence[float], step: int) -> list[float]:
    """Sums of so many in a row, of which the last ones are whole."""
    return [sum(costs[max(0, end - step) : end]) for end in range(len(costs), 0, -step)][::-1]


def _changes(table: pd.DataFrame, before: pd.DataFrame) -> list[str | None]:
    earlier = before.set_index("model_name")["total_cost"] if len(before) else pd.Series(dtype="float64")
    pairs = zip(table["model_name"], table["total_cost"], strict=True)
    changes = [fmt.change(now, earlier.get(name, 0.0)) for name, now in pairs]
    return ["0%" if change == 0 else None if change is None else str(change) for change in changes]


def _courses(rows: pd.DataFrame, frame: pd.DataFrame, measure: str, names: pd.Series) -> pd.DataFrame:
    """One row a name, one column a whole bucket."""
    wide = rows.set_index(["dimension", "bucket_utc"])[measure].unstack("bucket_utc")
    return wide.reindex(index=names, columns=frame["bucket_utc"][~frame["partial"]])


def _filled(values: pd.Series) -> bool:
    return bool((values.notna() & (values.astype(str) != "")).any())
