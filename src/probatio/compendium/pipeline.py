"""Run a study: the notebooks that differ from their stamp, in order, each in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from probatio.compendium.anchoring import Anchors, derive_anchors
from probatio.compendium.faults import explain_disk
from probatio.compendium.locking import hold_run
from probatio.compendium.notebooks import Notebook, check_parameters, read_notebooks, select_notebooks
from probatio.compendium.opening import find_data_root
from probatio.compendium.plan import Listen, Plan, TaskEvent
from probatio.compendium.stamps import derive_ground, derive_inputs, describe_staleness, read_stamp
from probatio.protocol import Protocol, UserError, read_protocol
from probatio.provenance import (
    Manifest,
    ProtocolRecord,
    RunFolder,
    TaskRecord,
    derive_environment,
    derive_machine,
    derive_relative_path,
    derive_seconds,
    read_manifest,
    write_manifest,
)
from probatio.provenance.reads import read_task_reads
from probatio.provenance.w3c.run import derive_run_json
from probatio.results import write_bytes


@dataclass(frozen=True)
class RunSummary:
    """What a run has done: notebooks executed, each with the reason, and those that were fresh.

    `seconds` has every notebook's own duration (of its latest execution), `total` this run's.
    """

    run: Path
    executed: Mapping[str, str]
    fresh: Sequence[str]
    seconds: Mapping[str, float]
    total: float


def _ignore(_: TaskEvent) -> None:
    """Listen to nothing."""


def run_study(
    protocol: Path,
    run: Path,
    *,
    notebooks: Path,
    workers: int = 2,
    only: Sequence[str] = (),
    force: bool = False,
    parameters: Mapping[str, str] | None = None,
    listen: Listen = _ignore,
    wait: bool = False,
) -> RunSummary:
    """Bring a run up to date with its protocol, data, notebooks and program.

    A notebook runs when what it reads differs from its stamp, or what it wrote is gone or altered. Its
    outputs replace the earlier ones only when it has ended well. The manifest is there only when all are.

    Args:
        protocol: the study's protocol.
        run: the folder of the run, made if need be.
        notebooks: the folder of the notebooks; its parent is the project (lock, git).
        workers: how many notebooks run at once; no number depends on it.
        only: names of notebooks; these and all they need. Empty: every notebook.
        force: run all, fresh or not.
        parameters: further texts for the notebooks that declare them.
        listen: called with every event, in this thread.
        wait: wait for another run in the same folder, rather than raise.

    Raises:
        UserError: the protocol, the data, a notebook, a parameter or the folder is not as it should be.
        TaskError: a notebook failed by another fault.
    """
    begin, given = time.perf_counter(), dict(parameters or {})
    study, every = read_protocol(protocol), read_notebooks(notebooks)
    chosen = select_notebooks(every, only)
    check_parameters(chosen, given)
    _check_folder(run, study)
    root = find_data_root(protocol, study)
    ground = derive_ground(study, root, notebooks.resolve().parent, notebooks=chosen.values())
    folder = RunFolder(run.resolve())
    with explain_disk(run), hold_run(folder, wait=wait):
        known = _read_known(folder.path)  # before the first notebook removes it
        plan = Plan(protocol.resolve(), folder, chosen, ground, given, force, listen)
        plan.carry_out(workers)
        audit = derive_anchors(study, root, known)
        _write_manifest(plan, study, every, audit, time.perf_counter() - begin)
    return RunSummary(run, plan.executed, plan.fresh, plan.seconds, time.perf_counter() - begin)


def _check_folder(run: Path, protocol: Protocol) -> None:
    folder, known = RunFolder(run), _read_known(run)
    if known and known.study != protocol.study:
        raise UserError(f"{run}: holds the study {known.study}, not {protocol.study}; name another --run.")
    if run.is_dir() and not folder.tasks.exists() and any(path != folder.lock for path in run.iterdir()):
        raise UserError(f"{run}: holds something else than a run; name a new or empty folder.")


def _write_manifest(
    plan: Plan, study: Protocol, notebooks: Mapping[str, Notebook], audit: Anchors, total: float
) -> None:
    project = next(iter(notebooks.values())).path.resolve().parent.parent
    manifest = Manifest(
        study=study.study,
        protocol=ProtocolRecord(path=derive_relative_path(plan.protocol, project), digest=plan.ground.protocol),
        data={**plan.ground.data, **plan.ground.review},
        parameters=dict(plan.parameters),
        tasks=dict(_find_fresh(plan, notebooks)),
        # As the run began: what was edited meanwhile is not what ran.
        environment=derive_environment(project) | {"package": plan.ground.package, "lock": plan.ground.lock},
        audit=dict(audit),
        recorded={
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": derive_machine(),
            "seconds": derive_seconds(plan.seconds),
            "total": round(total, 2),
        },
    )
    if plan.executed or not _is_recorded(plan.run, manifest):
        reads = read_task_reads(plan.run, [*manifest.tasks])
        write_bytes(plan.run.provenance, derive_run_json(manifest, study, reads))
        write_manifest(plan.run.path, manifest)


def _find_fresh(plan: Plan, notebooks: Mapping[str, Notebook]) -> list[tuple[str, TaskRecord]]:
    found = []
    for name, notebook in notebooks.items():
        stamp = read_stamp(plan.run.get_task(name))
        inputs = derive_inputs(notebook, plan.ground, plan.run, plan.parameters)
        if stamp and not describe_staleness(plan.run, name, inputs):
            record = TaskRecord(
                notebook=notebook.digest,
                needs=list(notebook.needs),
                outputs=dict(stamp.outputs),
                confidential=dict(stamp.confidential),
            )
            found.append((name, record))
    return found


def _is_recorded(run: RunFolder, manifest: Manifest) -> bool:
    """Say whether the manifest on disk says the same of a run in which nothing was executed."""
    known = _read_known(run.path)
    return known is not None and known.model_copy(update={"recorded": manifest.recorded}) == manifest


def _read_known(run: Path) -> Manifest | None:
    """Return the manifest of a run; None without one, or with one that only a new run can mend."""
    try:
        return read_manifest(run)
    except UserError:
        return None
