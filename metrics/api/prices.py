"""`/v0/prices`: what models cost and why; `/v0/reprice`: the costs of stored calls, computed anew."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, jsonify, request

from metrics import repricing
from metrics.api.auth import perch, require, require_admin
from metrics.columns import parse_type
from metrics.errors import BadRequest
from metrics.prices import Price, Units, suggestion
from metrics.repricing import Difference, InUse, Which
from metrics.workspace import Source

DEFAULT = "llm_events"
EXAMPLE = (1000, 500)

blueprint = Blueprint("prices", __name__)


@blueprint.get("/v0/prices")
def list_prices() -> Response:
    """The models of the stored calls with the price in force now, and the project's own prices."""
    source = _source()
    models = [_in_use(item) for item in repricing.in_use(perch().store, source)]
    own = [{"line": item.line, "model": item.model, "provider": item.provider or None, **_priced(item.price)}
           for item in perch().workspace.prices.own]  # fmt: skip
    return jsonify(models=models, own=own)


@blueprint.get("/v0/prices/<path:model>")
def explain_price(model: str) -> Response:
    """What one model costs at a moment: which entry says so, and what an example costs."""
    _source()
    provider = request.args.get("provider") or None
    moment = _moment("at") or datetime.now(UTC)
    price = perch().workspace.prices.price(model, provider, moment)
    said = {"model": model, "provider": provider, "at": f"{moment:%Y-%m-%d %H:%M:%S}", **_priced(price)}
    if price is None:
        return jsonify({**said, "add": suggestion(model, provider)})
    return jsonify({**said, "example": _example(price)})


@blueprint.post("/v0/reprice")
def reprice() -> Response:
    """Compute the costs of stored calls anew; with `dry_run=true` only tell what would change."""
    require_admin()
    source = perch().workspace.source(request.values.get("datasource", DEFAULT))
    models = tuple(name for name in request.values.getlist("model") if name)
    which = Which(_moment("start_date"), _moment("end_date"), models)
    dry = request.values.get("dry_run", "").lower() in ("true", "1")
    if dry:
        changes = repricing.preview(perch().store, source, perch().writer.pricing, which)
    else:
        changes = repricing.reprice(perch().writer, source, which)
    return jsonify(dry_run=dry, models=[_difference(item) for item in changes])


def _source() -> Source:
    name = request.args.get("datasource", DEFAULT)
    require("DATASOURCES:READ", name)
    return perch().workspace.source(name)


def _moment(parameter: str) -> datetime | None:
    text = request.values.get(parameter)
    if not text:
        return None
    try:
        moment = parse_type("DateTime").coerce(f"{text} 00:00:00" if len(text) == 10 else text)
    except ValueError:
        raise BadRequest(f"{parameter}={text} is not a time; write it as 2026-01-31 or 2026-01-31 12:00:00.") from None
    assert isinstance(moment, datetime)
    return moment


def _in_use(item: InUse) -> dict[str, Any]:
    price = perch().workspace.prices.price(item.model, item.provider, datetime.now(UTC))
    counts = {
        "model": item.model,
        "provider": item.provider,
        "requests": item.requests,
        "tokens": item.tokens,
        "unpriced_requests": item.unpriced_requests,
        "unpriced_tokens": item.unpriced_tokens,
        "first_seen": f"{item.first_seen:%Y-%m-%d %H:%M:%S}",
        "last_seen": f"{item.last_seen:%Y-%m-%d %H:%M:%S}",
    }
    return {**counts, **_priced(price), "add": None if price else suggestion(item.model, item.provider)}


def _priced(price: Price | None) -> dict[str, Any]:
    """A price, None where there is none; each tier for prompts of more than `above` tokens."""
    if price is None:
        return {"origin": None, "since": None, "tiers": []}
    tiers = [{"above": start, **_units(units)} for start, units in price.tiers]
    return {"origin": price.origin, "since": price.since and price.since.isoformat(), "tiers": tiers}


def _units(units: Units) -> dict[str, float | None]:
    """Dollars per million tokens; `request` per call."""
    told = {name: None if value is None else float(value) for name, value in units._asdict().items()}
    return {**told, "request": None if units.request is None else float(units.request / 10**6)}


def _example(price: Price) -> dict[str, Any]:
    prompt, completion = EXAMPLE
    units = price.tiers[0][1]
    parts = ((prompt, units.input), (completion, units.output), (1, units.request))
    cost = sum((count * (each or Decimal(0)) for count, each in parts), Decimal(0)) / 10**6
    return {"prompt_tokens": prompt, "completion_tokens": completion, "cost": float(cost)}


def _difference(item: Difference) -> dict[str, Any]:
    told: dict[str, Any] = {"model": item.model, "requests": item.requests}
    for name, sums in item.costs.items():
        old, new = sums
        told |= {f"old_{name}": _number(old), f"new_{name}": _number(new)}
        told[f"{name}_difference"] = float((new or Decimal(0)) - (old or Decimal(0)))
    return {**told, "newly_priced": item.priced, "newly_unpriced": item.unpriced}


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
