"""Agreement of several readers: published matrices, invariances, teams and undefined cases."""

from itertools import permutations
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from agreement_study import LABEL, TYPES, build_protocol
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import fleiss_kappa
from statsmodels.stats.tests.test_inter_rater import diagnoses

from probatio.measures.multi_rater import Replicates, compute_chance_corrected, compute_krippendorff_alpha
from probatio.measures.readers import estimate_readers
from probatio.resampling import Draws
from probatio.results import select_rows

SCALES = ("nominal", "ordinal", "interval", "ratio")
# Krippendorff 2011, table of four observers and twelve units; 0 is a missing value.
FOUR = "110 1|2232|3333|3333|2222|1234|4444|1121|2222|0555|0011|0030".replace(" ", "")
# Three coders and fifteen units.
THREE = ("000003412113303", "102133430000000", "002134402113304")
WIKIPEDIA = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def count(units: list[str]) -> np.ndarray:
    """Counts per unit and category from texts of one digit per reader, 0 missing."""
    size = max(int(digit) for unit in units for digit in unit)
    return np.array([[unit.count(str(level + 1)) for level in range(size)] for unit in units], dtype=float)


def compute_alphas(counts: np.ndarray) -> list[float]:
    """Alpha at the four levels of measurement, categories numbered from 1."""
    numbers = np.arange(1.0, counts.shape[1] + 1)
    return [float(compute_krippendorff_alpha(counts, numbers, scale)[0]) for scale in SCALES]


def build_records(values: dict[str, str], *, variable: str = "stage", centres: int = 1) -> SimpleNamespace:
    """Records of one variable from one digit per patient and source; 0 missing, 9 a value that does not conform."""
    levels = TYPES[variable].get("levels", [])
    lines = [
        {"patient_id": f"P{at:04d}", "source": source, "variable": variable, "visit": "", "state": "value",
         "value": "?" if digit == "9" else levels[int(digit) - 1] if levels else digit, "conformant": digit != "9"}
        for source, text in values.items() for at, digit in enumerate(text) if digit != "0"
    ]  # fmt: skip
    names = ["patient_id", "source", "variable", "visit", "state", "value", "conformant"]
    size = max(map(len, values.values()))
    index = pd.Index([f"P{at:04d}" for at in range(size)], name="patient_id")
    patients = pd.DataFrame({"centre": [str(at % centres) for at in range(size)], "development": False}, index=index)
    return SimpleNamespace(records=pd.DataFrame(lines, columns=names), patients=patients)


def read(values: dict[str, str], *, unit: str = "patient", independent: bool = True, **options) -> pd.DataFrame:
    """Rows of readers for one study of a reference, a manual and an AI source."""
    seen = {"independent_of": ["registry", "manual"]} if independent else {}
    file = [{"path": "x.csv", "layout": "long"}]
    roles = {"registry": "reference", "manual": "manual", "ai": "ai"}
    sources = [
        {"name": n, "label": LABEL, "role": r, "files": file} | (seen if r == "ai" else {}) for n, r in roles.items()
    ]
    protocol = build_protocol(sources=sources)
    return estimate_readers(build_records(values, **options), protocol, draws=Draws(1, "all", unit, 300))


def pick(rows: pd.DataFrame, metric: str, **key: object) -> pd.Series:
    """The one row of a metric."""
    found = select_rows(rows, metric=metric, **key)
    assert len(found) == 1, found[["metric", "term", "at"]]
    return found.iloc[0]


def test_krippendorffs_matrices() -> None:
    """Both published matrices with missing values give their alpha at the four levels."""
    assert compute_alphas(count(FOUR.split("|"))) == pytest.approx([0.743421, 0.815388, 0.849107, 0.797403], abs=5.1e-7)
    units = ["".join(unit) for unit in zip(*THREE, strict=True)]
    assert compute_alphas(count(units)) == pytest.approx([0.691358, 0.806721, 0.810845, 0.808944], abs=5.1e-7)


def test_chance_corrected_with_missing_values() -> None:
    """The four-observer matrix gives irrCAC's AC1, Fleiss and Brennan-Prediger."""
    found = {name: float(value[0]) for name, value in compute_chance_corrected(count(FOUR.split("|"))).items()}
    assert found == pytest.approx(
        {"multi_ac1": 0.775444, "fleiss_kappa": 0.761169, "brennan_prediger": 0.772727}, abs=5.1e-7
    )
    assert found["brennan_prediger"] * (1 - 1 / 5) + 1 / 5 == pytest.approx(0.818182, abs=5.1e-7)


def test_fleiss_tables() -> None:
    """Fleiss' psychiatric diagnoses and the encyclopaedia's table give their kappa; statsmodels agrees."""
    published = np.array([[(row == level).sum() for level in range(1, 6)] for row in diagnoses], dtype=float)
    for table, kappa in ((published, 0.430245), (np.array(WIKIPEDIA, dtype=float), 0.209931)):
        found = float(compute_chance_corrected(table)["fleiss_kappa"][0])
        assert found == pytest.approx(kappa, abs=5.1e-7)
        assert found == pytest.approx(fleiss_kappa(table), abs=1e-12)
    found = {name: float(value[0]) for name, value in compute_chance_corrected(published).items()}
    assert found["multi_ac1"] == pytest.approx(0.447885, abs=5.1e-7)
    # Agreement, and agreement by chance, as Fleiss prints them, out of the coefficients of five categories.
    agreement = found["brennan_prediger"] * (1 - 1 / 5) + 1 / 5
    assert agreement == pytest.approx(0.555556, abs=5.1e-7)
    assert (agreement - found["fleiss_kappa"]) / (1 - found["fleiss_kappa"]) == pytest.approx(0.219938, abs=5.1e-7)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text("01234", min_size=3, max_size=3), min_size=2, max_size=12))
def test_alpha_by_its_definition(units: list[str]) -> None:
    """Alpha equals one minus the mean disagreement within units over that of any two ratings, spelled out."""
    rated = [[int(d) for d in unit if d != "0"] for unit in units]
    pool = [value for unit in rated if len(unit) > 1 for value in unit]
    found = compute_alphas(count([*units, "004"]))
    for scale, distance in (("nominal", lambda a, b: a != b), ("interval", lambda a, b: (a - b) ** 2),
                            ("ratio", lambda a, b: ((a - b) / (a + b)) ** 2)):  # fmt: skip
        expected = sum(distance(a, b) for a, b in permutations(pool, 2))
        observed = sum(
            sum(distance(a, b) for a, b in permutations(unit, 2)) / (len(unit) - 1) for unit in rated if len(unit) > 1
        )
        alpha = 1 - (len(pool) - 1) * observed / expected if expected else np.nan
        assert found[SCALES.index(scale)] == pytest.approx(alpha, abs=1e-9, nan_ok=True)


def test_a_weight_is_a_repetition() -> None:
    """A unit drawn twice counts as two such units, for every coefficient and level."""
    counts = count(FOUR.split("|"))
    times = np.arange(len(counts)) % 3
    drawn = Replicates(times[None, :].astype(float), np.arange(len(counts)))
    numbers = np.arange(1.0, 6.0)
    repeated = np.repeat(counts, times, axis=0)
    for scale in SCALES:
        one = compute_krippendorff_alpha(counts, numbers, scale, drawn)
        assert one == pytest.approx(compute_krippendorff_alpha(repeated, numbers, scale))
    plain = compute_chance_corrected(repeated)
    for name, value in compute_chance_corrected(counts, drawn).items():
        assert value == pytest.approx(plain[name])


def test_bootstrap_interval_covers() -> None:
    """Over 150 seeded studies of 80 patients the interval holds the long-run alpha 90 to 99 % of the time."""
    rng = np.random.default_rng(5)
    truth, inside = _simulate(rng, 200_000)[0], 0
    for _ in range(150):
        _, counts = _simulate(rng, 80)
        weights = rng.multinomial(80, np.full(80, 1 / 80), size=400).astype(float)
        drawn = compute_krippendorff_alpha(counts, np.arange(4.0), "nominal", Replicates(weights, np.arange(80)))
        lower, upper = np.quantile(drawn, [0.025, 0.975])
        inside += lower <= truth <= upper
    assert 135 <= inside <= 149


def _simulate(rng: np.random.Generator, size: int) -> tuple[float, np.ndarray]:
    true = rng.integers(4, size=size)
    read = [np.where(rng.random(size) < 0.75, true, rng.integers(4, size=size)) for _ in range(3)]
    counts = sum(np.eye(4)[each] for each in read)
    return float(compute_krippendorff_alpha(counts, np.arange(4.0), "nominal")[0]), counts


def test_teams_of_readers() -> None:
    """Humans together, everyone, each pair, and the AI's gain over the humans' own agreement, each has its rows."""
    one, two, three = "1234123412", "1234123411", "1234123342"
    rows = read({"registry": one, "manual": two, "ai": three})
    alpha = select_rows(rows, metric="krippendorff_alpha", variable="stage", at="ordinal")
    assert sorted(alpha["term"]) == ["ai_human", "ai_human", "all", "human_human"]
    pairs = {(r.source, r.comparator): r.estimate for r in alpha.itertuples()}
    gain = pick(rows, "agreement_difference", variable="stage")
    assert (gain.source, gain.comparator, gain.term) == ("ai", "registry", "manual")
    expected = (pairs["ai", "registry"] + pairs["ai", "manual"]) / 2 - pairs["registry", "manual"]
    assert gain.estimate == pytest.approx(expected)
    assert gain.lower <= gain.estimate <= gain.upper


def test_a_reader_who_saw_the_ai_has_no_number() -> None:
    """Without declared independence, agreement of AI and human is not applicable; of humans it stays."""
    rows = read({"registry": "1234123412", "manual": "1234123411", "ai": "1234123342"}, independent=False)
    mixed = rows[rows["term"].isin(["ai_human", "all", "manual"]) & (rows["variable"] == "stage")]
    assert set(mixed["status"]) == {"not_applicable"}
    assert set(mixed["reason"]) == {"not_independent"}
    assert pick(rows, "multi_ac1", term="human_human", variable="stage").status == "ok"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"registry": "1111", "manual": "1111", "ai": "1111"}, "one_class_only"),
        ({"registry": "1200", "manual": "0012", "ai": "0000"}, "no_pairs"),
    ],
)
def test_undefined_agreement_says_why(values: dict[str, str], reason: str) -> None:
    """One class only, or no cell in common: not estimable with its reason, never a number."""
    rows = select_rows(read(values), variable="stage")
    assert set(rows["status"]) == {"not_estimable"}
    assert reason in set(rows["reason"])
    assert rows["estimate"].isna().all()


def test_perfect_agreement_has_no_interval() -> None:
    """Replicates that are all 1 do not pretend to a bound of zero width."""
    row = pick(read({"registry": "1231", "manual": "1231"}), "multi_ac1", term="human_human", variable="stage")
    assert (row.estimate, row.reason) == (1.0, "no_interval")
    assert np.isnan(row.lower)


def test_few_centres_are_not_resampled() -> None:
    """A new centre with four centres: the estimate stands, without an interval."""
    values = {"registry": "12341234", "manual": "12341244"}
    row = pick(read(values, unit="centre", centres=4), "multi_ac1", variable="stage", term="human_human")
    assert (row.status, row.reason) == ("ok", "too_few_clusters")


def test_a_value_that_does_not_conform_counts_against_agreement() -> None:
    """It is a category of its own for nominal alpha, and missing on the ordinal scale."""
    rows = read({"registry": "123412", "manual": "123419"})
    key = {"variable": "stage", "term": "human_human"}
    assert pick(rows, "krippendorff_alpha", at="nominal", **key).n == 6
    assert pick(rows, "krippendorff_alpha", at="nominal", **key).estimate < 1
    assert pick(rows, "krippendorff_alpha", at="ordinal", **key).estimate == 1


def test_numbers_have_interval_and_ratio() -> None:
    """A weight read by two humans has alpha on the interval and the ratio scale, and no nominal coefficient."""
    rows = select_rows(read({"registry": "123456", "manual": "123457"}, variable="weight"), variable="weight")
    assert set(rows.loc[rows["status"] == "ok", "at"]) == {"interval", "ratio"}
    assert set(rows["metric"]) == {"krippendorff_alpha", "agreement_difference"}


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.text("012349", min_size=3, max_size=3), min_size=1, max_size=6),
    st.sampled_from(["stage", "histology", "weight"]),
)
def test_any_values_give_numbers_or_reasons(cells: list[str], variable: str) -> None:
    """Wild readings: every row is a number with ordered bounds, or says why not."""
    cells = [cell.replace("4", "3") if variable == "histology" else cell for cell in cells]
    texts = dict(zip(("registry", "manual", "ai"), map("".join, zip(*cells, strict=True)), strict=True))
    for row in read(texts, variable=variable).itertuples():
        if row.status == "ok":
            assert row.estimate <= 2
            assert (np.isnan(row.lower) and row.reason) or row.lower <= row.upper
        else:
            assert row.reason
            assert np.isnan(row.estimate)
