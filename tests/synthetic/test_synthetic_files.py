"""The committed files: the generator makes them again, and every snippet stands where its offsets say."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from pathlib import Path

import pandas as pd
import pytest

from demo_study import compare_demo, read_demo
from probatio.comparison import compare
from probatio.synthetic import (
    BUNDLED_SEED,
    EVERY_SOURCE,
    derive_comparison,
    derive_files,
    generate_study,
    write_study,
)
from probatio.synthetic.design import AI, CELLS

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "data" / "demo"

# SHA-256 of the study as first published; what was added since is declared in ADDED, and taken away before comparing.
PUBLISHED = {
    "patients.csv": "7df5845cf6365813d7bcc9d63bcc0ebe3c21433856f021e8e5a2137694d81451",
    "reference.csv": "c4481ec6ffd3e2486f2b50ebb1e1debc4255974f301e0db615c45f71e2f7facb",
    "reference_events.csv": "15fdac267e944b883be3e576f2200f7857119357fb175b5460df7387600241f5",
    "manual.csv": "686e8eb2a4b6f374dc380f1fa3e494f5bf1c361de82dacfc20af5fb87e308a0e",
    "manual_events.csv": "3a9cf29ab45df5ce0bc2094f94425a5b86be3e0bf85a442a96dcf19ab6f7e954",
    "ai_a.csv": "c35d37344c03a0515cd0fd88212343416b0d9220f08e6c4881f3ad560dfba3d6",
    "ai_b.csv": "6f922e2638ca42a5ece7a927269d0b548849180985d1bfd428c5fa77c3f3083c",
    "documents.csv": "29a48123cca5b6c5a6f923cde69c824cd6c8bfb883a4cc9794ec24447c979e6e",
    "texts.csv": "ce0df39e5b24320c1de4811a214e63505653e1c9ea9770f32d45bc8c26c5ed4f",
    "assessments.csv": "e78464d4fbe5a119b394011807d0a06acd0fd5a88f7339a73e6f3f314f530d4d",
}
# Headers of the last columns, each after its separator, the last one first; who has rows of their own at the end of
# assessments.csv; the variable that has rows in every long file, and sentences at the end of a document.
ADDED = {
    "patients.csv": [b",inclusion"],
    "manual.csv": [b";Date de saisie", b";Date du traitement suivant"],
    "reference.csv": [b",next_treatment_date"],
}
NEWER = (b"second_reader", b"ai_a_run2", b"ai_a_v1")
NEWER_VARIABLE = b"next_treatment_date"
PLACES = {"ai_a.csv": 2, "ai_b.csv": 2, "assessments.csv": 1}
NEWER_SENTENCE = re.compile(r" Nouveau traitement (?:débuté|envisagé)[^\n]*".encode())


@pytest.fixture(scope="module")
def study():
    """The bundled study."""
    return generate_study(BUNDLED_SEED, sources=EVERY_SOURCE)


@pytest.fixture(scope="module")
def files(study):
    """Its files, made again."""
    return derive_files(study)


@pytest.fixture(scope="module")
def tables():
    """The protocol, and the tables that it reads from the committed files."""
    return read_demo()


def _read(content: bytes, *, encoding="utf-8", delimiter=","):
    return pd.DataFrame(list(csv.DictReader(io.StringIO(content.decode(encoding), newline=""), delimiter=delimiter)))


def test_the_committed_files_are_those_the_generator_makes(files):
    """Every committed file is byte for byte what the generator writes."""
    for name, content in files.items():
        assert (DEMO / name).read_bytes() == content, f"{name}: run python -m probatio.synthetic data/demo"


def _strip_last_column(content, header):
    """Return a file without its last column; its header must be the one declared."""
    lines = content.splitlines(keepends=True)
    ends = [line[len(line.rstrip(b"\r\n")) :] for line in lines]
    assert lines[0].rstrip(b"\r\n").endswith(header)
    return b"".join(line.rstrip(b"\r\n").rpartition(header[:1])[0] + end for line, end in zip(lines, ends, strict=True))


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_was_published_keeps_its_bytes(files, name):
    """Without the columns, variable and sources declared as added, each file is that first published, byte for byte."""
    content = files[name]
    for header in ADDED.get(name, []):
        content = _strip_last_column(content, header)
    if name in PLACES:
        rows = [line for line in content.splitlines(keepends=True) if line.split(b",")[PLACES[name]] != NEWER_VARIABLE]
        content = b"".join(row for row in rows if row.split(b",")[0] not in NEWER)
        assert b"".join(rows).startswith(content)
    if name == "texts.csv":
        content = NEWER_SENTENCE.sub(b"", content)
    assert hashlib.sha256(content).hexdigest() == PUBLISHED[name]


def test_inclusion_is_the_true_date_of_the_request(study, files):
    """patients.csv holds the day of each request without error, in the order of the patients' numbers."""
    dates = _read(files["patients.csv"])["inclusion"]
    assert dates.tolist() == study.truth.cells["request_date"].tolist() == sorted(dates)


def test_nothing_else_lies_in_the_folder(files):
    """The folder holds the study's files, key, description, statement and git's byte-exact mark, in under 6.5 MB."""
    found = {path.name for path in DEMO.iterdir()}
    assert found == {*files, "answer_key.json", "README.md", "source.yaml", ".gitattributes"}
    assert sum(path.stat().st_size for path in DEMO.iterdir()) < 6_500_000


def test_writing_gives_the_same_bytes(study, files, tmp_path):
    """write_study writes what derive_files gives, and leaves no partial file."""
    write_study(study, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files


@pytest.mark.parametrize("source", AI)
def test_every_snippet_stands_at_its_offsets_in_a_document_of_its_patient(files, source):
    """text[start:end] == snippet, for every value that cites a document, and the document is the patient's."""
    texts = _read(files["texts.csv"]).set_index("document_id")["text"]
    owner = _read(files["documents.csv"]).set_index("document_id")["patient_id"]
    rows = _read(files[f"{source}.csv"])
    cited = rows[rows["document_id"] != ""]
    assert len(cited) > 0.97 * (rows["state"] == "value").sum()
    for row in cited.itertuples():
        assert row.snippet
        assert texts[row.document_id][int(row.start) : int(row.end)] == row.snippet
        assert owner[row.document_id] == row.patient_id


@pytest.mark.parametrize("source", AI)
def test_a_misled_extraction_cites_what_misled_it(study, files, source):
    """A false brain metastasis by negation cites the relative's, not the patient's own scan."""
    rows = _read(files[f"{source}.csv"]).set_index(["variable", "patient_id"])
    causes = study.readings[source].causes["brain_mets"]
    misled = study.patients["patient_id"][causes == "G"]
    assert len(misled)
    assert (rows.loc["brain_mets"].loc[misled, "snippet"] == "métastases cérébrales chez la mère").all()


def test_texts_stay_on_one_line(files):
    """No text holds a line break, so that no tool that changes line ends can move an offset."""
    assert not _read(files["texts.csv"])["text"].str.contains(r"[\r\n]").any()


def test_the_manual_collection_is_as_french_excel_saves_it(files):
    """cp1252, semicolons, CRLF, decimal commas, DD/MM/YYYY, French levels, and missing codes NR and ND."""
    content = files["manual.csv"]
    with pytest.raises(UnicodeDecodeError):
        content.decode("utf-8")
    assert content.count(b"\r\n") == content.count(b"\n") == 301
    table = _read(content, encoding="cp1252", delimiter=";")
    assert table["Première prise"].str.fullmatch(r"(\d\d/\d\d/\d{4}|NR|ND|)").all()
    assert table["Hémoglobine (g/dL) accès"].str.fullmatch(r"(\d+(,\d)?|NR|ND|)").all()
    assert set(table["Métastases cérébrales"]) == {"oui", "non", "NR", "ND", ""}


def test_long_files_hold_one_row_per_value(files):
    """patient, variable, visit and event identify a row of every long file, and states are those of the contract."""
    for name in ("ai_a.csv", "ai_b.csv", "reference_events.csv"):
        rows = _read(files[name])
        assert not rows.duplicated(["patient_id", "variable", "visit", "event"]).any()
        assert set(rows["state"]) <= {"value", "negative", "not_documented", "failed"}
        assert ((rows["value"] != "") == (rows["state"] == "value")).all()


def test_the_protocol_reads_the_files_into_exactly_the_generators_outcomes(study, tables):
    """Files, recodings and comparison give value for value the outcomes known from the generator."""
    protocol, _ = tables
    read = compare_demo().pairs
    single = read[(read["kind"] == "error") & read["variable"].isin([cell.variable.name for cell in CELLS])]
    made = derive_comparison(study).pairs
    made = made[made["source"].isin([source.name for source in protocol.leading])]
    pd.testing.assert_frame_equal(single.reset_index(drop=True), made.reset_index(drop=True), check_dtype=False)


def test_the_protocol_reads_the_runs_into_exactly_the_generators_outcomes(study, tables):
    """The runs of AI A against the reference, asked for apart, are value for value those of the generator."""
    protocol, records = tables
    read = compare(records, protocol, runs=True).pairs
    assert set(read["source"]) == {"ai_a", "ai_a_run2", "ai_a_v1"}
    single = read[read["variable"].isin([cell.variable.name for cell in CELLS])]
    made = derive_comparison(study).pairs
    made = made[made["source"].isin(set(read["source"]))]
    pd.testing.assert_frame_equal(single.reset_index(drop=True), made.reset_index(drop=True), check_dtype=False)


def test_a_run_delivers_values_of_its_sample_alone(study, files):
    """Each run holds delivered values and no place in a document, of the same 120 evaluated patients."""
    sampled = {}
    for source in ("ai_a_run2", "ai_a_v1"):
        rows = _read(files[f"{source}.csv"])
        assert [*rows] == ["patient_id", "variable", "visit", "event", "value", "state", "confidence"]
        assert set(rows["state"]) == {"value", "negative"}
        assert not rows.duplicated(["patient_id", "variable", "visit", "event"]).any()
        sampled[source] = set(rows["patient_id"])
        assert study.patients.set_index("patient_id").loc[sorted(sampled[source]), "development"].eq("no").all()
    assert sampled["ai_a_run2"] == sampled["ai_a_v1"]
    assert len(sampled["ai_a_v1"]) == 120


def test_the_second_reader_read_ten_variables_of_eighty_patients(files):
    """second_reader.csv: one row per patient of the sample, ten variables (ecog at four visits), a day of entry."""
    table = _read(files["second_reader.csv"])
    variables = {name.partition("_")[0] if name.startswith("ecog") else name for name in table}
    assert len(table) == table["patient_id"].nunique() == 80
    assert len(variables - {"patient_id", "entered"}) == 10
    assert table["entered"].str.fullmatch(r"\d{4}-\d\d-\d\d").all()


def test_forms_are_typed_weeks_to_months_after_the_last_contact(study, files):
    """Every manual form has a day of entry after the end of observation, later in harder centres."""
    table = _read(files["manual.csv"], encoding="cp1252", delimiter=";")
    entered = pd.to_datetime(table["Date de saisie"], format="%d/%m/%Y")
    delay = (entered - pd.Timestamp("1970-01-01")).dt.days - study.truth.course.end
    assert delay.min() >= 5
    assert 25 < delay.median() < 50
    by_centre = delay.groupby(study.patients["centre"]).median()
    assert by_centre[["C11", "C13", "C14", "C15"]].median() > 1.5 * by_centre[["C01", "C02", "C03"]].median()


def test_the_protocol_reads_the_day_of_entry(tables):
    """Values of the manual forms and of the second reader carry the row's day of entry, in ISO form."""
    records = tables[1].records
    for source in ("manual", "second_reader"):
        own = records[(records["source"] == source) & ~records["variable"].str.contains(".", regex=False)]
        own = own[own["state"] == "value"]
        assert own["extracted_at"].str.fullmatch(r"\d{4}-\d\d-\d\d").all()
        assert own.groupby("patient_id")["extracted_at"].nunique().eq(1).all()
