"""Compile a loop with numba: one thread, no reordering of sums, so that a result never depends on the machine's load.

Only modules of compiled loops (`*_kernel.py`) import this one, and they are imported where a number is asked for:
numba takes half a second that a command without estimates need not spend.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Loop = TypeVar("Loop", bound=Callable[..., Any])


def compile_loop(function: Loop) -> Loop:
    """Return the function compiled at its first call; the machine code is kept on disk for the next process.

    It is kept beside the module, else in the user's own cache. Where neither can be written, each
    process compiles anew.
    """
    try:
        return cast(Loop, numba.njit(function, cache=True, fastmath=False, error_model="numpy"))
    except RuntimeError:
        return cast(Loop, numba.njit(function, fastmath=False, error_model="numpy"))
