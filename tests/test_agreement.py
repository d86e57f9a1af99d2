"""Numbers that agree, on real traffic: groups sum to the total, and a figure is one figure on every page, in the API
and in a file. What is not known, not over or left out is said.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import product
from xml.etree import ElementTree

import pandas as pd
import pyarrow as pa
import pytest
import vl_convert
from streamlit.testing.v1 import AppTest

from metrics.dashboard import format as fmt
from tests.conftest import REAL_DATA, Json, Open, Perch, bodies, make_settings, opener, running
from tests.viewing import event, figures, table, words

pytestmark = [
    pytest.mark.real_traffic,
    pytest.mark.skipif(not REAL_DATA.exists(), reason="the folder shared/data is not beside the repository"),
]

# January 2025 by week: its first and its last week are cut
VIEW = {"range": "custom", "from_": "2025-01-01", "to": "2025-01-31", "granularity": "week", "timezone": "UTC"}
PERIOD = {"start_date": "2025-01-01 00:00:00", "end_date": "2025-02-01 00:00:00"}
PAGES = ("overview", "usage", "performance", "errors", "models", "events", "data")
DIMENSIONS = ("model", "provider", "environment", "user", "team", "feature")

COUNTS = ("requests", "failed_requests", "total_prompt_tokens", "total_completion_tokens", "total_tokens")
SUMS = (*COUNTS, "unpriced_requests", "unpriced_tokens", "total_cost")
BY_DIMENSION = (
    "llm_usage_timeseries",
    "llm_reliability",
    "llm_latency_percentiles",
    "llm_heaviest",
    "llm_wasted_spend",
    "llm_cost_drivers",
)
OTHERS = (
    "llm_usage_by_model",
    "llm_performance",
    "llm_models_compared",
    "llm_cost_sources",
    "llm_cache",
    "llm_adoption",
    "llm_activity",
    "llm_errors",
    "llm_errors_timeseries",
    "llm_errors_by_model",
    "llm_errors_compared",
    "llm_unpriced",
)


@pytest.fixture(scope="module")
def opened(loaded: Perch) -> Iterator[dict[str, AppTest]]:
    """Every page on January, with the API of every panel open."""
    with pytest.MonkeyPatch.context() as patch:
        show = opener(patch)
        apps = {}
        for page in PAGES:
            app = apps[page] = show(loaded.url, loaded.admin_token, page, **VIEW)
            for panel in app.subheader:
                app.session_state[f"api-{panel.value}"] = True
            app.run()
            assert not app.exception
        yield apps


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Perch]:
    """The same traffic at the prices of the price list alone, which lacks some, and one latency of 87 years."""
    with running(make_settings(tmp_path_factory.mktemp("odd"), cost="computed-only")) as perch:
        for body in (*bodies(), event(event_time="2025-01-15 12:00:00", latency=2738839277.5)):
            assert perch.post_events("llm_events", body).status_code == 200
        yield perch


def summed(rows: list[Json], name: str) -> Decimal | int:
    return sum(Decimal(str(row[name] or 0)) for row in rows)


def agree(rows: list[Json], totals: Json) -> list[str]:
    """Which sums of the rows were compared with the totals."""
    names = [name for name in SUMS if name in rows[0]]
    for name in names:
        assert float(summed(rows, name)) == pytest.approx(totals[name] or 0, abs=1e-9), name
    return names


# groups sum to the total


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_the_groups_of_each_dimension_sum_to_the_total(loaded: Perch, dimension: str) -> None:
    for period in ({}, PERIOD):
        totals = loaded.pipe("llm_totals", **period)[0]
        for name in BY_DIMENSION:
            asked = {"dimension": dimension, **({"limit": "10000"} if name == "llm_heaviest" else {}), **period}
            assert agree(loaded.pipe(name, **asked), totals), name


@pytest.mark.parametrize("name", OTHERS)
def test_the_rows_of_each_endpoint_sum_to_the_total(loaded: Perch, odd: Perch, name: str) -> None:
    perch = odd if name == "llm_unpriced" else loaded
    limit = {"limit": "10000"} if name == "llm_errors" else {}
    for period in ({}, PERIOD):
        assert agree(perch.pipe(name, **limit, **period), perch.pipe("llm_totals", **period)[0])


def test_the_totals_of_each_value_sum_to_the_total(loaded: Perch) -> None:
    totals = loaded.pipe("llm_totals")[0]
    values = [row["value"] for row in loaded.pipe("llm_heaviest", dimension="feature")]
    assert len(values) > 5
    assert len(agree([loaded.pipe("llm_totals", feature=value)[0] for value in values], totals)) == len(SUMS)


def test_a_trend_sums_to_the_cost(loaded: Perch) -> None:
    for dimension, period in product(DIMENSIONS, ({}, PERIOD)):
        rows = loaded.pipe("llm_heaviest", dimension=dimension, trend=1, **period)
        priced = [row for row in rows if row["total_cost"] is not None]
        assert [sum(row["trend"]) for row in priced] == pytest.approx([row["total_cost"] for row in priced])
        assert len({len(row["trend"]) for row in priced}) == 1


# one figure everywhere


def test_a_figure_is_the_same_on_every_page(opened: dict[str, AppTest]) -> None:
    seen: dict[str, set[tuple[str, str]]] = {}
    pages: dict[str, list[str]] = {}
    for page, app in opened.items():
        for metric in app.metric:
            seen.setdefault(metric.label, set()).add((metric.value, metric.delta))
            pages.setdefault(metric.label, []).append(page)
    assert {label: told for label, told in seen.items() if len(told) > 1} == {}
    shared = {label for label, on in pages.items() if len(on) > 1}
    assert shared >= {"Spend", "Requests", "Tokens", "p95 latency", "Success rate", "Failed requests", "Wasted spend",
                      "Spent in January 2025", "The whole month before"}  # fmt: skip


def test_a_model_is_the_same_in_every_table(opened: dict[str, AppTest], loaded: Perch) -> None:
    compared = {row["model_name"]: row for row in loaded.pipe("llm_models_compared", **PERIOD)}
    tables = {
        "overview": table(opened["overview"], "requests_trend"),
        "usage": table(opened["usage"], "per_success").rename(columns={"per_success": "cost_per_successful_request"}),
        "performance": table(opened["performance"], "p99_latency"),
        "data": table(opened["data"], "apart"),
    }
    for page, shown in tables.items():
        assert set(shown["model_name"]) == set(compared), page
        names = [name for name in shown if name in compared[shown["model_name"].iloc[0]] and name != "model_name"]
        assert len(names) >= 2
        for row in shown[["model_name", *names]].to_dict("records"):
            wanted = [float("nan") if (value := compared[row["model_name"]][name]) is None else value for name in names]
            assert [row[name] for name in names] == pytest.approx(wanted, rel=1e-9, nan_ok=True), (page, row)
    beside = table(opened["models"], "Measure").set_index("Measure")
    for model in beside.columns:
        assert beside.loc["Requests", model].split(" ")[0] == fmt.exact(compared[model]["requests"])
        assert beside.loc["p95 latency", model].split(" (")[0] == fmt.seconds(compared[model]["p95_latency"])
        assert re.fullmatch(r"[\d.]+%( \([+-][\d.]+ pp\))?", beside.loc["Success rate", model])
        assert beside.loc["Success rate", model].split(" (")[0] == fmt.percent(compared[model]["success_rate"])


def test_the_addresses_of_the_panels_answer_their_rows_in_every_format(
    opened: dict[str, AppTest], loaded: Perch
) -> None:
    """The first address of each endpoint on the pages, as JSON, CSV and Parquet."""
    checked: set[str] = set()
    for page, app in opened.items():
        commands = [code.value for code in app.code if "/v0/pipes/" in code.value and "-o calls" not in code.value]
        assert commands or page == "data"
        for path in [found.removeprefix(loaded.url) for one in commands for found in re.findall(r"'(http[^']+)'", one)]:
            if (endpoint := path.split("?")[0]) not in checked:
                checked.add(endpoint)
                rows = same_in_every_format(loaded, path)
                assert fmt.plural(rows, "row") in words(app)
    assert len(checked) > 20


def same_in_every_format(perch: Perch, path: str) -> int:
    """How many rows there are, the same in JSON, CSV and Parquet."""
    answer = perch.get(path)
    assert answer.status_code == 200, (path, answer.text)
    rows = pd.DataFrame(answer.json()["data"], columns=[column["name"] for column in answer.json()["meta"]])
    parquet = pd.read_parquet(io.BytesIO(perch.get(path.replace(".json", ".parquet")).content))
    csv = pd.read_csv(io.StringIO(perch.get(path.replace(".json", ".csv")).text))
    for file in (parquet, csv):
        assert list(file) == list(rows)
        assert len(file) == len(rows)
        for name in rows.select_dtypes("number"):
            told = pd.to_numeric(file[name]).astype(float).tolist()
            assert told == pytest.approx(rows[name].astype(float).tolist(), rel=1e-9, nan_ok=True), (path, name)
    return len(rows)


def test_the_totals_of_the_address_are_the_figures_of_the_overview(opened: dict[str, AppTest], loaded: Perch) -> None:
    command = next(code.value for code in opened["data"].code if "llm_totals.json?start_date=2025-01-01" in code.value)
    address = re.findall(r"'(http[^']+)'", command)[0]
    (totals,) = loaded.get(address.removeprefix(loaded.url)).json()["data"]
    told = figures(opened["overview"])
    assert told["Spend"] == fmt.dollars(totals["total_cost"])
    assert told["Requests"] == fmt.count(totals["requests"])
    assert told["Tokens"] == fmt.count(totals["total_tokens"])
    assert told["p95 latency"] == fmt.seconds(totals["p95_latency"])
    assert told["Success rate"] == fmt.percent(totals["success_rate"])
    assert f"of {totals['requests']:,} requests" in words(opened["data"])
    assert f"1 to 200 of {totals['requests']:,}" in words(opened["events"])


def test_a_month_that_is_over_leads_nowhere(opened: dict[str, AppTest], loaded: Perch) -> None:
    (forecast,) = loaded.pipe("llm_forecast", **PERIOD)
    for page in ("overview", "usage"):
        told = figures(opened[page])
        assert told["Spent in January 2025"] == fmt.dollars(forecast["spent"])
        assert told["The whole month before"] == fmt.dollars(forecast["last_month_cost"])
        assert "Forecast for its end" not in told
        assert "The month is over" in words(opened[page])


def test_the_exported_months_sum_to_the_totals(loaded: Perch) -> None:
    loaded.request("POST", "/v0/exports")
    month = loaded.settings.exports_dir / "llm_events" / "year=2025" / "month=01" / "llm_events.parquet"
    held, totals = pd.read_parquet(month), loaded.pipe("llm_totals", **PERIOD)[0]
    assert len(held) == totals["requests"]
    assert float(held["cost"].sum()) == pytest.approx(totals["total_cost"], abs=1e-9)
    assert held["total_tokens"].sum() == totals["total_tokens"]
    assert (held["success"] == 0).sum() == totals["failed_requests"]


# what is not over, missing, or left out


def charts(app: AppTest) -> list[tuple[Json, dict[str, pd.DataFrame]]]:
    """The charts of a page: the spec and the rows of each."""
    drawn = []
    for chart in app.get("vega_lite_chart"):
        sets = {one.name: pa.ipc.open_stream(one.data.data).read_pandas() for one in chart.proto.datasets}
        drawn.append((json.loads(chart.proto.spec), sets))
    return drawn


def picture(spec: Json, sets: dict[str, pd.DataFrame]) -> ElementTree.Element:
    """The chart as the browser draws it."""
    rows = {name: rows.to_json(orient="records", date_format="iso") for name, rows in sets.items()}
    held = {name: json.loads(text) for name, text in rows.items()}
    return ElementTree.fromstring(vl_convert.vegalite_to_svg({**spec, "width": 600, "datasets": held}))


def test_a_bucket_that_is_cut_looks_it(opened: dict[str, AppTest]) -> None:
    spec, sets = charts(opened["overview"])[0]
    partial = sets["pieces"]["partial"]
    weeks = sets["pieces"].loc[partial, "t"].dt.strftime("%d %b").unique()
    assert set(weeks) == {"30 Dec", "27 Jan"}
    assert set(sets["columns"].loc[sets["columns"]["partial"], "when"]) == {
        "week of 30 Dec 2024 (not whole)", "week of 27 Jan 2025 (not whole)",
    }  # fmt: skip
    svg = picture(spec, sets)
    bars = [mark for mark in svg.iter() if mark.get("aria-roledescription") == "bar"]
    pale = [mark for mark in bars if mark.get("opacity") == "0.45"]
    assert len(pale) == partial.sum() > 0
    spec, sets = charts(opened["performance"])[0]
    points = [mark for mark in picture(spec, sets).iter() if mark.get("aria-roledescription") == "circle"]
    assert len([mark for mark in points if mark.get("opacity") == "0.45"]) == 3 * sets["wide"]["partial"].sum() == 6


def test_what_is_missing_is_a_gap_and_zero_is_zero(opened: dict[str, AppTest], loaded: Perch) -> None:
    """A day without calls of a model is 0 requests, and no latency."""
    model = "deepseek/deepseek-coder"
    days = loaded.pipe("llm_usage_timeseries", dimension="model", model=model, **PERIOD)
    assert 0 < len(days) < 31
    found = [sets for _, sets in charts(opened["models"]) if "long" in sets]
    of_model = [rows["long"][rows["long"]["series"] == model].set_index("t")["value"] for rows in found]
    requests, cost, latency, success = of_model
    assert len(requests) == 31
    assert requests.notna().all()
    assert (requests == 0).sum() == 31 - len(days)
    for other in (cost, latency, success):
        assert other.notna().sum() == len(days)
        assert (other.dropna() > 0).all()


@pytest.mark.parametrize("page", ["overview", "usage", "performance", "models"])
def test_what_is_left_out_is_said(odd: Perch, open_page: Open, page: str) -> None:
    """Calls that the price list does not know, and a latency of 87 years."""
    totals = odd.pipe("llm_totals", **PERIOD)[0]
    assert 0 < totals["unpriced_requests"] < totals["requests"]
    assert totals["implausible_latencies"] == 1
    assert totals["p99_latency"] < 3600
    app = open_page(odd.url, odd.admin_token, page, **VIEW)
    unpriced, tokens = fmt.plural(totals["unpriced_requests"], "request"), fmt.count(totals["unpriced_tokens"])
    assert f"{unpriced} unpriced ({tokens} tokens), not in the spend" in words(app)
    assert "1 latency value beyond 0 to 3,600 s left out" in words(app)
    told = figures(app)
    assert told.get("Spend", fmt.dollars(totals["total_cost"])) == fmt.dollars(totals["total_cost"])
    assert told.get("p99 latency", fmt.seconds(totals["p99_latency"])) == fmt.seconds(totals["p99_latency"])


def test_more_than_nothing_is_new(opened: dict[str, AppTest], loaded: Perch, open_page: Open) -> None:
    app = open_page(loaded.url, loaded.admin_token, **{**VIEW, "from_": "2024-08-13", "to": "2024-08-19"})
    deltas = {metric.label: metric.delta for metric in app.metric}
    assert (deltas["Requests"], deltas["Tokens"]) == ("new", "new")
    before = loaded.pipe("llm_usage_by_model", start_date="2024-11-27 00:00:00", end_date="2024-12-28 00:00:00")
    known = {row["model_name"] for row in before if row["total_cost"]}
    shown = table(opened["overview"], "requests_trend")
    new = shown[~shown["model_name"].isin(known) & (shown["total_cost"] > 0)]
    assert set(new["change"]) == {"new"}
    assert not shown[shown["model_name"].isin(known)]["change"].eq("new").any()
    said = " ".join(words(app) for app in opened.values())
    assert not re.search(r"\b(inf|nan)\b", said)
