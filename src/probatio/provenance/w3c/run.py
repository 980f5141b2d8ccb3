"""The provenance of a run as W3C PROV: files, notebooks, results, audit log; no patient, no value, no reviewer."""

from __future__ import annotations

from pathlib import PurePosixPath

from prov.model import ProvDocument

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
    for name, digest in manifest.data.items():
        document.entity(derive_id("file", name), build_attributes("File", path=name, sha256=digest))
    _add_sources(document, protocol, manifest)
    _add_logs(document, manifest)
    add_tasks(document, manifest, plan)
    for task, files in reads.items():
        document.wasAssociatedWith(derive_id("run", task), program, plan)
        for name in (name for name in files if name in manifest.data):
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


def _add_sources(document: ProvDocument, protocol: Protocol, manifest: Manifest) -> None:
    for source in protocol.sources:
        name, activity = derive_id("source", source.name), derive_id("extraction", source.name)
        said = build_attributes("Source", role=source.role, version=source.version or "", label=source.label.en)
        document.collection(name, said)
        if source.reviewed is not None:
            document.wasDerivedFrom(name, derive_id("source", source.reviewed.of))
            continue
        agent = derive_id("agent", "software" if source.role == "ai" else "source", source.name)
        kind = SOFTWARE if source.role == "ai" else "Collector"
        document.agent(agent, build_attributes(kind, role=source.role, version=source.version or ""))
        document.activity(activity, other_attributes=build_attributes("Extraction"))
        document.wasAssociatedWith(activity, agent)
        document.wasGeneratedBy(name, activity)
        for file in sorted(manifest.data):
            if any(PurePosixPath(file).match(each.path) for each in source.files):
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
