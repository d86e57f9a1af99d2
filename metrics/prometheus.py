"""Rows as the text format that Prometheus scrapes (https://prometheus.io/docs/instrumenting/exposition_formats/).

The columns are those of ClickHouse's `FORMAT Prometheus`: `name` and `value` are needed; `help`, `type`, `labels` (a
map of texts) and `timestamp` (milliseconds since 1970) may be there. Rows are sorted by name. A row of a histogram or a
summary whose labels are `{'count': ''}` or `{'sum': ''}` is its count or its sum. A value that is NULL is not known and
has no line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from metrics.errors import BadRequest

Row = Mapping[str, Any]

_NEEDED: Final = ("name", "value")
_TYPES: Final = ("counter", "gauge", "histogram", "summary", "untyped", "")
_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def exposition(columns: Sequence[str], rows: Iterable[Row]) -> bytes:
    """The text for these rows.

    Raises:
        BadRequest: a column is missing, or a value is not what the format takes; names it.
    """
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise BadRequest(
            f"The format prometheus needs a column '{missing[0]}'; the columns are: {', '.join(columns)}. "
            "Name them with AS, as in SELECT 'requests' AS name, count() AS value."
        )
    ordered = sorted(rows, key=lambda row: str(row["name"]))
    families = [_family(name, list(group)) for name, group in groupby(ordered, key=lambda row: str(row["name"]))]
    return "\n".join(families).encode()


def _family(name: str, rows: Sequence[Row]) -> str:
    if not _METRIC.fullmatch(name):
        raise BadRequest(f"The name '{name}' cannot be a metric's: it has letters, digits, _ and : only.")
    about, kind = (next((str(row[key]) for row in rows if row.get(key)), "") for key in ("help", "type"))
    if kind not in _TYPES:
        raise BadRequest(f"The type '{kind}' of {name} does not exist; there are: {', '.join(filter(None, _TYPES))}.")
    if not all(isinstance(row.get("labels") or {}, Mapping) for row in rows):
        raise BadRequest(f"The labels of {name} are not a map; write them as map('model', model_name).")
    lines = [f"# HELP {name} {_escaped(about)}"] if about else []
    lines += [f"# TYPE {name} {kind}"] if kind else []
    lines += [_sample(name, kind, row) for row in sorted(rows, key=_bound) if row["value"] is not None]
    return "".join(f"{line}\n" for line in lines)


def _bound(row: Row) -> float:
    """What orders the rows of a histogram or a summary: the bound of a bucket, the quantile; sums and counts last."""
    labels = row.get("labels") or {}
    if _suffix(labels):
        return math.inf
    try:
        return float(labels.get("le") or labels.get("quantile") or 0)
    except ValueError:
        return 0


def _suffix(labels: Mapping[str, str]) -> str:
    return next((f"_{word}" for word in ("sum", "count") if dict(labels) == {word: ""}), "")


def _sample(name: str, kind: str, row: Row) -> str:
    labels = row.get("labels") or {}
    suffix = _suffix(labels)
    if suffix:
        labels = {}
    elif kind == "histogram" and "le" in labels:
        suffix = "_bucket"
    moment = row.get("timestamp")
    if moment is not None and not isinstance(moment, int):
        raise BadRequest(f"The timestamp of {name} is not a whole number of milliseconds since 1970.")
    return f"{name}{suffix}{_labels(name, labels)} {_number(name, row['value'])}" + (f" {moment}" if moment else "")


def _labels(name: str, labels: Mapping[str, str]) -> str:
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise BadRequest(f"The label '{label}' of {name} has other characters than letters, digits and _.")
    written = ",".join(
        f'{label}="{_escaped(str(value)).replace(chr(34), chr(92) + chr(34))}"' for label, value in labels.items()
    )
    return f"{{{written}}}" if written else ""


def _number(name: str, value: object) -> str:
    try:
        number = float(str(value))
    except ValueError:
        raise BadRequest(f"The value '{value}' of {name} is not a number.") from None
    if math.isfinite(number):
        return str(value)
    return "NaN" if math.isnan(number) else "+Inf" if number > 0 else "-Inf"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")
