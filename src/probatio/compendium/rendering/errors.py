"""The exception that a source outside the closed subset raises."""

from __future__ import annotations

from probatio.protocol import UserError


class RenderingError(UserError):
    """A report's source cannot be rendered: one sentence with file, line, what, and what to do."""
