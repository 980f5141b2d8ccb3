"""Which rows and series a piece of a report is made from: what its caption names, and how that is found out.

`piece_rows.csv` names them, metric by metric. It is written by looking, not by hand: a metric belongs to a piece when
the piece comes out otherwise without it, and what is named is enough to make the piece. After a change to the
catalogue, `python -m probatio.compendium.looking RUN...` looks again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
from pyarrow.csv import write_csv

from probatio.compendium.piece import Piece, Sources
from probatio.digest import compute_digest
from probatio.display.sentences import say
from probatio.display.table import escape_prose
from probatio.protocol import Language
from probatio.wording import BETWEEN, read_word

FILE = "piece_rows.csv"
_NAMED = 4
"""Of more than five metrics a caption names four and counts the others; the table of origins lists more."""
_IN_TABLE = 20
"""So many stand in a line of the table of origins; `piece_rows.csv` has them all."""
_NOTEBOOKS = 3
"""Of more notebooks than this the caption counts the metrics of all."""
_NOTHING = pd.DataFrame()
_LISTED: dict[int, tuple[pd.DataFrame, frozenset[str]]] = {}


class Origin(NamedTuple):
    """A metric of a notebook's rows or series."""

    notebook: str
    table: str
    metric: str


@cache
def read_origins() -> Mapping[str, tuple[Origin, ...]]:
    """Return the origins of every piece that is made from rows, in the order of notebook, table and metric."""
    text = files("probatio.compendium").joinpath(FILE).read_text(encoding="utf-8")
    out: dict[str, list[Origin]] = {}
    for line in csv.DictReader(text.splitlines()):
        out.setdefault(line["piece"], []).append(Origin(line["notebook"], line["table"], line["metric"]))
    return {name: tuple(sorted(origins)) for name, origins in out.items()}


def describe_origin(piece: Piece, given: Sources) -> str:
    """Return the sentence of a caption that names notebook and rows, of those that this run holds.

    What the program itself brings comes from no notebook and has none.
    """
    if not piece.notebook:
        return ""
    held = _find_held(read_origins().get(piece.name, ()), given)
    if not held:
        return say("from_notebook", given.language, notebook=piece.notebook)
    notebooks = list(dict.fromkeys(origin.notebook for origin in held))
    if len(notebooks) > _NOTEBOOKS:
        return say("origins", given.language, notebooks=", ".join(notebooks), n=len({origin.metric for origin in held}))
    parts = [_describe_notebook(name, [o for o in held if o.notebook == name], given.language)
             for name in notebooks]  # fmt: skip
    return BETWEEN[given.language].join(parts) + "."


def _find_held(origins: Iterable[Origin], given: Sources) -> list[Origin]:
    return [origin for origin in origins if origin.metric in _list_metrics(_get_frame(origin, given))]


def _list_metrics(frame: pd.DataFrame) -> frozenset[str]:
    """Return the metrics of a table; those of the run's large tables are asked for once for every caption."""
    known = _LISTED.get(id(frame))
    if known is None or known[0] is not frame:
        metrics = frozenset(frame["metric"].unique()) if "metric" in frame else frozenset()
        known = _LISTED[id(frame)] = (frame, metrics)
    return known[1]


def _get_frame(origin: Origin, given: Sources) -> pd.DataFrame:
    frames = given.rows if origin.table == "rows" else given.series
    return frames.get(origin.notebook, _NOTHING)


def _describe_notebook(notebook: str, origins: Sequence[Origin], language: Language) -> str:
    return say("origin", language, notebook=notebook, metrics=_list_named(origins, _NAMED, language))


def _list_named(origins: Sequence[Origin], most: int, language: Language) -> str:
    """Return the metrics in one line: of more than one above `most`, those first, and how many more there are."""
    names = list(dict.fromkeys(origin.metric for origin in origins))
    named = names if len(names) <= most + 1 else names[:most]
    more = say("more_metrics", language, n=len(names) - len(named)) if len(names) > len(named) else ""
    return ", ".join(named) + more


def derive_origin_table(pieces: Iterable[Piece], given: Sources, identifier: str) -> str:
    """Return the table of a document's figures and tables with notebook, metrics, number and digest of their rows."""
    words = [read_word("column", key, given.language) for key in ("piece", "notebook", "metrics", "rows", "digest")]
    lines = [f"| {' | '.join(words)} |", "|:---|:---|:---|---:|:---|"]
    for piece in pieces:
        for notebook, origins in _group(_find_held(read_origins().get(piece.name, ()), given)):
            rows = _select(given, origins)
            cells = [notebook, _list_named(origins, _IN_TABLE, given.language), str(len(rows)), derive_short(rows)]
            lines.append(f"| @{piece.identifier} | " + " | ".join(map(escape_prose, cells)) + " |")
    caption = escape_prose(read_word("caption", "origins", given.language))
    return "\n".join(lines) + f'\n\n: {caption}. {{#{identifier} tbl-colwidths="[15,17,44,9,15]"}}\n'


def derive_short(rows: pd.DataFrame) -> str:
    """Return the first twelve digits of the digest of rows, written as CSV by Arrow: a thesis has a million values."""
    out = io.BytesIO()
    write_csv(pa.Table.from_pandas(rows, preserve_index=False), out)
    return compute_digest(out.getvalue())[:12]


def _group(origins: Iterable[Origin]) -> Iterator[tuple[str, list[Origin]]]:
    held = list(origins)
    for notebook in dict.fromkeys(origin.notebook for origin in held):
        yield notebook, [origin for origin in held if origin.notebook == notebook]


def _select(given: Sources, origins: Iterable[Origin]) -> pd.DataFrame:
    """Return the rows and the points of the curves with these metrics, as one table."""
    wanted: dict[tuple[str, str], list[Origin]] = {}
    for origin in origins:
        wanted.setdefault((origin.notebook, origin.table), []).append(origin)
    frames = [_get_frame(several[0], given) for several in wanted.values()]
    metrics = [[origin.metric for origin in several] for several in wanted.values()]
    kept = [frame[frame["metric"].isin(names)] for frame, names in zip(frames, metrics, strict=True) if len(frame)]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame()


def select_sources(given: Sources, origins: Iterable[Origin]) -> Sources:
    """Return the run with only the named metrics in its rows and series."""
    wanted: dict[tuple[str, str], list[str]] = {}
    for origin in origins:
        wanted.setdefault((origin.notebook, origin.table), []).append(origin.metric)

    def narrow(frames: Mapping[str, pd.DataFrame], table: str) -> dict[str, pd.DataFrame]:
        return {name: frame[frame["metric"].isin(wanted.get((name, table), []))] if "metric" in frame else frame
                for name, frame in frames.items()}  # fmt: skip

    return replace(given, rows=narrow(given.rows, "rows"), series=narrow(given.series, "series"))


def find_origins(given: Sources, look: Callable[[Sources], bytes], known: Iterable[Origin] = ()) -> list[Origin]:
    """Return the metrics without which a piece comes out otherwise.

    Half of what is left is taken away at a time; a half without which nothing changes is settled at once.

    Args:
        given: the run.
        look: makes the piece and returns its bytes.
        known: what was found before; only these are tried where they are enough.
    """
    whole = look(given)

    def same(kept: Iterable[Origin]) -> bool:
        return look(select_sources(given, kept)) == whole

    begin = list(known)
    kept = begin if begin and same(begin) else _list_all(given)
    return sorted(_find_needed(list(kept), kept, same))


def _list_all(given: Sources) -> list[Origin]:
    out = []
    for table, frames in (("rows", given.rows), ("series", given.series)):
        for notebook, frame in frames.items():
            out += [Origin(notebook, table, metric) for metric in sorted(set(frame.get("metric", ())))]
    return out


def _find_needed(part: list[Origin], kept: list[Origin], same: Callable[[list[Origin]], bool]) -> list[Origin]:
    """Return those of `part` that must stay; what is not needed is gone from `kept` afterwards."""
    rest = [origin for origin in kept if origin not in set(part)]
    if same(rest):
        kept[:] = rest
        return []
    if len(part) == 1:
        return part
    half = len(part) // 2
    return _find_needed(part[:half], kept, same) + _find_needed(part[half:], kept, same)
