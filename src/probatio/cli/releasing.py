"""`probatio release`: write what may leave a run, for a reviewer or a journal."""

from __future__ import annotations

from pathlib import Path

from probatio.cli.showing import derive_shown, make_console, show_table
from probatio.compendium.crate import write_crate
from probatio.compendium.dashboard_released import write_released_page
from probatio.compendium.opening import find_project
from probatio.protocol import UserError
from probatio.provenance import RunFolder
from probatio.provenance.release import Release, release_run


def show_release(run: Path, out: Path | None, *, overwrite: bool) -> None:
    """Release a run and say what was kept and what was withheld.

    The release in the run's own folder is wrapped into a crate beside it.

    Raises:
        UserError: there is no complete run, the folder is there already, or a name would leave.
    """
    project, console = find_project(run, Path.cwd()), make_console()
    folder = out or RunFolder(run).release
    release = release_run(run, folder, project=project, overwrite=overwrite)
    rows = release.summary[release.summary["kind"] == "row"]
    columns = ["before", "silent", "kept", "without_counts", "withheld"]
    shares = rows.groupby("notebook")[columns].sum().reset_index()
    show_table(console, ["notebook", *columns], shares.itertuples(index=False, name=None))
    console.print(f"{derive_shown(folder)}: released; no count from 1 to {release.minimum - 1}")
    if out is None:
        console.print(describe_page(release, run, project))
        console.print(
            f"{derive_shown(write_crate(run, project=project))}: its crate, to be unpacked in an empty folder"
        )


def describe_page(release: Release, run: Path, project: Path) -> str:
    """Write the dashboard that may circulate; say where it is, or why there is none: the release stands without it."""
    try:
        path = write_released_page(release, run=run, project=project)
    except UserError as error:
        return f"no dashboard beside it: {error}"
    return f"{derive_shown(path)}: its dashboard, which may circulate"
