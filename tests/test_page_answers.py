"""What a product manager asks, on the page that answers it: each number is the API's, each odd thing is said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from metrics.dashboard import format as fmt
from tests.conftest import Open, Perch, make_settings, running
from tests.viewing import event, figures, table, words

NOW = datetime.now(UTC)


def at(days: float, **values: Any) -> dict[str, Any]:
    """A call of so many days ago."""
    return event(event_time=f"{NOW - timedelta(days=days):%Y-%m-%d %H:%M:%S}", **values)


def traffic() -> Iterator[dict[str, Any]]:
    """Sixty days: two models of one feature, dear and cheap; a day full of failures, one absurd price."""
    for day in range(1, 60):
        for number in range(8):
            kind = {"user": f"u{number % 3}", "feature": "chat", "team": "web"}
            yield at(day + number / 50, id=f"dear-{day}-{number}", cost=0.2, model_name="dear", **kind)
            cheap = {"model_name": "cheap", "cost": 0.02, "latency": 0.8, "ttft": 0.2, "stream": 1, "cached_tokens": 75}
            yield at(day + number / 50, id=f"cheap-{day}-{number}", **cheap, **kind)
    for number in range(9):
        failed = {"success": 0, "latency": None, "cost": 0.01, "error_message": f"timeout after {number + 30} s"}
        yield at(3, id=f"failed-{number}", model_name="dear", **failed)
    yield at(2, id="absurd", model_name="cheap", cost=41, user="u1")
    yield at(2, id="hit", model_name="cheap", cost=None, cache_hit=1)
    yield at(2, id="secret", model_name="nobody-knows", cost=None)
    yield at(2, id="lost", model_name="cheap", cost=None)


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Perch]:
    with running(make_settings(tmp_path_factory.mktemp("busy"))) as perch:
        assert perch.post_events("llm_events", traffic()).json()["quarantined_rows"] == 0
        budgets = [{"scope": "all", "amount": 10_000}, {"scope": "team", "value": "web", "amount": 1}]
        assert perch.post_events("budgets", budgets).json()["successful_rows"] == 2
        yield perch


DATES = {"range": "custom", "from_": f"{NOW - timedelta(days=30):%Y-%m-%d}", "to": f"{NOW:%Y-%m-%d}"}
"""The address of a page that shows the days which `asked` asks for."""


def asked(perch: Perch, name: str, **more: object) -> list[dict[str, Any]]:
    """What an endpoint answers for the days of `DATES`."""
    start = (NOW - timedelta(days=30)).replace(hour=0, minute=0, second=0)
    period = {"start_date": f"{start:%Y-%m-%d %H:%M:%S}", "end_date": f"{NOW + timedelta(minutes=2):%Y-%m-%d %H:%M:%S}"}
    return perch.pipe(name, **{**period, **more})


def test_an_absurd_price_stands_out_on_the_first_screen(busy: Perch, open_page: Open) -> None:
    said = words(open_page(busy.url, busy.admin_token, **DATES))
    assert "**One call of cheap cost $41.00**, 2,050 times its median" in said
    assert "(user u1)" in said
    assert "Nothing stands out" not in said


def test_a_calm_day_says_that_nothing_stands_out(perch: Perch, open_page: Open) -> None:
    perch.post_events("llm_events", [event() for _ in range(5)])
    assert "Nothing stands out in this view." in words(open_page(perch.url, perch.admin_token))


def test_a_day_full_of_failures_is_told_as_a_spike(busy: Perch, open_page: Open) -> None:
    spikes = [bucket for bucket in asked(busy, "llm_reliability", granularity="day") if bucket["spike"]]
    assert len(spikes) == 1
    told = f"9 of {spikes[0]['requests']} calls failed"
    for page in ("overview", "errors"):
        assert told in words(open_page(busy.url, busy.admin_token, page, **DATES))


@pytest.mark.parametrize("page", ["overview", "usage"])
def test_the_month_is_what_the_forecast_says(busy: Perch, open_page: Open, page: str) -> None:
    forecast = asked(busy, "llm_forecast")[0]
    seen = figures(open_page(busy.url, busy.admin_token, page, **DATES))
    assert seen[f"Spent in {datetime.fromisoformat(forecast['month']):%B %Y}"] == fmt.dollars(forecast["spent"])
    assert seen["Forecast for its end"].startswith("$")


def test_too_few_days_give_no_forecast_and_the_reason(perch: Perch, open_page: Open) -> None:
    perch.post_events("llm_events", [event(), at(3)])
    app = open_page(perch.url, perch.admin_token, "usage")
    assert figures(app)["Forecast for its end"] == fmt.UNKNOWN
    assert f"No forecast: {perch.pipe('llm_forecast')[0]['reason']}" in words(app)


def test_a_spent_budget_warns_and_one_with_room_does_not(busy: Perch, open_page: Open) -> None:
    said = words(open_page(busy.url, busy.admin_token, "usage", **DATES))
    assert "**team web**: spent" in said
    assert "**All calls**" not in said
    assert "**Budget team web**" in words(open_page(busy.url, busy.admin_token, **DATES))


def test_without_a_budget_the_page_says_how_to_set_one(perch: Perch, open_page: Open) -> None:
    perch.post_events("llm_events", event())
    said = words(open_page(perch.url, perch.admin_token, "usage"))
    assert "No budget is set." in said
    assert f"curl '{perch.url}/v0/events?name=budgets&wait=true'" in said
    assert perch.admin_token not in said


def test_what_changed_the_spend_is_the_change_of_its_figure(busy: Perch, open_page: Open) -> None:
    """Both against the same weekdays: 31 days against those of five weeks before, and not those just before."""
    start, end = (NOW - timedelta(days=65)).replace(hour=0, minute=0, second=0), NOW - timedelta(days=34, hours=23.9)
    earlier = {"earlier_start": f"{start:%Y-%m-%d %H:%M:%S}", "earlier_end": f"{end:%Y-%m-%d %H:%M:%S}"}
    causes = asked(busy, "llm_cost_drivers", **earlier)
    now, before = (sum(row[name] or 0 for row in causes) for name in ("total_cost", "previous_total_cost"))
    app = open_page(busy.url, busy.admin_token, "usage", **DATES)
    assert f"Together {fmt.signed_dollars(now - before)}" in words(app)
    assert [metric.delta for metric in app.metric if metric.label == "Spend"] == [fmt.change(now, before)]
    assert before != pytest.approx(sum(row["previous_total_cost"] or 0 for row in asked(busy, "llm_cost_drivers")))
    app = open_page(busy.url, busy.admin_token, "errors", **DATES)
    compared = asked(busy, "llm_errors_compared", **earlier)
    assert table(app, "error")["change"].tolist() == ["new" for row in compared if row["status"] == "new"]


def test_wasted_spend_and_cost_per_success_are_those_of_the_api(busy: Perch, open_page: Open) -> None:
    app = open_page(busy.url, busy.admin_token, "usage", **DATES)
    wasted = asked(busy, "llm_wasted_spend")
    assert figures(app)["Wasted spend"] == fmt.dollars(sum(row["wasted_cost"] or 0 for row in wasted)) == "$0.0900"
    totals = asked(busy, "llm_totals")[0]
    assert totals["priced_successes"] == totals["requests"] - 9 - 2  # those that failed, those without a price
    assert figures(app)["Cost / success"] == fmt.dollars(totals["total_cost"] / totals["priced_successes"])
    (month,) = busy.sql("SELECT toFloat64(sum(cost)) AS cost FROM llm_events WHERE user LIKE 'u%' "
                        f"AND event_time >= '{NOW - timedelta(days=30):%Y-%m-%d} 00:00:00'")  # fmt: skip
    assert figures(app)["Cost / active user"] == fmt.dollars(month["cost"] / 3)
    spend = table(app, "per_success").set_index("model_name")["per_success"]
    assert spend["dear"] == {row["value"]: row["cost_per_successful_request"] for row in wasted}["dear"]


def test_the_unit_costs_of_a_model_are_those_of_its_row(busy: Perch, open_page: Open) -> None:
    """One of its calls has no price: neither the figures nor the tables divide by it."""
    cheap = next(row for row in asked(busy, "llm_models_compared") if row["model_name"] == "cheap")
    assert cheap["unpriced_requests"] == 1
    shown = {"model": ["cheap"], **DATES}
    overview = figures(open_page(busy.url, busy.admin_token, **shown))
    assert overview["Cost / 1k requests"] == fmt.dollars(cheap["cost_per_1000_requests"])
    app = open_page(busy.url, busy.admin_token, "usage", **shown)
    assert figures(app)["Cost / success"] == fmt.dollars(cheap["cost_per_successful_request"])
    assert table(app, "per_success")["per_success"].iloc[0] == pytest.approx(cheap["cost_per_successful_request"])


def test_the_heaviest_users_and_the_cache_are_those_of_the_api(busy: Perch, open_page: Open) -> None:
    app = open_page(busy.url, busy.admin_token, "usage", **DATES)
    heaviest = asked(busy, "llm_heaviest", dimension="user")
    users, features = [found.value for found in app.dataframe if "cumulative_share" in found.value]
    assert users["value"].tolist() == [row["value"] or "(none)" for row in heaviest]
    assert users["share"].sum() == pytest.approx(1)
    assert users["trend"].map(sum).sum() == pytest.approx(users["total_cost"].sum())
    assert "chat" in features["value"].tolist()
    cached = {row["model_name"]: row["cached_share"] for row in asked(busy, "llm_cache")}
    assert table(app, "cached_share").set_index("model_name")["cached_share"]["cheap"] == cached["cheap"]


def test_errors_are_grouped_counted_and_said_to_be_new(busy: Perch, open_page: Open) -> None:
    app = open_page(busy.url, busy.admin_token, "errors", **DATES)
    totals = asked(busy, "llm_totals")[0]
    assert figures(app)["Failed requests"] == "9"
    assert figures(app)["Error rate"] == fmt.percent(9 / totals["requests"])
    assert (figures(app)["Kinds of error"], figures(app)["New kinds"]) == ("1", "1")
    errors = table(app, "error")
    assert errors["error"].tolist() == ["timeout after # s"]
    assert errors["change"].tolist() == ["new"]
    assert sum(errors["trend"].iloc[0]) == 9


def test_a_view_without_failures_says_so(perch: Perch, open_page: Open) -> None:
    perch.post_events("llm_events", event())
    said = words(open_page(perch.url, perch.admin_token, "errors"))
    assert "No call failed in this view." in said


def test_a_switch_of_model_is_told_with_speed_and_success(busy: Perch, open_page: Open) -> None:
    app = open_page(busy.url, busy.admin_token, "models", **DATES)
    switches = [row for row in asked(busy, "llm_model_switches") if row["saving"] > 0]
    told = table(app, "alternative")
    assert told[["model_name", "alternative"]].to_numpy().tolist() == [["dear", "cheap"]]
    assert told["saving"].iloc[0] == switches[0]["saving"]
    assert told["alternative_p95_latency"].iloc[0] == switches[0]["alternative_p95_latency"]
    assert (
        told["cost"].iloc[0]
        == f"{fmt.dollars(switches[0]['total_cost'])} → {fmt.dollars(switches[0]['switched_cost'])}"
    )


def test_a_model_that_costs_nothing_is_called_free(perch: Perch, open_page: Open) -> None:
    for name, cost in (("dear", 0.2), ("ours", 0), ("unknown", None)):
        perch.post_events("llm_events", [event(feature="chat", model_name=name, cost=cost)] * 30)
    told = table(open_page(perch.url, perch.admin_token, "models"), "alternative")
    assert told[["alternative", "saved"]].to_numpy().tolist() == [["ours", "free"]]


def test_what_the_providers_cache_saved_is_by_the_prices_known(perch: Perch, open_page: Open) -> None:
    known = event(model_name="gpt-4o", provider="openai", prompt_tokens=2_000_000, cached_tokens=1_000_000)
    perch.post_events("llm_events", [known, event(model_name="nobody-knows", cached_tokens=100)])
    (price,) = [one["tiers"][0] for one in perch.get("/v0/prices").json()["models"] if one["model"] == "gpt-4o"]
    saved = table(app := open_page(perch.url, perch.admin_token, "usage"), "provider_saved")
    assert saved.set_index("model_name")["provider_saved"]["gpt-4o"] == pytest.approx(price["input"] - price["cached"])
    assert f"cache saved {fmt.dollars(price['input'] - price['cached'])}" in words(app)
    assert "100 cached tokens without such a price left out" in words(app)


def test_models_are_compared_against_the_first(busy: Perch, open_page: Open) -> None:
    compared = {row["model_name"]: row for row in asked(busy, "llm_models_compared")}
    app = open_page(busy.url, busy.admin_token, "models", model=["dear", "cheap"], **DATES)
    told = table(app, "Measure").set_index("Measure")
    assert told.columns.tolist() == ["dear", "cheap"]
    each = {name: row["cost_per_1000_requests"] for name, row in compared.items()}
    change = fmt.change(each["cheap"], each["dear"])
    assert told.loc["Cost per 1,000 requests", "cheap"] == f"{fmt.dollars(each['cheap'])} ({change})"
    assert told.loc["Success rate", "dear"] == fmt.percent(compared["dear"]["success_rate"])
    assert "Compared: all 2 models of this view" in words(app)


def test_events_are_searched_and_paged_by_the_address(busy: Perch, open_page: Open) -> None:
    requests = asked(busy, "llm_totals")[0]["requests"]
    app = open_page(busy.url, busy.admin_token, "events", **DATES)
    assert f"1 to 200 of {requests:,}" in words(app)
    app = open_page(busy.url, busy.admin_token, "events", page_="2", **DATES)
    assert f"201 to 400 of {requests:,}" in words(app)
    app = open_page(busy.url, busy.admin_token, "events", failed="on", search="AFTER 31", **DATES)
    assert table(app, "error_message")["error_message"].tolist() == ["timeout after 31 s"]
    app.text_input(key="search").set_value("nothing like it").run()
    assert app.query_params["search"] == "nothing like it"
    assert "No call of this view is like that." in words(app)


def test_the_live_tail_shows_a_call_that_has_just_come(perch: Perch, open_page: Open) -> None:
    perch.post_events("llm_events", event(model_name="just-now"))
    app = open_page(perch.url, perch.admin_token, "events", tail="on")
    assert table(app, "model_name")["model_name"].tolist() == ["just-now"]
    assert "asked for every 2 s" in words(app)


def test_a_missing_endpoint_is_named_in_its_panel(busy: Perch, open_page: Open) -> None:
    names = [pipe["name"] for pipe in busy.get("/v0/pipes").json()["pipes"]]
    readable = [f"PIPES:READ:{name}" for name in names if name not in ("llm_budgets", "llm_heaviest")]
    token = busy.create_token("some", *readable)
    app = open_page(busy.url, token, "usage", **DATES)
    assert "llm_budgets" in words(app)
    assert "llm_heaviest" in words(app)
    assert figures(app)["Wasted spend"] == "$0.0900"


def test_the_data_page_tells_how_fast_calls_arrive(busy: Perch, open_page: Open) -> None:
    said = words(open_page(busy.url, busy.admin_token, "data", **DATES))
    assert "events a minute now" in said
    lag = busy.pipe("ingest_lag")[0]
    assert f"{lag['late_events']:,} events of the last hour over a day old" in said
