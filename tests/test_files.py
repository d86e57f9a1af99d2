"""Files to rows: each form, the mapping onto our columns, and files that cannot be read."""

from __future__ import annotations

import gzip
import json
import sqlite3
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metrics.errors import PerchError
from metrics.files import count_rows, read_rows

TYPES = {
    "event_time": "DateTime",
    "model_name": "String",
    "prompt_tokens": "UInt32",
    "cost": "Nullable(Decimal(18, 9))",
    "latency": "Nullable(Float64)",
    "success": "UInt8",
    "error_message": "String",
    "provider": "LowCardinality(Nullable(String))",
}
CSV = (
    "when,model_name,tokens,cost,latency,success,error_message,provider\n"
    '2023-11-16 18:17:03.9799600,"a, ""b""",4808,0.00000000000000000001,,true,,\n'
    '2023-11-16 18:17:04.0319600,c,x7,1e-3,2.50,0,"two\nlines",p\n'
)


def rows(path: Path, **options: Any) -> list[Any]:
    """The rows of a file as the JSON that is posted says them."""
    encode = msgspec.json.Encoder(decimal_format="number").encode
    return [json.loads(encode(row), parse_float=Decimal) for row in read_rows(path, **options)]


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_csv_cells_take_the_types_of_their_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", CSV)
    first, second = rows(path, types=TYPES, mapping={"event_time": "when", "prompt_tokens": "tokens"})
    assert first == {
        "event_time": "2023-11-16 18:17:03.9799600",
        "model_name": 'a, "b"',
        "prompt_tokens": 4808,
        "cost": Decimal("1E-20"),
        "latency": None,
        "success": True,
        "error_message": "",
        "provider": None,
    }
    assert second["prompt_tokens"] == "x7"  # left for the validation to name
    assert second["cost"] == Decimal("0.001")
    assert (second["success"], second["error_message"], second["provider"]) == (0, "two\nlines", "p")


def test_one_field_may_fill_two_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "n\n7\n")
    mapping = {"prompt_tokens": "n", "model_name": "n"}
    assert rows(path, types=TYPES, mapping=mapping) == [{"prompt_tokens": 7, "model_name": "7"}]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.bin"])
def test_constants_fill_every_row(tmp_path: Path, name: str) -> None:
    text = b"\xef\xbb\xbfmodel_name\nm\n\nn\n" if "csv" in name else b'{"model_name": "m"}\n\n{"model_name": "n"}'
    path = tmp_path / name
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    found = rows(path, types=TYPES, constants={"success": "1", "provider": "p"})
    assert found == [{"model_name": name, "success": 1, "provider": "p"} for name in "mn"]


def test_lines_of_json_go_on_as_they_are(tmp_path: Path) -> None:
    lines = ['{"cost": 0.12345678901234567890, "a": {"b": [1]}}', "not json", '{"cost": 1}']
    path = write(tmp_path / "a.ndjson", "\n".join(lines))
    assert [bytes(row).decode() for row in read_rows(path)] == lines


def test_mapped_lines_keep_every_digit_and_bad_lines_stay(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"price": 0.12345678901234567890, "x": 1}\n{"price": }\n')
    first, second = read_rows(path, mapping={"cost": "price"})
    assert first == {"cost": Decimal("0.12345678901234567890"), "x": 1}
    assert bytes(second) == b'{"price": }'


def test_times_count_from_an_origin(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ndjson", '{"ms": 0}\n{"ms": 3599250.5}\n{"ms": "soon"}\n{}')
    options: dict[str, Any] = {"mapping": {"event_time": "ms"}, "time_origin": "2024-06-01T00:00:00Z"}
    times = [row["event_time"] for row in rows(path, **options)]
    assert times == ["2024-06-01T00:00:00+00:00", "2024-06-01T00:59:59.250500+00:00", "soon", None]
    with pytest.raises(PerchError, match="'June' is not a time to count from"):
        rows(path, time_origin="June")


def test_parquet_values_become_json(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    moment = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    table = pa.table(
        {
            "event_time": pa.array([moment], pa.timestamp("ns", "UTC")),
            "naive": pa.array([moment.replace(tzinfo=None)], pa.timestamp("ns")),
            "cost": pa.array([Decimal("0.000000001")], pa.decimal128(18, 9)),
            "latency": [float("nan")],
            "model_name": pa.array(["m"]).dictionary_encode(),
            "raw": [b"text"],
            "list": [[1, 2]],
        }
    )
    pq.write_table(table, path)
    assert rows(path) == [
        {
            "event_time": "2026-01-02T03:04:05.000678Z",
            "naive": "2026-01-02T03:04:05.000678",
            "cost": Decimal("1E-9"),
            "latency": None,
            "model_name": "m",
            "raw": "text",
            "list": [1, 2],
        }
    ]


def make_sqlite(path: Path, *tables: str) -> Path:
    with sqlite3.connect(path) as connection:
        for table in tables:
            connection.execute(f'CREATE TABLE "{table}" (model_name TEXT, n INTEGER)')
            connection.execute(f'INSERT INTO "{table}" VALUES (?, ?)', [table, None])
    connection.close()
    return path


def test_sqlite_needs_the_name_of_the_table_only_where_there_are_several(tmp_path: Path) -> None:
    assert rows(make_sqlite(tmp_path / "one.db", "calls")) == [{"model_name": "calls", "n": None}]
    two = make_sqlite(tmp_path / "two.db", "calls", "other one; --")
    assert rows(two, table="other one; --") == [{"model_name": "other one; --", "n": None}]
    with pytest.raises(PerchError, match=r"two\.db needs --table; it has: calls, other one; --"):
        rows(two)
    with pytest.raises(PerchError, match=r"has no table gone"):
        rows(two, table="gone")


def test_counts_rows_for_the_progress_bar(tmp_path: Path) -> None:
    assert count_rows(write(tmp_path / "a.csv", "a,b\n1,2\n3,4\n")) == 2
    assert count_rows(write(tmp_path / "a.ndjson", "{}\n{}\n")) == 2
    assert count_rows(make_sqlite(tmp_path / "a.db", "calls")) == 1
    pq.write_table(pa.table({"a": [1, 2, 3]}), tmp_path / "a.parquet")
    assert count_rows(tmp_path / "a.parquet") == 3
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress(b"{}\n"))
    assert count_rows(tmp_path / "a.ndjson.gz") is None


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", b"hello", "is not of a known form"),
        ("a.parquet", b"PAR1 and no more", "cannot be read"),
        ("a.db", b"SQLite format 3\x00 and no more", "cannot be read"),
        ("a.csv.gz", gzip.compress(b"a,b\n1,2\n" * 100, mtime=0)[:30], "cannot be read"),
        ("a.csv", b"a,b\n1,2,3\n", "line 2 has 3 cells, its header 2"),
        ("a.csv", b"a,b\n\xff,2\n", "cannot be read: 'utf-8'"),
        ("a.json", b'[{"a": 1}]', "one JSON array"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(PerchError) as caught:
        rows(path)
    assert str(path) in caught.value.message
    assert reason in caught.value.message
    assert "\n" not in caught.value.message


def test_a_missing_file_or_field_is_named(tmp_path: Path) -> None:
    with pytest.raises(PerchError, match="No such file"):
        rows(tmp_path / "gone.csv")
    path = write(tmp_path / "a.csv", "a,b\n1,2\n")
    with pytest.raises(PerchError, match="has no field c for cost; it has: a, b"):
        rows(path, mapping={"cost": "c"})
