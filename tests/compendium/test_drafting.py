"""A protocol drafted from files reads these very files; what is guessed is said, what is rare stays out."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probatio.cli import run_command
from probatio.compendium.drafting import draft_protocol
from probatio.compendium.drafting.exports import derive_name, read_export
from probatio.compendium.drafting.guesses import guess_column, guess_decimal, guess_order, guess_unit
from probatio.compendium.drafting.matching import match_columns
from probatio.protocol import UserError, read_protocol
from probatio.records import read_records

PROJECT = Path(__file__).parents[2]
TUTORIAL = PROJECT / "data" / "tutorial"
FILES = {name: [TUTORIAL / f"{name}.csv"] for name in ("reference", "manual", "ai")}


def test_the_tutorials_draft_reads_its_files(tmp_path: Path) -> None:
    """Semicolons, cp1252, decimal comma and day first are found: every value of 150 patients is read and conforms."""
    draft = draft_protocol(tmp_path / "mine.yaml", **FILES)
    protocol = read_protocol(draft.path)
    manual = protocol.get_source("manual").files[0]
    assert (manual.delimiter, manual.encoding, manual.decimal, manual.date_order) == (";", "cp1252", ",", "DMY")
    assert protocol.patients.centre is not None
    types = {variable.name: variable.type for variable in protocol.variables}
    assert types == {"sexe": "nominal", "stade": "nominal", "ecog": "ordinal", "metastases_cerebrales": "binary",
                     "hemoglobine_g_dl": "number", "poids_kg": "number", "debut_du_traitement": "date",
                     "progression": "date", "tabac": "nominal"}  # fmt: skip
    records = read_records(protocol, TUTORIAL)
    assert records.records["conformant"].all()
    assert len(records.patients) == draft.patients == 150
    assert records.rejected.empty


def test_the_decided_protocol_is_the_draft_and_decisions(tmp_path: Path) -> None:
    """What the tutorial's protocol says of files and columns is what the draft says of them."""
    drafted = read_protocol(draft_protocol(tmp_path / "tutorial.yaml", **FILES).path)
    decided = read_protocol(PROJECT / "protocol" / "tutorial.yaml")
    assert [source.files for source in drafted.sources] == [source.files for source in decided.sources]
    assert [variable.name for variable in drafted.variables] == [variable.name for variable in decided.variables]
    assert decided.get_source("ai").independent_of == ["reference", "manual"]


CASES = st.lists(
    st.tuples(st.sampled_from(["IIIB", "IVA"]), st.floats(5, 20).map(lambda x: round(x, 1)),
              st.dates(dt.date(2000, 1, 1), dt.date(2030, 1, 1)), st.integers(0, 4)),
    min_size=12, max_size=30,
)  # fmt: skip


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cases=CASES, french=st.booleans())
def test_whatever_is_exported_is_read_back(cases, french: bool, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Numbers and dates written as a French or an ISO export come out of the drafted protocol as they went in."""
    folder = tmp_path_factory.mktemp("draft")
    mark, comma = (";", ",") if french else (",", ".")
    lines = [mark.join(["Numéro", "Stade", "Hémoglobine (g/dL)", "Début", "ECOG"])]
    for row, (stage, number, day, ecog) in enumerate(cases):
        date = day.strftime("%d/%m/%Y") if french else day.isoformat()
        lines.append(mark.join([f"N{row}", stage, str(number).replace(".", comma), date, str(ecog)]))
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text("\n".join(lines), encoding="cp1252" if french else "utf-8")
    draft = draft_protocol(folder / "mine.yaml", reference=[folder / "a.csv"], ai=[folder / "b.csv"])
    protocol = read_protocol(draft.path)
    assert protocol.get_variable("debut").type == "date"
    values = read_records(protocol, folder).records.query("source == 'ai'")
    dates = values.loc[values["variable"] == "debut"].set_index("patient_id")["value"]
    assert [dates[f"N{row}"] for row in range(len(cases))] == [day.isoformat() for _, _, day, _ in cases]
    if draft.variables["hemoglobine_g_dl"].type == "number":
        assert protocol.get_variable("hemoglobine_g_dl").unit == "g/dL"
        numbers = values.loc[values["variable"] == "hemoglobine_g_dl"].set_index("patient_id")["value"]
        assert [float(numbers[f"N{row}"]) for row in range(len(cases))] == [number for _, number, _, _ in cases]


@pytest.mark.parametrize(
    ("cells", "kind", "levels"),
    [
        (["oui", "non", "ND", "oui", "Oui"] * 4, "binary", ("non", "oui")),
        (["1", "0"] * 4, "binary", ("0", "1")),
        (["0", "1", "2", "3"] * 4, "ordinal", ("0", "1", "2", "3")),
        (["12,5", "13", "9,8", "14.2"], "number", ()),
        (["05/2024", "2024-03-01", "31/12/2023", ""], "date", ()),
        (["a word or two", "another one", "and so on", "else"], "", ()),
        (["", "ND", "NA"], "", ()),
    ],
)
def test_types_are_guessed(cells: list[str], kind: str, levels: tuple[str, ...]) -> None:
    """Yes and no with the event second, steps in order, numbers with either mark, dates; free text is left out."""
    guess = guess_column(cells)
    assert (guess.type, guess.levels) == (kind, levels)


def test_two_headers_that_become_one_name_are_two_variables(tmp_path: Path) -> None:
    """Each finds its own column in the other file; the second variable's name gets a number."""
    lines = [f"P{at},{'I' if at % 2 else 'II'},{at % 3},{at % 2}" for at in range(12)]
    for name in ("one", "two"):
        (tmp_path / f"{name}.csv").write_text(
            "\n".join(["patient,stage,Stade (T),Stade [T]", *lines]), encoding="utf-8"
        )
    draft = draft_protocol(tmp_path / "p.yaml", manual=[tmp_path / "one.csv"], ai=[tmp_path / "two.csv"])
    assert list(draft.variables) == ["stage", "stade_t", "stade_t_2"]
    assert (draft.left_out, draft.matched) == ({}, {})
    for source in read_protocol(draft.path).sources:
        assert source.files[0].columns == {"stage": "stage", "stade_t": "Stade (T)", "stade_t_2": "Stade [T]"}
    assert "date_order" in draft.path.read_text(encoding="utf-8")


def test_a_patients_own_words_are_no_level() -> None:
    """A text seen once or twice is counted, never written; writings that differ from a level by case are recoded."""
    guess = guess_column(["jamais"] * 20 + ["Jamais"] + ["actif"] * 20 + ["fume depuis le décès de son frère"])
    assert (guess.levels, guess.rare, guess.recode) == (("actif", "jamais"), 1, {"Jamais": "jamais"})


def test_marks_orders_units_and_names() -> None:
    """One date that can only be read one way settles a file's order; without any, French exports put the day first."""
    assert guess_order([["01/02/2024", "12/31/2024"]]) == "MDY"
    assert guess_order([["01/02/2024"], ["31/12/2024"]]) == guess_order([["01/02/2024"]]) == "DMY"
    assert guess_order([["2024-02-01", "12"]]) is None
    assert (guess_decimal([["1,5", "2"]]), guess_decimal([["1.5", "2"]]), guess_decimal([])) == (",", ".", ".")
    assert (guess_unit("Poids (kg)"), guess_unit("Créatinine [µmol/L]"), guess_unit("ECOG")) == ("kg", "µmol/L", "")
    assert (derive_name("Métastases cérébrales ?"), derive_name("2e ligne")) == ("metastases_cerebrales", "v_2e_ligne")


def build_exports(folder: Path, n: int = 60, *, wrong: int = 0) -> dict[str, list[Path]]:
    """Write three exports of one study as people have them: other headers, other forms, one with a row per value."""
    reference = ["N° patient;Centre;Stade;Sexe;PD-L1 (%);Hémoglobine (g/dL);Date 1ère prise"]
    manual = ["dossier;stade;sexe;pdl1;hb;debut"]
    ai = ["patient_id,variable,valeur,confiance"]
    for row in range(n):
        stage, sex, pdl1 = ("IIIB", "IVA", "IVB")[row % 3], ("Femme", "Homme")[row % 2], (0, 1, 50)[row % 3]
        hb, begun = str(8 + row % 17 / 2).replace(".", ","), dt.date(2024, 1, 1) + dt.timedelta(days=7 * row)
        day, found = begun.strftime("%d/%m/%Y"), begun + dt.timedelta(days=int(row < wrong))
        reference.append(f"P{row};C{row % 4};{stage};{sex};{pdl1};{hb};{day}")
        manual.append(f"P{row};{stage};{sex[0]};{pdl1};{hb};{day}")
        ai += [f"P{row},Stade,{stage},0.9", f"P{row},pd.l1,{pdl1},0.8", f"P{row},date_debut,{found},0.7"]
    for name, lines in (("reference", reference), ("manual", manual), ("ai", ai)):
        (folder / f"{name}.csv").write_text("\n".join(lines), encoding="cp1252" if name != "ai" else "utf-8")
    return {name: [folder / f"{name}.csv"] for name in ("reference", "manual", "ai")}


def test_exports_that_share_no_header_become_one_protocol(tmp_path: Path) -> None:
    """Patients under three headers, a row per value in one file: every value is read and finds its variable."""
    draft = draft_protocol(tmp_path / "mine.yaml", **build_exports(tmp_path, wrong=6))
    protocol = read_protocol(draft.path)
    assert [source.files[0].patient.column for source in protocol.sources] == ["N° patient", "dossier", "patient_id"]
    types = {name: guess.type for name, guess in draft.variables.items()}
    assert types == {"stade": "nominal", "sexe": "nominal", "pd_l1": "number", "hemoglobine_g_dl": "number",
                     "date_1ere_prise": "date"}  # fmt: skip
    assert draft.matched == {"hemoglobine_g_dl": ["Hémoglobine (g/dL)", "hb"],
                             "date_1ere_prise": ["Date 1ère prise", "debut", "date_debut"]}  # fmt: skip
    ai = protocol.get_source("ai").files[0]
    assert (ai.layout, ai.long.value, ai.long.confidence) == ("long", "valeur", "confiance")
    assert ai.columns == {"stade": "Stade", "pd_l1": "pd.l1", "date_1ere_prise": "date_debut"}
    assert protocol.get_variable("sexe").recode.values == {"F": "Femme", "H": "Homme"}
    records = read_records(protocol, tmp_path)
    assert records.rejected.empty
    assert records.records["conformant"].all()
    delivered = records.records.query("source == 'ai'").groupby("variable", observed=True)["value"].count()
    assert delivered.to_dict() == {"date_1ere_prise": 60, "pd_l1": 60, "stade": 60}
    assert "# CHECK: date_1ere_prise" in draft.path.read_text(encoding="utf-8")


def test_values_bring_together_only_what_agrees_beyond_chance(tmp_path: Path) -> None:
    """Dates that differ for most patients, or too few patients, are left out and said to be in one file only."""
    far, few = tmp_path / "far", tmp_path / "few"
    for folder, sizes in ((far, {"wrong": 40}), (few, {"n": 12})):
        folder.mkdir()
        draft = draft_protocol(folder / "mine.yaml", **build_exports(folder, **sizes))
        assert draft.left_out["date_debut"] == "in ai.csv only"
    assert draft.left_out["hb"] == "in manual.csv only"
    assert draft.matched == {}


def test_many_columns_find_their_own() -> None:
    """Sixty columns of two files that share no header: each goes with the one it was copied from, and none with two."""
    first = {
        f"a{at}": {f"P{row}": str((row * (at + 3) + row // (at + 1)) % 7) for row in range(60)} for at in range(60)
    }
    second = {f"b{at}": dict(first[f"a{at}"]) for at in reversed(range(60))}
    groups, by_values = match_columns([first, second])
    assert len(groups) == 60
    assert groups == by_values
    assert all(first[group[0]] == second[group[1]] for group in groups)


def test_the_patients_column_may_be_named_for_one_file(tmp_path: Path) -> None:
    """--patient holds where the column stands; elsewhere the one that shares its patients is found."""
    draft = draft_protocol(tmp_path / "mine.yaml", **build_exports(tmp_path), patient="dossier")
    columns = [source.files[0].patient.column for source in read_protocol(draft.path).sources]
    assert columns == ["N° patient", "dossier", "patient_id"]


@pytest.mark.parametrize(
    ("cells", "recode"),
    [
        (["F", "H", "Femme", "Homme"], {"F": "Femme", "H": "Homme"}),
        (["O", "N", "Oui", "Non"], {"O": "Oui", "N": "Non"}),
        (["I", "III"], {}),
        (["T", "T1", "Ta"], {}),
        (["M", "Masculin", "Mixte"], {}),
    ],
)
def test_a_letter_stands_for_the_one_word_that_begins_with_it(cells: list[str], recode: dict[str, str]) -> None:
    """Not for a Roman number, nor where two words begin so."""
    assert guess_column(cells * 4).recode == recode


def _write(folder: Path, **files: str) -> dict[str, list[Path]]:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return {"reference": [folder / "a.csv"], "ai": [folder / "b.csv"]}


GOOD = "id,stage\n" + "".join(f"P{row},{'I' * (1 + row % 2)}\n" for row in range(9))


LONG = "id,variable,value\n" + "".join(f"P{row},stage,{'I' * (1 + row % 2)}\n" for row in range(9))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a": GOOD}, "b.csv: no such file"),
        ({"a": GOOD, "b": ""}, "the file is empty"),
        ({"a": GOOD, "b": "id,stage,stage\nP1,I,I\n"}, "stands twice"),
        ({"a": GOOD, "b": "id,,stage\nP1,x,I\n"}, "a column has no name"),
        ({"a": GOOD, "b": "id,stage\nQ1,I\nQ2,II\n"}, "no column holds the same patients"),
        ({"a": GOOD, "b": GOOD.replace("stage", "grade")}, "no column has the name, or the values, of a column"),
        ({"a": LONG, "b": LONG}, "every file has a row per value"),
    ],
)
def test_files_that_will_not_do_are_told(tmp_path: Path, files: dict[str, str], said: str) -> None:
    """One sentence with the file, and no protocol half-written."""
    given_files = _write(tmp_path, **files)
    with pytest.raises(UserError, match=said):
        draft_protocol(tmp_path / "mine.yaml", **given_files)
    assert not (tmp_path / "mine.yaml").exists()


def test_other_mistakes_are_told(tmp_path: Path) -> None:
    """An existing protocol is never overwritten; two references, one file, another kind of file are refused."""
    files = _write(tmp_path, a=GOOD, b=GOOD)
    draft_protocol(tmp_path / "mine.yaml", **files)
    with pytest.raises(UserError, match="exists"):
        draft_protocol(tmp_path / "mine.yaml", **files)
    with pytest.raises(UserError, match="two files or more"):
        draft_protocol(tmp_path / "other.yaml", ai=files["ai"])
    with pytest.raises(UserError, match="neither CSV"):
        read_export(tmp_path / "a.pdf")
    with pytest.raises(UserError, match="different folders"):
        draft_protocol(tmp_path / "other.yaml", reference=FILES["reference"], ai=files["ai"])
    with pytest.raises(UserError, match="correct --patient"):
        draft_protocol(tmp_path / "other.yaml", **files, patient="nobody")


def test_the_command_says_what_comes_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`probatio init` writes the draft, shows the guesses, and names the next step; a mistake is exit code 2."""
    files = _write(tmp_path, a=GOOD, b=GOOD)
    words = [
        "init",
        str(tmp_path / "mine.yaml"),
        "--reference",
        str(files["reference"][0]),
        "--ai",
        str(files["ai"][0]),
    ]
    assert run_command(words) == 0
    assert "probatio check" in capsys.readouterr().out
    assert run_command(words) == 2
