"""The dashboard: one page for a steering committee, made from rows only; both languages, no server, no network."""

from probatio.display.dashboard.page import Assets, derive_policy, render_body, render_page
from probatio.display.dashboard.payload import NOTEBOOKS, Given, derive_payload

__all__ = ["NOTEBOOKS", "Assets", "Given", "derive_payload", "derive_policy", "render_body", "render_page"]
