"""Do corrected intervals hold the truth, and are they narrower? Simulated on the demonstration's design.

    python tests/benchmarks/bench_correction.py [--studies 2000] [--others 100] [--bootstrap 0]

Each study has 300 patients (280 evaluated); the truth is that of the generator: hazard ratios of 2.4 and 1.5 in a
correctly specified Cox model; prevalence, survival and restricted mean from 120,000 patients.
The reference is the truth of the labelled patients: 30 or 50 % at random, or the design's own sampling (70 % in large
centres, all elsewhere). Prints Markdown.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench_answer_key import describe_machine, render_table

from correction_study import compute_truth, generate_studies, label, read_demo
from probatio.correction.bias_analysis import list_bias_analysis
from probatio.correction.imputation import list_imputed
from probatio.correction.predicting import Readings, Result, derive_readings, list_bootstrap, list_results
from probatio.correction.sample import Sample
from probatio.correction.simex import list_simex
from probatio.protocol import BiasAnalysis, Imputation, Simex

FIRST_SEED = 950_000
BATCH = 100
SHARES: dict[str, float | None] = {"30 %": 0.3, "50 %": 0.5, "design": None}
SOURCES = ("ai_a", "ai_b")
LEVEL = 0.95
BOOTSTRAP = 500
Row = dict[str, Any]


def describe(result: Result, **fields: Any) -> Row:
    """Return one interval of one study."""
    number, interval = result.number, result.interval
    return fields | {"metric": number.metric, "variable": number.label.variable, "term": number.label.term,
                     "at": number.at, "method": result.method, "estimate": interval.value, "lower": interval.lower,
                     "upper": interval.upper}  # fmt: skip


def estimate_study(made: Any, study: int, *, bootstrap: bool) -> Iterator[Row]:
    """Yield the intervals of one study: every labelling, both AIs."""
    _, analysis = read_demo()
    for source in SOURCES:
        whole = None
        for name, share in SHARES.items():
            rng = np.random.default_rng([FIRST_SEED, study, list(SHARES).index(name)])
            sample = label(made, source, share, rng)
            readings = derive_readings(sample, analysis, whole=whole)
            whole = readings.whole
            fields = {"study": study, "source": source, "labelled": name}
            for result, found in list_results(readings, LEVEL):
                more = {} if found is None else {"correlation": found.correlation}
                yield describe(result, **fields, **more)
            if bootstrap:
                yield from (describe(each, **fields) for each in _bootstrap(sample, readings, rng))


def _bootstrap(sample: Sample, readings: Readings, rng: np.random.Generator) -> Iterator[Result]:
    n = len(sample.labelled)
    yield from list_bootstrap(readings, sample, rng.multinomial(n, np.full(n, 1 / n), BOOTSTRAP).astype(float), LEVEL)


def estimate_others(made: Any, study: int) -> Iterator[Row]:
    """Yield the methods that correct covariates only, the true endpoint known for all, 50 % labelled."""
    protocol, analysis = read_demo()
    for source in SOURCES:
        rng = np.random.default_rng([FIRST_SEED, study, 9])
        sample = label(made, source, 0.5, rng)
        n = len(sample.labelled)
        weights = rng.multinomial(n, np.full(n, 1 / n), 200).astype(float)
        fields = {"study": study, "source": source, "labelled": "50 %"}
        readings = derive_readings(sample, analysis)
        found = [result for result, _ in list_results(readings, LEVEL)]
        found += list_imputed(sample, analysis, protocol, Imputation(imputations=20), generator=rng)
        found += list_simex(sample, Simex(), weights, LEVEL)
        for by_event in (False, True):
            options = BiasAnalysis(iterations=200, by_event=by_event)
            for each in list_bias_analysis(sample, options, LEVEL, generator=rng):
                found.append(each._replace(method=f"bias_analysis_{'by_event' if by_event else 'overall'}"))
        yield from (describe(each, **fields) for each in found)


def simulate(studies: int, *, endpoint: str, bootstrap: int, keep: Path | None) -> pd.DataFrame:
    """Return the intervals of studies of consecutive seeds, a hundred from each large one."""
    rows: list[Row] = []
    first = FIRST_SEED + 500 * bool(endpoint)
    for batch in range(-(-studies // BATCH)):
        size = min(BATCH, studies - batch * BATCH)
        for place, made in enumerate(generate_studies(first + batch, BATCH, sources=SOURCES, endpoint=endpoint)):
            if place >= size:
                break
            study = batch * BATCH + place
            rows += (
                estimate_others(made, study) if endpoint else estimate_study(made, study, bootstrap=study < bootstrap)
            )
        sys.stderr.write(f"{batch * BATCH + size} studies\n")
        if keep:
            pd.DataFrame(rows).to_csv(keep / f"correction_{endpoint or 'own'}.csv", index=False)
    return pd.DataFrame(rows)


def summarise(rows: pd.DataFrame, truth: dict[tuple[str, str, str, str], float]) -> pd.DataFrame:
    """Return, by number and method: bias, spread, coverage with its standard error, width, correlation."""
    keys = ["metric", "variable", "term", "at"]
    target = pd.Series(truth, name="truth").rename_axis(keys)
    held = rows.join(target, on=keys)
    if "correlation" not in held:
        held = held.assign(correlation=np.nan)
    known = held.dropna(subset=["lower", "upper"])
    known = known.assign(
        covered=(known["lower"] <= known["truth"]) & (known["truth"] <= known["upper"]),
        width=known["upper"] - known["lower"], error=known["estimate"] - known["truth"],
    )  # fmt: skip
    by = [*keys, "source", "labelled", "method"]
    found = known.groupby(by, as_index=False).agg(
        studies=("covered", "size"), truth=("truth", "first"), bias=("error", "mean"), spread=("error", "std"),
        covered=("covered", "mean"), width=("width", "mean"), correlation=("correlation", "mean"),
    )  # fmt: skip
    found["se"] = np.sqrt(found["covered"] * (1 - found["covered"]) / found["studies"])
    alone = found[found["method"] == "labelled_only"].set_index([*keys, "source", "labelled"])["width"]
    return found.join(alone.rename("alone"), on=[*keys, "source", "labelled"]).assign(
        relative=lambda table: table["width"] / table["alone"]
    )


def render_corrected(found: pd.DataFrame) -> str:
    """Return one line per number, labelling and source: coverage of three intervals, and what the correction gains."""
    header = ["number", "labelled", "source", "naive %", "labelled alone % (SE)", "corrected % (SE)", "bias / spread",
              "relative width", "correlation"]  # fmt: skip
    keys = ["metric", "variable", "term", "at", "labelled", "source"]
    rows = []
    for key, part in found.groupby(keys, sort=False):
        own = {str(row.method): row for row in part.itertuples()}
        fixed, alone, naive = (own[name] for name in ("predict_then_debias", "labelled_only", "naive"))
        rows.append([" ".join(str(each) for each in key[:4] if each), *map(str, key[4:]), f"{100 * naive.covered:.1f}",
                     _say_covered(alone), _say_covered(fixed), f"{fixed.bias / fixed.spread:+.2f}",
                     f"{fixed.relative:.2f}", f"{fixed.correlation:.2f}"])  # fmt: skip
    return render_table(header, rows)


def render_methods(found: pd.DataFrame) -> str:
    """Return one line per number, source and method."""
    header = ["number", "labelled", "source", "method", "studies", "truth", "bias", "spread", "coverage % (SE)",
              "relative width"]  # fmt: skip
    rows = []
    for row in found.itertuples():
        digits = 0 if str(row.metric).startswith("rmst") else 3
        name = " ".join(str(part) for part in (row.metric, row.variable, row.term, row.at) if part)
        rows.append([name, str(row.labelled), str(row.source), str(row.method), str(row.studies),
                     f"{row.truth:.{digits}f}", f"{row.bias:+.{digits}f}", f"{row.spread:.{digits}f}",
                     _say_covered(row), f"{row.relative:.2f}"])  # fmt: skip
    return render_table(header, rows)


def _say_covered(row: Any) -> str:
    return f"{100 * row.covered:.1f} ({100 * row.se:.1f})"


def main() -> None:
    """Simulate and print the tables of README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--bootstrap", type=int, default=0, help="studies whose replicates are drawn too")
    parser.add_argument("--others", type=int, default=100, help="studies of the methods that correct covariates only")
    parser.add_argument("--keep", type=Path, help="a folder for the simulated intervals")
    options = parser.parse_args()
    start = time.perf_counter()
    truth = compute_truth(FIRST_SEED - 100)
    for studies, endpoint in ((options.studies, ""), (options.others, "truth")):
        if not studies:
            continue
        rows = simulate(studies, endpoint=endpoint, bootstrap=options.bootstrap, keep=options.keep)
        found = summarise(rows, truth)
        if not endpoint:
            sys.stdout.write(render_corrected(found))
        if endpoint or options.bootstrap:
            sys.stdout.write(render_methods(found))
    sys.stdout.write(f"{time.perf_counter() - start:.0f} s on one core. {describe_machine()}.\n")


if __name__ == "__main__":
    main()
