"""Every setting of Perch: one list with name, default, unit and help, read from the environment and checked at start.

The field `max_body` is set by the environment variable `PERCH_MAX_BODY`, and so on; `docs/settings.md` is generated
from this class.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from metrics.errors import StartError

ROOT = Path(__file__).resolve().parent.parent

_BYTE_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SECOND_UNITS = {"": 1.0, "MS": 0.001, "S": 1.0, "M": 60.0, "H": 3600.0, "D": 86400.0}


def _with_unit(value: object, units: dict[str, float] | dict[str, int], example: str) -> float:
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]*)\s*", str(value))
    if not match or match[2].upper() not in units:
        raise ValueError(f"expected a number with a unit, such as {example}")
    return float(match[1]) * units[match[2].upper()]


def _bytes(value: object) -> int:
    return int(_with_unit(value, _BYTE_UNITS, "10MB"))


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    return timedelta(seconds=_with_unit(value, _SECOND_UNITS, "30s or 1h"))


def _half_of_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


Bytes = Annotated[int, BeforeValidator(_bytes)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]


class Settings(BaseSettings):
    """The settings of one Perch, immutable once read."""

    model_config = SettingsConfigDict(env_prefix="PERCH_", frozen=True, env_ignore_empty=True)

    data_dir: Path = Field(default=Path("./data"), description="Folder of the store, the exports and the admin token.")
    project: Path = Field(
        default=ROOT / "metrics",
        description="Folder whose *.datasource and *.pipe files, found recursively, are the definitions.",
    )
    host: str = Field(default="127.0.0.1", description="Address the API and the dashboard listen on.")
    port: int = Field(default=7181, ge=1, le=65535, description="Port of the API.")
    admin_token: str = Field(
        default="",
        repr=False,
        description="Admin token. Unset: made at the first start and kept in DATA_DIR/admin.token.",
    )
    api_url: str = Field(default="", description="API that the dashboard and the commands call. Unset: this machine's.")
    token: str = Field(
        default="",
        repr=False,
        description="Token the dashboard and the commands send. Unset: this machine's admin token.",
    )
    dashboard_port: int = Field(default=8501, ge=1, le=65535, description="Port of the dashboard.")
    max_body: Bytes = Field(
        default=10_000_000, ge=1, description="Largest request body, also after decompression (bytes)."
    )
    body_timeout: Duration = Field(
        default=timedelta(seconds=30), description="A body that takes longer to arrive is cut off."
    )
    queue_rows: int = Field(
        default=200_000, ge=1, description="Rows that may wait for the writer before 503 is answered."
    )
    queue_bytes: Bytes = Field(
        default=256_000_000, ge=1, description="Body bytes that may wait for the writer before 503."
    )
    idempotency_keep: Duration = Field(
        default=timedelta(hours=24), description="How long an Idempotency-Key and its answer are kept."
    )
    memory: Bytes = Field(
        default_factory=_half_of_memory,
        ge=2**27,
        description="Memory bound of the server (bytes); 400 MB of it, or half if that is less, are not the store's.",
    )
    query_timeout: Duration = Field(
        default=timedelta(seconds=10), description="A query that runs longer is stopped (408)."
    )
    export_every: Duration = Field(
        default=timedelta(hours=1), description="How often changed months are exported as Parquet."
    )

    cost: Literal["sent-first", "computed-first", "sent-only", "computed-only"] = Field(
        default="sent-first",
        description="Which cost of a call is shown as `cost` (docs/prices.md): `sent-first` (what was sent, else what "
        "was computed), `computed-first`, `sent-only`, `computed-only`. For rows that are written from now on; "
        "`python -m metrics reprice` does it for the others.",
    )

    @property
    def store_path(self) -> Path:
        """The DuckDB file."""
        return self.data_dir / "perch.duckdb"

    @property
    def store_memory(self) -> int:
        """Bytes that the store may use: the rest of the process takes 250 MB, and answers under way a little more."""
        return self.memory - min(400_000_000, self.memory // 2)

    @property
    def exports_dir(self) -> Path:
        """The folder of the monthly Parquet files."""
        return self.data_dir / "exports"

    @property
    def admin_token_path(self) -> Path:
        """The file, mode 0600, that holds the admin token when `PERCH_ADMIN_TOKEN` is unset."""
        return self.data_dir / "admin.token"

    @property
    def url(self) -> str:
        """Where the API is to be called: `PERCH_API_URL`, or this machine's."""
        return (self.api_url or f"http://127.0.0.1:{self.port}").rstrip("/")

    def local_token(self) -> str:
        """The token to call the API with: `PERCH_TOKEN`, `PERCH_ADMIN_TOKEN` or the admin token's file; "" if none."""
        if self.token or self.admin_token:
            return self.token or self.admin_token
        try:
            return self.admin_token_path.read_text().strip()
        except OSError:
            return ""


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        StartError: a value is not valid; the sentence names the variable, the value and what was expected.
    """
    return _read(frozenset(pair for pair in os.environ.items() if pair[0].upper().startswith("PERCH_")))


@lru_cache(maxsize=8)
def _read(environment: frozenset[tuple[str, str]]) -> Settings:
    """The settings of this environment, read once: a page of the dashboard asks for them some forty times."""
    try:
        return Settings()
    except ValidationError as error:
        raise StartError("; ".join(_sentence(problem["loc"], problem) for problem in error.errors())) from None


def _sentence(loc: tuple[int | str, ...], problem: object) -> str:
    assert isinstance(problem, dict)
    name = f"PERCH_{'_'.join(str(part) for part in loc).upper()}"
    shown = "" if "TOKEN" in name else f" has the value {str(problem.get('input'))!r}"
    reason = str(problem.get("msg", "")).removeprefix("Value error, ")
    return f"{name}{shown}: {reason[:1].lower()}{reason[1:]}."
