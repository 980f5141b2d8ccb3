"""`probatio protocol`: the written protocol, to be signed before the data are seen."""

from __future__ import annotations

from pathlib import Path

from probatio.cli.showing import derive_shown, make_console
from probatio.compendium.opening import find_project
from probatio.compendium.protocol_document import render_protocol
from probatio.protocol import Language, UserError, compute_protocol_digest, read_protocol


def write_protocol(path: Path, to: str, *, out: Path | None, language: str, renderer: str) -> None:
    """Render a study's written protocol and say where each format is, and which digest is to be signed.

    Raises:
        UserError: the protocol, a format, the language or the renderer is not as it should be.
    """
    protocol = read_protocol(path)
    project = find_project(path.parent, Path.cwd())
    made = render_protocol(
        path,
        [word.strip() for word in to.split(",")],
        project=project,
        output=out or project / "runs" / protocol.study / "protocol",
        language=_check_language(language) if language else protocol.language,
        renderer=renderer,
    )
    console = make_console()
    for kind, file in made.items():
        console.print(f"{kind}: {derive_shown(file)}")
    console.print(f"digest to sign: {compute_protocol_digest(protocol)}")


def _check_language(text: str) -> Language:
    if text not in ("fr", "en"):
        raise UserError(f"--language {text}: write fr or en.")
    return "fr" if text == "fr" else "en"
