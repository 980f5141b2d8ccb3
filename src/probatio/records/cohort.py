"""The patients of a study: who is in, who is set aside and why, with which known facts."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from probatio.protocol import Patients, Protocol, UserError
from probatio.records.attributes import derive_flag, parse_numbers, read_lines
from probatio.records.documents import DocumentTable, DocumentTexts, derive_looked_up, read_documents, read_texts
from probatio.records.facts import Facts
from probatio.records.lines import derive_lines, find_doubles
from probatio.records.sheets import Sheet, SheetReader, derive_cell_text
from probatio.records.tables import Ledger


@dataclass(frozen=True)
class Cohort:
    """The patients of a study, and what is to be done with a line about any patient.

    Attributes:
        patients: the patients table of `Records`.
        documents: every document, kept or not.
        kept_documents: the documents table of `Records`.
        rules: for every patient of the patients file, the rule that sets the patient's values aside,
            or "" for those evaluated.
        texts: the texts of the documents, read when asked for.
    """

    patients: pd.DataFrame
    documents: DocumentTable
    kept_documents: pd.DataFrame
    rules: dict[str, str]
    texts: DocumentTexts

    @property
    def evaluated(self) -> pd.DataFrame:
        """The patients that no extractor was tuned on."""
        return self.patients[~self.patients["development"]]

    def derive_rules(self, lines: pd.DataFrame, *, sampled_only: bool) -> pd.Series:
        """Return the rule that sets each line (`patient_id, document_id, by_document`) aside, or "".

        Args:
            lines: lines of a source's file; `by_document` says that the document names the patient.
            sampled_only: the source is the reference: only patients drawn for it count, or the
                sampling probabilities would no longer hold.
        """
        rules = derive_looked_up(lines["patient_id"], self.rules, "unknown_patient")
        rules = rules.mask(lines["patient_id"] == "", "missing_patient")
        if sampled_only:
            outside = self.patients.index[~self.patients["reference_sampled"]]
            rules = rules.mask((rules == "") & lines["patient_id"].isin(outside), "not_sampled")
        aside = derive_looked_up(lines["document_id"], self.documents.rules, "unknown_document")
        return rules.mask(lines["by_document"] & (aside != ""), aside)


def read_cohort(protocol: Protocol, reader: SheetReader, ledger: Ledger) -> Cohort:
    """Read patients and documents, and count who is set aside and why.

    Raises:
        UserError: a column is absent, a patient stands on two different lines, a number, date, flag
            or probability cannot be read, or nobody is left.
    """
    declared = protocol.patients
    sheet = reader.read_sheet(declared.file)
    documents = read_documents(protocol, reader)
    lines = derive_lines(sheet, declared.patient, documents)
    ledger.count("read", len(lines), unit="patients")
    lines = _reject(lines, lines["patient_id"] == "", "missing_patient", ledger)
    lines = _reject(lines, find_doubles(sheet, lines, _list_columns(declared)), "duplicate_row", ledger)
    inside = lines["patient_id"].isin(documents.patients) | (declared.cohort == "rows")
    rules = dict.fromkeys(lines.loc[~inside, "patient_id"], "outside_cohort")
    lines = _reject(lines, ~inside, "outside_cohort", ledger)
    if lines.empty:
        raise UserError(f"{sheet.name}: no patient is left in the cohort; check the patient key and the documents.")
    texts = read_texts(protocol, reader.root)
    facts = Facts(reader, documents, texts)
    patients = _derive_patients(declared, sheet, lines, facts)
    if patients["development"].all():
        raise UserError(
            f"{sheet.name}: column {declared.development}: no patient is left to evaluate: all {len(patients)} "
            f"were used for development; evaluate on others."
        )
    rules |= {str(name): "development" if flag else "" for name, flag in patients["development"].items()}
    _reject(lines, lines["patient_id"].map(rules) == "development", "development", ledger)
    _count_kept(patients, protocol, ledger)
    return Cohort(patients, documents, documents.select_kept(rules, ledger), rules, texts)


def _list_columns(declared: Patients) -> list[str]:
    """Return the declared columns of the patients file that say something about the patient."""
    attributes = [*declared.attributes.values(), *([declared.centre] if declared.centre else [])]
    columns = [attribute.column for attribute in attributes if attribute.file is None]
    columns += [declared.development, declared.reference_sampled]
    columns += [declared.sampling_stratum, declared.sampling_probability]
    return [column for column in columns if column]


def _derive_patients(declared: Patients, sheet: Sheet, lines: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    def read_text(column: str | None) -> list[str]:
        return read_lines(sheet, column, lines) if column else [""] * len(lines)

    table = pd.DataFrame({"patient_id": lines["patient_id"], "centre": ""}, index=lines.index)
    if declared.centre:
        centre = facts.derive(sheet, declared.centre, lines, "centre")
        table["centre"] = [derive_cell_text(text) for text in centre]
    table["development"] = derive_flag(sheet, declared.development, lines, default=False)
    table["reference_sampled"] = derive_flag(sheet, declared.reference_sampled, lines, default=True)
    table["sampling_stratum"] = read_text(declared.sampling_stratum)
    table["sampling_probability"] = _derive_probability(
        declared.sampling_probability, sheet, lines, table["reference_sampled"]
    )
    if clash := [name for name in declared.attributes if name in table]:
        raise UserError(f"patients: attributes: {', '.join(clash)} is a name of the patients table; rename it.")
    for name, attribute in declared.attributes.items():
        table[name] = facts.derive(sheet, attribute, lines, name)
    return table.set_index("patient_id").sort_index()


def _derive_probability(column: str | None, sheet: Sheet, lines: pd.DataFrame, sampled: pd.Series) -> pd.Series:
    """Return the probability of being drawn for the reference; those not drawn may leave it blank."""
    if column is None:
        return pd.Series(1.0, index=lines.index)
    where = f"{sheet.name}: column {column}"
    texts = pd.Series(read_lines(sheet, column, lines), index=lines.index, dtype=object)
    numbers = parse_numbers(texts, lines, sheet, where)
    wrong = ~((numbers > 0) & (numbers <= 1)) & (sampled | numbers.notna())
    if wrong.any():
        line = lines["line"][wrong].iloc[0]
        raise UserError(
            f"{where}: {int(wrong.sum())} cells are no probability in (0, 1] (first at line {line}); give one."
        )
    return numbers


def _reject(lines: pd.DataFrame, mask: pd.Series, rule: str, ledger: Ledger) -> pd.DataFrame:
    ledger.reject(lines[mask], rule, variables={"": 1}, unit="patients")
    return lines[~mask]


def _count_kept(patients: pd.DataFrame, protocol: Protocol, ledger: Ledger) -> None:
    evaluated = patients[~patients["development"]]
    ledger.count("evaluated", len(evaluated), unit="patients")
    if protocol.reference is not None:
        ledger.count("labelled", int(evaluated["reference_sampled"].sum()), unit="patients")
        ledger.count("unlabelled", int((~evaluated["reference_sampled"]).sum()), unit="patients")
