"""The Data Sources API: files in, all rows replaced, rows deleted, and what readers see meanwhile."""

from __future__ import annotations

import gzip
import io
import json
import threading

import pandas as pd
import pytest

from tests.conftest import Perch
from tests.test_ingest import EVENT, LINE, count, counts

ROWS = [{**EVENT, "prompt_tokens": number, "error_message": f'a, "{number}"'} for number in range(5)]


def upload(
    perch: Perch, data: bytes, form: str, mode: str = "append", *, multipart: bool = True, **params: object
) -> dict[str, object]:
    query = {"name": "llm_events", "mode": mode, "format": form, **params}
    body = {"files": {"csv": ("rows." + form, data)}} if multipart else {"data": data}
    answer = perch.request("POST", "/v0/datasources", params=query, **body)
    assert answer.status_code == 200, answer.text
    told: dict[str, object] = answer.json()
    assert told.pop("datasource") == {"name": "llm_events"}
    return told


def as_file(form: str) -> bytes:
    frame, out = pd.DataFrame(ROWS), io.BytesIO()
    if form == "parquet":
        frame.assign(event_time=pd.to_datetime(frame["event_time"])).to_parquet(out)
        return out.getvalue()
    return (frame.to_csv(index=False) if form == "csv" else frame.to_json(orient="records", lines=True)).encode()


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
@pytest.mark.parametrize("multipart", [True, False], ids=["multipart", "raw"])
def test_a_file_is_appended(perch: Perch, form: str, multipart: bool) -> None:
    assert upload(perch, as_file(form), form, multipart=multipart) == counts(5, 0)
    rows = perch.sql("SELECT * FROM llm_events ORDER BY prompt_tokens")
    assert [{name: row[name] for name in EVENT} for row in rows] == ROWS


def test_csv_without_a_header_goes_by_position_and_may_be_gzipped(perch: Perch) -> None:
    lines = as_file("csv").split(b"\n", 1)[1].replace(b",", b";")
    assert upload(perch, gzip.compress(lines), "csv", dialect_delimiter=";")["successful_rows"] == 5
    assert perch.sql("SELECT sum(prompt_tokens) AS n FROM llm_events") == [{"n": 10}]


def test_a_bad_row_of_a_file_is_quarantined(perch: Perch) -> None:
    data = as_file("csv").replace(b"gpt-4,3,", b"gpt-4,many,")
    assert upload(perch, data, "csv") == counts(4, 1)
    assert perch.sql("SELECT prompt_tokens FROM llm_events_quarantine") == [{"prompt_tokens": "many"}]


def test_a_parquet_export_loads_back_as_it_was(perch: Perch) -> None:
    perch.post_events("llm_events", LINE)
    before = perch.sql("SELECT * FROM llm_events")
    answer = perch.request("POST", "/v0/exports").json()["exports"][0]
    data = (perch.settings.exports_dir / answer["path"]).read_bytes()
    upload(perch, data, "parquet", "replace")
    assert perch.sql("SELECT * FROM llm_events") == before


def test_replace_is_seen_whole_or_not_at_all(perch: Perch) -> None:
    upload(perch, as_file("csv"), "csv")
    seen, done = set(), threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add(count(perch))

    reader = threading.Thread(target=read)
    reader.start()
    body = b"\n".join(json.dumps(row).encode() for row in ROWS * 400)
    for data in (body, as_file("ndjson")) * 5:
        upload(perch, data, "ndjson", "replace")
    done.set()
    reader.join()
    assert seen <= {5, 2000}
    assert count(perch) == 5


def test_delete_truncate_and_dry_run(perch: Perch) -> None:
    upload(perch, as_file("csv"), "csv")
    path = "/v0/datasources/llm_events/delete"
    dry = perch.request("POST", path, data={"delete_condition": "prompt_tokens >= 3", "dry_run": "true"}).json()
    assert (dry["rows_to_be_deleted"], count(perch)) == (2, 5)
    job = perch.request("POST", path, data={"delete_condition": "prompt_tokens >= 3"}).json()
    assert (job["status"], job["rows_deleted"], count(perch)) == ("done", 2, 3)
    assert perch.request("POST", "/v0/datasources/llm_events/truncate").status_code == 205
    assert count(perch) == 0
    assert perch.request("POST", "/v0/exports").json()["exports"] == [] or not list(
        perch.settings.exports_dir.rglob("*.parquet")
    )


@pytest.mark.parametrize(
    ("path", "form", "said"),
    [
        ("/v0/datasources?name=llm_events&mode=append&format=xml", None, "xml"),
        ("/v0/datasources?name=llm_events&mode=create&format=csv", None, "mode=create"),
        ("/v0/datasources?name=llm_events&mode=append&url=http://x/y.csv", None, "URL"),
        ("/v0/datasources?name=llm_events&mode=append&format=parquet", None, "that was sent"),
        ("/v0/datasources?name=llm_events&mode=replace&format=csv&replace_condition=1", None, "replace_condition"),
        ("/v0/datasources?name=llm_events&mode=append&format=csv&dialect_new_line=x", None, "dialect_new_line"),
        ("/v0/datasources/llm_events/delete", {}, "delete_condition"),
        ("/v0/datasources/llm_events/delete", {"delete_condition": "nope = 1"}, "nope"),
        ("/v0/datasources/llm_events/delete", {"delete_condition": "1; DROP TABLE x"}, "delete_condition"),
    ],
)
def test_what_is_wrong_is_said(perch: Perch, path: str, form: dict[str, str] | None, said: str) -> None:
    answer = perch.request("POST", path, data=b"x" if form is None else form)
    assert answer.status_code == 400, answer.text
    assert said in answer.json()["error"]


def test_an_appending_token_may_append_and_not_replace(perch: Perch) -> None:
    token = perch.create_token("app", "DATASOURCES:APPEND:llm_events")
    for mode, status in (("append", 200), ("replace", 403)):
        params = {"name": "llm_events", "mode": mode, "format": "csv"}
        answer = perch.request("POST", "/v0/datasources", params=params, data=as_file("csv"), token=token)
        assert answer.status_code == status


def shipped(perch: Perch) -> list[str]:
    """The names of the data sources of the project."""
    return sorted(path.stem for path in perch.settings.project.rglob("*.datasource"))


def test_a_data_source_is_described_as_clients_read_it(perch: Perch) -> None:
    perch.post_events("llm_events", LINE)
    listed = perch.get("/v0/datasources").json()["datasources"]
    one = perch.get("/v0/datasources/llm_events").json()
    assert [item["name"] for item in listed] == shipped(perch)
    assert one["statistics"]["row_count"] == 1
    assert len(one["created_at"]) == len(one["updated_at"]) == len("2026-01-01 00:00:00.000000")
    keys = {"name", "type", "codec", "default_value", "jsonpath", "nullable", "normalized_name"}
    assert all(set(column) == keys for column in one["columns"])
    cost = next(column for column in one["columns"] if column["name"] == "cost")
    assert (cost["type"], cost["nullable"], cost["jsonpath"]) == ("Decimal(18, 9)", True, "$.cost")
    assert set(one["engine"]) == {"engine", "engine_sorting_key", "engine_partition_key", "engine_primary_key"}
    assert (one["indexes"], one["new_columns_detected"], one["quarantine_rows"]) == ([], {}, 0)


def test_attrs_choose_fields_and_the_file_is_plain_text(perch: Perch) -> None:
    assert perch.get("/v0/datasources", attrs="id,name").json() == {
        "datasources": [{"id": name, "name": name} for name in shipped(perch)]
    }
    answer = perch.get("/v0/datasources/llm_events.datasource", include_all_shared_with="false")
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.text == (perch.settings.project / "datasources" / "llm_events.datasource").read_text()


def test_csv_with_an_escape_character(perch: Perch) -> None:
    data = b"event_time,model_name,prompt_tokens,completion_tokens,success\n2026-01-01 00:00:00,a\\,b,1,2,1\n"
    assert upload(perch, data, "csv", dialect_escapechar="\\")["successful_rows"] == 1
    assert perch.sql("SELECT model_name FROM llm_events") == [{"model_name": "a,b"}]
