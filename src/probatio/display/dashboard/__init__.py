"""The dashboard: one page for a steering committee, made from rows only; both languages, no server, no network."""

from probatio.display.dashboard.page import Assets, render_body, render_page
from probatio.display.dashboard.payload import Given, derive_payload

__all__ = ["Assets", "Given", "derive_payload", "render_body", "render_page"]
