"""`probatio review`: the round trip by workbook, the decisions taken, where the review stands."""

from __future__ import annotations

import typer

review = typer.Typer(help="Human review of the values that a queue names: by workbook or by page.")
