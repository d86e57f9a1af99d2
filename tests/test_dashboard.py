"""The dashboard's own arithmetic: periods, buckets of a zone, stacks, words. No server, no browser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from metrics.dashboard import filters, timeline, urlstate, zoom
from metrics.dashboard import format as fmt
from metrics.dashboard.charts.theme import LIGHT, colours

NOW = datetime(2025, 5, 14, 10, 20, 15, tzinfo=UTC)
EXTENT = (datetime(2024, 8, 13, 14, 40, 43, tzinfo=UTC), datetime(2025, 2, 27, 22, 37, 31, tzinfo=UTC))


def view(now: datetime = NOW, home: str = "UTC", **values: Any) -> filters.Filters:
    named = {name.rstrip("_"): value for name, value in values.items()}
    return filters.resolve({**urlstate.DEFAULTS, **named}, now, EXTENT, home)


@pytest.mark.parametrize(
    ("name", "start", "granularity"),
    [
        ("1h", "2025-05-14 09:20:00", "minute"),
        ("24h", "2025-05-13 10:00:00", "hour"),
        ("7d", "2025-05-08 00:00:00", "hour"),
        ("30d", "2025-04-15 00:00:00", "day"),
        ("90d", "2025-02-14 00:00:00", "day"),
        ("all", "2024-08-13 00:00:00", "week"),
    ],
)
def test_a_range_starts_with_a_whole_bucket_and_chooses_readable_buckets(
    name: str, start: str, granularity: str
) -> None:
    chosen = view(range=name)
    assert chosen.period()["start_date"] == start
    assert chosen.granularity == granularity


def test_all_ends_after_the_last_event_and_has_no_period_before() -> None:
    chosen = view(range="all")
    assert chosen.period()["end_date"] == "2025-02-28 00:00:00"
    assert not chosen.compare
    assert not timeline.buckets(chosen)["partial"].any()


def test_days_begin_in_the_chosen_zone() -> None:
    chosen = view(range="custom", from_="2025-05-01", to="2025-05-03", timezone="America/New_York")
    assert chosen.period()["start_date"] == "2025-05-01 04:00:00"
    assert chosen.period()["end_date"] == "2025-05-04 04:00:00"


def test_the_period_before_is_as_long_and_ends_where_this_one_starts() -> None:
    chosen = view(range="7d", compare="before")
    before = chosen.previous()
    assert before["end_date"] == chosen.period()["start_date"]
    length = pd.Timestamp(str(before["end_date"])) - pd.Timestamp(str(before["start_date"]))
    assert length == chosen.end - chosen.start


@pytest.mark.parametrize(("name", "days"), [("1h", 7), ("24h", 7), ("7d", 7), ("30d", 35), ("90d", 91)])
def test_a_period_is_compared_with_the_same_weekdays_before(name: str, days: int) -> None:
    chosen = view(range=name)
    before = chosen.previous()
    ends = [pd.Timestamp(str(period["end_date"])) for period in (chosen.period(), before)]
    starts = [pd.Timestamp(str(period["start_date"])) for period in (chosen.period(), before)]
    assert starts[0] - starts[1] == ends[0] - ends[1] == pd.Timedelta(days=days)
    assert ends[1] <= starts[0]
    assert chosen.against() == f"vs {days // 7} wk ago"


def test_a_week_earlier_is_by_the_clock_of_the_zone() -> None:
    chosen = view(range="custom", from_="2025-03-31", to="2025-04-01", timezone="Europe/Berlin")
    assert chosen.period()["start_date"] == "2025-03-30 22:00:00"
    assert chosen.previous()["start_date"] == "2025-03-23 23:00:00"  # summer time began in between


@pytest.mark.parametrize(
    ("named", "start", "end"),
    [
        ("today", "2025-05-14 00:00:00", "2025-05-14 10:20:15"),
        ("yesterday", "2025-05-13 00:00:00", "2025-05-14 00:00:00"),
        ("week", "2025-05-12 00:00:00", "2025-05-14 10:20:15"),
        ("last_week", "2025-05-05 00:00:00", "2025-05-12 00:00:00"),
        ("month", "2025-05-01 00:00:00", "2025-05-14 10:20:15"),
        ("last_month", "2025-04-01 00:00:00", "2025-05-01 00:00:00"),
        ("year", "2025-01-01 00:00:00", "2025-05-14 10:20:15"),
    ],
)
def test_a_period_of_the_calendar(named: str, start: str, end: str) -> None:
    period = view(range="custom", calendar=named).period()
    assert (period["start_date"], period["end_date"]) == (start, end)


def test_a_range_may_have_times_of_the_zones_clock() -> None:
    chosen = view(range="custom", from_="2025-05-10T09:30", to="2025-05-10T11:00", timezone="Asia/Tokyo")
    assert (chosen.period()["start_date"], chosen.period()["end_date"]) == (
        "2025-05-10 00:30:00",
        "2025-05-10 02:00:00",
    )
    assert chosen.granularity == "minute"
    nonsense = view(range="custom", from_="2025-05-10T99:30", to="2025-05-10T11:00")
    assert nonsense.period()["start_date"] == "2025-05-10 00:00:00"


@pytest.mark.parametrize(
    ("granularity", "dragged", "expected"),
    [
        ("day", ("2025-05-03 13:00", "2025-05-05 02:00"), ("2025-05-03", "2025-05-05")),
        ("week", ("2025-05-05 02:00", "2025-05-03 13:00"), ("2025-05-03", "2025-05-05")),
        ("hour", ("2025-05-03 13:20", "2025-05-03 14:10"), ("2025-05-03T13:00", "2025-05-03T15:00")),
        ("minute", ("2025-05-03 13:20:10", "2025-05-03 13:20:20"), ("2025-05-03T13:20", "2025-05-03T13:21")),
    ],
)
def test_a_drag_becomes_whole_buckets(granularity: str, dragged: tuple[str, str], expected: tuple[str, str]) -> None:
    first, last = (pd.Timestamp(moment).timestamp() * 1000 for moment in dragged)
    assert zoom.span(first, last, granularity) == expected


def test_a_saved_address_is_read_back_without_what_is_not_known() -> None:
    query = "range=7d&model=a&model=b&token=secret"
    assert urlstate.decode(query) == {"range": "7d", "model": ["a", "b"]}


@pytest.mark.parametrize("dates", [("", ""), ("yesterday", "9999-99-99"), ("9999-12-31", "0001-01-01")])
def test_dates_of_an_address_that_make_no_sense_do_not_break_the_page(dates: tuple[str, str]) -> None:
    chosen = view(range="custom", from_=dates[0], to=dates[1])
    assert chosen.start < chosen.end


def test_a_granularity_that_would_flood_the_chart_is_not_taken() -> None:
    assert view(range="90d", granularity="minute").granularity == "day"
    assert "minute" not in filters.granularities(NOW - timedelta(days=90), NOW)


def test_a_bucket_that_is_not_over_is_partial() -> None:
    buckets = timeline.buckets(view(range="7d", granularity="day"))
    assert buckets["partial"].tolist() == [False] * 6 + [True]
    assert buckets["when"].iloc[-1] == "Wed 14 May 2025 (not whole)"


def test_the_repeated_hour_of_autumn_is_two_buckets_side_by_side() -> None:
    chosen = view(datetime(2024, 11, 4, tzinfo=UTC), range="24h", timezone="America/New_York")
    buckets = timeline.buckets(chosen)
    assert buckets["bucket_utc"].is_unique
    assert buckets["t"].is_unique
    both = buckets[buckets["when"].str.startswith("Sun 03 Nov 01:00")]
    assert (both["t1"] - both["t"]).tolist() == [pd.Timedelta("30min")] * 2


def test_days_are_known_by_their_absolute_start_also_across_a_clock_change() -> None:
    chosen = view(range="custom", from_="2025-03-29", to="2025-04-01", timezone="Europe/Berlin", granularity="day")
    starts = timeline.buckets(chosen)["bucket_utc"].dt.strftime("%d %H").tolist()
    assert starts == ["28 23", "29 23", "30 22", "31 22"]


def test_missing_is_a_gap_and_zero_is_zero() -> None:
    frame = timeline.buckets(view(range="7d", granularity="day"))
    row = {"bucket_utc": frame["bucket_utc"].iloc[2], "requests": 5, "total_cost": float("nan"), "p95_latency": 1.5}
    whole = timeline.complete(pd.DataFrame([row]), frame)
    assert whole["requests"].tolist() == [0, 0, 5, 0, 0, 0, 0]
    assert whole["p95_latency"].notna().sum() == 1
    assert pd.isna(whole["total_cost"].iloc[2])  # calls without a price: unknown, not free
    assert whole["total_cost"].iloc[0] == 0


def test_a_stack_sums_to_its_total_and_keeps_the_small_ones_as_other() -> None:
    frame = timeline.buckets(view(range="7d", granularity="day"))
    names = [f"m{place}" for place in range(12)]
    rows = pd.DataFrame(
        [
            {"bucket_utc": frame["bucket_utc"].iloc[1], "dimension": name, "cost": place}
            for place, name in enumerate(names)
        ]
    )
    folded = timeline.fold(rows, "dimension", "cost", most=8)
    order = timeline.order(folded, names)
    pieces, columns = timeline.stack(folded, frame, "cost", order)
    assert order[-1] == timeline.OTHER
    assert len(order) == 9
    assert pieces["y1"].max() == columns["total"].max() == rows["cost"].sum()


def test_a_name_has_its_colour_whatever_else_is_shown() -> None:
    ranked = ["a", "b", "c"]
    assert colours(["b", "z", timeline.OTHER], ranked, LIGHT)[0] == colours(["a", "b"], ranked, LIGHT)[1]
    assert len(set(colours([*"abcdefgh", timeline.OTHER], ranked, LIGHT))) == 9


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [(12.0, 10.0, "+20.0%"), (9.0, 10.0, "-10.0%"), (5.0, 0.0, "new"), (0.0, 0.0, 0), (1.0, None, None), (10, 10, 0)],
)
def test_a_change(now: float, before: float | None, said: str | int | None) -> None:
    assert fmt.change(now, before) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (fmt.dollars(75.6195), "$75.62"),
        (fmt.dollars(0.0012345), "$0.0012"),
        (fmt.dollars(0.00001234), "$0.000012"),
        (fmt.dollars(12_345), "$12.3k"),
        (fmt.dollars(0), "$0.00"),
        (fmt.dollars(None, "unpriced"), "unpriced"),
        (fmt.count(2712), "2,712"),
        (fmt.count(28_286_999), "28.3M"),
        (fmt.seconds(0.84), "840 ms"),
        (fmt.seconds(67.9), "68 s"),
        (fmt.seconds(float("nan")), "—"),
        (fmt.percent(0.98414), "98.41%"),
        (fmt.percent(None), "—"),
    ],
)
def test_numbers_in_words(text: str, said: str) -> None:
    assert text == said


def test_short_names_stay_different() -> None:
    long = ["fireworks_ai/accounts/models/deepseek-v3", "openrouter/vendor/models/deepseek-v3", "gpt-4o"]
    assert fmt.short_names(long) == {name: name for name in long}
    assert fmt.short_names(long[:1]) == {long[0]: "…/deepseek-v3"}
