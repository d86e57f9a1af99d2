"""Why some of ClickHouse's functions are refused by name, and what to write instead."""

from __future__ import annotations

from typing import Final

_HASHES: Final = ("cityHash64", "sipHash64", "xxHash32", "xxHash64", "murmurHash3_64", "farmHash64", "intHash64")
_ORDER: Final = ("neighbor", "runningDifference", "runningAccumulate", "rowNumberInAllBlocks", "rowNumberInBlock")
_MACHINE: Final = ("version", "hostName", "hostname", "uptime", "currentDatabase", "currentUser", "buildId")
_DICTIONARIES: Final = ("dictGet", "dictGetOrDefault", "dictGetOrNull", "dictHas", "dictGetString", "dictGetUInt64")

REASONS: Final = {
    **dict.fromkeys(_HASHES, "its hashes are ClickHouse's own and DuckDB's are others"),
    **dict.fromkeys(_ORDER, "it depends on how rows lie in blocks; a window function such as lagInFrame() does not"),
    **dict.fromkeys(_MACHINE, "a query tells nothing of the machine it runs on"),
    **dict.fromkeys(_DICTIONARIES, "dictionaries need the ClickHouse engine; a JOIN does not"),
    **dict.fromkeys(("sleep", "sleepEachRow"), "a query may not wait"),
}


def refusal(name: str) -> str:
    """The sentence that refuses a function."""
    if name in REASONS:
        return f"the function {name} is not supported here: {REASONS[name]}"
    return f"the function {name} is not supported here; it needs the ClickHouse engine, if that has it"
