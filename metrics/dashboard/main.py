"""The script of the dashboard: page settings, navigation, filters, then the page that was asked for."""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

# A Material icon as page icon would be fetched from fonts.gstatic.com: nothing may leave this machine.
st.set_page_config(
    page_title="Perch", page_icon=str(ROOT / "static" / "favicon.png"), layout="wide", initial_sidebar_state=300
)

from metrics.dashboard import frame, signin, urlstate, viewer  # noqa: E402 - the path has to be set before

# Streamlit has no setting for these: narrower margins beside the page, seven ranges on one line, and an "API" that can
# be read while it is open on a dark page; code and links in small type and the chosen one of several that can be read
# too; small buttons for the filters below the title; a link that nobody sees (urlstate.drill); and a corner for what
# waits for answers, where it moves nothing (states.waiting).
st.html(
    "<style>@media (min-width: 768px) { .stMainBlockContainer { padding-left: 2.5rem; padding-right: 2.5rem } } "
    "[data-testid=stSidebar] [data-testid=stButtonGroup] button { padding-left: .3rem; padding-right: .3rem } "
    "[data-testid=stPopoverButton][kind=tertiary] { color: inherit !important } "
    ".st-key-chosen button { min-height: 1.6rem; padding: 0 .6rem; font-size: .8rem } .st-key-drill { display: none }"
    "[data-testid=stLayoutWrapper]:has(> [class*=st-key-waiting]) { position: fixed; right: 1.5rem; bottom: 1.5rem; "
    "width: auto; z-index: 100; border-radius: 8px; background: light-dark(#F0F0F2, #26262D) } "
    "[class*=st-key-waiting] [data-testid=stSpinner] { padding: .5rem 1rem } "
    "[data-testid=stCaptionContainer] code { font-size: .92em } "
    "[data-testid=stCaptionContainer] a { color: inherit !important } "
    "[data-testid=stButtonGroup] [data-selected=true] p { color: light-dark(#4F46E5, #A5B4FC) }</style>"
)
st.logo(":material/monitoring:", size="large")

ICONS = {
    "overview": "space_dashboard",
    "usage": "payments",
    "performance": "speed",
    "errors": "report",
    "models": "compare_arrows",
    "events": "list_alt",
    "data": "database",
}
pages = [
    st.Page(ROOT / "pages" / f"{name}.py", title=name.capitalize(), icon=f":material/{icon}:", default=not place)
    for place, (name, icon) in enumerate(ICONS.items())
]
page = st.navigation(pages, position="hidden")
if not viewer.signed_in():
    signin.ask()
elif not signin.unready():
    frame.prepare(page.url_path, pages)
    page.run()
    signin.who()
    urlstate.push()
