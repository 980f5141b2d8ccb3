"""A study whose review is written as a table: what was delivered, decided, and true, value by value."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from probatio.comparison import Comparison, compare
from probatio.protocol import Protocol
from probatio.records import Records, read_records

HEAD = "patient_id,variable,visit,event,decision,value,reviewer,role,decided_at,seconds,selection_probability\n"
COLUMNS = ("patient", "variable", "true", "told", "shown", "decisions")


def derive_protocol(*, review: bool = True) -> Protocol:
    """Return a protocol of a reference, a technology, a rival that was shown, and the technology after review."""
    label = {"en": "x", "fr": "x"}
    long = [{"path": "", "layout": "long"}]
    sources = [
        {"name": "truth", "label": label, "role": "reference", "files": [long[0] | {"path": "truth.csv"}]},
        {"name": "model", "label": label, "role": "ai", "files": [long[0] | {"path": "model.csv"}]},
        {"name": "rival", "label": label, "role": "ai", "files": [long[0] | {"path": "rival.csv"}]},
        {"name": "checked", "label": label, "role": "ai", "reviewed": {"of": "model", "path": "decisions.csv"}},
    ]
    given = {"source": "model", "budget": {"share": 0.3}, "competing": ["rival"], "justification": label}
    return Protocol.model_validate({
        "study": "small", "title": label, "data": ".", "resampling": {"seed": 1, "replicates": 200},
        "patients": {"file": {"path": "patients.csv"}, "centre": {"label": label, "column": "centre"}},
        "sources": sources, **({"review": given} if review else {}),
        "variables": [{"name": name, "label": label, "type": "nominal", "levels": list("abcd")} for name in ("v", "w")],
    })  # fmt: skip


def read_reviewed(
    root: Path, rows: list[tuple[str, ...]], *, review: bool = True
) -> tuple[Protocol, Records, Comparison]:
    """Return protocol, records and comparison of a study written value by value.

    Args:
        root: an empty folder.
        rows: patient, variable, true, told, shown, and decisions as `word[:value]/reader[/probability]`, first,
            second and third reading parted by blanks; "" for a value that was not reviewed.
        review: declare the review, and so what was shown.
    """
    patients = sorted({row[0] for row in rows})
    _write(root / "patients.csv", "patient_id,centre\n", [f"{name},{'AB'[int(name[1:]) % 2]}" for name in patients])
    for place, name in ((2, "truth"), (3, "model"), (4, "rival")):
        lines = [f"{row[0]},{row[1]},{row[place]},{0.7 if name == 'model' else ''}" for row in rows if row[place]]
        _write(root / f"{name}.csv", "patient_id,variable,value,confidence\n", lines)
    decided = [line for row in rows for line in _derive_lines(row)]
    _write(root / "decisions.csv", HEAD, decided)
    protocol = derive_protocol(review=review)
    records = read_records(protocol, root)
    return protocol, records, compare(records, protocol)


def _derive_lines(row: tuple[str, ...]) -> list[str]:
    lines = []
    for role, said in zip(("first", "second", "adjudicator"), row[5].split(), strict=False):
        answer, reader, *probability = said.split("/")
        word, _, value = answer.partition(":")
        lines.append(f"{row[0]},{row[1]},,,{word},{value},{reader},{role},2025-03-04,30,{''.join(probability)}")
    return lines


def _write(path: Path, head: str, lines: list[str]) -> None:
    path.write_text(head + "".join(f"{line}\n" for line in lines), encoding="utf-8")


def get_row(rows: pd.DataFrame, metric: str, **key: str) -> pd.Series:
    """Return the one row of a metric with this key, other names empty unless asked; intervals to report."""
    wanted = {"variable": "", "term": "", "stratum_by": "", "stratum": "", **key}
    found = rows[rows["metric"] == metric]
    for name, value in wanted.items():
        found = found[found[name] == value]
    found = found[~found["method"].str.startswith(("clopper", "tango"))]
    assert len(found) == 1, (metric, key, len(found))
    return found.iloc[0]
