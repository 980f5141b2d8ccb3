"""How often the demonstration study's intervals hold its answer key, over studies of many seeds.

Run: python tests/benchmarks/bench_answer_key.py [--seeds 1000]. Prints Markdown tables. Per seed: a study of 300
patients, its error, omission and unsupported rates by source and variable against the key's rates of all patients,
and the Cox model of protocol/demo.yaml on each source, its own complete patients or those complete in all sources.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from probatio.measures import ACCEPTANCE_METHODS
from probatio.measures.cells import derive_cells
from probatio.measures.outcomes import estimate_outcomes
from probatio.protocol import Protocol, read_protocol
from probatio.records import Records
from probatio.replication import View, derive_view
from probatio.survival import compute_cox, prepare_cox
from probatio.synthetic import HAZARD_RATIOS, SOURCES, Study, derive_comparison, generate_study

PROJECT = Path(__file__).parents[2]
FIRST_SEED = 500_000  # neither those of the key's own Monte Carlo, nor of the bundled study
SEEDS = 1000
LEVEL = 0.95
Z = 1.959963984540054
POPULATIONS = ("all", "labelled")
USES = ("reporting", "acceptance")
WORST = 8
RATES = ("error_rate", "omission_rate", "unsupported_rate")
SURVIVAL_CELLS = ("brain_mets", "ecog@access", "start_date", "death_date", "last_news")
_NOTHING = pd.DataFrame()


@cache
def read_demo() -> Protocol:
    """Return the demonstration study's protocol."""
    return read_protocol(PROJECT / "protocol" / "demo.yaml")


@cache
def read_key(population: str = "all") -> pd.DataFrame:
    """Return the key's rates of a population, visits pooled: source, variable, metric, truth, truth_se."""
    rates = json.loads((PROJECT / "data" / "demo" / "answer_key.json").read_text(encoding="utf-8"))["rates"]
    kept = [entry for entry in rates if entry["population"] == population and not entry["visit"]]
    return pd.DataFrame([
        {"source": entry["source"], "variable": entry["variable"], "metric": rate,
         "truth": entry[rate], "truth_se": entry[f"{rate}_se"]}
        for entry in kept for rate in RATES if entry[rate] is not None
    ])  # fmt: skip


def estimate_rates(study: Study, *, level: float = LEVEL) -> pd.DataFrame:
    """Return the study's rates of the key with both intervals (`use`: reporting, acceptance) beside the truth.

    `above`: the truth lies above the interval, `below`: below it; `empty`: the study gives no interval.
    """
    comparison = derive_comparison(study)
    cells = derive_cells(comparison.pairs, comparison.patients, read_demo(), unit="patient")
    frames = estimate_outcomes(cells, level=level, unit="patient")
    rows = pd.concat([frame for frame in frames if frame["metric"].iloc[0] in RATES], ignore_index=True)
    rows = rows[rows["variable"] != ""]  # the key knows no rate over all variables
    rows = rows.assign(use=np.where(rows["method"].isin(ACCEPTANCE_METHODS), "acceptance", "reporting"))
    rows = rows[["source", "variable", "metric", "use", "method", "estimate", "lower", "upper", "n", "k"]]
    beside = rows.merge(read_key(), on=["source", "variable", "metric"], how="left", validate="many_to_one")
    if beside.loc[beside["truth"].isna(), "n"].any():
        raise ValueError("a rate that the key calls undefined has values")
    beside = beside.dropna(subset=["truth"]).reset_index(drop=True)
    low, high = beside["lower"], beside["upper"]
    return beside.assign(
        seed=study.seed, above=beside["truth"] > high, below=beside["truth"] < low, empty=low.isna() | high.isna()
    )


def derive_records(study: Study) -> Records:
    """Return the records that the survival analysis reads, as `read_records` gives them of the study's files."""
    parts = []
    for source in SOURCES:
        reading = study.readings[source]
        for key in SURVIVAL_CELLS:
            rows = np.flatnonzero(reading.cells[key] != "")
            variable, _, visit = key.partition("@")
            parts.append(pd.DataFrame({
                "patient_id": study.patients["patient_id"].to_numpy()[rows], "source": source, "variable": variable,
                "visit": visit, "value": reading.cells[key][rows], "state": "value",
                "conformant": reading.causes[key][rows] != "F",
            }))  # fmt: skip
    patients = study.patients.set_index("patient_id").sort_index()
    patients["development"] = patients["development"] == "yes"
    return Records(patients, _NOTHING, _NOTHING, pd.concat(parts, ignore_index=True), _NOTHING, _NOTHING)


def estimate_ratios(study: Study, sources: Sequence[str] = SOURCES) -> pd.DataFrame:
    """Return the log hazard ratios of the protocol's Cox model by source, on three sets of patients.

    `own`: those complete in the source; `labelled`: those of them with a reference; `same`: those complete in all.
    """
    protocol, records = read_demo(), derive_records(study)
    views = [derive_view(records, protocol, protocol.analyses[0], source) for source in sources]
    common = np.logical_and.reduce([view.complete for view in views])
    labelled = (_get_evaluated(records)["reference_sampled"] == "yes").to_numpy()
    rows: list[dict[str, Any]] = []
    for view in views:
        for patients, kept in (("own", view.complete), ("labelled", view.complete & labelled), ("same", common)):
            rows += _fit(view, kept, patients)
    return pd.DataFrame(rows).assign(seed=study.seed)


def _get_evaluated(records: Records) -> pd.DataFrame:
    return records.patients[~records.patients["development"]]


def _fit(view: View, kept: np.ndarray, patients: str) -> list[dict[str, Any]]:
    fit = compute_cox(prepare_cox(view.time[kept], view.event[kept], view.covariates[kept]))
    numbers = zip(view.coefficients, fit.coefficients, fit.standard_errors, strict=True)
    return [
        {"source": view.source, "patients": patients, "variable": label.variable, "n": int(kept.sum()),
         "estimate": estimate, "se": error, "truth": np.log(HAZARD_RATIOS[label.variable])}
        for label, estimate, error in numbers
    ]  # fmt: skip


def select_possible(rates: pd.DataFrame) -> pd.DataFrame:
    """Return the intervals that can miss, with `missed`: those of rates that are not 0 by design."""
    kept = rates[(rates["truth"] > 0) & ~rates["empty"]]
    return kept.assign(missed=kept["above"] | kept["below"])


def summarise_rates(rates: pd.DataFrame) -> pd.DataFrame:
    """Return pooled shares of misses by source, metric and use, and their standard errors over seeds."""
    keys = ["source", "metric", "use"]
    by_seed = (
        select_possible(rates)
        .groupby([*keys, "seed"], as_index=False)
        .agg(intervals=("missed", "size"), missed=("missed", "sum"), above=("above", "sum"), below=("below", "sum"))
    )
    rows = []
    for key, group in by_seed.groupby(keys, sort=True):
        row = dict(zip(keys, key, strict=True)) | {"per_study": group["intervals"].mean()}
        for side in ("missed", "above", "below"):
            row[side], row[f"{side}_se"] = compute_ratio(group[side], group["intervals"])
        rows.append(row)
    return pd.DataFrame(rows)


def compute_ratio(part: pd.Series, whole: pd.Series) -> tuple[float, float]:
    """Return sum(part)/sum(whole) and its standard error, one independent pair per seed (Cochran 1977, 6.3)."""
    ratio = part.sum() / whole.sum()
    residual = part - ratio * whole
    return float(ratio), float(residual.std(ddof=1) / (whole.mean() * np.sqrt(len(whole))))


def summarise_variables(rates: pd.DataFrame) -> pd.DataFrame:
    """Return shares of misses by source, variable, metric and use, worst first."""
    found = select_possible(rates).groupby(["source", "variable", "metric", "use"], as_index=False).agg(
        truth=("truth", "first"), n=("n", "mean"), k=("k", "mean"), seeds=("missed", "size"),
        missed=("missed", "mean"), above=("above", "mean"), below=("below", "mean"), bias=("estimate", "mean"),
    )  # fmt: skip
    found["se"] = np.sqrt(found["missed"] * (1 - found["missed"]) / found["seeds"])
    found["bias"] = found["bias"] - found["truth"]
    return found.sort_values(["missed", "source", "variable", "metric", "use"], ascending=[False, *[True] * 4])


def summarise_bias(rates: pd.DataFrame, population: str) -> pd.DataFrame:
    """Return by source and metric how far the mean rates lie from a population's, relative, and its standard error."""
    keys = ["source", "variable", "metric"]
    kept = select_possible(rates[rates["use"] == "reporting"]).drop(columns=["truth", "truth_se"])
    aimed = kept.merge(read_key(population), on=keys, validate="many_to_one")
    by_seed = aimed.groupby(["source", "metric", "seed"])[["estimate", "truth"]].sum()
    relative = (by_seed["estimate"] / by_seed["truth"] - 1).groupby(["source", "metric"])
    return relative.agg(bias="mean", se="sem").reset_index()


def summarise_ratios(ratios: pd.DataFrame) -> pd.DataFrame:
    """Return coverage, bias and standard errors of the log hazard ratios by variable, patients and source."""
    held = ratios.dropna(subset=["estimate"])
    held = held.assign(error=held["estimate"] - held["truth"], half=Z * held["se"])
    held["covered"] = held["error"].abs() <= held["half"]
    found = held.groupby(["variable", "patients", "source"], as_index=False).agg(
        seeds=("covered", "size"), n=("n", "mean"), truth=("truth", "first"), mean=("estimate", "mean"),
        bias=("error", "mean"), spread=("error", "std"), se=("se", "mean"), covered=("covered", "mean"),
    )  # fmt: skip
    found["bias_se"] = found["spread"] / np.sqrt(found["seeds"])
    found["covered_se"] = np.sqrt(found["covered"] * (1 - found["covered"]) / found["seeds"])
    order = found["source"].map(SOURCES.index)
    return found.assign(order=order).sort_values(["variable", "patients", "order"]).drop(columns="order")


def simulate(seeds: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rates and log hazard ratios of studies of consecutive seeds."""
    rates, ratios = [], []
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        study = generate_study(seed)
        rates.append(estimate_rates(study))
        ratios.append(estimate_ratios(study))
        if (seed + 1 - FIRST_SEED) % 100 == 0:
            sys.stderr.write(f"{seed + 1 - FIRST_SEED} studies\n")
    return pd.concat(rates, ignore_index=True), pd.concat(ratios, ignore_index=True)


def render_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n\n"


def render_rates(rates: pd.DataFrame) -> str:
    """Return the table of pooled coverage."""
    header = [
        "source",
        "rate",
        "interval",
        "rates a study",
        "coverage % (SE)",
        "truth above % (SE)",
        "truth below % (SE)",
    ]
    rows = [
        [row.source, row.metric, row.use, f"{row.per_study:.1f}", _say_share(1 - row.missed, row.missed_se),
         _say_share(row.above, row.above_se), _say_share(row.below, row.below_se)]
        for row in summarise_rates(rates).itertuples()
    ]  # fmt: skip
    return render_table(header, rows)


def render_variables(rates: pd.DataFrame) -> str:
    """Return the table of the variables with the lowest coverage, for each interval."""
    header = [
        "source",
        "variable",
        "rate",
        "interval",
        "true %",
        "values",
        "events",
        "coverage % (SE)",
        "above %",
        "below %",
    ]
    found = summarise_variables(rates)
    rows = [
        [row.source, row.variable, row.metric, row.use, f"{100 * row.truth:.2f}", f"{row.n:.0f}", f"{row.k:.1f}",
         _say_share(1 - row.missed, row.se), f"{100 * row.above:.1f}", f"{100 * row.below:.1f}"]
        for use in USES
        for row in found[found["use"] == use].head(WORST).itertuples()
    ]  # fmt: skip
    return render_table(header, rows)


def render_bias(rates: pd.DataFrame) -> str:
    """Return the table of the mean rates against those of all patients and of the labelled ones."""
    found = [summarise_bias(rates, population) for population in POPULATIONS]
    rows = [
        [one.source, one.metric, *(f"{100 * row.bias:+.1f} ({100 * row.se:.1f})" for row in (one, other))]
        for one, other in zip(*(table.itertuples() for table in found), strict=True)
    ]
    return render_table(["source", "rate", *(f"from {name} % (SE)" for name in POPULATIONS)], rows)


def render_ratios(ratios: pd.DataFrame) -> str:
    """Return the table of the log hazard ratios."""
    header = ["variable", "patients", "source", "n", "true log HR", "bias (SE)", "spread", "mean SE", "coverage % (SE)"]
    rows = [
        [row.variable, row.patients, row.source, f"{row.n:.0f}", f"{row.truth:.3f}",
         f"{row.bias:+.3f} ({row.bias_se:.3f})", f"{row.spread:.3f}", f"{row.se:.3f}",
         _say_share(row.covered, row.covered_se)]
        for row in summarise_ratios(ratios).itertuples()
    ]  # fmt: skip
    return render_table(header, rows)


def _say_share(share: float, error: float) -> str:
    return f"{100 * share:.1f} ({100 * error:.1f})"


def describe_machine() -> str:
    """Return the processor's model and the versions of Python and numpy."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{model or platform.processor()}, Python {platform.python_version()}, numpy {np.__version__}"


def main() -> None:
    """Simulate and print the tables of README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--keep", type=Path, help="a folder for the simulated estimates, as CSV")
    options = parser.parse_args()
    start = time.perf_counter()
    rates, ratios = simulate(options.seeds)
    if options.keep:
        rates.to_csv(options.keep / "rates.csv", index=False)
        ratios.to_csv(options.keep / "ratios.csv", index=False)
    sys.stdout.write(
        f"{options.seeds} studies, {time.perf_counter() - start:.0f} s on one core. {describe_machine()}.\n\n"
    )
    sys.stdout.write(render_rates(rates) + render_variables(rates) + render_bias(rates) + render_ratios(ratios))
    certain = int((rates["truth"] == 0).sum() / options.seeds)
    silent = int(rates["empty"].sum()), int(ratios["estimate"].isna().sum())
    sys.stdout.write(
        f"Left out: {certain} intervals a study whose rate is 0 by design. "
        f"Without an interval: {silent[0]} rates, {silent[1]} log hazard ratios.\n"
    )


if __name__ == "__main__":
    main()
