"""Look which rows every piece of the catalogue is made from, in the runs at hand, and write `piece_rows.csv`.

Used as `python -m probatio.compendium.looking runs/demo runs/lung runs/tcga`: it takes some minutes, since a piece is
made once for every half of the metrics that is taken away.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path

from probatio.compendium.making import make_piece
from probatio.compendium.origins import FILE, Origin, find_origins, read_origins
from probatio.compendium.piece import Piece, Sources
from probatio.compendium.pieces import PIECES
from probatio.compendium.report import read_sources
from probatio.protocol import UserError, read_protocol
from probatio.provenance import read_manifest
from probatio.results import write_bytes


def look_at_piece(piece: Piece, given: Sources) -> bytes:
    """Return all that a piece shows: its text and its figure. A fault for want of rows is something else, too."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            text = make_piece(piece, given, folder, ("svg",), named=False)
        except UserError:
            raise
        except Exception as fault:
            return type(fault).__name__.encode()
        return text.encode() + b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def look_at_runs(runs: Iterable[Path], project: Path, pieces: Sequence[Piece] = PIECES) -> list[tuple[str, Origin]]:
    """Return by figure and table the metrics that it is made from in any of the runs, sorted; texts have no caption."""
    found: set[tuple[str, Origin]] = set()
    for run in runs:
        manifest = read_manifest(run)
        given = read_sources(run, manifest, read_protocol(project / manifest.protocol.path), "en")
        for piece in (piece for piece in pieces if piece.kind != "txt"):
            known = read_origins().get(piece.name, ())
            needed = find_origins(given, partial(look_at_piece, piece), known)
            found |= {(piece.name, origin) for origin in needed}
    return sorted(found)


def _write_found(runs: Sequence[Path], project: Path) -> None:
    lines = ["piece,notebook,table,metric"]
    lines += [",".join((name, *origin)) for name, origin in look_at_runs(runs, project)]
    write_bytes(Path(str(files("probatio.compendium").joinpath(FILE))), ("\n".join(lines) + "\n").encode())


if __name__ == "__main__":
    _write_found([Path(name) for name in sys.argv[1:]], Path.cwd())
