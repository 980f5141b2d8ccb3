"""The dashboard of a release: made from the released rows alone, so that it may circulate.

What a source is called there is its pseudonym, in the order of pseudonyms. Nothing of it depends on the day or the
machine of the run: the same released rows give the same page.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from probatio.compendium.dashboard import read_assets
from probatio.display.benchmark import name_source
from probatio.display.dashboard import NOTEBOOKS, Given, derive_payload, render_page
from probatio.protocol import Protocol, Source, UserError, read_protocol
from probatio.provenance import Manifest, RunFolder, read_manifest
from probatio.provenance.release import Release, derive_pseudonyms, list_secret_names, read_key, search_bytes
from probatio.provenance.release.releasing import list_centres
from probatio.results import index_rows, read_rows, write_bytes


def write_released_page(release: Release, *, run: Path, project: Path) -> Path:
    """Write `<study>-<digest>.dashboard.html` beside the release of a run, and return its path.

    Args:
        release: what may leave.
        run: that it was made from.
        project: the compendium's folder.

    Raises:
        UserError: the protocol's texts (title, limits, labels) name a centre or a technology, and nothing is written;
            or the page's own files are not there.
    """
    manifest = read_manifest(run)
    protocol = read_protocol(project / manifest.protocol.path)
    assets = read_assets(project / "reports" / "dashboard")
    names = derive_pseudonyms(protocol, [], key=read_key(run), digest=manifest.protocol.digest)
    payload = derive_payload(derive_given(release, rename_sources(protocol, dict(names.sources)), manifest))
    # Style and script are the same for every study: a name that they hold by chance names nobody.
    said = render_page(payload, replace(assets, style="", script="")).encode("utf-8")
    if found := search_bytes(said, list_secret_names(protocol, _list_centres(run, manifest))):
        raise UserError(
            f"the dashboard is not released: its texts hold {min(found)!r}, the name of a centre or a technology."
        )
    path = run / f"{manifest.study}-{manifest.protocol.digest[:12]}.dashboard.html"
    write_bytes(path, render_page(payload, assets).encode("utf-8"))
    return path


def _list_centres(run: Path, manifest: Manifest) -> list[str]:
    return list_centres(read_rows(RunFolder(run).get_task(name).rows) for name in NOTEBOOKS if name in manifest.tasks)


def derive_given(release: Release, protocol: Protocol, manifest: Manifest) -> Given:
    """Return what the page is made from: released rows, and of the run what any other run of it has in common.

    Args:
        release: what may leave.
        protocol: its sources under their pseudonyms.
        manifest: of the run.
    """
    rows = {name: index_rows(release.rows[name]) for name in NOTEBOOKS if name in release.rows}
    environment = manifest.environment
    run = {
        "commit": str(environment.get("commit") or "")[:12] or "–",
        "protocol": manifest.protocol.digest,
        "version": str(environment.get("probatio", "")),
    }
    return Given(protocol, rows, run, minimum=release.minimum)


def rename_sources(protocol: Protocol, names: dict[str, str]) -> Protocol:
    """Return a protocol with each source under its pseudonym wherever the page reads it, in the order of pseudonyms."""
    roles = list(dict.fromkeys(source.role for source in protocol.sources))
    sources = [_rename(source, names) for source in protocol.sources]
    changes: dict[str, Any] = {"sources": sorted(sources, key=lambda each: (roles.index(each.role), each.name))}
    if protocol.review is not None:
        competing = [names[name] for name in protocol.review.competing]
        changes["review"] = protocol.review.model_copy(
            update={"source": names[protocol.review.source], "competing": competing}
        )
    changes["analyses"] = [
        each.model_copy(update={"sources": [names[name] for name in each.sources],
                                "comparator": names[each.comparator] if each.comparator else None})
        for each in protocol.analyses
    ]  # fmt: skip
    return protocol.model_copy(update=changes)


def _rename(source: Source, names: dict[str, str]) -> Source:
    name = names[source.name]
    label = source.label.model_copy(update={"fr": name_source(name, "fr"), "en": name_source(name, "en")})
    changes: dict[str, Any] = {"name": name, "label": label, "technology": None, "version": None}
    if source.reviewed is not None:
        changes["reviewed"] = source.reviewed.model_copy(update={"of": names[source.reviewed.of]})
    return source.model_copy(update=changes)
