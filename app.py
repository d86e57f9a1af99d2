"""`streamlit run app.py` opens the dashboard, whose script is metrics/dashboard/main.py.

The script is not this file because a main script with a `pages/` folder beside it starts Streamlit's old multipage
mode, in which a link to a page opened on a fresh server runs that page without navigation and filters.
"""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from metrics.dashboard.returning import Returning

app = st.App(Path(__file__).parent / "metrics" / "dashboard" / "main.py", middleware=[Middleware(Returning)])
