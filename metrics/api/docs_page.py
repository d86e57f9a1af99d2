"""`/docs`: a page to try the endpoints in, Swagger UI from a package, with nothing from another host.

The page holds no data and answers without a token: it asks for one, and with it for the document of the endpoints.
"""

from __future__ import annotations

from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Response, send_from_directory

from metrics.errors import NotFound

OURS = Path(__file__).parent / "docs"
SWAGGER = Path(flask_swagger_ui.__file__).parent / "dist"
SERVED = {
    **dict.fromkeys(("index.html", "page.css", "page.js"), OURS),
    **dict.fromkeys(("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"), SWAGGER),
}
ONLY_HERE = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)

blueprint = Blueprint("docs", __name__)


@blueprint.get("/docs")
@blueprint.get("/docs/<name>")
def page(name: str = "index.html") -> Response:
    """The page, or a file that it is made of."""
    if name not in SERVED:
        raise NotFound(f"The page /docs has no file {name}.")
    response = send_from_directory(SERVED[name], name)
    response.headers["Content-Security-Policy"] = ONLY_HERE
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
