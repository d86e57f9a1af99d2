"""Real traffic through both ways in, and every number that comes out compared with pandas on the files.

The files lie beside the repository and are not part of it: `aider_llm_events.ndjson` derives from Aider-AI/aider
(Apache-2.0), `AzureLLMInferenceTrace_*.csv` are Azure/AzurePublicDataset (CC-BY 4.0; Patel et al., Splitwise, ISCA
2024), `mooncake_conversation_compact.ndjson` derives from kvcache-ai/Mooncake (Apache-2.0).
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.conftest import REAL_DATA, Perch, make_settings, running
from tests.test_commands import environment, run_command

AIDER = REAL_DATA / "aider_llm_events.ndjson"
AZURE = {name: REAL_DATA / f"AzureLLMInferenceTrace_{name}.csv" for name in ("code", "conv")}
MOONCAKE = REAL_DATA / "mooncake_conversation_compact.ndjson"

pytestmark = [
    pytest.mark.real_traffic,
    pytest.mark.skipif(not AIDER.exists(), reason="the folder shared/data is not beside the repository"),
]


@pytest.fixture(scope="module")
def perch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Perch]:
    """A server into which all four files went: the first by HTTP in batches, the others by the command."""
    with running(make_settings(tmp_path_factory.mktemp("real"))) as server:
        lines = AIDER.read_bytes().splitlines()
        for start in range(0, len(lines), 1000):
            batch = lines[start : start + 1000]
            answer = server.post_events("llm_events", b"\n".join(batch)).json()
            assert (answer["successful_rows"], answer["quarantined_rows"]) == (len(batch), 0)
        for name, file in AZURE.items():
            load(server, file, "TIMESTAMP", "ContextTokens", "GeneratedTokens", f"azure-{name}")
        origin = ("--time-origin", "2024-06-01T00:00:00Z")
        load(server, MOONCAKE, "timestamp_ms", "input_length", "output_length", "mooncake", *origin)
        yield server


def load(server: Perch, file: Path, time: str, prompt: str, completion: str, model: str, *more: str) -> None:
    mapping = {"event_time": time, "prompt_tokens": prompt, "completion_tokens": completion}
    options = [part for ours, theirs in mapping.items() for part in ("--map", f"{ours}={theirs}")]
    options += ["--set", f"model_name={model}", "--set", "success=1"]
    result = run_command(environment(server.settings), "load", str(file), *options, *more)
    assert result.code == 0, result.err
    assert ", 0 quarantined" in result.out


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """The calls of all four files: `cost` as Decimals rounded half-even to nine places, `raw_cost` as floats."""
    aider = pd.DataFrame(json.loads(line, parse_float=Decimal) for line in AIDER.read_bytes().splitlines())
    azure = [
        pd.read_csv(file)
        .set_axis(["event_time", "prompt_tokens", "completion_tokens"], axis=1)
        .assign(model_name=f"azure-{name}")
        for name, file in AZURE.items()
    ]
    mooncake = pd.read_json(MOONCAKE, lines=True)
    mooncake = pd.DataFrame(
        {
            "event_time": pd.Timestamp("2024-06-01") + pd.to_timedelta(mooncake["timestamp_ms"], unit="ms"),
            "prompt_tokens": mooncake["input_length"],
            "completion_tokens": mooncake["output_length"],
            "model_name": "mooncake",
        }
    )
    table = pd.concat([aider, *azure, mooncake], ignore_index=True)
    table["event_time"] = pd.to_datetime(table["event_time"].astype(str), format="ISO8601", utc=True).dt.floor("s")
    table["total_tokens"] = table["total_tokens"].fillna(table["prompt_tokens"] + table["completion_tokens"])
    table["success"] = table["success"].fillna(1).astype(int)
    table["latency"] = table["latency"].astype(float)
    table["raw_cost"] = pd.to_numeric(table["cost"].astype(float))
    table["cost"] = [None if pd.isna(cost) else rounded(cost) for cost in table["cost"]]
    return table


def rounded(cost: object) -> Decimal:
    return Decimal(str(cost)).quantize(Decimal("1e-9"), rounding=ROUND_HALF_EVEN)


def expected(table: pd.DataFrame) -> dict[str, object]:
    """What an endpoint has to say of these calls."""
    costs = table["cost"].dropna()
    return {
        "requests": len(table),
        "failed_requests": int((table["success"] == 0).sum()),
        "total_prompt_tokens": int(table["prompt_tokens"].sum()),
        "total_completion_tokens": int(table["completion_tokens"].sum()),
        "total_tokens": int(table["total_tokens"].sum()),
        "total_cost": float(sum(costs, Decimal(0))) if len(costs) else None,
        "success_rate": pytest.approx(table["success"].mean(), rel=1e-12),
        "avg_latency": None if table["latency"].isna().all() else pytest.approx(table["latency"].mean(), rel=1e-12),
    }


def test_every_row_is_there(perch: Perch, frame: pd.DataFrame) -> None:
    assert len(frame) == 2_712 + 8_819 + 19_366 + 12_031
    assert perch.pipe("ingest_health")[0]["events"] == len(frame)
    assert perch.pipe("ingest_health")[0]["quarantined_events"] == 0


def test_each_model_has_the_tokens_and_the_cost_of_its_calls(perch: Perch, frame: pd.DataFrame) -> None:
    rows = {row["model_name"]: row for row in perch.pipe("llm_usage_by_model")}
    assert set(rows) == set(frame["model_name"])
    for model, calls in frame.groupby("model_name"):
        wanted = {key: value for key, value in expected(calls).items() if key in rows[str(model)]}
        assert len(wanted) == 6
        assert {key: rows[str(model)][key] for key in wanted} == wanted, model
        if not calls["raw_cost"].isna().all():
            assert rows[str(model)]["total_cost"] == pytest.approx(calls["raw_cost"].sum(), abs=1e-6)


def test_each_model_has_the_latency_and_the_success_rate_of_its_calls(perch: Perch, frame: pd.DataFrame) -> None:
    rows = {row["model_name"]: row for row in perch.pipe("llm_performance", exact_percentiles=1)}
    about = {row["model_name"]: row for row in perch.pipe("llm_performance")}
    assert set(rows) == set(frame["model_name"])
    for model, calls in frame.groupby("model_name"):
        wanted = {key: value for key, value in expected(calls).items() if key in rows[str(model)]}
        good = calls.loc[calls["success"] == 1, "latency"].dropna()
        for percent in (50, 90, 95, 99):
            quantile = pytest.approx(good.quantile(percent / 100), rel=1e-12) if len(good) else None
            wanted[f"p{percent}_latency"] = quantile
        assert {key: rows[str(model)][key] for key in wanted} == wanted, model
        for name in (key for key, value in wanted.items() if key.startswith("p") and value is not None):
            assert about[str(model)][name] == pytest.approx(rows[str(model)][name], rel=0.01), (model, name)


def test_costs_are_exact_sums_of_nine_places(perch: Perch, frame: pd.DataFrame) -> None:
    sums = perch.sql("SELECT model_name, toString(sum(cost)) AS cost FROM llm_events GROUP BY model_name")
    ours = {row["model_name"]: None if row["cost"] is None else Decimal(row["cost"]) for row in sums}
    costs = {model: calls["cost"].dropna() for model, calls in frame.groupby("model_name")}
    assert ours == {model: sum(values, Decimal(0)) if len(values) else None for model, values in costs.items()}


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles"])
@pytest.mark.parametrize("dimension", ["none", "model"])
def test_each_month_has_what_was_called_in_it(perch: Perch, frame: pd.DataFrame, zone: str, dimension: str) -> None:
    rows = perch.pipe("llm_usage_timeseries", granularity="month", timezone=zone, dimension=dimension)
    local = frame["event_time"].dt.tz_convert(zone)
    months = local.dt.strftime("%Y-%m-01 00:00:00")
    groups = frame.groupby([months, frame["model_name"] if dimension == "model" else months * 0])
    assert [(row["bucket_local"], row["dimension"]) for row in rows] == [key for key, _ in groups]
    for row, ((month, _), calls) in zip(rows, groups, strict=True):
        start = pd.Timestamp(month, tz=zone)
        assert row["bucket_utc"] == start.tz_convert("UTC").strftime("%Y-%m-%d %H:%M:%S")
        assert row["utc_offset_minutes"] == start.utcoffset().total_seconds() / 60
        wanted = expected(calls)
        assert {key: row[key] for key in wanted} == wanted, row


def test_the_exports_hold_the_rows_of_the_table(perch: Perch, frame: pd.DataFrame) -> None:
    exports = perch.request("POST", "/v0/exports").json()["exports"]
    months = frame["event_time"].dt.strftime("%Y-%m")
    assert {item["month"]: item["rows"] for item in exports} == months.value_counts().to_dict()
    files = perch.settings.exports_dir / "llm_events"
    answer = perch.get("/v0/sql", q="SELECT * FROM llm_events FORMAT Parquet")
    table = pq.read_table(io.BytesIO(answer.content))
    columns = ", ".join(f'"{name}"' for name in table.column_names)
    exported = f"SELECT {columns} FROM read_parquet('{files}/**/*.parquet', hive_partitioning = true)"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("held", table)
        for one, other in ((exported, f"SELECT {columns} FROM held"), (f"SELECT {columns} FROM held", exported)):
            assert connection.execute(f"{one} EXCEPT ALL {other}").fetchall() == []
    assert len(pd.read_parquet(files)) == len(frame) == table.num_rows
