"""A mistake in a protocol is answered by one sentence with file, line, key path and remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from probatio.protocol import UserError, read_protocol

Write = Callable[..., Path]

# (what stands in the valid protocol, what the mistake puts there, where the sentence must point, what it must say)
MISTAKES = [
    ("study: small", "studdy: small", "study.yaml:1: studdy", "unknown key"),
    ("file: {path: patients.csv}", "file: {path: patients.csv, sep: ';'}", "yaml:6: patients.file.sep", "unknown"),
    ("      column: sex", "      column: sex\n      period: half", "yaml:8: patients.attributes.sex", "type: date"),
    ("    column: sex", "    column: sex\n      type: date\n      period: week", "attributes.sex.period", "'quarter'"),
    ("      column: sex", "      colum: sex", "study.yaml:10: patients.attributes.sex.colum", "unknown key"),
    ("    role: ai", "    roles: ai", "study.yaml:20: sources[1].roles", "unknown key"),
    ("    role: ai", "    role: robot", "study.yaml:20: sources[1].role", "'robot'"),
    ("seed: 7", "seed: seven", "study.yaml:4: resampling.seed", "integer"),
    ("seed: 7", "seed: -7", "study.yaml:4: resampling.seed", "greater than or equal to 0"),
    ("fr: Une petite étude", "de: Eine Studie", "study.yaml:2: title.de", "unknown key"),
    ("    type: ordinal", "    type: ordnal", "study.yaml:28: variables[0].type", "'ordnal'"),
    ("    levels: [no, yes]", "    levels: [no, yes, maybe]", "study.yaml:30: variables[1]", "exactly two levels"),
    ("levels: [I, II, III, IV]", "levels: [I, II, II]", "study.yaml:26: variables[0]", "levels repeat II"),
    ("levels: [I, II, III, IV]", "unit: cm", "study.yaml:26: variables[0]", "levels go with"),
    ("{path: patients.csv}", "{path: patients.csv, date_order: JMA}", "patients.file.date_order", "'JMA'"),
    ("columns: {stage: st, ecog@access: e0}", "columns: {stadium: st}", "study.yaml", "['stadium'], not a variable"),
    ("independent_of: [registry]", "independent_of: [registre]", "study.yaml", "['registre'], not a source"),
    ("    role: ai", "    role: reference", "study.yaml", "only one may have the role reference"),
    ("  - name: model", "  - name: registry", "study.yaml", "the name registry is used twice"),
    ("comparator: registry", "comparator: model2", "analyses[0]", "comparator model2 is not among sources"),
    ("late: [III, IV]", "late: [II, IV]", "analyses[0].terms[0]", "groups repeat the level II"),
    ("{variable: stage, groups", "{variable: stadium, groups", "terms[0].variable", "stadium is not declared"),
    ("stratify_by: [sex, centre]", "stratify_by: [sexe]", "stratify_by", "['sexe'] is not declared"),
    ("  file: {path: patients.csv}", "  file: {path: patients.csv}\n  patient: {row: L1}", "patients.patient", "{row"),
    ("        columns: {stage: st}", "        layout: long\n        columns: {stage: a, ecog: a}", "files[0]", "one"),
    ("        columns: {stage: st}", "        layout: long\n        columns: {ecog@m1: a}", "files[0]", "alone"),
    ("        columns: {stage: st}", "        layout: long\n        confidence: {stage: p}", "files[0]", "long.conf"),
    ("  - name: ecog", "  - name: ecog\n    name: ecog2", "study.yaml:31: variables[1].name", "stands twice"),
    ("  - name: stage", "  - name: Stage T", "study.yaml:26: variables[0].name", "'Stage T'"),
    ("data: ../data", "data: true", "study.yaml:3: data", "string"),
    ("type: ordinal", "type: ordinal\n    note: {en: yes, fr: true}", "variables[0].note.fr", "write it in quotes"),
]  # fmt: skip


@pytest.mark.parametrize(("correct", "mistaken", "where", "what"), MISTAKES)
def test_a_mistake_is_named_with_its_place(
    write: Write, valid: str, correct: str, mistaken: str, where: str, what: str
) -> None:
    """Each mistake gives one sentence that holds its place and what is wrong."""
    assert valid.count(correct) >= 1
    with pytest.raises(UserError) as error:
        read_protocol(write(valid.replace(correct, mistaken, 1)))
    message = str(error.value)
    assert where in message
    assert what in message
    assert "\n" not in message


def test_several_mistakes_give_the_first_and_their_number(write: Write, valid: str) -> None:
    """Further mistakes are counted after the first one."""
    broken = valid.replace("role: ai", "role: robot").replace("type: binary", "type: bit")
    with pytest.raises(UserError, match=r"\(1 more after this one\)"):
        read_protocol(write(broken))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A protocol that does not exist is named with an example of what to give."""
    with pytest.raises(UserError, match=r"nowhere\.yaml: no such protocol"):
        read_protocol(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"study: caf\xe9\n", "cannot be read as UTF-8"),
        (b"study: [small\ntitle: x\n", "study.yaml:2: not valid YAML"),
        (b"study: small\n\ttitle: x\n", "study.yaml:2: not valid YAML"),
        (b"- a\n- b\n", "expected keys and values"),
        (b"", "expected keys and values"),
        (b"# only a comment\n", "expected keys and values"),
    ],
)
def test_what_is_no_protocol_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """A file that is no YAML, no text or no mapping is refused in one sentence."""
    path = tmp_path / "study.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"study\.yaml") as error:
        read_protocol(path)
    assert said in str(error.value)


def test_an_error_of_the_acceptance_matrix_names_its_own_file_and_line(write: Write, valid: str) -> None:
    """A mistake in an included file points into that file, not into the protocol."""
    path = write(
        valid + "acceptance: acceptance.yaml\n", acceptance="sets:\n  - types: [ordinal]\n    use: [research]\n"
    )
    with pytest.raises(UserError, match=r"acceptance\.yaml:3: sets\[0\]\.use|acceptance\.yaml:2: sets\[0\]\.uses"):
        read_protocol(path)


def test_an_acceptance_matrix_that_is_absent_is_named_with_the_line(write: Write, valid: str) -> None:
    """An include that does not exist is reported at the protocol's line."""
    path = write(valid + "acceptance: absent.yaml\n", acceptance=None)
    line = len(valid.splitlines()) + 1
    with pytest.raises(UserError, match=rf"study\.yaml:{line}: acceptance: the file absent\.yaml"):
        read_protocol(path)


def test_a_review_threshold_stricter_than_the_threshold_is_refused(write: Write, valid: str) -> None:
    """Review may only be laxer than acceptance without it."""
    strict = "sets:\n- types: [ordinal]\n  uses: [research]\n  criteria:\n  - {name: e, metric: error_rate, bound: upper, threshold: 0.1, review: 0.05, justification: {en: a, fr: b}, source: c}\n"  # noqa: E501 -- one line of YAML
    with pytest.raises(UserError, match="review must be laxer"):
        read_protocol(write(valid + "acceptance: acceptance.yaml\n", acceptance=strict))


@given(text=st.text(st.characters(codec="utf-8"), max_size=60))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_makes_reading_crash(write: Write, text: str) -> None:
    """Whatever a file holds, reading it ends in a protocol or in a UserError."""
    with pytest.raises(UserError):
        read_protocol(write(text))


@given(
    at=st.integers(0, 60),
    junk=st.sampled_from(
        ["? [a]\n: b", "&x [*x]", "1: 2", "!!python/object:os.system x", "- ", "{", "<<: 3", "\x00", "~: 1"]
    ),
)
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_junk_in_a_valid_protocol_makes_reading_crash(write: Write, valid: str, at: int, junk: str) -> None:
    """Odd YAML put on a line of its own ends in a UserError, and runs nothing."""
    lines = valid.splitlines()
    lines.insert(min(at, len(lines)), junk)
    with pytest.raises(UserError):
        read_protocol(write("\n".join(lines)))
