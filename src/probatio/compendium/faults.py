"""What goes wrong while tasks run, and the sentences for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from probatio.compendium.execution import FULL_DISK, is_full_disk
from probatio.protocol import UserError


class TaskError(RuntimeError):
    """A notebook failed by a fault that is not the user's.

    The message names the notebook, the type of the fault and where the executed notebook is kept;
    `details` has the traceback, which may hold patients' values and is shown on request only.
    """

    def __init__(self, message: str, *, details: str = "") -> None:
        super().__init__(message)
        self.details = details


@contextlib.contextmanager
def explain_disk(where: Path) -> Iterator[None]:
    """Turn a full disk, or a file held open by another program, into a sentence for the user.

    Raises:
        UserError: in place of such an OSError.
    """
    try:
        yield
    except PermissionError as error:
        name = Path(error.filename or where).name
        raise UserError(f"{where}: {name} cannot be written; close the program that holds it open.") from None
    except OSError as error:
        if not is_full_disk(error):
            raise
        raise UserError(f"{where}: {FULL_DISK}") from None
