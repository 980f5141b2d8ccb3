"""The crate's metadata: RO-Crate 1.1 with the Process Run Crate profile 0.5, written by the library rocrate.

Sources: Soiland-Reyes et al., Packaging research artefacts with RO-Crate, Data Science 2022;5:97-138; Leo et al.,
Recording provenance of workflow runs with RO-Crate, PLoS ONE 2024;19:e0309210. One action: the run. Its instrument is
the program at its version and commit, its objects the protocol and the data by digest (in the crate or not), its
results the released files, and of open data the rows. Who ran it is not recorded, and not said; whose study it is,
where the protocol of open data says so.
"""

from __future__ import annotations

import json
from typing import Any

from rocrate.model import ContextEntity, DataEntity
from rocrate.rocrate import ROCrate

from probatio.digest import compute_digest
from probatio.provenance.crate.contents import DIGESTS, RELEASE, RUN, Contents
from probatio.provenance.crate.study import Study

_VERSION = "1.1"
_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_TERMS = "https://w3id.org/ro/terms/workflow-run/context"
_SPDX = "https://spdx.org/licenses/"
_ACTION = "#run"
_TEXT = "text/plain"
_HIDDEN = "Confidential, and not in the crate. Who holds them and the key recognises them by digests.json."
_NOTES = ("README.md", "MANIFEST", "LICENSE", "requirements.lock", DIGESTS)
_FORMATS = {
    "csv": "text/csv",
    "json": "application/json",
    "ipynb": "application/x-ipynb+json",
    "md": "text/markdown",
    "yaml": "application/yaml",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def derive_metadata(study: Study, contents: Contents) -> bytes:
    """Return `ro-crate-metadata.json`; the same for the same run.

    Args:
        study: the run.
        contents: the crate's files, but for README, MANIFEST and this one.
    """
    crate = ROCrate(version=_VERSION)
    crate.metadata.extra_contexts.append(_TERMS)
    _describe_root(crate, study)
    program = _add_program(crate, study)
    results = [_add_file(crate, name, contents.files[name]) for name in sorted(contents.files) if _is_result(name)]
    objects = [*_add_protocol(crate, study, contents), *_add_data(crate, study, contents)]
    for name in _NOTES:
        _add_file(crate, name, contents.files.get(name, b""))
    for folder, said in (("src/", "the program that ran"), ("notebooks/", "the notebooks that ran, without outputs")):
        crate.add(DataEntity(crate, folder, {"@type": "Dataset", "name": said, "license": {"@id": f"{_SPDX}MIT"}}))
    action = _build_action(study, objects, results) | {"instrument": program}
    crate.root_dataset.append_to("mentions", crate.add(ContextEntity(crate, _ACTION, action)))
    text = json.dumps(crate.metadata.generate(), indent=1, sort_keys=True, ensure_ascii=False)
    return (text + "\n").encode("utf-8")


def _is_result(name: str) -> bool:
    return name.startswith(f"{RELEASE}/") or (name.startswith(f"{RUN}/tasks/") and name.endswith(".csv"))


def _describe_root(crate: ROCrate, study: Study) -> None:
    title = study.protocol.title.read("en") if study.is_open else f"Study {study.protocol.study}"
    named = "open data" if study.is_open else "confidential data, none of which is in the crate"
    root = crate.root_dataset
    root["name"] = f"{title}: results of probatio"
    root["description"] = (
        f"Released results of the study {study.protocol.study} ({named}), protocol of SHA-256 "
        f"{study.manifest.protocol.digest}, with the program that made them. README.md has the commands."
    )
    root["datePublished"] = _read_time(study)
    root["license"] = _add_licence(crate, "MIT") if study.is_open else _add_terms(crate)
    _add_people(crate, study)
    root["conformsTo"] = crate.add(
        ContextEntity(crate, _PROFILE, {"@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"})
    )


def _add_people(crate: ROCrate, study: Study) -> None:
    """Name who the protocol says answers for an open study; of a confidential one nobody is named."""
    written = study.protocol.written
    if not study.is_open:
        return
    for key, name, kind in (("author", written.investigator, "Person"), ("publisher", written.sponsor, "Organization")):
        if name:
            crate.root_dataset[key] = crate.add(ContextEntity(crate, f"#{key}", {"@type": kind, "name": name}))


def _read_time(study: Study) -> str:
    return str(study.manifest.recorded.get("time", "1980-01-01"))


def _add_licence(crate: ROCrate, name: str) -> Any:
    said = {"@type": "CreativeWork", "name": name, "description": f"{name}, by its SPDX identifier"}
    return crate.add(ContextEntity(crate, f"{_SPDX}{name}", said))


def _add_terms(crate: ROCrate) -> Any:
    """Say what is known of a confidential study: the program's licence; nobody has given the results one."""
    said = {
        "@type": "CreativeWork",
        "name": "Terms of the study",
        "description": "The program is under the MIT licence (LICENSE). For the released results no licence is "
        "declared; their use is decided by those responsible for the study.",
    }
    _add_licence(crate, "MIT")
    return crate.add(ContextEntity(crate, "#terms", said))


def _add_program(crate: ROCrate, study: Study) -> Any:
    """Add the program, named by the digest of its files: no address of it is known here."""
    environment = study.manifest.environment
    commit = str(environment.get("commit") or "")
    changed = " with files that differ from it" if environment.get("dirty") else ""
    python = {"@type": "ComputerLanguage", "name": "Python", "version": str(environment.get("python", ""))}
    said = {
        "@type": "SoftwareApplication",
        "name": "Probatio",
        "description": f"Commit {commit}{changed}." if commit else "Outside a git checkout.",
        "softwareVersion": f"{environment.get('probatio', '')}{f'+{commit}' if commit else ''}",
        "sha256": str(environment.get("package", "")),
        "softwareRequirements": {"@id": "requirements.lock"},
        "programmingLanguage": crate.add(ContextEntity(crate, "#python", python)),
        "operatingSystem": " ".join(map(str, dict(study.manifest.recorded.get("machine", {})).values())),
        "license": {"@id": f"{_SPDX}MIT"},
        "author": crate.add(
            ContextEntity(crate, "#authors", {"@type": "Organization", "name": "The Probatio authors"})
        ),
    }
    program = crate.add(ContextEntity(crate, f"urn:sha256:{said['sha256']}", said))
    crate.root_dataset.append_to("mentions", program)
    return program


def _add_protocol(crate: ROCrate, study: Study, contents: Contents) -> list[Any]:
    digest = study.manifest.protocol.digest
    inside = sorted(name for name in contents.files if name.startswith("protocol/") and ".schema." not in name)
    files = [_add_file(crate, name, contents.files[name]) for name in inside]
    said: dict[str, Any] = {
        "@type": "CreativeWork",
        "name": f"Protocol of the study {study.protocol.study}",
        "version": study.protocol.version,
        "sha256": digest,
    }
    if files:
        said["hasPart"] = files
    return [crate.add(ContextEntity(crate, f"urn:sha256:{digest}", said))]


def _add_data(crate: ROCrate, study: Study, contents: Contents) -> list[Any]:
    """Add each file of data, in the crate or not; one that is not is an entity of its digest alone.

    Confidential data are one entity without a digest, which would tell a small file's values to whoever tries them.
    """
    if not study.is_open:
        said = {"@type": "CreativeWork", "name": f"Data of the study {study.protocol.study}", "description": _HIDDEN}
        return [crate.add(ContextEntity(crate, "#data", said))]
    licences = sorted({origin.licence for origin in study.statement.origins}) if study.statement else []
    ids = [_add_licence(crate, name) for name in licences]
    digests = json.loads(contents.files[DIGESTS])["data"]
    found = []
    for name, digest in sorted(digests.items()):
        if name in contents.data:
            entity = _add_file(crate, contents.data[name], contents.files[contents.data[name]])
        else:
            said = {"@type": "CreativeWork", "name": name, "description": "Not in the crate.", "sha256": digest}
            entity = crate.add(ContextEntity(crate, f"urn:sha256:{digest}", said))
        if ids:
            entity["license"] = ids if len(ids) > 1 else ids[0]
        found.append(entity)
    return found


def _build_action(study: Study, objects: list[Any], results: list[Any]) -> dict[str, Any]:
    return {
        "@type": "CreateAction",
        "name": f"Run of the study {study.protocol.study}",
        "description": f"probatio run {study.manifest.protocol.path if study.is_open else 'PROTOCOL'}",
        "object": objects,
        "result": results,
        "endTime": _read_time(study),
        "actionStatus": "http://schema.org/CompletedActionStatus",
    }


def _add_file(crate: ROCrate, name: str, content: bytes) -> Any:
    suffix = name.rpartition(".")[2]
    said: dict[str, Any] = {"@type": "File", "name": name.rpartition("/")[2]}
    if content:
        said |= {"sha256": compute_digest(content), "contentSize": str(len(content))}
    said["encodingFormat"] = _FORMATS.get(suffix, _TEXT)
    return crate.add(DataEntity(crate, name, said))
