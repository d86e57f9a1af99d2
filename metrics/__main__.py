"""The commands: `python -m metrics COMMAND`. Each is a thin function over the API (metrics/client.py).

`docs/commands.md` is generated from the texts in this file. What loads DuckDB, Arrow or Flask is imported where it is
used, so that `--help` is quick.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from metrics.client import HEALTH, Api, api, is_up, over_http
from metrics.errors import DefinitionError, PerchError
from metrics.loading import batches, column_types, first_reasons, send, under_way
from metrics.settings import ROOT, Settings, load_settings
from metrics.supervisor import ChildEnded, Supervisor, require_free_port

DEMO_ROWS = 300_000
DEMO_SEED = 7
IS_DEMO = "environment = 'demo'"


class Commands(click.Group):
    """A group whose commands tell an expected failure in one sentence and exit with 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DefinitionError as error:
            click.echo(_all_mistakes(error) or f"Error: {error.message}", err=True)
            sys.exit(1)
        except PerchError as error:
            raise click.ClickException(error.message) from None


def _all_mistakes(first: DefinitionError) -> str:
    """What is wrong with the project's definitions, each with its line and a caret; "" if `first` is not of one."""
    if not first.file.endswith((".datasource", ".pipe", "prices.toml")):
        return ""
    from metrics.checking import check as check_folder
    from metrics.checking import from_here

    return "\n".join(map(str, check_folder(from_here(load_settings().project)).of("error")))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli() -> None:
    """Perch: real-time analytics for LLM usage and performance that a team runs itself.

    Every command works whether or not a server runs: it asks the server when one holds the store, and opens the store
    itself when none does. The settings are environment variables, PERCH_PORT and so on: see docs/settings.md.
    """


@cli.command()
@click.option("--watch", is_flag=True, help="Serve the definitions anew whenever one is saved.")
def serve(watch: bool) -> None:
    """Start the API alone, until Ctrl-C."""
    from ingest_server import serve as serve_api

    serve_api(load_settings(), watch=watch)


@cli.command()
@click.option("--demo/--no-demo", default=True, show_default=True, help="Fill an empty store with demo rows.")
def run(demo: bool) -> None:
    """Start the API and the dashboard, until Ctrl-C."""
    _run_both(demo)


@cli.command()
@click.option("--demo/--no-demo", default=False, show_default=True, help="Fill an empty store with demo rows.")
def dev(demo: bool) -> None:
    """Start the API and the dashboard, and serve each definition as soon as it is saved, until Ctrl-C.

    A save of a *.datasource or *.pipe file below PERCH_PROJECT, or of its prices.toml, is served within a second,
    without dropping a request.
    New data sources and columns come into the store, pipes whose file is gone answer 404. A definition that is wrong is
    told with file, line and a caret, and what was served before is served still.
    """
    _run_both(demo, watch=True)


def _run_both(demo: bool, *, watch: bool = False) -> None:
    here = load_settings().model_copy(update={"api_url": "", "token": ""})
    require_free_port(here.host, here.port, "PERCH_PORT")
    require_free_port(here.host, here.dashboard_port, "PERCH_DASHBOARD_PORT")
    try:
        with Supervisor() as children:
            _start_api(children, here, watch)
            _start_dashboard(children, here)
            click.echo(_where(here))
            if watch:
                click.echo(
                    f"  Watching     {here.project} for *.datasource, *.pipe and prices.toml files that are saved"
                )
            if demo:
                _fill_if_empty(Api(over_http(here.url, here.local_token())))
            children.wait()
    except KeyboardInterrupt:
        click.echo("\nStopped.")


@cli.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--datasource", default="llm_events", show_default=True, help="Where the rows go.")
@click.option("--table", help="Table of a SQLite file; not needed when it has only one.")
@click.option("--map", "mapping", multiple=True, metavar="COLUMN=THEIRS", help="Fill our column from their field.")
@click.option("--set", "constants", multiple=True, metavar="COLUMN=VALUE", help="Give every row this value.")
@click.option("--time-origin", metavar="TIME", help="What times in milliseconds count from: 2024-05-01T00:00:00Z.")
def load(
    files: tuple[Path, ...],
    datasource: str,
    table: str | None,
    mapping: tuple[str, ...],
    constants: tuple[str, ...],
    time_origin: str | None,
) -> None:
    """Load files of events.

    FILES are NDJSON, CSV, Parquet or SQLite, gzipped or not. Their rows go through the same validation as posted
    events: what does not fit is quarantined, and the first reasons are printed.
    """
    from metrics.files import count_rows, read_rows

    theirs, fixed = _assignments("--map", mapping), _assignments("--set", constants)
    with api(load_settings()) as perch:
        types = column_types(perch, datasource)
        for file in files:
            started = datetime.now(UTC)
            rows = read_rows(file, table=table, mapping=theirs, constants=fixed, types=types, time_origin=time_origin)
            sent = send(perch, datasource, batches(rows), total=count_rows(file, table), label=file.name)
            click.echo(f"{file}: {sent}.")
            if sent.quarantined:
                click.echo(_bullets(first_reasons(perch, datasource, started)))


@cli.command()
@click.option("--rows", default=DEMO_ROWS, show_default=True, type=click.IntRange(1), help="How many rows to make.")
@click.option("--seed", default=DEMO_SEED, show_default=True, help="The same seed makes the same rows.")
@click.option("--remove", is_flag=True, help="Remove all demo rows, and nothing else.")
def demo(rows: int, seed: int, remove: bool) -> None:
    """Add or remove demo rows.

    A plausible year of calls to some twenty models, each row marked environment = 'demo'.
    """
    with api(load_settings()) as perch:
        if remove:
            gone = perch.post("/v0/datasources/llm_events/delete", delete_condition=IS_DEMO)["rows_deleted"]
            click.echo(f"Removed {gone:,} demo rows.")
        else:
            _add_demo(perch, rows, seed)


@cli.command()
def export() -> None:
    """Export the months that changed as Parquet."""
    with api(load_settings()) as perch, under_way(perch):
        exports = perch.post("/v0/exports")["exports"]
    for month in exports:
        click.echo(f"{month['path']}: {month['rows']:,} rows")
    if not exports:
        click.echo("Every export is up to date.")


@cli.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
def restore(folder: Path | None) -> None:
    """Load the exports in FOLDER, or those of PERCH_DATA_DIR, into an empty store.

    The files are checked against their manifests first. No server may run. A restore that was killed goes on when it is
    run again.
    """
    from metrics.backup import restore as load_exports
    from metrics.instance import open_store
    from metrics.workspace import load_workspace

    settings = load_settings()
    workspace = load_workspace(settings.project)
    with open_store(settings, workspace) as store:
        restored = load_exports(store, workspace, folder or settings.exports_dir, settings.exports_dir)
    for each in restored:
        click.echo(f"{each.datasource}: {each.rows:,} rows of {each.months} months")


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
def backup(folder: Path) -> None:
    """Copy the store into FOLDER, which is empty or does not exist, while the server goes on.

    PERCH_DATA_DIR=FOLDER starts Perch on the copy. The admin token's file is not copied.
    """
    with api(load_settings()) as perch, under_way(perch):
        copied = perch.post("/v0/backup", folder=folder.resolve())
    click.echo(f"{copied['folder']}: {copied['bytes']:,} bytes, up to commit {copied['commit']:,}")


@cli.command()
@click.argument("model", required=False)
@click.option("--provider", default="", help="Whose model MODEL is; its name decides if not given.")
@click.option("--at", default="", metavar="TIME", help="When MODEL was called (UTC); now if not given.")
@click.option("--unknown", is_flag=True, help="Only the models with calls without a cost, and the lines to add.")
@click.option("--compare", is_flag=True, help="The costs that were sent against those that are computed, by model.")
def prices(model: str | None, provider: str, at: str, unknown: bool, compare: bool) -> None:
    """List the prices of the models in the store, or explain that of MODEL.

    Prices are those of prices.toml below PERCH_PROJECT, then those of genai-prices, which comes with its own table and
    asks nobody. docs/prices.md has an example of the file.
    """
    from metrics import pricetables

    with api(load_settings()) as perch:
        if model:
            path = f"/v0/prices/{quote(model, safe='')}"
            click.echo(pricetables.explained(perch.get(path, provider=provider, at=at)))
        elif compare:
            click.echo(pricetables.compared(perch))
        else:
            told = pricetables.unknown if unknown else pricetables.listed
            click.echo(told(perch.get("/v0/prices")))


@cli.command()
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--from", "start", default="", metavar="TIME", help="First moment (UTC), such as 2026-01-31.")
@click.option("--to", "end", default="", metavar="TIME", help="End (UTC), exclusive.")
@click.option("--model", "models", multiple=True, help="Only the calls of this model; may be repeated.")
def reprice(dry_run: bool, start: str, end: str, models: tuple[str, ...]) -> None:
    """Compute the costs of stored calls anew, from their tokens and the prices in force.

    What changes is shown first, by model; a terminal is asked before it is done. It is one transaction, and what apps
    have sent is kept. Which cost is shown is the setting PERCH_COST.
    """
    from metrics import pricetables

    def post(dry: str) -> list[dict[str, Any]]:
        with under_way(perch):
            answer = perch.post("/v0/reprice", start_date=start, end_date=end, model=models, dry_run=dry)
        changed: list[dict[str, Any]] = answer["models"]
        return changed

    with api(load_settings()) as perch:
        changes = post("true")
        click.echo(pricetables.differences(changes))
        if dry_run or not changes:
            return
        if sys.stdin.isatty():
            click.confirm("Put these costs in the place of the old ones?", abort=True)
        done = post("false")
    click.echo(f"Repriced {sum(each['requests'] for each in done):,} calls.")


@cli.group()
def token() -> None:
    """Make, list, refresh and revoke tokens.

    A running server obeys at once.
    """


@token.command("create")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, help="Such as PIPES:READ:llm_totals; may be repeated.")
def create_token(name: str, scopes: tuple[str, ...]) -> None:
    """Make a token called NAME and show it, this once.

    Scopes: DATASOURCES:APPEND:name, DATASOURCES:READ:name, PIPES:READ:name, ADMIN.
    """
    with api(load_settings()) as perch:
        made = perch.post("/v0/tokens", name=name, scope=scopes)
    _show_once(made["token"])


def _show_once(secret: str) -> None:
    click.echo(secret)
    click.echo("Keep it now: only its hash is stored, so it cannot be shown again.", err=True)


@token.command("refresh")
@click.argument("name")
def refresh_token(name: str) -> None:
    """Give the token called NAME a new secret and show it, this once.

    The secret it had is refused from now on. This is how a token that a definition declares (TOKEN name READ) is first
    shown.
    """
    with api(load_settings()) as perch:
        made = perch.post(f"/v0/tokens/{quote(name, safe='')}/refresh")
    _show_once(made["token"])


@token.command("list")
def list_tokens() -> None:
    """List the names and scopes of all tokens, never the tokens."""
    with api(load_settings()) as perch:
        tokens = perch.get("/v0/tokens")["tokens"]
    for each in tokens:
        click.echo(f"{each['name']:<24} {', '.join(_scope(scope) for scope in each['scopes'])}")


@token.command("revoke")
@click.argument("name")
def revoke_token(name: str) -> None:
    """Make the token called NAME worthless."""
    with api(load_settings()) as perch:
        perch.delete(f"/v0/tokens/{quote(name, safe='')}")
    click.echo(f"The token {name} is revoked.")


@cli.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, for editors and CI.")
def check(folder: Path | None, as_json: bool) -> None:
    """Check the definitions of FOLDER, or of PERCH_PROJECT, without a store.

    Every *.datasource and *.pipe file is read, and every pipe compiled with and without a value for each parameter. All
    that is wrong is printed with file, line and column, then the columns that each pipe answers. The exit code is 1 if
    there are errors; warnings and hints leave it 0.
    """
    from metrics.checking import check as check_folder
    from metrics.checking import from_here

    report = check_folder(from_here(folder or load_settings().project))
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=2))
    else:
        for problem in report.problems:
            click.echo(str(problem), err=True)
        for pipe in report.pipes:
            columns = ", ".join(f"{name} {kind}" for name, kind in pipe.columns)
            click.echo(f"{pipe.name} ({pipe.kind})\n{_indented(columns)}")
        click.echo(report.summary)
    if report.of("error"):
        sys.exit(1)


@cli.command()
@click.argument("statement", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "ndjson", "csv", "parquet"]),
    help="Form of the answer; a table on a terminal and NDJSON elsewhere if not given.",
)
def sql(statement: str | None, form: str | None) -> None:
    """Run one SELECT in ClickHouse SQL, as GET /v0/sql does, and print its rows.

    STATEMENT is read from the standard input when it is not given. It may read data sources, their quarantines and
    pipes.
    """
    from metrics.adhoc import ask

    screen = sys.stdout.isatty()
    form = form or ("table" if screen else "ndjson")
    if form == "parquet" and screen:
        raise click.UsageError("Parquet is no text for a terminal: send it to a file, with > rows.parquet.")
    with api(load_settings()) as perch:
        answer = ask(perch, statement or sys.stdin.read(), form)
    click.echo(answer, nl=False)


@cli.command()
@click.argument("names", nargs=-1)
@click.option("--update", is_flag=True, help="Write what is answered now into the files as what is expected.")
def test(names: tuple[str, ...], update: bool) -> None:
    """Run the test cases of the endpoints, or those of NAMES: endpoints, files or cases.

    The cases are the entries of tests/ENDPOINT.yaml below PERCH_PROJECT, in Tinybird's format. They run on a store of
    their own that is filled from fixtures/DATASOURCE.ndjson and .csv, and never on yours. The exit code is 1 when one
    fails. docs/develop.md has an example.
    """
    from metrics import cases

    settings = _here()
    found = cases.find_cases(settings.project, names)
    outcomes = []
    for outcome in cases.run_cases(settings, found, click.echo):
        case = outcome.case
        verdict = "ok" if outcome.passed else "changed" if update else "FAILED"
        click.echo(f"{verdict:<7} {case.pipe}: {case.name}")
        for line in outcome.differences:
            click.echo(f"        {line}")
        outcomes.append(outcome)
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if update:
        cases.update(failed)
        click.echo(f"{len(found)} cases, {len(failed)} of them changed to what is answered now.")
        return
    click.echo(f"{len(found)} cases: {len(found) - len(failed)} passed, {len(failed)} failed.")
    if failed:
        sys.exit(1)


@cli.group()
def new() -> None:
    """Write a first endpoint or data source: files that work, to be changed.

    They go below PERCH_PROJECT. Nothing is overwritten.
    """


@new.command("endpoint")
@click.argument("name")
@click.option("--datasource", default="", help="What it reads; llm_events, or else the first, if not given.")
def new_endpoint(name: str, datasource: str) -> None:
    """Write endpoints/NAME.pipe, with typed parameters, and its test cases."""
    from metrics import scaffold

    settings = _here()
    _tell_made(scaffold.new_endpoint(settings, name, datasource))
    url = f"{settings.url}/v0/pipes/{name}.json"
    click.echo(f"It answers at {url} once it is served. Next:")
    _tell_next(f"check, test {name}, dev".split(", "), f'curl -H "{_bearer(settings)}" "{url}?limit=5"')


@new.command("datasource")
@click.argument("name")
def new_datasource(name: str) -> None:
    """Write datasources/NAME.datasource and two rows of it for tests."""
    from metrics import scaffold

    settings = _here()
    _tell_made(scaffold.new_datasource(settings, name))
    url = f"{settings.url}/v0/events?name={name}"
    click.echo(f"It takes events at {url} once it is served. Next:")
    event = """-d '{"timestamp": "2026-01-02 03:04:05", "kind": "first"}'"""
    _tell_next(["check", f"new endpoint {name}_by_kind --datasource {name}", "dev"],
               f'curl -H "{_bearer(settings)}" "{url}" {event}')  # fmt: skip


def _tell_made(paths: Iterable[Path]) -> None:
    for path in paths:
        click.echo(f"Made {path}")


def _tell_next(commands: Iterable[str], call: str) -> None:
    for command in commands:
        click.echo(f"  python -m metrics {command}")
    click.echo(f"  {call}")


def _bearer(settings: Settings) -> str:
    """The header of a call from a shell, with the admin token named and not shown."""
    secret = "$PERCH_ADMIN_TOKEN" if settings.admin_token else f"$(cat {settings.admin_token_path})"
    return f"Authorization: Bearer {secret}"


def _here() -> Settings:
    """The settings, with the project as it is called from the current folder."""
    from metrics.checking import from_here

    settings = load_settings()
    return settings.model_copy(update={"project": from_here(settings.project)})


@cli.command(hidden=True)
def docs() -> None:
    """Write the generated pages of docs/ anew."""
    from metrics.manual import pages

    for path, text in pages(cli).items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        click.echo(f"Wrote {path.relative_to(ROOT)}.")


def _start_api(children: Supervisor, settings: Settings, watch: bool) -> None:
    command = [sys.executable, "-m", "metrics", "serve", *(["--watch"] if watch else [])]
    children.start("the API", command, {})
    try:
        children.wait_until(lambda: is_up(settings.url + HEALTH), within=60, what="the API")
    except ChildEnded:
        sys.exit(1)  # it has said why on stderr, which is this process's too


def _start_dashboard(children: Supervisor, settings: Settings) -> None:
    address = ["--server.address", settings.host, "--server.port", str(settings.dashboard_port)]
    children.start(
        "the dashboard",
        [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), *address, "--server.headless", "true"],
        {"PERCH_API_URL": settings.url, "PERCH_DATA_DIR": str(settings.data_dir.resolve())},
    )
    url = f"{_dashboard_url(settings)}/_stcore/health"
    children.wait_until(lambda: is_up(url), within=60, what="the dashboard")


def _where(settings: Settings) -> str:
    token = "in PERCH_ADMIN_TOKEN" if settings.admin_token else f"in the file {settings.admin_token_path}"
    return (
        "Perch is running. Ctrl-C stops it.\n"
        f"  Dashboard    {_dashboard_url(settings)}\n"
        f"  API          {settings.url}\n"
        f"  Admin token  {token}"
    )


def _dashboard_url(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.dashboard_port}"


def _fill_if_empty(perch: Api) -> None:
    """Add demo rows when llm_events is empty and has the column that tells them from real ones."""
    for source in perch.get("/v0/datasources")["datasources"]:
        marks = any(column["name"] == "environment" for column in source["columns"])
        if source["name"] == "llm_events" and marks and not source["statistics"]["row_count"]:
            _add_demo(perch, DEMO_ROWS, DEMO_SEED)
            click.echo("`python -m metrics demo --remove` takes them out again.")


def _add_demo(perch: Api, rows: int, seed: int) -> None:
    from metrics.demo import ndjson

    click.echo(f"Adding {rows:,} demo rows ...")
    sent = send(perch, "llm_events", ndjson(rows, seed, datetime.now(UTC)), total=rows, label="Demo rows")
    click.echo(f"Added {sent.rows:,} demo rows (environment = 'demo').")


def _assignments(option: str, pairs: Iterable[str]) -> dict[str, str]:
    """`COLUMN=VALUE` texts as a dictionary. Raises a usage error for a text without `=`."""
    split = [pair.partition("=") for pair in pairs]
    for column, equals, value in split:
        if not (column and equals):
            raise click.UsageError(f"{option} takes COLUMN=VALUE, not {column + value!r}.")
    return {column: value for column, _, value in split}


def _indented(text: str) -> str:
    return textwrap.fill(text, 116, initial_indent="    ", subsequent_indent="    ", break_long_words=False)


def _bullets(sentences: Iterable[str]) -> str:
    return "\n".join(f"  - {sentence}" for sentence in sentences)


def _scope(scope: dict[str, str]) -> str:
    return ":".join(part for part in (scope["type"], scope.get("resource")) if part)


if __name__ == "__main__":
    cli(prog_name="python -m metrics")
