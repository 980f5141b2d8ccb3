"""Response rates and characteristics of patients by source, with paired differences, drawn from result rows only."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from probatio.display.rows import COLON, label_of, level_label, read_interval, source_label
from probatio.display.sentences import say
from probatio.display.table import Table, leave_repeated
from probatio.protocol import Descriptive, Language, Protocol
from probatio.replication import derive_test_level
from probatio.results import Status, select_rows
from probatio.wording import EMPTY, format_level, format_number, format_percent, read_word

LOOK_TWICE = 0.1
"""Standardised difference above which a table is looked at twice (Normand 2001, J Clin Epidemiol 54:387)."""


def render_descriptive_plan_table(protocol: Protocol, *, language: Language) -> Table:
    """Return what the protocol declares: each result, its measure, its denominator, its sources and margin."""
    body = []
    for result in protocol.descriptive:
        sources = ", ".join(source_label(protocol, name, language) for name in result.sources)
        margin = EMPTY if result.margin is None else f"± {format_percent(result.margin, language, digits=0)}"
        body.append([result.label.read(language), _describe_measure(protocol, result, language),
                     _describe_denominator(protocol, result, language), sources or EMPTY, margin])  # fmt: skip
    names = ("descriptive_result", "measure", "denominator", "sources", "margin")
    head = [read_word("column", name, language) for name in names]
    return Table(head, body, "lllll", widths=(20, 30, 26, 16, 8))


def _describe_measure(protocol: Protocol, result: Descriptive, language: Language) -> str:
    labels = [label_of(protocol, name, language) + (f" ({visit})" if visit else "") for name, visit in result.cells]
    if result.kind == "characteristics":
        return ", ".join(labels)
    if result.events is None:
        levels = (level_label(protocol, str(result.variable), level, language) for level in result.levels)
        return f"{labels[0]}{COLON[language]}{', '.join(levels)}"
    grades = ", ".join(word_grade(grade, language).lower() for grade in ("", *result.events.grades))
    window = result.events.window
    if window is None:
        return f"{labels[0]}{COLON[language]}{grades}"
    start, stop = (
        label_of(protocol, name, language).lower() if name else EMPTY for name in (window.start, window.stop)
    )
    dated = read_word("figure", "event_window", language).format(start=start, stop=stop, days=window.days)
    return f"{labels[0]}{COLON[language]}{grades} ({dated})"


def _describe_denominator(protocol: Protocol, result: Descriptive, language: Language) -> str:
    if result.kind == "characteristics":
        return read_word("figure", "denominator_documented", language)
    key = f"denominator_{result.denominator}_{result.kind}"
    return read_word("figure", key, language).format(
        levels=", ".join(result.not_evaluable) or EMPTY,
        treated=label_of(protocol, result.treated, language).lower() if result.treated else EMPTY,
    )


def render_response_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return per rate and source: the rate on own and on the same patients, who differs, paired difference, verdict."""
    body = [
        [result.label.read(language), *_describe_rate(rows, protocol, result, source, language)]
        for result in select_results(protocol, "proportion")
        for source in result.sources
    ]
    names = ("descriptive_result", "source", "source_patients", "same_patients", "differing", "difference", "margin")
    head = [read_word("column", name, language) for name in (*names, "verdict")]
    head[5] = word_tested(protocol, language)
    return Table(head, leave_repeated(body), "llllrlll", widths=(18, 13, 18, 18, 9, 18, 8, 13))


def select_results(protocol: Protocol, kind: str) -> list[Descriptive]:
    """Return the protocol's descriptive results of one kind."""
    return [result for result in protocol.descriptive if result.kind == kind]


def word_tested(protocol: Protocol, language: Language) -> str:
    """Return the head of a column of differences with the level of their interval."""
    tested = format_level(derive_test_level(protocol.level), language)
    return read_word("column", "paired_difference", language).format(level=tested)


def _describe_rate(
    rows: pd.DataFrame, protocol: Protocol, result: Descriptive, source: str, language: Language
) -> list[str]:
    mine = select_rows(rows, analysis=result.name, source=source)
    own, same = (select_rows(mine, stratum_by=by) for by in ("patients", ""))
    shown = [_describe_counted(part, language) for part in (own, same)]
    paired = describe_paired(same, "proportion", protocol, result, language)
    return [source_label(protocol, source, language), *shown, *paired]


def _describe_counted(own: pd.DataFrame, language: Language) -> str:
    """Return a rate with its interval and the patients it is of."""
    rate = select_rows(own, metric="proportion", comparator="")
    text = read_rate(own, "proportion", language)
    return f"{text}, n = {read_count(rate)}" if rate["status"].eq(Status.OK).all() else text


def read_count(rows: pd.DataFrame, column: str = "n") -> str:
    """Return the patients counted in the first row, or a dash."""
    return EMPTY if rows.empty or pd.isna(rows[column].iloc[0]) else str(rows[column].iloc[0])


def read_rate(rows: pd.DataFrame, metric: str, language: Language) -> str:
    """Return a source's own proportion with its interval, in percent."""
    return read_interval(select_rows(rows, comparator=""), metric, language, percent=True)


def describe_paired(
    own: pd.DataFrame, metric: str, protocol: Protocol, result: Descriptive, language: Language
) -> list[str]:
    """Return the cells of a paired difference: patients who differ, difference, margin, verdict; dashes without one.

    Args:
        own: the rows of one source for one result, variable, term and grade, on the same patients.
        metric: the proportion, such as `incidence`.
        protocol: the study's protocol.
        result: its descriptive result.
        language: of the words.
    """
    found = select_tested(own, metric, protocol)
    if found.empty:
        return [EMPTY] * 4
    delta = read_interval(found, f"delta_{metric}", language, percent=True, sign=True)
    margin = EMPTY if result.margin is None else f"± {format_percent(result.margin, language, digits=0)}"
    return [read_count(found, "k"), delta, margin, word_verdict(own, metric, language)]


def select_tested(own: pd.DataFrame, metric: str, protocol: Protocol) -> pd.DataFrame:
    """Return the row of a paired difference with the interval of the test of equivalence, or why there is none."""
    found = select_rows(own, metric=f"delta_{metric}")
    narrow = (found["level"] - derive_test_level(protocol.level)).abs() < 1e-9
    return found[narrow | (found["status"] != Status.OK)]


def word_verdict(own: pd.DataFrame, metric: str, language: Language) -> str:
    """Return the verdict of equivalence in words, the reason why there is none, or a dash."""
    found = select_rows(own, metric=f"equivalence_{metric}")
    if found.empty:
        return EMPTY
    row = found.iloc[0]
    if row["status"] != Status.OK:
        return read_word("reason", row["reason"], language)
    return read_word("equivalence", row["unit"], language)


def render_characteristics_by_source_table(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> Table:
    """Return the characteristics of each source's own patients, and the standardised difference from the comparator.

    A variable's first line holds the standardised differences; below stand n (%) per level or median [quartiles] and
    mean (standard deviation), then how many are missing.
    """
    results = select_results(protocol, "characteristics")
    sources = list(dict.fromkeys(source for result in results for source in result.sources or [""]))
    body: list[list[str]] = []
    for result in results:
        own = select_rows(rows, analysis=result.name, stratum_by="patients" if result.sources else "")
        if len(results) > 1:
            body.append([result.label.read(language), *("" for _ in sources)])
        for name, visit in result.cells:
            lines = select_rows(own, variable=name, at=visit)
            body += _describe_characteristic(lines, protocol, sources, (name, visit), language)
    head = [read_word("column", "characteristic", language)]
    head += [source_label(protocol, name, language) if name else read_word("figure", "cohort", language)
             for name in sources]  # fmt: skip
    return Table(head, body, "l" + "r" * len(sources), widths=(30, *[70 // max(len(sources), 1)] * len(sources)))


def _describe_characteristic(
    lines: pd.DataFrame, protocol: Protocol, sources: list[str], cell: tuple[str, str], language: Language
) -> Iterator[list[str]]:
    name, visit = cell
    label = label_of(protocol, name, language) + (f" ({visit})" if visit else "")
    whole = select_rows(lines, term="")
    yield [label, *(_read_smd(select_rows(whole, source=source), language) for source in sources)]
    if lines["metric"].eq("median").any():
        for key, describe in (("median_quartiles", _describe_median), ("mean_sd", _describe_mean)):
            cells = (describe(select_rows(whole, source=source, comparator=""), language) for source in sources)
            yield [f"\u2003{read_word('figure', key, language)}", *cells]
    for level in _list_levels(lines, protocol, name):
        part = select_rows(lines, term=level)
        word = level_label(protocol, name, level, language)
        yield [f"\u2003{word}", *(_describe_level(select_rows(part, source=source), language) for source in sources)]
    missing = select_rows(whole, metric="missing_share")
    word = read_word("column", "missing", language)
    yield [f"\u2003{word}", *(_describe_share(select_rows(missing, source=source), language) for source in sources)]


def _list_levels(lines: pd.DataFrame, protocol: Protocol, name: str) -> list[str]:
    """Return the levels shown, in the protocol's order."""
    levels = list(dict.fromkeys(select_rows(lines, metric="share")["term"]))
    if name in protocol.patients.attributes:
        declared = protocol.patients.attributes[name].labels
    else:
        declared = protocol.get_variable(name).levels
    return sorted(levels, key=lambda level: declared.index(level) if level in declared else len(declared))


def _read_smd(own: pd.DataFrame, language: Language) -> str:
    found = select_rows(own, metric="smd", status=Status.OK)
    return f"d = {format_number(found['estimate'].iloc[0], language)}" if len(found) else ""


def _describe_level(own: pd.DataFrame, language: Language) -> str:
    """Return n (%), with the standardised difference of an element of a set."""
    share = _describe_share(select_rows(own, metric="share"), language)
    smd = _read_smd(own, language)
    return f"{share}, {smd}" if smd else share


def _describe_share(own: pd.DataFrame, language: Language) -> str:
    found = select_rows(own, comparator="")
    if found.empty:
        return ""
    row = found.iloc[0]
    if row["status"] != Status.OK:
        return EMPTY
    return f"{row['k']} ({format_percent(row['estimate'], language)})"


def _describe_median(own: pd.DataFrame, language: Language) -> str:
    found = select_rows(own, status=Status.OK).set_index("metric")["estimate"]
    if "median" not in found:
        return EMPTY
    low, middle, high = (format_number(found[name], language, digits=1) for name in
                         ("quartile_1", "median", "quartile_3"))  # fmt: skip
    return f"{middle} [{low}–{high}]"


def _describe_mean(own: pd.DataFrame, language: Language) -> str:
    found = select_rows(own, status=Status.OK).set_index("metric")["estimate"]
    if "mean" not in found:
        return EMPTY
    mean, sd = (format_number(found.get(name, float("nan")), language, digits=1) for name in ("mean", "sd"))
    return f"{mean} ({sd})"


def describe_descriptive(rows: pd.DataFrame, protocol: Protocol, *, language: Language) -> list[str]:
    """Say, per result and source: both numbers, the paired difference, how many patients changed, the verdict."""
    out: list[str] = []
    for result in protocol.descriptive:
        own = select_rows(rows, analysis=result.name, stratum_by="")
        for source in result.sources:
            if source == result.comparator:
                continue
            if result.kind == "characteristics":
                out += _say_characteristics(rows, protocol, result, source, language)
            else:
                out += _say_rates(own, protocol, result, source, language)
    return out


def _say_rates(
    own: pd.DataFrame, protocol: Protocol, result: Descriptive, source: str, language: Language
) -> Iterator[str]:
    metric = "proportion" if result.kind == "proportion" else "incidence"
    overall = select_rows(own, term="")
    for grade in dict.fromkeys(select_rows(overall, metric=metric)["at"]):
        lines = select_rows(overall, at=grade)
        mine, theirs = (select_rows(lines, source=name) for name in (source, result.comparator or ""))
        found = select_tested(mine, metric, protocol)
        if found.empty:
            continue
        verdict = word_verdict(mine, metric, language)
        said = verdict.lower() if verdict != EMPTY else read_word("figure", "no_margin", language)
        yield say("descriptive_rate", language, result=name_result(result, grade, language),
                  source=source_label(protocol, source, language),
                  comparator=source_label(protocol, result.comparator or "", language),
                  reference=read_rate(theirs, metric, language), estimate=read_rate(mine, metric, language),
                  difference=read_interval(found, f"delta_{metric}", language, percent=True, sign=True),
                  k=read_count(found, "k"), n=read_count(found), verdict=said)  # fmt: skip


def name_result(result: Descriptive, grade: str, language: Language) -> str:
    """Return the wording of a result, with the grade that an incidence starts from."""
    name = result.label.read(language)
    if result.kind != "incidence":
        return name
    return f"{name}, {word_grade(grade, language).lower()}"


def word_grade(grade: str, language: Language) -> str:
    """Return the wording of a threshold of grade: any grade, or that grade or worse."""
    return read_word("figure", "from_grade" if grade else "any_grade", language).format(grade=grade)


def _say_characteristics(
    rows: pd.DataFrame, protocol: Protocol, result: Descriptive, source: str, language: Language
) -> Iterator[str]:
    for key, by in (("descriptive_same", ""), ("descriptive_own", "patients")):
        found = select_rows(rows, analysis=result.name, stratum_by=by, metric="smd", source=source, status=Status.OK)
        if found.empty:
            continue
        size = found["estimate"].abs()
        largest = found.loc[size.idxmax()].to_dict()
        yield say(key, language, result=result.label.read(language), source=source_label(protocol, source, language),
                  above=int((size > LOOK_TWICE).sum()), n=len(found),
                  limit=format_number(LOOK_TWICE, language, digits=1),
                  largest=format_number(largest["estimate"], language),
                  variable=label_of(protocol, largest["variable"], language))  # fmt: skip
