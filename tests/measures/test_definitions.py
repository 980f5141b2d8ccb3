"""What a change of definition can explain: relations, shares and differences, by hand; what is undefined."""

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from agreement_study import LABEL, build_pairs, build_patients, build_protocol
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from probatio.measures.definitions import RELATIONS, estimate_definitions
from probatio.results import select_rows

CHANGES = [
    {"reference": "II", "source": "I", "because": LABEL},
    {"reference": "III", "source": "IV", "because": LABEL},
]
DEFINITION = {
    "name": "edition", "label": LABEL, "variable": "stage", "source": "ai", "stated": "stated", "used": "used",
    "reference": ["6", "7"], "population": {"sex": ["F"]}, "changes": CHANGES,
}  # fmt: skip
ATTRIBUTES = {name: {"label": LABEL, "column": name} for name in ("sex", "stated", "used")}
C, MOVED, OTHER = ("II", "II", "C"), ("II", "I", "W"), ("I", "III", "W")
# Per relation: stated, used, then how many correct, wrong by a declared change, wrong otherwise.
GROUPS = {
    "as_stated": ("7", "7", 15, 1, 4),
    "not_as_stated": ("7", "8", 5, 3, 2),
    "followed": ("", "6", 8, 0, 4),
    "not_followed": ("", "8", 30, 6, 14),
    "unread": ("", "", 10, 2, 8),
}


def run(groups: dict[str, tuple[Any, ...]], *, least: int = 5, sex: str = "F", **changes: Any) -> pd.DataFrame:
    """Rows of a definition over patients of these groups, and two of another sex who must not count."""
    values, stated, used = [], [], []
    for name, said, *counts in groups.values():
        for (reference, value, outcome), n in zip((C, MOVED, OTHER), counts, strict=True):
            values += [(reference, value, outcome)] * n
            stated += [name] * n
            used += [said] * n
    values += [OTHER, MOVED]
    pairs = build_pairs([(f"P{i:04d}", *value) for i, value in enumerate(values)], variable="stage")
    sexes = [sex] * (len(values) - 2) + ["M", "M"]
    patients = build_patients(pairs, sex=sexes, stated=[*stated, "7", "7"], used=[*used, "8", "8"])
    protocol = build_protocol(
        patients={"file": {"path": "p.csv"}, "attributes": ATTRIBUTES},
        definitions=[DEFINITION | changes], min_stratum=least,
    )  # fmt: skip
    return estimate_definitions(SimpleNamespace(pairs=pairs, patients=patients), protocol)


def pick(rows: pd.DataFrame, metric: str, **key: str) -> pd.Series:
    """The one row of a metric."""
    found = select_rows(rows, metric=metric, **key)
    assert len(found) == 1
    return found.iloc[0]


def test_relations_part_the_documented_values() -> None:
    """Each relation has its wrong of its documented values with Wilson's interval; they add up to all of them."""
    rows = run(GROUPS)
    for term, (_, _, correct, moved, other) in GROUPS.items():
        row = pick(rows, "definition_wrong_rate", term=term)
        n = correct + moved + other
        assert (row.n, row.k, row.analysis) == (n, moved + other, "edition")
        assert (row.lower, row.upper) == pytest.approx(proportion_confint(row.k, n, method="wilson"), abs=1e-12)
    assert select_rows(rows, metric="definition_wrong_rate")["n"].sum() == 112
    assert set(select_rows(rows, metric="definition_wrong_rate")["term"]) == set(RELATIONS)


def test_differences_are_newcombes_from_values_read_as_stated() -> None:
    """Half wrong against a quarter: 25 points, with the unpaired hybrid interval of statsmodels."""
    row = pick(run(GROUPS), "definition_wrong_difference", term="not_as_stated")
    assert (row.estimate, row.n, row.k, row.method) == (pytest.approx(0.25), 30, 10, "newcombe_unpaired")
    other = confint_proportions_2indep(5, 10, 5, 20, method="newcomb", compare="diff")
    assert (row.lower, row.upper) == pytest.approx(other, abs=1e-9)


def test_shares_of_the_wrong_values_by_hand() -> None:
    """Of 10 wrong with both named 5 depart; of 34 with one used 25 are not the reference's; of 44, 12 move so."""
    rows = run(GROUPS)
    expected = {"not_as_stated": (10, 5), "not_followed": (34, 25), "explained": (44, 12),
                "explained_not_followed": (44, 9)}  # fmt: skip
    for term, (n, k) in expected.items():
        row = pick(rows, "definition_share", term=term)
        assert (row.n, row.k, row.method) == (n, k, "clopper_pearson")
        assert (row.lower, row.upper) == pytest.approx(proportion_confint(k, n, method="beta"), abs=1e-12)
    departure = pick(rows, "definition_departure")
    assert (departure.n, departure.k) == (30, 10)


def test_each_declared_change_is_counted_apart() -> None:
    """All explained values moved from II to I, none from III to IV; a change's share is of all wrong values."""
    rows = run(GROUPS)
    assert [pick(rows, "definition_change", at=at).k for at in ("II > I", "III > IV")] == [12, 0]
    assert pick(rows, "definition_change", at="II > I").n == 44


def test_a_value_that_does_not_conform_is_wrong_and_explained_by_nothing() -> None:
    """A text that is no level counts as wrong, though it reads like the level of a change."""
    pairs = build_pairs([(f"P{i}", "II", "I", "W") for i in range(6)], variable="stage", conformant=False)
    patients = build_patients(pairs, stated="7", used="8")
    protocol = build_protocol(
        patients={"file": {"path": "p.csv"}, "attributes": ATTRIBUTES}, definitions=[DEFINITION], min_stratum=5
    )
    rows = estimate_definitions(SimpleNamespace(pairs=pairs, patients=patients), protocol)
    assert pick(rows, "definition_wrong_rate", term="not_as_stated").k == 6
    explained = pick(rows, "definition_share", term="explained")
    assert (explained.n, explained.k) == (6, 0)


def test_nobody_reads_otherwise_than_stated() -> None:
    """An empty relation has no rate, no difference and says why; the departure is 0 with an exact upper bound."""
    rows = run(GROUPS | {"not_as_stated": ("7", "8", 0, 0, 0)})
    for metric in ("definition_wrong_rate", "definition_wrong_difference"):
        row = pick(rows, metric, term="not_as_stated")
        assert (row.status, row.reason) == ("not_estimable", "empty_denominator")
    departure = pick(rows, "definition_departure")
    assert (departure.n, departure.k, departure.upper) == (20, 0, pytest.approx(0.168433, abs=5.1e-7))


def test_few_patients_are_suppressed_and_make_no_difference() -> None:
    """A relation under the minimum keeps its n and shows nothing else; nor does a share sought among so few."""
    rows = run({name: GROUPS[name] for name in ("as_stated", "followed")}, least=15)
    row = pick(rows, "definition_wrong_rate", term="followed")
    assert (row.status, row.reason, row.n, pd.isna(row.k)) == ("suppressed", "small_stratum", 12, True)
    assert pick(rows, "definition_wrong_difference", term="followed").reason == "small_stratum"
    alone = run({"as_stated": GROUPS["as_stated"]}, least=21)
    assert set(alone["status"]) == {"suppressed", "not_estimable"}
    assert alone["estimate"].isna().all()


def test_nobody_in_the_population_is_undefined() -> None:
    """No documented value at all: every row is not estimable, none is 0 or 1."""
    rows = run(GROUPS, sex="X")
    assert set(rows["status"]) == {"not_estimable"}
    assert set(rows["reason"]) == {"empty_denominator"}


def test_a_study_without_definitions_has_no_rows() -> None:
    """Nothing declared, nothing estimated; without changes no share is called explained."""
    protocol = build_protocol()
    assert estimate_definitions(SimpleNamespace(pairs=pd.DataFrame(), patients=pd.DataFrame()), protocol).empty
    shares = select_rows(run(GROUPS, changes=[]), metric=["definition_share", "definition_change"])
    assert sorted(shares["term"]) == ["not_as_stated", "not_followed"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"variable": "weight"}, "weight is not a nominal or ordinal variable"),
        ({"source": "registry"}, "registry is not a source compared with the reference"),
        ({"used": "edition"}, "edition is not an attribute of the patients"),
        ({"population": {"age": ["1"]}}, "age is not an attribute of the patients"),
        ({"changes": [{"reference": "V", "source": "I", "because": LABEL}]}, "V is not a level of stage"),
        ({"changes": [{"reference": "I", "source": "I", "because": LABEL}]}, "a change has two levels"),
        ({"reference": []}, "at least 1"),
    ],
)
def test_a_definition_of_unknown_things_is_refused(changes: dict[str, Any], said: str) -> None:
    """Variables, sources, attributes and levels must be declared."""
    with pytest.raises(ValueError, match=said):
        run(GROUPS, **changes)
