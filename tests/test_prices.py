"""What a call costs: computed as genai-prices does, exact to the ninth place, beside what was sent."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from genai_prices.data import providers
from genai_prices.data_snapshot import DataSnapshot
from genai_prices.types import Usage

from metrics.settings import Settings
from metrics.watching import watching
from tests.conftest import REAL_DATA, ROOT, Json, Perch, as_body, make_settings, running
from tests.test_commands import environment, invoke

TABLE = DataSnapshot(providers=providers, from_auto_update=False)
CALL: Json = {
    "event_time": "2026-01-02 03:04:05",
    "model_name": "gpt-4o",
    "prompt_tokens": 1000,
    "completion_tokens": 100,
    "success": 1,
}
COSTS = "toString(cost) AS cost, toString(sent_cost) AS sent_cost, toString(computed_cost) AS computed_cost"
MODELS = [
    ("gpt-4o", None),
    ("gpt-4o", "openai"),
    ("claude-sonnet-4-5", "anthropic"),  # tiers; reading and writing a cache
    ("gemini-2.5-pro", None),
    ("o3", None),  # a price that fell on a day
    ("deepseek-chat", "deepseek"),  # prices by the hour
    ("sonar-pro", "perplexity"),  # a price for each request
    ("google/gemini-2.5-flash", "openrouter"),  # a price of sixteen digits
    ("text-embedding-3-small", "openai"),  # none for the answer
]


def stored(perch: Perch, columns: str = COSTS) -> list[Json]:
    return perch.sql(f"SELECT {columns} FROM llm_events ORDER BY session, event_time, model_name")


def copied(folder: Path, prices: str = "") -> Path:
    """A project of our data source, with prices of its own."""
    shutil.copytree(ROOT / "metrics" / "datasources", folder / "datasources")
    (folder / "prices.toml").write_text(prices)
    return folder


def by_the_library(call: Mapping[str, object], model: str, provider: str | None, moment: datetime) -> str:
    usage = Usage(
        input_tokens=call["prompt_tokens"],
        output_tokens=call["completion_tokens"],
        cache_read_tokens=call["cached_tokens"],
        cache_write_tokens=call["cache_write_tokens"],
    )
    price = TABLE.calc(usage, model, provider, None, moment).total_price
    return str(price.quantize(Decimal("1e-9"), ROUND_HALF_EVEN))


def test_costs_are_those_of_the_library_to_the_last_place(perch: Perch) -> None:
    chance = random.Random(5)
    calls, expected = [], []
    for number in range(900):
        model, provider = chance.choice(MODELS)
        moment = datetime(2024, 6, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(1_300_000))
        prompt = chance.choice((chance.randrange(1, 9000), chance.randrange(190_000, 290_000), 200_000, 4_294_967_295))
        cached = chance.choice((0, chance.randrange(prompt)))
        call = {
            **CALL,
            "event_time": f"{moment:%Y-%m-%d %H:%M:%S}",
            "model_name": model,
            "provider": provider,
            "prompt_tokens": prompt,
            "completion_tokens": 0 if "embedding" in model else chance.randrange(100_000),
            "total_tokens": 0,
            "cached_tokens": cached,
            "cache_write_tokens": chance.choice((0, chance.randrange(prompt - cached + 1))),
            "session": f"{number:04}",
        }
        calls.append(call)
        expected.append(by_the_library(call, model, provider, moment))
    answer = perch.post_events("llm_events", calls)
    assert answer.json()["successful_rows"] == 900, answer.text
    ours = [Decimal(row["computed_cost"]) for row in stored(perch)]
    assert ours == [Decimal(cost) for cost in expected]


@pytest.mark.parametrize(
    ("order", "shown"),
    [
        ("sent-first", ["0.5", "0.0035", "2", None]),
        ("computed-first", ["0.0035", "0.0035", "2", None]),
        ("sent-only", ["0.5", None, "2", None]),
        ("computed-only", ["0.0035", "0.0035", None, None]),
    ],
)
def test_the_cost_that_is_shown_is_a_setting(
    start_perch: Callable[..., Perch], order: str, shown: list[str | None]
) -> None:
    perch = start_perch(cost=order)
    nobody = {**CALL, "model_name": "nobody-knows"}
    perch.post_events("llm_events", [
        {**CALL, "session": "1", "cost": 0.5}, {**CALL, "session": "2"},
        {**nobody, "session": "3", "cost": 2}, {**nobody, "session": "4"},
    ])  # fmt: skip
    rows = stored(perch)
    assert [row["cost"] for row in rows] == shown
    assert [row["sent_cost"] for row in rows] == ["0.5", None, "2", None]
    assert [row["computed_cost"] for row in rows] == ["0.0035", "0.0035", None, None]


def test_what_the_apps_own_cache_answered_costs_nothing_and_is_told_apart(perch: Perch) -> None:
    hit = {**CALL, "cache_hit": 1}
    perch.post_events("llm_events", [hit, {**hit, "cost": 0.0035}, {**CALL, "cache_hit": 0}, {**CALL}])
    assert sorted(row["cost"] for row in stored(perch)) == ["0", "0", "0.0035", "0.0035"]
    (told,) = perch.pipe("llm_cost_sources")
    assert (told["requests"], told["cache_hit_requests"], told["sent_requests"]) == (4, 2, 1)
    assert (told["total_cost"], told["saved_cost"], told["unpriced_requests"]) == (0.007, 0.007, 0)


def test_a_cost_that_cannot_be_known_is_null(perch: Perch) -> None:
    odd: list[Json] = [
        {"cached_tokens": 900, "cache_write_tokens": 200},  # more than the prompt
        {"prompt_tokens": 0, "completion_tokens": 0},  # tokens that nobody counted
        {"model_name": "REDACTED"},
        {"model_name": "gpt-4o", "provider": "anthropic"},  # who does not sell it
        {"model_name": "deepseek-r1", "provider": "ollama"},  # at home
        {"model_name": "text-embedding-3-small", "provider": "openai"},  # which gives no answers
        {"model_name": "sonar-deep-research", "provider": "perplexity"},  # reasoning has a price of its own
    ]
    perch.post_events("llm_events", [{**CALL, **each} for each in odd])
    for each in odd:  # beside others, and alone
        perch.post_events("llm_events", {**CALL, **each})
    assert stored(perch) == [{"cost": None, "sent_cost": None, "computed_cost": None}] * 2 * len(odd)


def test_a_failed_call_without_tokens_costs_nothing(perch: Perch) -> None:
    perch.post_events("llm_events", {**CALL, "success": 0, "prompt_tokens": 0, "completion_tokens": 0})
    assert stored(perch)[0]["cost"] == "0"


def test_unpriced_calls_are_listed_with_the_lines_to_add(perch: Perch) -> None:
    calls = [{**CALL, "model_name": 'my "own"'}] * 3 + [{**CALL, "model_name": "other", "provider": "me"}]
    perch.post_events("llm_events", [*calls, CALL, {**CALL, "cached_tokens": 2000}])
    rows = perch.pipe("llm_unpriced")
    assert [(row["model_name"], row["provider"], row["unpriced_requests"]) for row in rows] == [
        ('my "own"', None, 3), ("gpt-4o", None, 1), ("other", "me", 1),
    ]  # fmt: skip
    assert [row["contradictory_requests"] for row in rows] == [0, 1, 0]
    listed = invoke(environment(perch.settings), "prices", "--unknown").out
    assert "unpriced: 5 requests, 5,500 tokens" in listed
    assert '[[price]]\nmodel = "my \\"own\\""\ninput =' in listed
    assert 'model = "other"\nprovider = "me"' in listed
    assert 'model = "gpt-4o"' not in listed


def test_a_call_far_above_the_median_of_its_model_is_an_outlier(perch: Perch) -> None:
    usual = [{**CALL, "cost": 0.1, "session": str(number)} for number in range(9)]
    dear = {**CALL, "cost": 2.5, "event_time": "2026-01-03 00:00:00"}
    cheap = [{**CALL, "model_name": "small", "cost": 0.001}] * 9 + [{**CALL, "model_name": "small", "cost": 0.9}]
    perch.post_events("llm_events", [*usual, dear, {**dear, "cost": 30, "event_time": "2026-01-02 00:00:00"}, *cheap])
    perch.post_events("llm_events", {**CALL, "cost": 2})  # twenty times: not more
    assert [row["cost"] for row in perch.pipe("llm_cost_outliers")] == [2.5, 30]
    first, second = perch.pipe("llm_cost_outliers", order="cost")
    assert (first["cost"], first["median_cost"], first["times_median"]) == (30, 0.1, 300)
    assert second["times_median"] == 25


def test_nobody_is_asked_over_the_network(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(as_body([CALL, {**CALL, "model_name": "nobody-knows", "provider": "nobody"}]))
    script = (
        "import sys\n"
        "def refuse(event, args):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.sendto'):\n"
        "        raise RuntimeError(f'{event} {args[1:]}')\n"
        "sys.addaudithook(refuse)\n"
        "from metrics.__main__ import cli\n"
        "for command in (['load', sys.argv[1]], ['prices'], ['prices', 'gpt-4o'], ['reprice', '--dry-run']):\n"
        "    cli(command, standalone_mode=False)\n"
        "import threading\n"
        "assert not [t for t in threading.enumerate() if 'price' in t.name.lower()], threading.enumerate()\n"
    )
    argv = [sys.executable, "-c", script, str(file)]
    done = subprocess.run(argv, cwd=ROOT, env=environment(settings), capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert "2 rows loaded" in done.stdout
    assert "openai/gpt-4o" in done.stdout


OWN = """
[[price]]
model = "gpt-*"
input = 1
output = 1

[[price]]  # a full name comes before a pattern
model = "GPT-4o"
input = 3
output = 5.000000001
cached = 0.3
from = 2026-01-01

[[price]]
model = "gpt-4o"
input = 4
output = 6
from = 2026-02-01

[[price]]
model = "gpt-4o"
provider = "azure"
input = 0
output = 0

[[price]]
model = "o3"
input = 7
output = 7
from = 2026-03-01
"""


def test_own_prices_come_before_the_table(start_perch: Callable[..., Perch], tmp_path: Path) -> None:
    cases: list[tuple[Json, str]] = [
        ({"event_time": "2025-12-31 23:59:59"}, "0.0011"),  # before the others begin: the pattern
        ({"event_time": "2026-01-01 00:00:00"}, "0.0035"),
        ({"event_time": "2026-01-01 00:00:00", "cached_tokens": 1000}, "0.0008"),
        ({"event_time": "2026-02-01 00:00:00"}, "0.0046"),
        ({"provider": "Azure"}, "0"),
        ({"provider": "openai"}, "0.0035"),
        ({"model_name": "gpt-of-mine"}, "0.0011"),
        ({"model_name": "o3", "event_time": "2026-02-28 23:59:59"}, "0.0028"),  # the table, until the file begins
        ({"model_name": "o3", "event_time": "2026-03-01 00:00:00"}, "0.0077"),
    ]
    perch = start_perch(project=copied(tmp_path / "own", OWN))
    perch.post_events("llm_events", [{**CALL, **call, "session": str(at)} for at, (call, _) in enumerate(cases)])
    assert [row["computed_cost"] for row in stored(perch)] == [cost for _, cost in cases]


def test_half_of_the_last_place_goes_to_the_even_one(start_perch: Callable[..., Perch], tmp_path: Path) -> None:
    perch = start_perch(
        project=copied(tmp_path / "own", '[[price]]\nmodel = "m"\ninput = 0.0005\noutput = 0.000500001')
    )
    calls = [{**CALL, "model_name": "m", "completion_tokens": 0, "prompt_tokens": tokens, "session": str(tokens)}
             for tokens in (1, 2, 3, 5)]  # fmt: skip
    calls.append({**CALL, "model_name": "m", "prompt_tokens": 0, "completion_tokens": 1, "session": "6"})
    perch.post_events("llm_events", calls)
    assert [Decimal(row["cost"]) * 10**9 for row in stored(perch)] == [0, 1, 2, 2, 1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[price]]\nmodel = \n", "prices.toml:2:9: error: it is not TOML: Invalid value"),
        ('\n[[price]]\nmodel = "m"\ninput = 1\n', "prices.toml:2:3: error: the price of 'm': output is missing"),
        ("[[price]]\ninput = 1\noutput = 1\n", "prices.toml:1:3: error: a price without a model: model is text"),
        ('[[price]]\nmodel = "m"\ninput = -1\noutput = 1\n', "input is dollars per million tokens, a number from 0"),
        ('[[price]]\nmodel = "m"\ninput = "1"\noutput = 1\n', "input is dollars per million tokens, a number from 0"),
        ('[[price]]\nmodel = "m"\ninput = nan\noutput = 1\n', "input is dollars per million tokens, a number from 0"),
        ('[[price]]\nmodel = "m"\ninput = 1\noutput = 1\nfrom = "2026"\n', "from is a date without quotes"),
        ('[[price]]\nmodel = "m"\ninput = 1\noutput = 1\nintput = 1\n', "'intput' is not expected; there are model,"),
        (
            '[[price]]\nmodel = "m"\ninput = 1\noutput = 1\n[prices]\n',
            "prices.toml:5:2: error: 'prices' is not expected",
        ),
    ],
)
def test_a_wrong_price_is_told_with_its_place(settings: Settings, tmp_path: Path, text: str, said: str) -> None:
    env = environment(settings, PERCH_PROJECT=str(copied(tmp_path / "own", text)))
    for command in ("check", "export"):
        result = invoke(env, command)
        assert result.code == 1
        assert said in result.err, result.err


def test_prices_that_are_saved_are_in_force_at_once(settings: Settings, tmp_path: Path) -> None:
    from ingest_server import open_perch

    project, told = copied(tmp_path / "own"), list[str]()
    with open_perch(settings.model_copy(update={"project": project})) as opened, watching(opened.perch, told.append):
        before = opened.perch.writer.pricing
        (project / "prices.toml").write_text('[[price]]\nmodel = "gpt-4o"\ninput = 9\noutput = oops\n')
        until(lambda: any("Not reloaded" in each for each in told))
        assert "prices.toml:4:10" in told[-1]
        assert opened.perch.writer.pricing is before
        (project / "prices.toml").write_text('[[price]]\nmodel = "gpt-4o"\ninput = 9\noutput = 9\n')
        until(lambda: opened.perch.writer.pricing is not before)
        client = opened.app.test_client()
        headers = {"Authorization": f"Bearer {opened.admin_token}"}
        client.post("/v0/events?name=llm_events", data=json.dumps(CALL), headers=headers)
        told_now = client.get("/v0/prices/gpt-4o", headers=headers).get_json()
        costs = client.get("/v0/sql?q=SELECT cost FROM llm_events FORMAT JSON", headers=headers).get_json()["data"]
    assert costs == [{"cost": 0.0099}]
    assert (told_now["origin"], told_now["tiers"][0]["input"]) == ("prices.toml:1", 9)


def until(holds: Callable[[], bool]) -> None:
    import time

    give_up = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def test_one_model_is_explained(perch: Perch) -> None:
    env = environment(perch.settings)
    told = invoke(env, "prices", "o3", "--at", "2025-05-01").out
    assert "o3 at 2025-05-01 00:00:00 UTC: genai-prices" in told
    assert "prompt                     $10.00 per million tokens" in told
    assert "since 2025-06-10" in invoke(env, "prices", "o3", "--at", "2025-07-01").out
    tiers = invoke(env, "prices", "claude-sonnet-4-5", "--provider", "anthropic").out
    assert "prompts of more than 200,000 tokens" in tiers
    assert "Example: 1,000 prompt and 500 completion tokens cost $0.0105." in tiers
    assert '[[price]]\nmodel = "a/b"' in invoke(env, "prices", "a/b").out
    assert "--at" not in invoke(env, "prices", "o3", "--at", "soon").out
    assert "at=soon is not a time" in invoke(env, "prices", "o3", "--at", "soon").err


def test_prices_of_the_stored_models_are_listed(perch: Perch) -> None:
    perch.post_events("llm_events", [CALL, {**CALL, "model_name": "gemini-2.5-pro"}])
    listed = invoke(environment(perch.settings), "prices").out
    assert "openai/gpt-4o" in listed
    assert "$1.25+" in listed


def test_prices_are_for_those_who_may_read_the_calls(perch: Perch) -> None:
    reader = perch.create_token("reader", "DATASOURCES:READ:llm_events")
    assert perch.get("/v0/prices", token=reader).status_code == 200
    other = perch.create_token("other", "PIPES:READ:llm_totals")
    assert perch.get("/v0/prices", token=other).status_code == 403
    assert perch.get("/v0/prices/gpt-4o", token=other).status_code == 403
    assert perch.request("POST", "/v0/reprice", token=reader).status_code == 403


def test_a_store_of_before_keeps_its_costs_as_sent(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, project=copied(tmp_path / "own"))
    definition = tmp_path / "own" / "datasources" / "llm_events.datasource"
    now = definition.read_text()
    kept = [line for line in now.splitlines() if "_cost`" not in line]
    definition.write_text("\n".join(kept).replace("DEFAULT now64(6),", "DEFAULT now64(6)"))
    with running(settings) as perch:
        perch.post_events("llm_events", [{**CALL, "cost": 0.25, "session": "1"}, {**CALL, "session": "2"}])
        assert stored(perch, "cost") == [{"cost": 0.25}, {"cost": None}]
        perch.request("POST", "/v0/exports")
    definition.write_text(now)
    with running(settings) as perch:
        assert stored(perch) == [
            {"cost": "0.25", "sent_cost": "0.25", "computed_cost": None},
            {"cost": None, "sent_cost": None, "computed_cost": None},
        ]
        assert [month["rows"] for month in perch.request("POST", "/v0/exports").json()["exports"]] == [2]
    (file,) = settings.exports_dir.rglob("*.parquet")
    assert pq.read_table(file).column("sent_cost").to_pylist() == [Decimal("0.25"), None]


def test_an_export_that_is_read_in_again_keeps_what_was_sent(perch: Perch, tmp_path: Path) -> None:
    perch.post_events("llm_events", [
        {**CALL, "cost": 0.25, "session": "1"}, {**CALL, "session": "2"},
        {**CALL, "session": "3", "cache_hit": 1, "cost": 0.5}, {**CALL, "session": "4", "cost": 0.0035},
    ])  # fmt: skip
    before = stored(perch)
    perch.request("POST", "/v0/exports")
    (file,) = perch.settings.exports_dir.rglob("*.parquet")
    with running(make_settings(tmp_path / "other")) as other:
        assert invoke(environment(other.settings), "load", str(file)).code == 0
        assert stored(other) == before


def test_a_table_without_the_columns_is_left_alone(start_perch: Callable[..., Perch], project: Path) -> None:
    perch = start_perch(project=project)
    perch.post_events("llm_events", {**CALL, "total_tokens": 1100, "cost": 0.5, "latency": 1, "error_message": ""})
    assert perch.sql("SELECT cost FROM llm_events") == [{"cost": 0.5}]
    assert "are not priced" in perch.get("/v0/prices").json()["error"]
    assert "are not priced" in perch.request("POST", "/v0/reprice").json()["error"]


# Real traffic: aider_llm_events.ndjson derives from Aider-AI/aider, mooncake_*.ndjson from kvcache-ai/Mooncake (both
# Apache-2.0).

REAL = [
    pytest.mark.real_traffic,
    pytest.mark.skipif(not REAL_DATA.exists(), reason="the folder shared/data is not beside the repository"),
]
HISTORY = ROOT / "tests" / "prices_of_2024.toml"


def compared(perch: Perch) -> dict[str, tuple[int, int, int]]:
    """By model: calls, those that are computed, and those of them that are what was sent, to a billionth."""
    rows = perch.sql(
        "SELECT model_name, count() AS calls, countIf(computed_cost IS NOT NULL) AS computed, "
        "countIf(abs(toFloat64(sent_cost) - toFloat64(computed_cost)) < 1.5e-9) AS alike FROM llm_events "
        "GROUP BY model_name"
    )
    return {row["model_name"]: (row["calls"], row["computed"], row["alike"]) for row in rows}


def post_aider(perch: Perch) -> None:
    lines = (REAL_DATA / "aider_llm_events.ndjson").read_bytes().splitlines()
    for start in range(0, len(lines), 1000):
        perch.post_events("llm_events", b"\n".join(lines[start : start + 1000]))


@pytest.mark.parametrize("real", [pytest.param(True, marks=REAL)])
def test_costs_of_real_calls_agree_with_those_that_were_sent(perch: Perch, real: bool) -> None:
    post_aider(perch)
    found = compared(perch)
    computed = sum(each[1] for each in found.values())
    assert (sum(each[0] for each in found.values()), computed) == (2712, 2360)
    alike = {model for model, (calls, _, same) in found.items() if calls == same}
    assert {"gpt-4o", "gpt-4o-mini", "o1", "o1-preview", "o3-mini", "claude-3-5-sonnet-20240620"} <= alike
    assert found["claude-3-5-sonnet-20241022"] == (1602, 1602, 1582)
    assert all("REDACTED" in model or model == "None" or each[1] or model in NOT_LISTED
               for model, each in found.items())  # fmt: skip


NOT_LISTED = {
    "deepseek/deepseek-coder", "openrouter/deepseek/deepseek-coder", "gemini/gemini-exp-1114",
    "gemini/gemini-exp-1206", "gemini/gemini-gemma-2-27b-it", "gemini/gemini-gemma-2-9b-it", "gemini/gemini-pro-vision",
    "openrouter/anthropic/claude-3-5-haiku-20241022", "fireworks_ai/accounts/fireworks/models/deepseek-v3",
    "fireworks_ai/accounts/fireworks/models/deepseek-r1",
    "fireworks_ai/accounts/fireworks/models/qwen2p5-coder-32b-instruct",
}  # fmt: skip


@pytest.mark.parametrize("real", [pytest.param(True, marks=REAL)])
def test_the_prices_of_their_days_explain_the_models_that_differ(
    start_perch: Callable[..., Perch], tmp_path: Path, real: bool
) -> None:
    perch = start_perch(project=copied(tmp_path / "own", HISTORY.read_text()))
    post_aider(perch)
    found = compared(perch)
    differ = {model: computed - alike for model, (_, computed, alike) in found.items() if computed > alike}
    assert differ == {
        "claude-3-5-sonnet-20241022": 20, "deepseek/deepseek-chat": 12, "deepseek/deepseek-reasoner": 2,
        "claude-3-5-haiku-20241022": 1, "anthropic/claude-3-7-sonnet-20250219": 1,
    }  # fmt: skip


@pytest.mark.parametrize("real", [pytest.param(True, marks=REAL)])
def test_cached_tokens_of_real_calls_are_priced_as_such(perch: Perch, real: bool) -> None:
    lines = (REAL_DATA / "mooncake_conversation_compact.ndjson").read_bytes().splitlines()
    total, contradictory, calls = Decimal(0), 0, []
    for line in map(json.loads, lines):
        prompt, cached, completion = line["input_length"], line["prefix_hit_blocks"] * 512, line["output_length"]
        calls.append({**CALL, "prompt_tokens": prompt, "completion_tokens": completion, "cached_tokens": cached})
        if cached > prompt:
            contradictory += 1
        else:
            plain = prompt - cached
            total += plain * Decimal("2.5") + cached * Decimal("1.25") + completion * Decimal(10)
    for start in range(0, len(calls), 2000):
        perch.post_events("llm_events", calls[start : start + 2000])
    (told,) = perch.sql("SELECT toString(sum(cost)) AS total, countIf(cost IS NULL) AS unknown FROM llm_events")
    assert Decimal(told["total"]) == total / 10**6
    assert told["unknown"] == contradictory == 118
