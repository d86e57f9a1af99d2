"""What a request asks of an endpoint: its parameters, and the SQL that it wants to run over the rows."""

from __future__ import annotations

import re

import msgspec
from flask import request
from werkzeug.datastructures import MultiDict

from metrics.errors import BadRequest

_SELECT = re.compile(r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*(?:SELECT|WITH)\s", re.IGNORECASE | re.DOTALL)


def sent_sql() -> str:
    """The SQL of `q`, in the query string, a form or a JSON object, or the body itself; "" for none.

    `curl -d 'SELECT ...'` says that its body is a form: a blank after the first word, which no form has, tells.
    """
    asked = request.args.get("q", "")
    if asked or request.method != "POST":
        return asked
    body = request.get_data(as_text=True, parse_form_data=False)
    if _SELECT.match(body):
        return body
    if request.is_json:
        return str(_json_parameters().get("q") or "")
    return request.form.get("q", "")


def parameters() -> dict[str, object]:
    """The parameters by name, a list where a key is repeated: from the query string, a form or a JSON object."""
    found = _merged(request.args)
    if request.method == "POST" and not _SELECT.match(request.get_data(as_text=True, parse_form_data=False)):
        found |= _json_parameters() if request.is_json else _merged(request.form)
    return found


def _merged(values: MultiDict[str, str]) -> dict[str, object]:
    """One text by name, or a list where a key is repeated; an empty name (as in `?&a=1`) is nothing."""
    lists = ((name, values.getlist(name)) for name in values if name)
    return {name: found[0] if len(found) == 1 else found for name, found in lists}


def _json_parameters() -> dict[str, object]:
    """The JSON object of the body, which may be empty; stricter than Flask's, which takes half a surrogate pair."""
    data = request.get_data(parse_form_data=False)
    try:
        return msgspec.json.decode(data, type=dict[str, object]) if data.strip() else {}
    except (ValueError, RecursionError):
        raise BadRequest("The body is not a JSON object of parameters.") from None
