"""The crate's README: what is in it, what reproducing means here, and the commands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from probatio.provenance.crate.contents import Contents
from probatio.provenance.crate.study import Study

_SETUP = "make setup"
_RUN = ".venv/bin/probatio"
_WINDOWS = (
    "py -m venv .venv",
    r".venv\Scripts\python -m pip install --require-hashes --requirement requirements.lock",
    r".venv\Scripts\python -m pip install --no-deps --no-build-isolation --editable .",
)


def list_commands(study: Study, contents: Contents) -> list[str]:
    """Return the commands that check the crate and make its rows again, as a shell takes them."""
    commands = ["sha256sum --check --quiet MANIFEST", _SETUP]
    if study.is_open and study.protocol.downloads and not contents.data:
        commands.append(f"{_RUN} data fetch {study.protocol.study}")
    return [*commands, f"{_RUN} verify ."]


def derive_readme(study: Study, contents: Contents, proofs: Sequence[str]) -> bytes:
    """Return the README (Markdown).

    Args:
        study: the run.
        contents: the crate's files.
        proofs: what is said of the protocol's proofs in time.
    """
    return ("\n".join(_list_lines(study, contents, proofs)) + "\n").encode("utf-8")


def _list_lines(study: Study, contents: Contents, proofs: Sequence[str]) -> Iterator[str]:
    yield f"# Study {study.protocol.study}: results, and how to check them"
    yield ""
    yield _describe_reach(study, contents)
    yield ""
    yield from _fence(list_commands(study, contents))
    yield "`make setup` needs Python 3.11 to 3.13, make, and a package index. On Windows, in its place:"
    yield ""
    yield from _fence(_WINDOWS)
    yield from _describe_others(study)
    yield from _describe_run(study)
    yield from (f"- {line}" for line in proofs)
    yield ""
    yield from _describe_parts(study, contents)


def _fence(commands: Sequence[str]) -> list[str]:
    return ["```", *commands, "```", ""]


def _describe_run(study: Study) -> Iterator[str]:
    environment = study.manifest.environment
    commit = str(environment.get("commit") or "") or "none (outside a git checkout)"
    yield "| what | value |"
    yield "|---|---|"
    yield f"| protocol, SHA-256 of its canonical form | {study.manifest.protocol.digest} |"
    yield f"| Probatio | {environment.get('probatio', '')} |"
    yield f"| commit | {commit}{', with files that differ from it' if environment.get('dirty') else ''} |"
    yield f"| Python | {environment.get('python', '')} |"
    yield f"| run ended | {study.manifest.recorded.get('time', '')} |"
    yield ""


def _describe_reach(study: Study, contents: Contents) -> str:
    """Say what reproducing means for these data."""
    again = (
        "The last command runs the study again in a temporary folder and compares every row with those in `run/`: "
        "identical, equal within tolerance, or different."
    )
    if contents.data:
        return f"The crate is self-sufficient: program, protocol and data are in it. {again}"
    if study.is_open:
        return (
            "The data are public, and not in the crate: the locked packages or the fetched files bring them, and the "
            f"SHA-256 of each file is checked. {again}"
        )
    return (
        "The data are confidential: no value, no row before disclosure control, and not the protocol's text (which "
        "names sources) is in this crate. Anybody can check that its files are whole. Who holds data, protocol "
        "and key can make the rows again, and compare them with `digests.json` and `release/`."
    )


def _describe_others(study: Study) -> Iterator[str]:
    if study.is_open:
        yield f"To keep a run of your own: `{_RUN} run {study.manifest.protocol.path}`."
        yield ""
        return
    yield "With data, protocol, and the pseudonyms' key (`confidential/release_key.json` of the first run):"
    yield ""
    yield from _fence(list_holder_commands())


def list_holder_commands() -> list[str]:
    """Return what who holds the data of a confidential study does, with places for protocol and folder."""
    return [
        f"{_RUN} run PROTOCOL --data FOLDER --run runs/own",
        "cp KEY runs/own/confidential/release_key.json",
        f"{_RUN} release runs/own",
        f"{_RUN} verify . --run runs/own",
    ]


def _describe_parts(study: Study, contents: Contents) -> Iterator[str]:
    yield "| part | holds |"
    yield "|---|---|"
    yield "| `release/` | what is released: rows after disclosure control, centres and technologies pseudonymised |"
    keyed = "" if study.is_open else " (those of data and rows under the key of the pseudonyms)"
    yield f"| `digests.json` | SHA-256 of protocol, data and rows{keyed}, and the environment of the run |"
    yield "| `src/`, `notebooks/`, `requirements.lock` | the program as it ran, by the licence in `LICENSE` (MIT) |"
    yield "| `MANIFEST`, `ro-crate-metadata.json` | SHA-256 of every file; the same as linked data (RO-Crate 1.1) |"
    if study.statement is None:
        yield "| `protocol/` | the stamps and deposits of the protocol's digest, if there are any; not the protocol |"
        return
    yield "| `run/` | the run: every row, curve and figure before disclosure control |"
    yield "| `protocol/` | the protocol, its acceptance criteria, its proofs in time |"
    if contents.data:
        yield f"| `data/` | the data ({study.statement.nature}) |"
    yield ""
    yield "Data:"
    yield ""
    for origin in study.statement.origins:
        yield f"- {origin.name}; licence {origin.licence}{f'; {origin.address}' if origin.address else ''}"
