"""How a data source is cut into months, and how long it keeps them: ENGINE_PARTITION_KEY and ENGINE_TTL, read strictly.

Stands before the workspace, which refuses at load what is not read here: a key that is silently not obeyed would be
files nobody finds, or rows that stay (or go) against what the file says.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from datetime import datetime, timedelta

from metrics.datafiles import DataSource
from metrics.errors import DefinitionError

_COLUMN = r"`?(?P<column>\w+)`?"
_UNITS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86_400, "WEEK": 604_800}
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_UNIT = f"(?P<unit>{'|'.join((*_UNITS, *_MONTHS))})"
_KEY = re.compile(
    rf"(?:toYYYYMM|toStartOfMonth)\(\s*(?:toDate\(\s*{_COLUMN}\s*\)|{_COLUMN.replace('column', 'bare')})\s*\)"
)
_INTERVALS = (
    rf"INTERVAL\s+(?P<quote>'?)(?P<amount>\d+)(?P=quote)\s+{_UNIT}S?",
    rf"INTERVAL\s+'(?P<amount>\d+)\s+{_UNIT}S?'",
    rf"toInterval{_UNIT}\(\s*(?P<amount>\d+)\s*\)",
)
_TTLS = tuple(
    re.compile(rf"{before}\s*\+\s*{interval}(?:\s+DELETE)?", re.IGNORECASE)
    for interval in _INTERVALS
    for before in (_COLUMN, rf"toDate(?:Time)?\(\s*{_COLUMN}\s*\)")
)


@dataclass(frozen=True)
class Lifetime:
    """How long rows are kept: so many seconds, or so many calendar months."""

    seconds: int = 0
    months: int = 0

    def ends(self, month: str) -> datetime | None:
        """When a month (YYYY-MM) is over and its last moment that old, in UTC; None beyond the year 9999."""
        year, number = (int(part) for part in month.split("-"))
        at = year * 12 + number + self.months  # the month after, counted from 0
        try:
            return datetime(at // 12, at % 12 + 1, 1) + timedelta(seconds=self.seconds)
        except (ValueError, OverflowError):
            return None


def month_column(definition: DataSource) -> str:
    """The time column whose months the exports are cut by; "" without a partition key.

    Raises:
        DefinitionError: the key is none of those that cut by month.
    """
    key = definition.engine.partition_key.strip()
    if key in ("", "tuple()"):
        return ""
    match = _KEY.fullmatch(key)
    if not match:
        raise _error(
            definition,
            "PARTITION_KEY",
            f"the key {key} is not supported: exports are cut by month, so use toYYYYMM(column), "
            "toStartOfMonth(column), either of them over toDate(column), or tuple()",
        )
    column = match["column"] or match["bare"]
    kind = next((each.type for each in definition.columns if each.name == column), "missing")
    if not kind.startswith("Date"):
        raise _error(
            definition,
            "PARTITION_KEY",
            f"the key {key} needs a column of the SCHEMA that is a Date or a DateTime and not Nullable; "
            f"{column} is {kind}",
        )
    return column


def lifetime(definition: DataSource) -> Lifetime | None:
    """How long the rows of a data source are kept; None for ever.

    Raises:
        DefinitionError: the TTL is none that whole months can be held to.
    """
    ttl, column = definition.engine.ttl.strip(), month_column(definition)
    if not ttl:
        return None
    match = next((found for pattern in _TTLS if (found := pattern.fullmatch(ttl))), None)
    if not match:
        raise _error(
            definition,
            "TTL",
            f"the TTL {ttl} is not supported: use column + INTERVAL 90 DAY or toDate(column) + toIntervalDay(90), "
            "with any unit from SECOND to YEAR",
        )
    if match["column"] != column:
        raise _error(
            definition,
            "TTL",
            f"the TTL {ttl} needs ENGINE_PARTITION_KEY toYYYYMM({match['column']}): rows leave by whole months",
        )
    amount, unit = int(match["amount"]), match["unit"].upper()
    return Lifetime(months=amount * _MONTHS[unit]) if unit in _MONTHS else Lifetime(seconds=amount * _UNITS[unit])


def _error(definition: DataSource, option: str, reason: str) -> DefinitionError:
    lines = textwrap.dedent(definition.text.replace("\r\n", "\n")).split("\n")
    command = re.compile(rf"(ENGINE_)?{option}\b", re.IGNORECASE)
    line = next((number for number, text in enumerate(lines, 1) if command.match(text)), 1)
    return DefinitionError(f"ENGINE_{option}: {reason}", file=definition.path.name, line=line)
