"""Make the pieces of a document from a run's rows: texts and tables as Markdown, figures as files.

Figures take most of the time, so a second process draws beside this one; who draws which moves no byte.
"""

from __future__ import annotations

import gc
import re
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from probatio.compendium import beside
from probatio.compendium.faults import TaskError
from probatio.compendium.origins import derive_origin_table, describe_origin
from probatio.compendium.piece import Piece, Sources
from probatio.compendium.pieces import PIECES
from probatio.display.alternative import describe_figure
from probatio.display.export import LINE_ART, write_figure
from probatio.display.sentences import say
from probatio.display.sheets import Sheets
from probatio.display.statement import Signatures, Statement
from probatio.display.style import figure_size
from probatio.display.table import Passage, Table, escape_prose
from probatio.protocol import UserError
from probatio.wording import format_level, has_word, read_word

GENERATED = "_run"
"""The folder beside a document's sources that holds its pieces."""
ORIGINS = "origins"
"""Not a piece, but what a document may include about its pieces."""
_INCLUDED = re.compile(rf"\{{\{{< include /?{GENERATED}/([\w-]+)\.qmd >\}}\}}")
_LABEL = re.compile(r"\{#((?:sec|fig|tbl)-[\w-]+)")
_REFERENCE = re.compile(r"\\@((?:sec|fig|tbl)-[a-z-]*[a-z])")
ABBREVIATED = re.compile(r"(?<=_\w)\.$")
"""The end of `..._p.`: pandoc takes `p.` for an abbreviation, and Quarto then misses the label after it."""


def write_pieces(
    given: Sources,
    folder: Path,
    pieces: Iterable[Piece] = PIECES,
    *,
    pictures: bool = True,
    other: ProcessPoolExecutor | None = None,
    meanwhile: Callable[[], frozenset[str]] = frozenset,
) -> None:
    """Write each piece as `<name>.qmd` (and its figure as SVG, with `pictures` as PNG too) into a folder.

    Args:
        given: the run's rows and series.
        folder: made when missing.
        pieces: those to write, each of the catalogue where another process writes too; those that refer to others
            come last, and are told the labels of the document that lies around the folder.
        pictures: figures as PNG too.
        other: a process that writes beside this one (`beside.open_other`).
        meanwhile: makes what else the document needs, here while the other one begins; returns labels of that.
    """
    folder.mkdir(parents=True, exist_ok=True)
    suffixes = ("svg", "png") if pictures else ("svg",)
    ordered = sorted(pieces, key=lambda piece: piece.kind)  # figures first: the last thing drawn should be quick
    first = [piece for piece in ordered if not piece.refers]
    with _collect_later():
        added = _write_beside(first, (given, folder, suffixes), other, meanwhile)
    if last := [piece for piece in ordered if piece.refers]:
        named = replace(given, labels=given.labels | added | find_labels(folder.parent))
        _write_all(deque(last), partial(write_piece, named, folder, suffixes))


def find_labels(document: Path) -> frozenset[str]:
    """Return the labels of the sections, figures and tables of a staged document, its pieces included."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(document.rglob("*.qmd")))
    return frozenset(label for text in texts for label in _LABEL.findall(text))


def _write_beside(
    wanted: Sequence[Piece],
    target: tuple[Sources, Path, Sequence[str]],
    other: ProcessPoolExecutor | None,
    meanwhile: Callable[[], frozenset[str]],
) -> frozenset[str]:
    """Write pieces, with the other process if there is one; return what `meanwhile` returns."""
    todo = deque(wanted)
    write = partial(write_piece, *target)
    if other is None or len(wanted) < 2:
        added = meanwhile()
        _write_all(todo, write)
        return added
    told = other.submit(beside.keep, *target)
    with ThreadPoolExecutor(1) as waiting:
        there = waiting.submit(_write_all, todo, lambda piece: other.submit(beside.write_kept, piece.name).result())
        try:
            added = meanwhile()
            _write_all(todo, write)
        finally:
            todo.clear()  # after a fault here, the other one stops too
        try:
            told.result()
            there.result()
        except BrokenExecutor:
            raise TaskError("the process that draws beside this one was ended from outside; is memory short?") from None
    return added


@contextmanager
def _collect_later() -> Iterator[None]:
    """Let figures' cycles lie until all are drawn: looking for them takes a sixth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _write_all(todo: deque[Piece], write: Callable[[Piece], None]) -> None:
    """Take one piece after the other; after a fault nobody takes another."""
    while todo:
        try:
            piece = todo.popleft()
        except IndexError:  # the other one took the last
            return
        try:
            write(piece)
        except BaseException:
            todo.clear()
            raise


def write_piece(given: Sources, folder: Path, suffixes: Sequence[str], piece: Piece) -> None:
    """Write one piece as `<name>.qmd`, and its figure in each of the formats.

    Raises:
        TaskError: it cannot be made by a fault that is not the user's; it is named.
    """
    try:
        with figure_size(given.size):
            text = make_piece(piece, given, folder, suffixes)
    except (UserError, OSError):
        raise
    except Exception as error:  # its text may hold a value
        said = f"{piece.identifier}, made from {piece.notebook or 'the program'}, failed: {type(error).__name__}."
        raise TaskError(said, details=traceback.format_exc()) from None
    (folder / f"{piece.name}.qmd").write_text(text, encoding="utf-8", newline="\n")


def find_included(folder: Path) -> list[str]:
    """Return the names of the pieces that a document's sources include, in their order, each once."""
    sources = [path for path in sorted(folder.rglob("*.qmd")) if path.parent.name != GENERATED]
    names = [name for path in sources for name in _INCLUDED.findall(path.read_text(encoding="utf-8"))]
    return list(dict.fromkeys(names))


def write_origins(given: Sources, stage: Path, made: Iterable[Piece]) -> None:
    """Write the table of origins of the pieces made for a document, in its order, where it includes that table."""
    included = find_included(stage)
    if ORIGINS not in included:
        return
    pieces = {piece.name: piece for piece in made}
    shown = [pieces[name] for name in included if name in pieces and _has_label(stage, pieces[name])]
    table = derive_origin_table(shown, given, f"tbl-{ORIGINS}")
    (stage / GENERATED / f"{ORIGINS}.qmd").write_text(table, encoding="utf-8", newline="\n")


def _has_label(stage: Path, piece: Piece) -> bool:
    return f"{{#{piece.identifier}" in (stage / GENERATED / f"{piece.name}.qmd").read_text(encoding="utf-8")


def make_piece(piece: Piece, given: Sources, folder: Path, suffixes: Sequence[str], *, named: bool = True) -> str:
    """Return a piece as Markdown; a figure's files go to `folder`. A caption names notebook and rows if `named`."""
    made = piece.make(given)
    title = find_title(piece.name, given)
    if made is None:
        return f"*{say('nothing', given.language, title=_lower(title))}*\n" if title else ""
    if isinstance(made, Sheets | Passage | Statement | Signatures):
        return made.derive_markdown()
    if isinstance(made, list):
        sentences = [escape_prose(sentence) for sentence in made]
        if given.size == "journal":
            return _REFERENCE.sub(r"@\1", " ".join(sentences)) + "\n"
        return "\n".join(f"- {sentence}" for sentence in sentences) + "\n" if len(made) > 1 else f"{sentences[0]}\n"
    origin = describe_origin(piece, given) if named else ""
    caption = f"{title}. {origin}".rstrip().replace("_", "\\_")
    caption = ABBREVIATED.sub(r"\\.", caption)
    if isinstance(made, Table):
        return made.derive_markdown(caption, piece.identifier)
    if piece.name in given.printed:
        write_figure(made, folder / piece.name, suffixes=("svg", "png", "pdf"), dots=LINE_ART)
    else:
        write_figure(made, folder / piece.name, suffixes=suffixes)
    said = describe_figure(made, title, given.language)
    return f'![{caption}]({GENERATED}/{piece.name}.svg){{#{piece.identifier} fig-alt="{said}"}}\n'


def _lower(title: str) -> str:
    """Return a title as it reads within a sentence: `AI` stays as it is."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def find_title(name: str, given: Sources) -> str:
    """Return a caption; its intervals are worded at the usual level, and shown at the protocol's."""
    title = read_word("caption", name, given.language) if has_word("caption", name) else ""
    return title.replace("95 %", format_level(given.protocol.level, given.language))
