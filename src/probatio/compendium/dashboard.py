"""The dashboard of a run: one HTML file that a committee opens without server or network, in both languages.

It is not a book: neither renderer reads its text. The page is made whole from `reports/dashboard/` and the run's rows;
the same page is laid beside the Quarto source as raw HTML, so that Quarto gives it too.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from probatio.compendium.making import GENERATED
from probatio.compendium.opening import find_data_root
from probatio.digest import compute_json_digest
from probatio.display.dashboard import NOTEBOOKS, Assets, Given, derive_payload, derive_policy, render_body, render_page
from probatio.protocol import Protocol, UserError
from probatio.provenance import Manifest, RunFolder, find_altered
from probatio.provenance.release import derive_pseudonyms, read_key
from probatio.provenance.release.releasing import list_centres
from probatio.provenance.release.writing import NAMES_FILE
from probatio.results import derive_csv, index_rows, read_rows, write_bytes

PAGE: Final = "page.html"
_STANDING = ("cases", "open", "awaiting_second", "to_adjudicate", "read", "decisions")
_REFERRER = '<meta name="referrer" content="no-referrer">'


def write_page(run: Path, folder: Path, *, path: Path, manifest: Manifest, protocol: Protocol, checked: bool) -> None:
    """Write into the document's folder the whole page, and what Quarto includes: its body, and its policy for the head.

    Args:
        run: the run's folder.
        folder: the sources of the page, in the project or staged.
        path: of the protocol.
        manifest: of the run.
        protocol: that the manifest names, unchanged.
        checked: whether the data were compared with the run's; a reader may not have them.

    Raises:
        UserError: rows changed after the run, or the page's own files are not there.
    """
    assets = read_assets(folder)
    payload = derive_payload(read_given(run, path=path, manifest=manifest, protocol=protocol, checked=checked))
    policy = html.escape(derive_policy(assets), quote=True)
    written = {
        PAGE: render_page(payload, assets),
        "body.qmd": f"````{{=html}}\n{render_body(payload, assets)}\n````\n",
        "head.html": f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n{_REFERRER}\n',
    }
    for name, text in written.items():
        write_bytes(folder / GENERATED / name, text.encode("utf-8"))


def publish_page(stage: Path, output: Path, formats: Sequence[str]) -> dict[str, Path]:
    """Put a staged page in its place, `<output>/dashboard.html`.

    Raises:
        UserError: another format than html.
    """
    if list(formats) != ["html"]:
        raise UserError(f"--to {','.join(formats)}: the dashboard is a page; write --to html, and print it from there.")
    target = output / f"{stage.name}.html"
    write_bytes(target, (stage / GENERATED / PAGE).read_bytes())
    return {"html": target}


def read_assets(folder: Path) -> Assets:
    """Read the page's shell, style and script.

    Raises:
        UserError: one of them is not there.
    """
    try:
        return Assets.read(folder)
    except OSError as error:
        raise UserError(f"{error.filename or error}: the page's own file cannot be read; restore reports/.") from None


def read_given(run: Path, *, path: Path, manifest: Manifest, protocol: Protocol, checked: bool) -> Given:
    """Read what the page is made of: rows of the notebooks it shows, what the manifest says, an open review's counts.

    Raises:
        UserError: a table was changed after the run.
    """
    if altered := find_altered(run, manifest):
        raise UserError(f"{altered[0]} changed after the run; run `probatio run` again, then report.")
    folder = RunFolder(run)
    rows = {name: index_rows(read_rows(folder.get_task(name).rows)) for name in NOTEBOOKS if name in manifest.tasks}
    standing = read_standing(path, protocol)
    centres = name_centres(run, list_centres(rows.values()), protocol=protocol, digest=manifest.protocol.digest)
    return Given(protocol, rows, describe_run(manifest, checked=checked), centres, standing)


def name_centres(run: Path, centres: Sequence[str], *, protocol: Protocol, digest: str) -> dict[str, str]:
    """Return the pseudonym of each centre, the one that `probatio release` gives it.

    What each stands for is written into the run's `confidential/` where that does not tell it yet of every centre.
    """
    if not centres:
        return {}
    names = derive_pseudonyms(protocol, centres, key=read_key(run), digest=digest)
    table = RunFolder(run).confidential / NAMES_FILE
    if not table.exists() or not set(centres) <= set(pd.read_csv(table, dtype=str, keep_default_na=False)["name"]):
        write_bytes(table, derive_csv(names.derive_table()))
    return {centre: names.centres[centre] for centre in centres}


def describe_run(manifest: Manifest, *, checked: bool) -> dict[str, Any]:
    """Return what the page says of the run: digests of its lists of files and of outputs, and no file's name."""
    environment = manifest.environment
    commit = str(environment.get("commit") or "")[:12] or "–"
    return {
        "time": str(manifest.recorded.get("time", "")),
        "commit": f"{commit} +" if environment.get("dirty") else commit,
        "protocol": manifest.protocol.digest,
        "version": str(environment.get("probatio", "")),
        "data": compute_json_digest(manifest.data),
        "files": len(manifest.data),
        "rows": compute_json_digest({name: task.outputs for name, task in manifest.tasks.items()}),
        "checked": checked,
    }


def read_standing(path: Path, protocol: Protocol) -> dict[str, float] | None:
    """Return the counts of the review that is open; None where none is, or where the data are not here.

    Args:
        path: of the protocol.
        protocol: what it says.
    """
    from probatio.records import read_records, read_texts  # noqa: PLC0415 - most studies have no open review
    from probatio.review.log import derive_log_path  # noqa: PLC0415
    from probatio.review.opening import read_review  # noqa: PLC0415
    from probatio.review.standing import derive_standing  # noqa: PLC0415

    if protocol.review is None:
        return None
    try:
        root = find_data_root(path, protocol)
    except UserError:
        return None
    if not derive_log_path(root, protocol.review.source).is_file():
        return None
    delivered = [source for source in protocol.sources if source.reviewed is None]
    records = read_records(protocol.model_copy(update={"sources": delivered}), root)
    standing = vars(derive_standing(read_review(protocol, root, records, read_texts(protocol, root)).circuit))
    return {name: standing[name] for name in _STANDING}
