"""The one exception that a user's mistake raises."""

from __future__ import annotations


class UserError(ValueError):
    """A mistake the user can mend: one sentence that says where, what and what to do.

    The command line prints it without a traceback and exits with 2. It never holds a patient's
    identifier, value or text.
    """
