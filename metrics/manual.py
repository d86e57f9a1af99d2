"""The pages of docs/ that are written by the code they describe, so that neither can drift from the other.

`make docs` writes them anew; tests/test_docs.py fails when one is out of date.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click
from pydantic.fields import FieldInfo

from metrics.reference import GENERATED, datasources_page, endpoints_page
from metrics.settings import ROOT, Settings
from metrics.sqlpage import sql_page


def settings_page() -> str:
    """docs/settings.md: every setting with its default and meaning."""
    rows = "\n".join(
        f"| `PERCH_{name.upper()}` | {_default(name, field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    )
    return f"""{GENERATED}
# Settings

Every setting is an environment variable, read once at the start. A value that is not valid stops the start with one
sentence that names the variable. Sizes take a unit (`10MB`, `512MiB`, `4GB`; none means bytes), durations too (`500ms`,
`30s`, `5m`, `1h`; none means seconds).

| Variable | Default | Meaning |
|---|---|---|
{rows}
"""


def commands_page(cli: click.Group) -> str:
    """docs/commands.md: the help of every command, as `--help` prints it."""
    helps = "\n".join(f"## {path}\n\n```\n{text}\n```\n" for path, text in _helps(cli, "python -m metrics"))
    return f"{GENERATED}\n# Commands\n\n{helps}"


def _helps(command: click.Command, path: str, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    name = command.name if parent else path
    context = command.make_context(name, [], parent, resilient_parsing=True, terminal_width=100)
    yield path, command.get_help(context)
    if isinstance(command, click.Group):
        for name, child in sorted(command.commands.items()):
            if not child.hidden:
                yield from _helps(child, f"{path} {name}", context)


def _default(name: str, field: FieldInfo) -> str:
    match field.default:
        case Path() as path:
            return f"`{path.relative_to(ROOT) if path.is_absolute() else path}/`"
        case timedelta() as span:
            return (
                f"`{span.total_seconds() / 3600:g}h`" if span >= timedelta(hours=1) else f"`{span.total_seconds():g}s`"
            )
        case int(number):
            return f"`{number // 10**6}MB`" if number >= 10**6 else f"`{number}`"
        case "":
            return "not set"
        case str(text):
            return f"`{text}`"
    return {"memory": "half of the machine's"}[name]


def pages(cli: click.Group) -> dict[Path, str]:
    """Every generated page of docs/, by its path."""
    texts = {
        "settings.md": settings_page(),
        "commands.md": commands_page(cli),
        "endpoints.md": endpoints_page(),
        "datasources.md": datasources_page(),
        "sql.md": sql_page(),
    }
    return {ROOT / "docs" / name: text for name, text in texts.items()}
