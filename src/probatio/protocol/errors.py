"""The one exception that a user's mistake raises, and faults of a protocol with the key where they stand."""

from __future__ import annotations

from pydantic_core import InitErrorDetails, PydanticCustomError


class UserError(ValueError):
    """A mistake the user can mend: one sentence that says where, what and what to do.

    The command line prints it without a traceback and exits with 2. It never holds a patient's
    identifier, value or text.
    """


def build_fault(where: tuple[str | int, ...], what: str) -> InitErrorDetails:
    """Return a fault for `ValidationError.from_exception_data`, so that reading can say the key's line.

    Args:
        where: path of the key below the model that is being validated.
        what: what is wrong and what to do.
    """
    told = PydanticCustomError("value_error", "{error}", {"error": what})
    return InitErrorDetails(type=told, loc=where, input="")
