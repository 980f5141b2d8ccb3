"""What the protocol plans, table by table: rules of quality, review, confidence, routine use, correction, tolerance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from probatio.display.phrases import write_number, write_share
from probatio.display.rows import COLON, label_of, source_label
from probatio.display.table import Table
from probatio.display.written import build_settings
from probatio.protocol import Budget, Correction, Label, Language, Monitoring, Protocol, Tolerance, Use
from probatio.wording import EMPTY, format_number, read_word

_Line = tuple[str, str]


def render_rule_plan_table(protocol: Protocol, *, language: Language) -> Table:
    """Return the clinicians' rules and the study's own thresholds: rule, severity, share that may break it, reason."""
    body = [
        [rule.label.read(language), rule.expression, read_word("severity", rule.severity, language),
         write_share(rule.threshold, language), _reason(rule.justification, rule.source, language)]
        for rule in protocol.rules
    ]  # fmt: skip
    for check in protocol.checks:
        names = ", ".join(label_of(protocol, name, language) for name in check.variables)
        body.append([read_word("check", check.name, language), names or read_word("figure", "all_variables", language),
                     EMPTY, write_share(check.threshold, language),
                     _reason(check.justification, check.source, language)])  # fmt: skip
    head = [read_word("column", name, language) for name in ("rule", "expression", "severity", "allowed", "reason")]
    return Table(head, body, "lllrl", widths=(22, 26, 12, 8, 32))


def render_file_plan_table(protocol: Protocol, *, language: Language) -> Table:
    """Return the files that are to be read: whose, where, in which form; paths are relative to the data folder."""
    patients = read_word("plan", "patients_file", language)
    body = [[patients, protocol.patients.file.path, _form(protocol.patients.file.format, "wide", language)]]
    for name, file in (("documents_file", protocol.documents and protocol.documents.file),
                       ("texts_file", protocol.documents and protocol.documents.text_table),
                       ("assessments_file", protocol.assessments)):  # fmt: skip
        if file:
            body.append([read_word("plan", name, language), file.path, _form(file.format, "", language)])
    for source in protocol.sources:
        label = source.label.read(language)
        body += [[label, file.path, _form(file.format, file.layout, language)] for file in source.files]
        if source.reviewed:
            body.append([label, source.reviewed.path, read_word("plan", "decisions", language)])
    head = [read_word("column", name, language) for name in ("source", "file", "form")]
    return Table(head, body, "lll", widths=(34, 40, 26))


def _form(form: str, layout: str, language: Language) -> str:
    return f"{form.upper()}{', ' + read_word('plan', layout, language) if layout else ''}"


def render_resampling_plan_table(protocol: Protocol, *, language: Language) -> Table:
    """Return the level, the replicates with their seed, what is random, and the smallest stratum shown."""
    resampling = protocol.resampling
    lines = [
        ("level", write_share(protocol.level, language)),
        ("side", write_share((1 - protocol.level) / 2, language)),
        ("estimand", read_word("plan", resampling.estimand, language)),
        ("replicates", _count(resampling.replicates, language)),
        ("seed", str(resampling.seed)),
        ("min_stratum", _count(protocol.min_stratum, language)),
        ("missing_limit", write_share(protocol.missing_limit, language)),
        ("strata", ", ".join(_name(protocol, name, language) for name in protocol.stratify_by)),
    ]
    return _build(lines, language)


def _name(protocol: Protocol, name: str, language: Language) -> str:
    centre = protocol.patients.centre
    return centre.label.read(language) if name == "centre" and centre else label_of(protocol, name, language)


def render_review_plan_table(protocol: Protocol, *, language: Language) -> Table:
    """Return the review that is planned: what, how much, in which order, by whom."""
    review = protocol.review
    if review is None:
        return _build([], language)
    shown = ", ".join(source_label(protocol, name, language) for name in review.competing)
    lines = [
        ("reviewed_source", source_label(protocol, review.source, language)),
        ("reviewed_use", read_word("use", review.use, language)),
        ("reviewed_variables", _names(protocol, review.variables, language)),
        ("budget", _describe_budget(review.budget, language)),
        ("order", read_word("plan", "order_gain", language)),
        ("concordant", write_share(review.concordant, language)),
        ("competing", shown),
        ("double", write_share(review.double, language)),
        ("adjudication", read_word("plan", "third_reader", language)),
        ("minutes", write_number(review.minutes_per_value, language, least=1)),
        ("floor", write_share(review.floor, language)),
        ("may_decide", _by_use({use: label.read(language) for use, label in review.may_decide.items()}, language)),
        ("reason", review.justification.read(language)),
    ]
    return _build(lines, language)


def _describe_budget(budget: Budget, language: Language) -> str:
    if budget.share is not None:
        return read_word("plan", "budget_share", language).format(share=write_share(budget.share, language))
    key, number = ("values", budget.values) if budget.values is not None else ("minutes", budget.minutes)
    return read_word("plan", f"budget_{key}", language).format(n=_count(number or 0, language))


def render_confidence_plan_table(protocol: Protocol, *, language: Language) -> Table:
    """Return how values are to be accepted without a human: the error guaranteed, and with which probability."""
    plan = protocol.confidence
    if plan is None:
        return _build([], language)
    rest = 1 - plan.tuning - plan.selection
    parts = " / ".join(write_share(part, language) for part in (plan.tuning, plan.selection, rest))
    risks = {use: write_share(risk, language) for use, risk in plan.risks.items()}
    costs = plan.costs
    euros = [write_number(cost, language, least=1) for cost in
             ((costs.false_value, costs.omission, costs.minute) if costs else ())]  # fmt: skip
    lines = [
        ("delta", write_share(plan.delta, language)),
        ("family", read_word("plan", f"family_{plan.family}", language)),
        ("risks", _by_use(risks, language) or read_word("plan", "risks_matrix", language)),
        ("split", plan.split or parts),
        ("recalibration", read_word("recalibration", plan.recalibration, language)),
        ("grid", _count(plan.grid, language)),
        ("bins", _count(plan.bins, language)),
        ("costs", " / ".join(euros)),
        ("reason", _reason(plan.justification, plan.source, language)),
    ]
    return _build(lines, language)


def render_monitoring_plan_table(protocol: Protocol, *, language: Language) -> Table:
    """Return what is to be watched in routine use, and how often the watch may cry wolf."""
    plan = protocol.monitoring
    if plan is None:
        return _build([], language)
    lines = [
        ("batches", label_of(protocol, plan.by, language)),
        ("watched", ", ".join(read_word("metric", name, language) for name in plan.metrics)),
        ("in_control", _describe_baseline(plan, language)),
        ("assurance", write_share(plan.assurance, language) if plan.assurance else ""),
        ("out_of_control", write_number(plan.out_of_control, language, least=1)),
        ("run_length", _count(plan.run_length, language)),
        ("reason", _reason(plan.justification, plan.source, language)),
    ]
    return _build(lines, language)


def _describe_baseline(plan: Monitoring, language: Language) -> str:
    if plan.baseline is not None:
        return read_word("plan", "baseline", language).format(n=plan.baseline)
    rates = [f"{read_word('metric', name, language)}{COLON[language]}{write_share(rate, language)}"
             for name, rate in plan.in_control.items()]  # fmt: skip
    return ", ".join(rates)


def render_correction_plan_table(protocol: Protocol, *, language: Language) -> Table:
    """Return the corrections that are planned: analysis, source, methods, who has the reference."""
    labels = {analysis.name: analysis.label.read(language) for analysis in protocol.analyses}
    body = [
        [each.label.read(language), labels[each.analysis], source_label(protocol, each.source, language),
         ", ".join(read_word("correction", method, language) for method in each.methods),
         _describe_labelled(each, language)]
        for each in protocol.corrections
    ]  # fmt: skip
    names = ("correction", "analysis", "source", "method", "labelled")
    return Table([read_word("column", name, language) for name in names], body, "lllll", widths=(26, 22, 12, 24, 16))


def _describe_labelled(correction: Correction, language: Language) -> str:
    labelled = correction.labelled
    if labelled.share is None:
        return read_word("plan", "labelled_sample", language)
    share = write_share(labelled.share, language)
    return read_word("plan", "labelled_share", language).format(share=share, n=_count(labelled.splits, language))


def render_tolerance_plan_table(protocol: Protocol, *, language: Language) -> Table:
    """Return which errors are to be injected into the comparator's data, and what must still hold."""
    plan = protocol.tolerance
    if plan is None:
        return _build([], language)
    labels = {analysis.name: analysis.label.read(language) for analysis in protocol.analyses}
    margins = {use: write_number(margin, language, least=2) for use, margin in plan.margins.items()}
    lines = [
        ("tolerance_analyses", ", ".join(labels[name] for name in plan.analyses) or read_word("plan", "all_analyses",
                                                                                             language)),
        ("conclusion", read_word("plan", plan.conclusion, language)),
        ("margins", _by_use(margins, language) or read_word("plan", "own_margin", language)),
        ("probability", write_share(plan.probability, language)),
        ("draws", _count(plan.draws, language)),
        *_list_grids(plan, language),
        ("ratio", write_number(plan.ratio, language, least=1)),
        ("reason", _reason(plan.justification, plan.source, language)),
    ]  # fmt: skip
    return _build(lines, language)


def _list_grids(plan: Tolerance, language: Language) -> list[_Line]:
    days = read_word("unit", "days", language)
    return [
        ("errors", _join(write_share(share, language) for share in plan.errors)),
        ("omissions", _join(write_share(share, language) for share in plan.omissions)),
        ("lag_days", f"{_join(str(day) for day in plan.lag_days)} {days}"),
        ("spread_days", f"{_join(str(day) for day in plan.spread_days)} {days}"),
        ("noise", _join(write_number(size, language, least=1) for size in plan.noise)),
        ("wrong_days", f"{plan.wrong_days} {days}"),
    ]


def _build(lines: Sequence[_Line], language: Language) -> Table:
    """Return the table of what is decided; lines without content are left out."""
    return build_settings([(read_word("plan", key, language), text) for key, text in lines if text], language)


def _names(protocol: Protocol, names: Iterable[str], language: Language) -> str:
    return ", ".join(label_of(protocol, name, language) for name in names) or read_word("figure", "all_variables",
                                                                                        language)  # fmt: skip


def _by_use(texts: Mapping[Use, str], language: Language) -> str:
    semicolon = COLON[language].replace(":", ";")
    return semicolon.join(f"{read_word('use', use, language)}{COLON[language]}{text}"
                          for use, text in texts.items())  # fmt: skip


def _join(texts: Iterable[str]) -> str:
    return " · ".join(texts)


def _count(value: float, language: Language) -> str:
    return format_number(value, language, digits=0)


def _reason(justification: Label, source: str, language: Language) -> str:
    return f"{justification.read(language)} [{source}]"
