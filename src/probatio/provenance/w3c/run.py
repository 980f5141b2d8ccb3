"""The provenance of a run as W3C PROV: files, notebooks, results, audit log; no patient, no value, no reviewer."""

from __future__ import annotations

from collections.abc import Mapping, Set
from fnmatch import fnmatchcase

from prov.model import ProvDocument

from probatio.digest import compute_json_digest
from probatio.protocol import Protocol
from probatio.provenance.manifest import Manifest
from probatio.provenance.reads import Reads
from probatio.provenance.w3c.document import (
    SOFTWARE,
    add_program,
    add_protocol,
    build_attributes,
    build_document,
    derive_id,
    derive_prov_json,
)
from probatio.records.files import list_declared_paths


def derive_run_document(manifest: Manifest, protocol: Protocol, reads: Reads) -> ProvDocument:
    """Return the provenance of a whole run in aggregate: fit for release, as it holds digests and names of files alone.

    Sources are collections of values, delivered by an agent (an extractor, by version) into files of data; each
    notebook used the files it reads and the rows of the notebooks it needs, and generated rows, curves and figures.

    Args:
        manifest: of the run.
        protocol: the study.
        reads: the files of data that each notebook has read.
    """
    document = build_document(manifest.study)
    plan = add_protocol(document, protocol, manifest.protocol.digest)
    program = add_program(
        document, str(manifest.environment.get("probatio", "")), str(manifest.environment.get("package", ""))
    )
    named = _derive_names(manifest, protocol)
    _add_files(document, manifest, named)
    _add_sources(document, protocol, set(named.values()))
    _add_logs(document, manifest)
    add_tasks(document, manifest, plan)
    for task, files in reads.items():
        document.wasAssociatedWith(derive_id("run", task), program, plan)
        for name in sorted({named[file] for file in files if file in named}):
            document.used(derive_id("run", task), derive_id("file", name))
    return document


def derive_run_json(manifest: Manifest, protocol: Protocol, reads: Reads) -> bytes:
    """Return the same as PROV-JSON."""
    return derive_prov_json(derive_run_document(manifest, protocol, reads))


def add_tasks(document: ProvDocument, manifest: Manifest, plan: str) -> None:
    """Add each notebook of a run as an activity: what it used and generated, by digest."""
    for task, record in manifest.tasks.items():
        activity, notebook = derive_id("run", task), derive_id("notebook", task)
        document.entity(notebook, build_attributes("Notebook", sha256=record.notebook))
        document.activity(activity, other_attributes=build_attributes("Analysis", section=task))
        document.used(activity, notebook)
        document.used(activity, plan)
        for name, digest in record.outputs.items():
            document.entity(derive_id("result", task, name), build_attributes("Result", path=name, sha256=digest))
            document.wasGeneratedBy(derive_id("result", task, name), activity)
    for task, record in manifest.tasks.items():
        for need in (need for need in record.needs if need in manifest.tasks):
            for name in (name for name in manifest.tasks[need].outputs if name.endswith(".csv")):
                document.used(derive_id("run", task), derive_id("result", need, name))


def _derive_names(manifest: Manifest, protocol: Protocol) -> dict[str, str]:
    """Return the name under which each file of data is shown: its pattern, where one file stands for one patient."""
    patterns = [path for path in list_declared_paths(protocol) if "*" in path or "?" in path]
    return {name: next((each for each in patterns if fnmatchcase(name, each)), name) for name in manifest.data}


def _add_files(document: ProvDocument, manifest: Manifest, named: Mapping[str, str]) -> None:
    """Add the files of data; those of a pattern as one, whose digest is that of all their names and digests."""
    for shown in dict.fromkeys(named.values()):
        files = {name: manifest.data[name] for name, path in named.items() if path == shown}
        digest = files.get(shown) or compute_json_digest(files)
        document.entity(derive_id("file", shown), build_attributes("File", path=shown, files=len(files), sha256=digest))


def _add_sources(document: ProvDocument, protocol: Protocol, files: Set[str]) -> None:
    for source in protocol.sources:
        name, activity = derive_id("source", source.name), derive_id("extraction", source.name)
        said = build_attributes("Source", role=source.role, version=source.version or "", label=source.label.en)
        document.collection(name, said)
        if source.reviewed is not None:
            document.wasDerivedFrom(name, derive_id("source", source.reviewed.of))
            if source.reviewed.path in files:
                document.wasDerivedFrom(name, derive_id("file", source.reviewed.path))
            continue
        agent = derive_id("agent", "software" if source.role == "ai" else "source", source.name)
        kind = SOFTWARE if source.role == "ai" else "Collector"
        document.agent(agent, build_attributes(kind, role=source.role, version=source.version or ""))
        document.activity(activity, other_attributes=build_attributes("Extraction"))
        document.wasAssociatedWith(activity, agent)
        document.wasGeneratedBy(name, activity)
        for file in sorted({each.path for each in source.files} & files):
            document.wasDerivedFrom(derive_id("file", file), name)


def _add_logs(document: ProvDocument, manifest: Manifest) -> None:
    """Add the anchored heads of the audit log, each a revision of the one before."""
    for name, anchors in manifest.audit.items():
        before = ""
        for anchor in anchors:
            head = derive_id("audit", name, anchor.count)
            said = build_attributes("AuditLog", path=name, entries=anchor.count, sha256=anchor.hash, at=anchor.at)
            document.entity(head, said)
            if before:
                document.wasRevisionOf(head, before)
            before = head
