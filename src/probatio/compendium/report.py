"""The report of a run: pieces made from its rows, staged beside the Quarto sources, then rendered.

Quarto renders the staged book where it is installed; otherwise the embedded renderer does. The
colophon says which, with commit and protocol digest.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from probatio.compendium.article import ARTICLE, fill_beside, prepare_article, write_article_files
from probatio.compendium.article_workbook import Sheet
from probatio.compendium.beside import open_other
from probatio.compendium.making import GENERATED, write_origins, write_pieces
from probatio.compendium.opening import find_data_root
from probatio.compendium.piece import Piece, Sources
from probatio.compendium.pieces import PIECES
from probatio.compendium.proving import describe_study_proofs
from probatio.display.table import escape_prose
from probatio.protocol import (
    Language,
    Protocol,
    UserError,
    compute_protocol_digest,
    read_protocol,
    read_revisions,
)
from probatio.provenance import Manifest, RunFolder, derive_data_digests, find_altered, read_manifest
from probatio.replication import derive_test_level
from probatio.results import read_rows, read_series, select_rows
from probatio.wording import format_level

FORMATS = ("html", "pdf", "docx")
SHARED = "_shared"
DASHBOARD = "dashboard"


def render_report(
    run: Path, formats: Sequence[str], *, project: Path, document: str = "thesis", renderer: str = "auto"
) -> dict[str, Path]:
    """Render a document from a run and return the written files by format.

    Args:
        run: the run's folder; its manifest names the protocol.
        formats: out of html, pdf, docx.
        project: the compendium's folder, which holds `reports/`.
        document: folder below `reports/`.
        renderer: `quarto`, `embedded`, or `auto` (Quarto where it is on the PATH).

    Raises:
        UserError: unknown format or renderer, no complete run, rows that the manifest does not know
            (changed by hand or stale), or a source the embedded renderer refuses.
    """
    check_formats(formats)
    if document == DASHBOARD:
        return _write_dashboard(run, formats, project=project)
    quarto = choose_renderer(renderer)
    named = "Quarto" if quarto else "Probatio"
    stage = stage_report(run, project=project, document=document, renderer=named, pictures="docx" in formats)
    return render_staged(stage, run / "report", formats, quarto=quarto)


def _write_dashboard(run: Path, formats: Sequence[str], *, project: Path) -> dict[str, Path]:
    """Write the page of a committee, which no renderer makes, and stage its Quarto source."""
    from probatio.compendium.dashboard import publish_page  # noqa: PLC0415 - no other document needs it

    stage = stage_report(run, project=project, document=DASHBOARD, renderer="Probatio")
    return publish_page(stage, run / "report", formats)


def choose_renderer(renderer: str) -> bool:
    """Say whether Quarto renders: it is asked for, or not refused and there.

    Raises:
        UserError: it is asked for and is not on the PATH.
    """
    from probatio.compendium import rendering  # noqa: PLC0415  # pandoc and typst load only here

    quarto = rendering.find_quarto() if renderer != "embedded" else None
    if renderer == "quarto" and quarto is None:
        raise UserError("quarto is not on the PATH; install it (environment.yml brings it) or use --renderer embedded.")
    return quarto is not None


def render_staged(stage: Path, output: Path, formats: Sequence[str], *, quarto: bool) -> dict[str, Path]:
    """Render a staged document and return the written files by format.

    Raises:
        UserError: the document holds what the renderer refuses.
    """
    from probatio.compendium import rendering  # noqa: PLC0415

    if quarto:
        return rendering.render_with_quarto(stage, output, formats=formats)
    return rendering.render_book(stage, output, formats=formats)


def stage_report(run: Path, *, project: Path, document: str, renderer: str, pictures: bool = True) -> Path:
    """Copy a document's sources below the run and make its pieces beside them; return that folder.

    Args:
        run: the run's folder.
        project: the compendium's folder.
        document: folder below `reports/`.
        renderer: as the colophon names it.
        pictures: draw figures as PNG too, which Word alone needs.

    Raises:
        UserError: no complete run, or rows that the manifest does not know.
    """
    _read_study(run, project)
    stage = copy_document(project, document, run / "report" / "source")
    write_generated(run, stage, project=project, renderer=renderer, pictures=pictures)
    return stage


def list_documents(project: Path) -> list[str]:
    """Return the documents of the project: the folders below `reports/` that hold a `_quarto.yml`."""
    return sorted(path.parent.name for path in (project / "reports").glob("*/_quarto.yml"))


def copy_document(project: Path, document: str, folder: Path) -> Path:
    """Copy a document's sources, with what all documents share, into a folder; return their place.

    Raises:
        UserError: there is no such document.
    """
    if document not in list_documents(project):  # a path such as `..` would lead out of both folders
        raise UserError(f"reports/{document}: no such document; see the folders below reports/.")
    source = project / "reports" / document
    stage = folder / document
    shutil.rmtree(stage, ignore_errors=True)
    shutil.copytree(source, stage, ignore=shutil.ignore_patterns(GENERATED, "_book", ".quarto", "_quarto.yml.local"))
    if (shared := source.with_name(SHARED)).is_dir():
        shutil.copytree(shared, stage.with_name(SHARED), dirs_exist_ok=True)
    return stage


def write_generated(run: Path, folder: Path, *, project: Path, renderer: str, pictures: bool = True) -> None:
    """Write into a document's folder what it takes from a run: its pieces, their origins, its variables.

    Args:
        run: the run's folder.
        folder: the sources, in the project or staged.
        project: the compendium's folder.
        renderer: as the colophon names it.
        pictures: draw figures as PNG too, which Word alone needs.

    Raises:
        UserError: no complete run, or rows that the manifest does not know.
    """
    from probatio.compendium.dashboard import write_page  # noqa: PLC0415 - one document needs it

    manifest, protocol = _read_study(run, project)
    path, language = project / manifest.protocol.path, read_language(folder)
    if folder.name == DASHBOARD:
        checked = _check_data(path, protocol, manifest)
        write_page(run, folder, path=path, manifest=manifest, protocol=protocol, checked=checked)
        return
    pieces = list_included(folder)
    with open_other(folder) as other:
        given = replace(read_sources(run, manifest, protocol, language), revisions=read_revisions(path, protocol))
        variables = derive_variables(given, manifest, renderer)
        given = replace(given, facts=variables["colophon"])
        beside: list[Sheet] = []
        article = folder.name == ARTICLE
        given = prepare_article(given, folder) if article else given
        meanwhile = partial(fill_beside, given, beside) if article else frozenset
        write_pieces(given, folder / GENERATED, pieces, pictures=pictures, other=other, meanwhile=meanwhile)
    write_origins(given, folder, pieces)
    if article:
        write_article_files(given, folder, run / "report", beside)
    proofs = describe_study_proofs(path, protocol, manifest, language=language)
    variables["colophon"]["proof"] = escape_prose(" ".join(proofs))
    write_variables(folder, variables)


def read_language(folder: Path) -> Language:
    """Return the language of the document whose sources a folder holds."""
    configuration = yaml.safe_load((folder / "_quarto.yml").read_text("utf-8"))
    return "fr" if configuration.get("lang") == "fr" else "en"


def _read_study(run: Path, project: Path) -> tuple[Manifest, Protocol]:
    """Return a run's manifest and its protocol, which must be those of today."""
    manifest = read_manifest(run)
    path = project / manifest.protocol.path
    protocol = read_protocol(path)
    if compute_protocol_digest(protocol) != manifest.protocol.digest:
        raise UserError(f"{manifest.protocol.path} changed since this run; run `probatio run` again, then report.")
    _check_data(path, protocol, manifest)
    return manifest, protocol


def check_run(run: Path, project: Path) -> None:
    """Refuse a run whose protocol, data or rows are no longer those that its manifest names.

    Raises:
        UserError: one of them changed; it is named.
    """
    manifest, _ = _read_study(run, project)
    _check_rows(run, manifest)


def _check_rows(run: Path, manifest: Manifest) -> None:
    if altered := find_altered(run, manifest):
        raise UserError(f"{altered[0]} changed after the run; run `probatio run` again, then report.")


def list_included(folder: Path) -> list[Piece]:
    """Return the pieces that a document includes: making the others costs time and shows nothing."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.qmd")))
    return [piece for piece in PIECES if f"{GENERATED}/{piece.name}.qmd" in text]


def _check_data(path: Path, protocol: Protocol, manifest: Manifest) -> bool:
    """Refuse rows older than their data; False for a reader without the data, who may still render the rows."""
    try:
        now = derive_data_digests(protocol, find_data_root(path, protocol))
    except (UserError, OSError):
        return False
    if changed := sorted(name for name, digest in now.items() if manifest.data.get(name, digest) != digest):
        raise UserError(f"{changed[0]} changed since this run; run `probatio run` again, then report.")
    return True


def check_formats(formats: Sequence[str]) -> None:
    """Raise UserError for a format that no renderer writes."""
    if stray := [name for name in formats if name not in FORMATS]:
        raise UserError(f"--to {','.join(stray)}: unknown format; choose among {', '.join(FORMATS)}.")


def read_sources(run: Path, manifest: Manifest, protocol: Protocol, language: Language) -> Sources:
    """Read every task's rows and series, refusing those whose digest is not the manifest's.

    Raises:
        UserError: a table was changed after the run.
    """
    _check_rows(run, manifest)
    folder = RunFolder(run)
    rows = {name: read_rows(folder.get_task(name).rows) for name in manifest.tasks}
    series = {name: _read_all_series(folder.get_task(name).series) for name in manifest.tasks}
    return Sources(protocol, rows, series, language)


def _read_all_series(folder: Path) -> pd.DataFrame:
    frames = [read_series(path) for path in sorted(folder.glob("*.csv"))] if folder.is_dir() else []
    held = [frame for frame in frames if len(frame)] or frames[:1]
    return pd.concat(held, ignore_index=True) if held else pd.DataFrame()


def derive_variables(given: Sources, manifest: Manifest, renderer: str) -> dict[str, Any]:
    """Return the values that prose quotes by `{{< var … >}}`: titles, settings, the colophon."""
    protocol, language = given.protocol, given.language
    settings = given.rows["00_protocol"] if "00_protocol" in given.rows else pd.DataFrame()
    if len(settings):
        settings = select_rows(settings, metric="setting", analysis="")
    design = {row["term"]: _derive_setting(row["estimate"], language) for row in settings.to_dict("records")}
    environment = manifest.environment
    limits = " ".join(limit.read(language) for limit in protocol.limits)
    return {
        "study": {
            "name": escape_prose(protocol.study),
            "title": escape_prose(protocol.title.read(language)),
            "version": escape_prose(protocol.version),
            "limits": escape_prose(limits) or "–",
        },
        "design": design,
        "level": {
            "interval": format_level(protocol.level, language),
            "side": format_level((1 - protocol.level) / 2, language),
            "test": format_level(derive_test_level(protocol.level), language),
        },
        "colophon": {
            "renderer": renderer,
            "protocol": manifest.protocol.digest,
            "protocol_short": manifest.protocol.digest[:12],
            "probatio": str(environment["probatio"]),
            "python": str(environment["python"]),
            "commit": _describe_commit(environment),
        },
    }


def _describe_commit(environment: Mapping[str, Any]) -> str:
    commit = str(environment.get("commit") or "")[:12]
    return f"{commit}{' +' if environment.get('dirty') else ''}" if commit else "–"


def _derive_setting(value: float, language: Language) -> str:
    text = f"{value:g}" if value != int(value) else str(int(value))
    return text.replace(".", ",") if language == "fr" else text


def write_variables(stage: Path, variables: Mapping[str, Any]) -> None:
    """Write the values that prose quotes beside a document's sources."""
    text = yaml.safe_dump(dict(variables), allow_unicode=True, sort_keys=True, default_style='"', width=10_000)
    (stage / "_variables.yml").write_text(text, encoding="utf-8", newline="\n")
