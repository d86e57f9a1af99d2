"""For any rows, in any bodies and order, with anything sent again: table and quarantine hold what plain Python says.

The reference below is written from docs/ingest.md, without the product's code: one rule for each column that is drawn.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.conftest import Json, Perch, make_settings, running

MISSING = object()

# What is sent -> what is stored; for DateTime the text is what /v0/sql answers.
GOOD_TIMES: dict[Any, str] = {
    "2026-01-02 03:04:05": "2026-01-02 03:04:05",
    "2026-01-02T03:04:05Z": "2026-01-02 03:04:05",
    "2026-01-02T04:04:05.999999999+01:00": "2026-01-02 03:04:05",
    "2026-02-28 23:59:59.5": "2026-02-28 23:59:59",
    1767323045: "2026-01-02 03:04:05",
    1767323046123: "2026-01-02 03:04:06",
}
BAD_TIMES = ["", "yesterday", "2026-02-30 00:00:00", "1969-12-31 23:59:59", True, [], "2026-01-02"]
GOOD_COUNTS = [0, 1, 150, 2**31, 2**32 - 1]
BAD_COUNTS = [-1, 2**32, 1.5, "7", True, {}]
COSTS: list[Any] = [
    "0.023",
    "1e-9",
    "0.0000000005",
    "0.0000000015",
    "123456.123456789",
    "0.12345678949999999999",
    "7",
    "-3",
]
BAD_COSTS = ["cheap", True, "1000000000", "NaN"]
TEXTS = ["", "gpt-4", "naïve 模型 😀", 'a "quoted" \\ text', "a\nb\tc", "x" * 300, "a\u0000b"]
IDS = [MISSING, None, "", "a", "b"]
LINES = ["nope", "5", "[1]", '{"a":', '"text"', "null"]


@dataclass
class Store:
    """What the table and the quarantine must hold."""

    rows: Counter[str] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    ids: set[tuple[str, str]] = field(default_factory=set)

    def take(self, lines: list[Json | str]) -> tuple[int, int, int]:
        """Rows that are stored, quarantined and left out as duplicates."""
        counts = [0, 0, 0]
        for number, line in enumerate(lines, start=1):
            reasons = [f"line {number} is not a JSON object"] if isinstance(line, str) else reasons_of(line)
            if reasons:
                self.bad[json.dumps(reasons)] += 1
                counts[1] += 1
                continue
            assert not isinstance(line, str)
            row = stored(line)
            repeated = (row["id"], row["event_time"]) in self.ids
            if not repeated:
                self.rows[canonical(row)] += 1
            if row["id"]:
                self.ids.add((row["id"], row["event_time"]))
            counts[2 if repeated else 0] += 1
        return counts[0], counts[1], counts[2]


def reasons_of(row: Json) -> list[str]:
    """Why a row is quarantined, a sentence for each bad column in the order of the schema; none for a good row."""
    bad: list[str] = []
    for column, required, kind, refused in (
        ("event_time", True, "DateTime", BAD_TIMES),
        ("model_name", True, "String", []),
        ("prompt_tokens", True, "UInt32", BAD_COUNTS),
        ("completion_tokens", True, "UInt32", BAD_COUNTS),
        ("total_tokens", False, "UInt32", BAD_COUNTS),
        ("cost", False, "Nullable(Decimal(18, 9))", BAD_COSTS),
        ("success", True, "UInt8", [2**32 - 1]),
    ):
        value = row.get(column)
        if value is None and required:
            bad.append(f"column '{column}' has no value, is not Nullable and has no DEFAULT")
        elif value is not None and any(
            value is other or (value == other and type(value) is type(other)) for other in refused
        ):
            shown = value if isinstance(value, str) else json.dumps(value)
            bad.append(f"value '{shown}' on column '{column}' is not {kind}")
    if not bad and row.get("total_tokens") is None and row["prompt_tokens"] + row["completion_tokens"] >= 2**32:
        bad.append("the DEFAULT of column 'total_tokens' is not UInt32")
    return bad


def stored(row: Json) -> Json:
    """A good row as it is read back."""
    cost, total = row.get("cost"), row.get("total_tokens")
    exact = None if cost is None else Decimal(str(cost)).quantize(Decimal("1e-9"), rounding=ROUND_HALF_EVEN)
    return {
        "event_time": GOOD_TIMES[row["event_time"]],
        "model_name": row["model_name"],
        "prompt_tokens": row["prompt_tokens"],
        "completion_tokens": row["completion_tokens"],
        "total_tokens": row["prompt_tokens"] + row["completion_tokens"] if total is None else total,
        "cost": None if exact is None else f"{exact:.9f}",
        "success": int(row["success"]),
        "id": row.get("id"),
    }


def canonical(row: Json) -> str:
    return json.dumps(row, sort_keys=True)


GOOD_ROWS = st.fixed_dictionaries(
    {
        "event_time": st.sampled_from(list(GOOD_TIMES)),
        "model_name": st.sampled_from(TEXTS),
        "prompt_tokens": st.sampled_from(GOOD_COUNTS),
        "completion_tokens": st.sampled_from(GOOD_COUNTS),
        "total_tokens": st.sampled_from([MISSING, None, *GOOD_COUNTS]),
        "cost": st.sampled_from([MISSING, None, *COSTS]),
        "success": st.sampled_from([0, 1, True, False]),
        "id": st.sampled_from(IDS),
        "unknown": st.sampled_from([MISSING, {"a": [1, None]}, 10**30]),
    }
)
SPOILS: list[tuple[str, Any]] = [
    *(("event_time", value) for value in BAD_TIMES),
    *((column, value) for column in ("prompt_tokens", "completion_tokens", "total_tokens") for value in BAD_COUNTS),
    *(("cost", value) for value in BAD_COSTS),
    ("success", 2**32 - 1),
    *(
        (column, value)
        for column in ("event_time", "model_name", "prompt_tokens", "success")
        for value in (None, MISSING)
    ),
]
# Seven of ten rows are good, but for a DEFAULT that overflows now and then.
ROWS = st.builds(
    lambda row, spoils, most: {
        name: value for name, value in {**row, **dict(spoils[:most])}.items() if value is not MISSING
    },
    GOOD_ROWS,
    st.lists(st.sampled_from(SPOILS), min_size=3, max_size=3),
    st.sampled_from([0, 0, 0, 0, 0, 0, 0, 1, 1, 3]),
)

# A body: its lines, whether it has a key, and how often it is sent.
BODIES = st.lists(
    st.tuples(
        st.lists(
            st.one_of(ROWS, ROWS.map(lambda row: row), ROWS.map(dict), st.sampled_from(LINES)), min_size=1, max_size=12
        ),
        st.booleans(),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=5,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Perch]:
    with running(make_settings(tmp_path_factory.mktemp("properties"), cost="sent-only")) as perch:
        yield perch


def sent(lines: list[Json | str], example: int) -> bytes:
    """The lines of a body, marked with the number of the example; a cost goes as the number that its text is."""
    return b"\n".join(encoded(line, example) for line in lines)


def encoded(line: Json | str, example: int) -> bytes:
    if isinstance(line, str):
        return line.encode()
    text = json.dumps({**line, "session": f"example {example}"})
    cost = line.get("cost")
    if isinstance(cost, str) and cost not in BAD_COSTS and cost != "7":
        text = text.replace(f'"cost": "{cost}"', f'"cost": {cost}')
    return text.encode()


def consistent(lines: list[Json | str], example: int) -> list[Json | str]:
    """Ids of this example alone; in one body, rows of one id and time are copies, as those of a retry are."""
    first: dict[tuple[str, str], Json] = {}
    made: list[Json | str] = []
    for line in lines:
        if isinstance(line, dict) and line.get("id"):
            line = {**line, "id": f"{line['id']}-{example}"}
            if not reasons_of(line):
                line = first.setdefault((line["id"], GOOD_TIMES[line["event_time"]]), line)
        made.append(line)
    return made


examples = iter(range(1_000_000))


PHASES = [Phase.explicit, Phase.generate]  # shrinking asks the server a thousand times


@settings(max_examples=60, deadline=None, database=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(BODIES)
def test_table_and_quarantine_hold_what_the_reference_says(server: Perch, bodies: Any) -> None:
    example, expected = next(examples), Store()
    before = quarantined(server)
    for at, (lines, keyed, times) in enumerate(bodies):
        lines = consistent(lines, example)
        first: Json | None = None
        for _ in range(times):
            headers = {"Idempotency-Key": f"{example}-{at}"} if keyed else {}
            data = sent(lines, example)
            answer = server.request("POST", "/v0/events", params={"name": "llm_events"}, data=data, headers=headers)
            if all(isinstance(line, str) for line in lines):
                assert answer.status_code == 400, answer.text
                continue
            assert answer.status_code == 202, answer.text
            if first and keyed:
                assert (answer.json(), answer.headers["Idempotent-Replayed"]) == (first, "true")
                continue
            first = answer.json()
            assert tuple(first.values()) == expected.take(lines)
    columns = "event_time, model_name, prompt_tokens, completion_tokens, total_tokens, cost, success, id"
    found = server.sql(f"SELECT {columns} FROM llm_events WHERE session = 'example {example}'")
    rows = Counter(canonical({**row, "cost": None if row["cost"] is None else f"{row['cost']:.9f}"}) for row in found)
    assert rows == expected.rows
    assert quarantined(server) - before == expected.bad


def quarantined(server: Perch) -> Counter[str]:
    """The reasons in the quarantine, a line that is no object cut after its number."""
    found = server.sql("SELECT c__error FROM llm_events_quarantine")
    return Counter(
        json.dumps([reason.partition(" (")[0] if reason.startswith("line ") else reason for reason in row["c__error"]])
        for row in found
    )
