"""Tables for a reference that is not the truth itself: adjudicated samples, latent classes, prevalence."""

from __future__ import annotations

import pandas as pd

from probatio.display.rows import label_of, level_label, list_pairs, read_interval, read_n, source_label, stack_names
from probatio.display.table import Table
from probatio.measures import ACCEPTANCE_METHODS
from probatio.protocol import Language, Protocol
from probatio.results import Status, select_rows
from probatio.wording import read_word

_REPORTED = ("two_phase_wilson", "")
_LATENT = ("latent_sensitivity", "latent_specificity")


def render_two_phase_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per variable, AI and manual source: errors that both share, then the AI's in two phases and as seen.

    The last column is the plain rate over the same cells (`error_rate_all`): where only discordant values, or more of
    them, were adjudicated, the two differ.
    """
    body = []
    technologies = [source.name for source in protocol.select_sources("ai")]
    total = select_rows(rows, metric="two_phase_error_rate", method=_REPORTED, source=technologies)
    plain = select_rows(rows, metric="error_rate_all", stratum_by="")
    for source, comparator, variable in list_pairs(total, "two_phase_error_rate", protocol):
        for other in sorted(set(select_rows(total, source=source, variable=variable)["term"])):
            own = select_rows(total, source=source, variable=variable, term=other)
            if (own["status"] == Status.NOT_APPLICABLE).all():
                continue
            shared = select_rows(rows, metric="shared_error_rate", source=source, comparator=other, variable=variable)
            shared = shared[~shared["method"].isin(ACCEPTANCE_METHODS)]
            names = [label_of(protocol, variable, language)]
            names += [source_label(protocol, name, language) for name in (source, other)]
            cells = [read_n(shared, "shared_error_rate"),
                     read_interval(shared, "shared_error_rate", language, percent=True),
                     read_interval(own, "two_phase_error_rate", language, percent=True)]  # fmt: skip
            seen = select_rows(plain, source=source, comparator=comparator, variable=variable)
            body.append([*names, *cells, read_interval(seen, "error_rate_all", language, percent=True)])
    head = [read_word("column", name, language) for name in ("variable", "source", "other_source", "concordant")]
    head += [read_word("metric", name, language) for name in ("shared_error_rate", "two_phase_error_rate")]
    head.append(read_word("metric", "error_rate_all", language))
    return Table(head, body, "lllrlll", widths=(19, 12, 12, 9, 16, 16, 16))


def render_latent_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per binary variable, source and prior: sensitivity and specificity of the latent class model."""
    body = []
    found = select_rows(rows, metric=_LATENT, status=Status.OK)
    for variable in stack_names(found, protocol):
        for source in protocol.sources:
            mine = select_rows(found, variable=variable, source=source.name)
            for others in sorted(set(mine["comparator"])):
                for prior in sorted(set(mine["at"]), reverse=True):
                    own = select_rows(mine, comparator=others, at=prior)
                    beside = [source_label(protocol, name, language) for name in others.split("+")]
                    names = [label_of(protocol, variable, language), source.label.read(language), ", ".join(beside)]
                    cells = [read_interval(own, metric, language, percent=True) for metric in _LATENT]
                    body.append([*names, read_word("prior", prior, language), read_n(own, _LATENT[0]), *cells])
    head = [read_word("column", name, language) for name in ("variable", "source", "beside", "prior", "n")]
    return Table([*head, *(read_word("metric", name, language) for name in _LATENT)], body, "llllrll",
                 widths=(17, 13, 22, 9, 6, 17, 17))  # fmt: skip


def render_prevalence_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per class and source: its share among the values read, and the same corrected for misreading."""
    body = []
    metrics = ("apparent_prevalence", "corrected_prevalence")
    for source, comparator, variable in list_pairs(rows, metrics[0], protocol):
        mine = select_rows(rows, metric=metrics, source=source, comparator=comparator, variable=variable)
        present = set(select_rows(mine, metric=metrics[0])["term"])
        for level in [name for name in protocol.get_variable(variable).levels if name in present]:
            own = select_rows(mine, term=level)
            names = [label_of(protocol, variable, language), source_label(protocol, source, language)]
            cells = [read_interval(own, metric, language, percent=True) for metric in metrics]
            named = level_label(protocol, variable, level, language)
            body.append([*names, named, read_n(own, metrics[0]), *cells])
    head = [read_word("column", name, language) for name in ("variable", "source", "class", "n")]
    return Table([*head, *(read_word("metric", name, language) for name in metrics)], body, "lllrll",
                 widths=(22, 15, 17, 7, 20, 20))  # fmt: skip
