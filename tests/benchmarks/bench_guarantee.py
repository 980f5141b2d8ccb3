"""Is guaranteed acceptance kept, and how much does it accept beside one who knows the true risk?

Run: python tests/benchmarks/bench_guarantee.py [studies per line]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from guarantee_simulation import Outcome, Scenario, compute_upper, flat, gentle, simulate, steep
from probatio.confidence.selection import Method
from probatio.resampling import Floats

NEVER: tuple[Scenario, ...] = (
    Scenario("one value, correlation –", flat(0.0505), centres=False),
    Scenario("one value, 6 centres", flat(0.0596)),
    Scenario("four values, correlation 0", flat(0.0505), values=4, centres=False),
    Scenario("four values, correlation 0.3", flat(0.0505), values=4, shared=0.55, centres=False),
    Scenario("four values, correlation 0.6", flat(0.0505), values=4, shared=0.775, centres=False),
    Scenario("four values, random effects, 6 centres", flat(0.0311), values=4, spread=1.3),
    Scenario("1 to 4 values, more errors with more", flat(0.0289), values=4, spread=1.0, uneven=True),
    Scenario("one value, sampled 1 : 0.5", flat(0.0346), sampled=0.5, centres=False),
)
INFORMATIVE: tuple[Scenario, ...] = (
    Scenario("steep, one value", steep),
    Scenario("steep, four values, correlation 0.1", steep, values=4, shared=0.3),
    Scenario("steep, four values, random effects", steep, values=4, spread=1.0),
    Scenario("steep, 1 to 4 values, more values more errors", steep, values=4, uneven=True),
    Scenario("steep, one value, sampled 1 : 0.7", steep, sampled=0.7),
    Scenario("steep, one value, sampled 1 : 0.5", steep, sampled=0.5),
    Scenario("gentle, one value", gentle),
    Scenario("gentle, one value, 1000 + 2000 patients", gentle, sizes=(1000, 2000)),
    Scenario("gentle, one value, 60 + 120 patients", gentle, sizes=(60, 120)),
)
UNINFORMATIVE: tuple[Scenario, ...] = (
    Scenario("uninformative, base error 2 %", flat(0.02), centres=False),
    Scenario("uninformative, base error 2 %, four values", flat(0.02), values=4, shared=0.3, centres=False),
    Scenario("uninformative, base error 10 %", flat(0.1), centres=False),
    Scenario("uninformative, base error 10 %, four values", flat(0.1), values=4, shared=0.3, centres=False),
)


METHODS: tuple[Method, ...] = ("exact_binomial", "betting", "hoeffding_bentkus")


def name_method(scenario: Scenario, method: Method) -> str:
    """Name a p-value, and the exact binomial naive where patients have several values or weights."""
    wrong = scenario.values > 1 or scenario.sampled < 1
    return f"{method} (naive)" if method == "exact_binomial" and wrong else method


def describe(scenario: Scenario, method: Method, found: Outcome) -> str:
    """One line of the table, in percent."""
    beside = f"{100 * found.accepted.mean() / found.oracle:.0f}" if found.oracle > 0.01 else "–"
    numbers = [f"{100 * found.oracle:.1f}", f"{100 * found.accepted.mean():.1f}", beside,
               describe_share(found.violated), f"{100 * found.reviewed:.1f}", describe_share(found.alone)]  # fmt: skip
    return "| " + " | ".join([scenario.name, name_method(scenario, method), *numbers]) + " |"


def describe_share(hits: Floats) -> str:
    """A share in percent with its upper 95 % bound."""
    return f"{100 * hits.mean():.1f} ({100 * compute_upper(hits):.1f})"


def run(studies: int) -> Iterator[str]:
    """Yield the lines of the tables."""
    for title, scenarios in (("never to be accepted", NEVER), ("informative", INFORMATIVE), ("no use", UNINFORMATIVE)):
        yield f"\n{title}\n"
        yield "| scenario | p-value | oracle | accepted | of oracle | violated | all reviewed | one test, violated |"
        yield "|---|---|---|---|---|---|---|---|"
        for scenario in scenarios:
            found = simulate(scenario, studies, *METHODS)
            yield from (describe(scenario, method, found[method]) for method in METHODS)


def main() -> None:
    """Print the tables and the seconds they took."""
    studies, start = int(sys.argv[1]) if len(sys.argv) > 1 else 4000, time.perf_counter()
    for line in run(studies):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    sys.stdout.write(f"\n{studies} studies a line, {time.perf_counter() - start:.0f} s\n")


if __name__ == "__main__":
    main()
