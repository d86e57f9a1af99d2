"""The price of a model at a moment: the project's own prices first, then the table of genai-prices.

Stands before the writer, which multiplies (metrics/pricing.py). The table is the one inside the installed package: its
updates over the network are never started, and no copy that something else has fetched is read. Prices are dollars per
million tokens, as Decimals; what is not known is None, never 0.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from metrics.errors import DefinitionError

FILE = "prices.toml"
"""The project's own prices, beside its data sources and pipes."""

MOST = 100_000
"""Dollars per million tokens that an own price may be: four billion tokens of it still fit into the column."""

PLACES = 6
"""Digits behind the point of a price up to which a cost is whole-number arithmetic on 64 bits."""

UNKNOWN = -1
KEPT = 10_000
"""Models, by provider, whose prices are kept at hand."""

_KEYS = ("model", "provider", "input", "output", "cached", "cache_write", "from")
_EPOCH = date(1970, 1, 1)
_LISTED = {"input": "input_mtok", "cached": "cache_read_mtok", "cache_write": "cache_write_mtok",
           "output": "output_mtok", "request": "requests_kcount"}  # fmt: skip
_APART = ("output_reasoning_mtok", "output_citation_mtok")
"""Prices of parts of the output that are not told apart here: such a model has no price, rather than a wrong one."""

Array = npt.NDArray[Any]


class Units(NamedTuple):
    """Dollars for a million of each: tokens of the prompt, of it read from and written to the provider's cache, answer
    tokens; and requests."""

    input: Decimal | None
    cached: Decimal | None
    cache_write: Decimal | None
    output: Decimal | None
    request: Decimal | None


@dataclass(frozen=True)
class Price:
    """What a model costs at a moment: where that stands, since when it holds (None: always), and the prices.

    `tiers` are (tokens, prices): the last one holds whose tokens the whole prompt exceeds; the first has 0.
    """

    origin: str
    since: date | None
    tiers: tuple[tuple[int, Units], ...]


@dataclass(frozen=True)
class OwnPrice:
    """One `[[price]]` of prices.toml."""

    line: int
    model: str
    provider: str
    since: date | None
    units: Units

    def fits(self, model: str, provider: str | None) -> bool:
        """Whether it is about this model of this provider, at any time; upper and lower case are alike."""
        named = fnmatchcase(model.lower(), self.model.lower()) or model.lower() == self.model.lower()
        return named and (not self.provider or self.provider.lower() == (provider or "").lower())

    @property
    def price(self) -> Price:
        """It as a price."""
        return Price(f"{FILE}:{self.line}", self.since, ((0, self.units),))

    @property
    def rank(self) -> tuple[bool, bool, date, int]:
        """Of two that fit the higher one holds: a full name before a pattern, with a provider, the later, the last."""
        return not _is_pattern(self.model), bool(self.provider), self.since or date.min, self.line


def _is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[")


@dataclass(frozen=True)
class Schedule:
    """All prices of one model of one provider, for arithmetic over columns.

    The cells run over `days` (each the first day of a period, counted from 1970), within each over `seconds` of the day
    and within those over `tiers`. `rates` has a row for each: `Units` in millionths of their dollars, UNKNOWN where
    there is none. `exact` has the prices of the cells that are `wide`: those whose rates do not fit.
    """

    days: Array
    seconds: Array
    tiers: Array
    rates: Array
    wide: Array
    exact: tuple[Units, ...]

    @property
    def varies(self) -> bool:
        """Whether there is more than one cell."""
        return len(self.rates) > 1

    def cells(self, moments: Array, prompts: Array) -> Array:
        """The cell of each call: its time in seconds since 1970, its tokens in the whole prompt."""
        day, second = np.divmod(moments, 86_400)
        period = np.searchsorted(self.days, day, "right") * len(self.seconds)
        part = (period + np.searchsorted(self.seconds, second, "right") - 1) * len(self.tiers)
        return np.asarray(part + np.searchsorted(self.tiers, prompts, "left") - 1)


@dataclass(frozen=True)
class Prices:
    """The prices that are in force: the project's own, then the table's."""

    own: tuple[OwnPrice, ...] = ()

    def price(self, model: str, provider: str | None, moment: datetime) -> Price | None:
        """The price of a model at a moment (UTC); None when nobody knows it."""
        return self._price(self._fitting(model, provider), listed(model, provider), moment)

    @cached_property
    def schedule(self) -> Callable[[str, str | None], Schedule]:
        """`schedule(model, provider)`: all prices of a model. What it finds is kept, for KEPT models."""
        return lru_cache(maxsize=KEPT)(self._schedule)

    def _fitting(self, model: str, provider: str | None) -> list[OwnPrice]:
        return sorted((own for own in self.own if own.fits(model, provider)), key=lambda own: own.rank, reverse=True)

    def _price(self, own: Sequence[OwnPrice], entry: Entry | None, moment: datetime) -> Price | None:
        for each in own:
            if each.since is None or each.since <= moment.date():
                return each.price
        return entry.price(moment) if entry else None

    def _schedule(self, model: str, provider: str | None) -> Schedule:
        own, entry = self._fitting(model, provider), listed(model, provider)
        days = {each.since for each in own if each.since} | (entry.dates if entry else set())
        starts = [_EPOCH, *sorted(day for day in days if day > _EPOCH)]
        times = sorted({0} | (entry.times if entry else set()))
        found = [
            self._price(own, entry, datetime.combine(day, time(), UTC) + timedelta(seconds=second))
            for day in starts
            for second in times
        ]
        tiers = sorted({start for price in found if price for start, _ in price.tiers} | {0})
        units = tuple(_at(price, start) for price in found for start in tiers)
        return Schedule(
            np.array([(day - _EPOCH).days for day in starts[1:]], np.int64),
            np.array(times, np.int64),
            np.array([-1, *tiers[1:]], np.int64),
            np.array([[_rate(each) for each in unit] for unit in units], np.int64),
            np.array([any(_is_wide(each) for each in unit) for unit in units], bool),
            units,
        )


_NOTHING = Units(None, None, None, None, None)


def _at(price: Price | None, prompt: int) -> Units:
    """The prices of a tier: those for a prompt of just over so many tokens."""
    return [units for start, units in price.tiers if start <= prompt][-1] if price else _NOTHING


def _is_wide(price: Decimal | None) -> bool:
    """Whether a price times four billion tokens may not fit into 64 bits, or has too many digits."""
    return price is not None and (price > 1000 or price != round(price, PLACES))


def _rate(price: Decimal | None) -> int:
    return UNKNOWN if price is None else 0 if _is_wide(price) else int(price.scaleb(PLACES))


# The table of genai-prices.


@dataclass(frozen=True)
class Entry:
    """One model of the table."""

    origin: str
    model: Any

    @cached_property
    def dates(self) -> set[date]:
        """The days on which a price of it begins."""
        return {each.constraint.start_date for each in self._dated if hasattr(each.constraint, "start_date")}

    @cached_property
    def times(self) -> set[int]:
        """The seconds of the day at which a price of it begins or ends."""
        hours = [each.constraint for each in self._dated if hasattr(each.constraint, "start_time")]
        moments = [moment for each in hours for moment in (each.start_time, each.end_time)]
        return {moment.hour * 3600 + moment.minute * 60 + moment.second for moment in moments}

    @property
    def _dated(self) -> list[Any]:
        return self.model.prices if isinstance(self.model.prices, list) else []

    def price(self, moment: datetime) -> Price | None:
        """What it costs at a moment; None when it is not priced by the tokens that are told apart here."""
        prices = self.model.get_prices(moment)
        found = {name: getattr(prices, key) for name, key in _LISTED.items()}
        by_token = found["input"] is not None or found["output"] is not None
        if not by_token or any(getattr(prices, key) is not None for key in _APART):
            return None
        starts = sorted({0, *(tier.start for value in found.values() for tier in getattr(value, "tiers", ()))})
        since = [day for day in self.dates if day <= moment.date()]
        return Price(self.origin, max(since, default=None), tuple((start, _units(found, start)) for start in starts))


def _units(found: Mapping[str, Any], start: int) -> Units:
    values = {name: _tier(value, start) for name, value in found.items()}
    plain = values["input"]
    cached, write = (plain if values[name] is None else values[name] for name in ("cached", "cache_write"))
    request = values["request"]
    return Units(plain, cached, write, values["output"], Decimal(0) if request is None else request * 1000)


def _tier(value: Any, start: int) -> Decimal | None:
    """A price for a prompt of just over `start` tokens."""
    reached = [tier.price for tier in getattr(value, "tiers", ()) if start and tier.start <= start]
    found: Decimal | None = reached[-1] if reached else getattr(value, "base", value)
    return found


@cache
def load_table() -> tuple[Any, ...]:
    """The providers of the table; the first call reads them, which takes a fifth of a second."""
    from genai_prices.data import providers

    return tuple(providers)


@cache
def table_version() -> str:
    """The version of genai-prices."""
    from genai_prices import __version__

    return str(__version__)


def listed(model: str, provider: str | None) -> Entry | None:
    """The entry of the table for a model, as it is sent; None if there is none.

    With a provider that the table knows, one of its models. With another or with none the model's name decides; names
    such as `openrouter/anthropic/claude-3.5-sonnet` begin with the provider. What runs at home has no price here.
    """
    model = model.strip()
    if provider and provider.lower().strip() in _LOCAL:
        return None
    known = _provider(provider) if provider else None
    if known:
        return _model_of(known, model) or _model_of(known, _last(model))
    first, slash, rest = model.partition("/")
    if slash and (known := _provider(first)):
        return _model_of(known, rest) or _model_of(known, _last(rest))
    if slash:  # a provider whose prices nobody knows: those of another would be wrong
        return None
    known = next((each for each in load_table() if each.model_match and each.model_match.is_match(model.lower())), None)
    return _model_of(known, model) if known else None


def _last(model: str) -> str:
    return model.rpartition("/")[2]


_ALIASES = {"fireworks_ai": "fireworks", "together_ai": "together", "vertex_ai": "google", "xai": "x-ai"}
"""Providers as LiteLLM spells them, where the table does not know that."""


_LOCAL = ("ollama", "ollama_chat", "lm_studio", "lmstudio", "vllm", "hosted_vllm", "llamacpp", "llamafile", "local")
"""Servers of one's own: the prices of whoever made the model are not theirs."""


def _provider(name: str) -> Any:
    from genai_prices.data_snapshot import find_provider_by_id

    lowered = name.lower().strip()
    return find_provider_by_id(list(load_table()), _ALIASES.get(lowered, lowered)) if lowered else None


def _model_of(provider: Any, model: str) -> Entry | None:
    found = provider.find_model(model, all_providers=list(load_table())) if model else None
    return Entry(f"genai-prices {table_version()}: {provider.id}/{found.id}", found) if found else None


# prices.toml


def load_prices(folder: Path) -> Prices:
    """The prices of a project: those of its prices.toml, if it has one, before those of the table.

    Raises:
        DefinitionError: the file is wrong; names it, the line and what was expected.
    """
    path = folder / FILE
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return Prices()
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError(f"it cannot be read as UTF-8 text ({error})", file=FILE, line=1) from None
    return Prices(tuple(_own_prices(text)))


def _own_prices(text: str) -> Iterator[OwnPrice]:
    try:
        read = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line (\d+), column (\d+)", str(error))
        line, column = (int(place[1]), int(place[2])) if place else (len(text.splitlines()), 0)
        said = re.sub(r" \(at .*\)$", "", str(error))
        raise DefinitionError(f"it is not TOML: {said}", file=FILE, line=line, column=column) from None
    entries = read.pop("price", [])
    if read or not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        stray = next(iter(read), "price")
        raise DefinitionError(
            f"{stray!r} is not expected: each price is a table headed [[price]]", file=FILE, line=_line_of(text, stray)
        )
    heads = [number for number, line in enumerate(text.splitlines(), 1) if re.match(r"\s*\[\[\s*price\s*\]\]", line)]
    lines = heads if len(heads) == len(entries) else [1] * len(entries)  # an array written in one line has no heads
    yield from (_own_price(entry, line) for entry, line in zip(entries, lines, strict=True))


def _line_of(text: str, key: str) -> int:
    found = [number for number, line in enumerate(text.splitlines(), 1) if re.match(rf"[\s\[]*{re.escape(key)}", line)]
    return found[0] if found else 1


def _own_price(entry: Mapping[str, Any], line: int) -> OwnPrice:
    def wrong(what: str) -> DefinitionError:
        model = entry.get("model")
        name = f"the price of {model!r}" if isinstance(model, str) and model else "a price without a model"
        return DefinitionError(f"{name}: {what}", file=FILE, line=line)

    if stray := [key for key in entry if key not in _KEYS]:
        raise wrong(f"{stray[0]!r} is not expected; there are {', '.join(_KEYS)}")
    for key in ("model", "provider"):
        if not isinstance(entry.get(key, "" if key == "provider" else None), str):
            raise wrong(f'{key} is text, as in {key} = "name"')
    if not entry["model"].strip():
        raise wrong('model is the name of a model, or a pattern as in "my-*"')
    return OwnPrice(line, entry["model"], entry.get("provider", ""), _since(entry, wrong), _own_units(entry, wrong))


def _since(entry: Mapping[str, Any], wrong: Any) -> date | None:
    since = entry.get("from")
    if since is not None and (not isinstance(since, date) or isinstance(since, datetime)):
        raise wrong("from is a date without quotes, as in from = 2026-01-31")
    return since


def _own_units(entry: Mapping[str, Any], wrong: Any) -> Units:
    prices: dict[str, Decimal] = {}
    for key in ("input", "output", "cached", "cache_write"):
        value = entry.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | Decimal) or not _in_range(value):
            raise wrong(f"{key} is dollars per million tokens, a number from 0 to {MOST:,}")
        prices[key] = Decimal(value)
    if missing := [key for key in ("input", "output") if key not in prices]:
        raise wrong(f"{missing[0]} is missing: dollars per million tokens (0 if it costs nothing)")
    plain = prices["input"]
    return Units(plain, prices.get("cached", plain), prices.get("cache_write", plain), prices["output"], Decimal(0))


def _in_range(value: int | Decimal) -> bool:
    return not Decimal(value).is_nan() and 0 <= value <= MOST


def suggestion(model: str, provider: str | None) -> str:
    """The lines to add to prices.toml for a model without a price.

    The prices are left open, and the file is refused until they are filled in: a 0 would be taken for a price.
    """
    quoted = {key: _toml_text(value) for key, value in (("model", model), ("provider", provider)) if value}
    lines = [f"{key} = {value}" for key, value in quoted.items()]
    return "\n".join(["[[price]]", *lines, "input =    # dollars per million tokens", "output ="])


def _toml_text(text: str) -> str:
    escaped = "".join(
        f"\\u{ord(sign):04x}" if ord(sign) < 32 or ord(sign) == 127 else sign
        for sign in text.replace("\\", "\\\\").replace('"', '\\"')
    )
    return f'"{escaped}"'
