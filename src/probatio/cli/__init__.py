"""The command line: `probatio`. A mistake of the user's is one sentence and exit code 2."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence

import typer

_DEBUG = "--debug"
_USAGE = typer.BadParameter.__bases__[0]  # what every wrong word on the command line is


def main() -> None:
    """Run the command that the process was given, and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a console may lack letters
    sys.exit(run_command(sys.argv[1:]))


def run_command(words: Sequence[str]) -> int:
    """Run one command and return its exit code.

    0: done. 1: `verify` or `audit verify` found something, or the program is at fault. 2: a mistake of the user's, told
    in one sentence. 130: stopped by the user. `--debug`, anywhere, shows the traceback.
    """
    from probatio.cli.app import app  # noqa: PLC0415 - an error while importing is told like any other

    debug = _DEBUG in words
    kept = [word for word in words if word != _DEBUG] or ["--help"]
    command = typer.main.get_command(app)
    try:
        # Not `app()`: it would give its own exit codes to Ctrl-C and to a reader that has left.
        with command.make_context("probatio", kept, obj=debug) as context:
            command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as ending:
        return ending.exit_code
    except BrokenPipeError:  # the reader, such as `head`, has left
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - for the interpreter's last flush
        return 141
    except (KeyboardInterrupt, typer.Abort):
        _say("stopped; the same command takes up where it was.")
        return 130
    except Exception as error:
        return _explain(error, debug=debug)
    return 0


def _explain(error: Exception, *, debug: bool) -> int:
    from probatio.compendium.execution import FULL_DISK, is_full_disk  # noqa: PLC0415
    from probatio.compendium.faults import TaskError  # noqa: PLC0415
    from probatio.protocol import UserError  # noqa: PLC0415

    if isinstance(error, _USAGE):
        _say(f"{error.format_message()} See `probatio --help`.")  # type: ignore[attr-defined]
        return 2
    if debug:
        sys.stderr.write(error.details if isinstance(error, TaskError) else "".join(traceback.format_exception(error)))
    if isinstance(error, UserError) or is_full_disk(error):
        _say(FULL_DISK if is_full_disk(error) else str(error))
        return 2
    # The text of an unforeseen error may hold a patient's value: its type only is shown.
    said = str(error) if isinstance(error, TaskError) else f"unforeseen {type(error).__name__}, a fault of the program."
    _say(said if debug else f"{said} Repeat with {_DEBUG} to see the traceback.")
    return 1


def _say(sentence: str) -> None:
    sys.stderr.write(f"probatio: {sentence}\n")
