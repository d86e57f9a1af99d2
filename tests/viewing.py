"""What a viewer of the dashboard sees: the figures, the words and the tables of a page, and a call to send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
from streamlit.testing.v1 import AppTest


def figures(app: AppTest) -> dict[str, str]:
    """The cards of a page: label -> value."""
    return {metric.label: metric.value for metric in app.metric}


def words(app: AppTest) -> str:
    """Everything that a page says in words."""
    kinds = (app.title, app.markdown, app.caption, app.code, app.error, app.info, app.success, app.subheader)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def table(app: AppTest, column: str) -> pd.DataFrame:
    """The one table of a page that has a column."""
    (found,) = [element.value for element in app.dataframe if column in element.value]
    return found


def event(**values: Any) -> dict[str, Any]:
    """A call of just now, with what differs from a usual one. The second that goes on is over for what ends with it."""
    now = (datetime.now(UTC) - timedelta(seconds=1)).strftime("%Y-%m-%d %H:%M:%S")
    usual = {"model_name": "gpt-4", "prompt_tokens": 150, "completion_tokens": 50, "success": 1, "error_message": ""}
    return {"event_time": now, **usual, "cost": 0.02, "latency": 1.5, **values}
