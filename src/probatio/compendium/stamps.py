"""Stamps: what a task read and wrote, as digests, and why it must run again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from probatio.compendium.notebooks import Notebook
from probatio.digest import compute_json_digest
from probatio.protocol import Protocol, UserError, compute_protocol_digest
from probatio.protocol.tolerance import list_tolerance_sources
from probatio.provenance import (
    RunFolder,
    TaskFolder,
    compute_lock_digest,
    compute_package_digest,
    derive_confidential_digests,
    derive_data_digests,
    derive_output_digests,
    derive_review_digests,
)
from probatio.records.files import find_data_files
from probatio.results import write_bytes

NEVER = "never run"
_SHOWN = 3


@dataclass(frozen=True)
class Ground:
    """The digests that all tasks of a run stand on.

    `comparators`: of the data without the sources under judgement. `review`: of the audit log and its queue.
    """

    protocol: str
    data: Mapping[str, str]
    comparators: Mapping[str, str]
    package: str
    lock: str
    review: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Inputs:
    """The digests of all that one task depends on."""

    notebook: str
    package: str
    lock: str
    protocol: str
    data: Mapping[str, str]
    rows: Mapping[str, str]
    parameters: Mapping[str, str]


@dataclass(frozen=True)
class Stamp:
    """What a complete task read and wrote."""

    inputs: Inputs
    outputs: Mapping[str, str]
    confidential: Mapping[str, str]
    seconds: float = field(default=0.0)

    @property
    def rows(self) -> str:
        """One digest of the rows and series, which other notebooks may read."""
        return compute_json_digest({name: sha for name, sha in self.outputs.items() if name.endswith(".csv")})


def derive_ground(protocol: Protocol, root: Path, project: Path, *, notebooks: Iterable[Notebook] = ()) -> Ground:
    """Digest protocol, data, program and lock.

    Where all these notebooks read the comparators' data alone, or none, the others' files need not be there.

    Raises:
        UserError: a file of data is missing or cannot be read.
    """
    reads = {what for notebook in notebooks for what in notebook.reads} or {"data"}
    own = list_tolerance_sources(protocol)
    try:
        data = derive_data_digests(protocol, root)
    except UserError:
        if "data" in reads:
            raise
        data = derive_data_digests(protocol, root, sources=own)
    names = find_data_files(protocol, root, sources=own)
    return Ground(
        protocol=compute_protocol_digest(protocol),
        data=data,
        comparators={name: data[name] for name in names},
        package=compute_package_digest(),
        lock=compute_lock_digest(project),
        review=derive_review_digests(protocol, root),
    )


def derive_inputs(notebook: Notebook, ground: Ground, run: RunFolder, parameters: Mapping[str, str]) -> Inputs:
    """Return what a notebook would read if it ran now; an upstream task without a stamp counts as empty."""
    stamps = {name: read_stamp(run.get_task(name)) for name in notebook.needs}
    return Inputs(
        notebook=notebook.digest,
        package=ground.package,
        lock=ground.lock,
        protocol=ground.protocol if "protocol" in notebook.reads else "",
        data=_select_data(notebook, ground),
        rows={name: stamp.rows if stamp else "" for name, stamp in stamps.items()},
        parameters={name: value for name, value in sorted(parameters.items()) if name in notebook.parameters},
    )


def _select_data(notebook: Notebook, ground: Ground) -> Mapping[str, str]:
    review = ground.review if "review" in notebook.reads else {}
    if "data" in notebook.reads:
        return {**ground.data, **review}
    return {**(ground.comparators if "comparators" in notebook.reads else {}), **review}


def write_stamp(task: TaskFolder, inputs: Inputs, seconds: float) -> Stamp:
    """Digest what a task wrote, and write its stamp.

    Raises:
        OSError: the folder cannot be written.
    """
    outputs, confidential = derive_output_digests(task), derive_confidential_digests(task.confidential)
    stamp = Stamp(inputs, outputs, confidential, round(seconds, 2))
    text = json.dumps(asdict(stamp), indent=1, sort_keys=True, ensure_ascii=False)
    write_bytes(task.stamp, (text + "\n").encode("utf-8"))
    return stamp


def read_stamp(task: TaskFolder) -> Stamp | None:
    """Return the stamp of a complete task, or None when there is none that can be read."""
    try:
        value: dict[str, Any] = json.loads(task.stamp.read_text(encoding="utf-8"))
        return Stamp(Inputs(**value["inputs"]), value["outputs"], value["confidential"], value["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def describe_staleness(run: RunFolder, name: str, inputs: Inputs) -> str:
    """Say why a task must run (again); empty when what it wrote is fresh."""
    task, stamp = run.get_task(name), read_stamp(run.get_task(name))
    if stamp is None:
        return NEVER
    reasons = [*_find_reasons(stamp.inputs, inputs)]
    if derive_output_digests(task) != dict(stamp.outputs):
        reasons.append("what it wrote was altered")
    missing = [file for file in stamp.confidential if not (run.confidential / file).is_file()]
    return "; ".join([*reasons, *(f"confidential/{file} is gone" for file in missing)])


def _find_reasons(before: Inputs, now: Inputs) -> Iterator[str]:
    for what, text in (("notebook", "notebook"), ("package", "program"), ("lock", "locked packages")):
        if getattr(before, what) != getattr(now, what):
            yield f"{text} changed"
    if before.protocol != now.protocol:
        yield "protocol changed"
    yield from _find_data_reasons(before.data, now.data)
    for name in _find_changes(before.rows, now.rows):
        yield f"rows of {name} changed"
    for name in _find_changes(before.parameters, now.parameters):
        yield f"parameter {name} changed"


def _find_data_reasons(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    changed = _find_changes(before, now)
    for name in changed[:_SHOWN]:
        yield f"data: {name} {'is new' if name not in before else 'is gone' if name not in now else 'changed'}"
    if len(changed) > _SHOWN:
        yield f"data: {len(changed) - _SHOWN} more files changed"


def _find_changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
