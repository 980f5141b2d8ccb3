"""The written protocol as a document to sign: made from the protocol alone, before any data exist."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from probatio.compendium.making import GENERATED, write_pieces
from probatio.compendium.piece import Sources
from probatio.compendium.report import (
    check_formats,
    choose_renderer,
    copy_document,
    derive_variables,
    list_included,
    render_staged,
    write_variables,
)
from probatio.display.table import escape_prose
from probatio.measures.design import estimate_design
from probatio.planning import estimate_plan
from probatio.protocol import (
    Language,
    Protocol,
    compute_protocol_digest,
    derive_protocol_bytes,
    read_protocol,
    read_revisions,
)
from probatio.protocol.versions import NAMED
from probatio.provenance import Manifest, ProtocolRecord
from probatio.provenance.environment import derive_environment
from probatio.provenance.proofs import describe_proofs, read_proofs
from probatio.results import derive_table, write_bytes

DOCUMENTS: dict[Language, str] = {"fr": "protocol", "en": "protocol_en"}
"""The folder below `reports/` for each language."""
_SECTION = "00_protocol"


def render_protocol(
    path: Path, formats: Sequence[str], *, project: Path, output: Path, language: Language, renderer: str = "auto"
) -> dict[str, Path]:
    """Render the written protocol, and write the bytes that its digest is of beside it; no file of data is opened.

    Args:
        path: the protocol.
        formats: out of html, pdf, docx.
        project: the compendium's folder, which holds `reports/`.
        output: the folder to write to; made when missing.
        language: of the document.
        renderer: `quarto`, `embedded`, or `auto` (Quarto where it is on the PATH).

    Returns:
        The file of each format, and under `json` the canonical form of the protocol.

    Raises:
        UserError: the protocol is wrong, a version it amends is not kept, or a format or renderer is unknown.
    """
    check_formats(formats)
    protocol, quarto = read_protocol(path), choose_renderer(renderer)
    stage = copy_document(project, DOCUMENTS[language], output / "source")
    given = derive_sources(path, protocol, language)
    write_pieces(given, stage / GENERATED, list_included(stage), pictures="docx" in formats)
    manifest = _build_manifest(path, protocol, project)
    variables = derive_variables(given, manifest, "Quarto" if quarto else "Probatio")
    proofs = describe_proofs(read_proofs(path, protocol), language=language)
    variables["colophon"]["proof"] = escape_prose(" ".join(proofs))
    write_variables(stage, variables)
    made = render_staged(stage, output, formats, quarto=quarto)
    kept = output / f"{protocol.study}-{compute_protocol_digest(protocol)[:NAMED]}.json"
    write_bytes(kept, derive_protocol_bytes(protocol))
    return {**made, "json": kept}


def derive_sources(path: Path, protocol: Protocol, language: Language) -> Sources:
    """Return what the pieces of the written protocol are made from: its rows are computed, its versions read.

    Raises:
        UserError: a version that is amended is not kept, or the plan is impossible.
    """
    revisions, digest = read_revisions(path, protocol), compute_protocol_digest(protocol)
    rows = [*estimate_design(protocol, revisions), *estimate_plan(protocol)]
    table = derive_table(rows, study=protocol.study, section=_SECTION, protocol_digest=digest)
    return Sources(protocol, {_SECTION: table}, {_SECTION: pd.DataFrame()}, language, revisions)


def _build_manifest(path: Path, protocol: Protocol, project: Path) -> Manifest:
    """Return what there is to tell of a study that did not run: its protocol, and what would run it."""
    record = ProtocolRecord(path=path.name, digest=compute_protocol_digest(protocol))
    return Manifest(study=protocol.study, protocol=record, data={}, parameters={}, tasks={}, recorded={},
                    environment=derive_environment(project))  # fmt: skip
