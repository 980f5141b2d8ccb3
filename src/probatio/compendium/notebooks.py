"""The notebooks of a compendium: what each needs, reads and declares, and the order they run in."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from probatio.digest import compute_notebook_digest
from probatio.protocol import UserError

_NAME = re.compile(r"^\d{2}_[a-z0-9_]+$")
_READS = ("protocol", "data", "comparators", "review")
_DEFAULT_READS = ["protocol", "data"]
REQUIRED = ("study", "run")
"""The parameters that the pipeline sets and every notebook declares."""


@dataclass(frozen=True)
class Notebook:
    """One notebook as the pipeline sees it.

    `needs`: notebooks whose rows it reads. `reads`: which of `protocol` and `data` it depends on; `comparators` stands
    for the data of patients, documents and the tolerance's comparators, and for no file of a source under judgement;
    `review` for the audit log and the frozen queue beside the data.
    `parameters`: names declared in the cell tagged `parameters`, with their default texts.
    """

    name: str
    path: Path
    digest: str
    needs: tuple[str, ...]
    reads: tuple[str, ...]
    parameters: Mapping[str, str]


def read_notebooks(folder: Path) -> dict[str, Notebook]:
    """Read every notebook of a folder whose name starts with its number, as in `03_agreement`.

    Raises:
        UserError: no notebook, a file that is not one, bad metadata, an unknown or circular need.
    """
    paths = sorted(path for path in folder.glob("*.ipynb") if _NAME.match(path.stem))
    if not paths:
        raise UserError(f"{folder}: no notebook such as 03_agreement.ipynb in this folder; name the right folder.")
    notebooks = {path.stem: read_notebook(path) for path in paths}
    for notebook in notebooks.values():
        for name in notebook.needs:
            if name not in notebooks:
                raise UserError(f"{notebook.path}: needs {name}, which is not in the folder; correct its metadata.")
    _check_order(folder, notebooks)
    return notebooks


def read_notebook(path: Path) -> Notebook:
    """Read one notebook.

    Raises:
        UserError: the file is missing, is no notebook, or its metadata or parameters cell is wrong.
    """
    content = _read_content(path)
    meta = content.get("metadata", {}).get("probatio", {})
    needs, reads = meta.get("needs", []), meta.get("reads", _DEFAULT_READS)
    if not _is_list_of_text(needs) or not _is_list_of_text(reads) or set(reads) - set(_READS):
        raise UserError(
            f"{path}: metadata.probatio: needs is a list of notebook names, reads a list out of {', '.join(_READS)}."
        )
    return Notebook(
        name=path.stem,
        path=path,
        digest=compute_notebook_digest(content),
        needs=tuple(sorted(set(needs))),
        reads=tuple(name for name in _READS if name in reads),
        parameters=_read_parameters(path, content),
    )


def select_notebooks(notebooks: Mapping[str, Notebook], only: Iterable[str]) -> dict[str, Notebook]:
    """Return the named notebooks and all they need; every notebook when none is named.

    Raises:
        UserError: a name is unknown.
    """
    wanted, kept = list(only) or list(notebooks), set()
    while wanted:
        name = wanted.pop()
        if name not in notebooks:
            raise UserError(f"{name}: no such notebook; there are {', '.join(notebooks)}.")
        if name not in kept:
            kept.add(name)
            wanted += notebooks[name].needs
    return {name: notebooks[name] for name in sorted(kept)}


def check_parameters(notebooks: Mapping[str, Notebook], parameters: Mapping[str, str]) -> None:
    """Check that every given parameter is declared by a notebook that will run.

    Raises:
        UserError: a parameter is unknown, or is one that the pipeline sets itself.
    """
    declared = {name for notebook in notebooks.values() for name in notebook.parameters} - set(REQUIRED)
    for name in parameters:
        if name in REQUIRED:
            raise UserError(f"parameter {name}: set by the run itself; name the protocol and --run instead.")
        if name not in declared:
            known = f"declared are {', '.join(sorted(declared))}" if declared else "none is declared"
            raise UserError(f"parameter {name}: no notebook declares it ({known}); correct the name.")


def _read_content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content["cells"], list) and isinstance(content.get("metadata", {}), dict):
            return dict(content)
    except FileNotFoundError:
        raise UserError(f"{path}: no such notebook; correct the name.") from None
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise UserError(f"{path}: not a Jupyter notebook; open and save it again, or restore it.")


def _is_list_of_text(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _read_parameters(path: Path, content: Mapping[str, Any]) -> dict[str, str]:
    tagged = [cell for cell in content["cells"] if "parameters" in cell.get("metadata", {}).get("tags", [])]
    if len(tagged) != 1:
        raise UserError(f"{path}: {len(tagged)} cells are tagged parameters; tag exactly one.")
    try:
        declared = dict(_read_assignment(line) for line in ast.parse("".join(tagged[0]["source"])).body)
    except (SyntaxError, ValueError):
        raise UserError(f'{path}: the parameters cell holds only lines such as name = "text"; correct it.') from None
    if missing := [name for name in REQUIRED if name not in declared]:
        raise UserError(f"{path}: the parameters cell does not declare {', '.join(missing)}; add it.")
    return declared


def _read_assignment(line: ast.stmt) -> tuple[str, str]:
    match line:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
            return name, text
    raise ValueError(ast.dump(line))


def _check_order(folder: Path, notebooks: Mapping[str, Notebook]) -> None:
    try:
        TopologicalSorter({name: notebook.needs for name, notebook in notebooks.items()}).prepare()
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise UserError(f"{folder}: the notebooks need each other in a circle ({circle}); break it.") from None
