"""Amendments: the chain of digests, what each one changes, and what is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from probatio.digest import derive_canonical_json
from probatio.protocol import (
    Protocol,
    Revision,
    UserError,
    compute_protocol_digest,
    derive_protocol_bytes,
    find_version_files,
    read_protocol,
    read_revisions,
)
from probatio.protocol.reference import list_models
from probatio.protocol.versions import derive_changes, keep_version
from probatio.protocol.worded import find_worded

Write = Callable[..., Path]
ROOT = Path(__file__).parents[2]


def amend(text: str, path: Path, *changes: tuple[str, str], seen: str = "[]", number: int = 1) -> str:
    """Keep the version in `path`, and return its text amended."""
    protocol = read_protocol(path)
    file, content = keep_version(path, protocol)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    head = "" if "amendments:" in text else "amendments:\n"
    label = "{en: A, fr: A}"
    entry = f"date: 2026-11-0{number}, previous: {compute_protocol_digest(protocol)}, seen: {seen}"
    return f"{text}{head}  - {{number: {number}, {entry}, what: {label}, why: {label}}}\n"


@pytest.fixture
def amended(write: Write, valid: str) -> tuple[Path, str, list[Revision]]:
    """Two amendments: a label and a level of a variable, then the seed after AI data were seen."""
    path = write(valid)
    text = amend(valid, path, ("fr: Stade", "fr: Stade TNM"), ("[I, II, III, IV]", "[I, II, III, IV, V]"))
    path = write(text)
    text = amend(text, path, ("seed: 7", "seed: 8"), seen="[reference, ai]", number=2)
    path = write(text)
    return path, text, read_revisions(path, read_protocol(path))


def test_the_kept_file_is_the_digest(amended: tuple[Path, str, list[Revision]]) -> None:
    """Any tool's SHA-256 of a kept version is the digest that its amendment names: no program of ours is trusted."""
    path, _, revisions = amended
    files = find_version_files(path, read_protocol(path))
    named = [revision.amendment.previous for revision in revisions]
    assert [hashlib.sha256(file.read_bytes()).hexdigest() for file in files] == named
    assert len(set(named)) == 2


def test_what_changed_is_derived_from_both_versions(amended: tuple[Path, str, list[Revision]]) -> None:
    """Each amendment shows its own keys, items by name, with both values; amendments are not among them."""
    first, second = (revision.changes for revision in amended[2])
    assert [(c.key, c.before, c.after) for c in first] == [
        ("variables[stage].label.fr", '"Stade"', '"Stade TNM"'),
        ("variables[stage].levels", '["I", "II", "III", "IV"]', '["I", "II", "III", "IV", "V"]'),
    ]
    assert [(c.key, c.before, c.after) for c in second] == [("resampling.seed", "7", "8")]


def test_amending_moves_the_digest_even_without_another_change(write: Write, valid: str) -> None:
    """Amendments are content: a digest that was signed covers the history before it, too."""
    path = write(valid)
    before = compute_protocol_digest(read_protocol(path))
    assert compute_protocol_digest(read_protocol(write(amend(valid, path)))) != before


def test_a_missing_version_is_refused(amended: tuple[Path, str, list[Revision]]) -> None:
    """What was changed cannot be shown without the version that was changed."""
    path = amended[0]
    find_version_files(path, read_protocol(path))[0].unlink()
    with pytest.raises(UserError, match=r"study\.yaml:\d+: amendments\[0\]\.previous: study\.proofs/.* is not there"):
        read_revisions(path, read_protocol(path))


def test_a_version_changed_by_one_byte_is_refused(amended: tuple[Path, str, list[Revision]]) -> None:
    """A threshold moved afterwards in the version that was signed is found by its digest."""
    path = amended[0]
    file = find_version_files(path, read_protocol(path))[1]
    file.write_bytes(file.read_bytes().replace(b"Stade TNM", b"Stade_TNM"))
    with pytest.raises(UserError, match=r"amendments\[1\]\.previous: .* it was changed, put back"):
        read_revisions(path, read_protocol(path))


@pytest.mark.parametrize("change", [("seen: []", "seen: [ai]"), ("2026-11-01", "2026-10-01")])
def test_an_amendment_rewritten_later_is_refused(
    amended: tuple[Path, str, list[Revision]], write: Write, change: tuple[str, str]
) -> None:
    """The version after an amendment holds it: what had been seen, or when, cannot be told otherwise later."""
    path = write(amended[1].replace(*change, 1))
    with pytest.raises(UserError, match=r"amendments\[1\]\.previous: .* other amendments"):
        read_revisions(path, read_protocol(path))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("number: 2", "number: 3", r"amendments\[1\]\.number: amendment 3 stands in place 2"),
        ("2026-11-02", "2026-10-02", r"amendments\[1\]\.date: 2026-10-02 is before"),
        ("2026-11-02", "2026-13-02", r"amendments\[1\]\.date: 2026-13-02 is no day"),
        ("seen: [reference, ai]", "seen: [everything]", r"amendments\[1\]\.seen\[0\]"),
        (", seen: [reference, ai]", "", r"amendments\[1\]\.seen: missing"),
    ],
)
def test_a_mistake_is_named_with_its_place(
    amended: tuple[Path, str, list[Revision]], write: Write, before: str, after: str, said: str
) -> None:
    """Order, dates and what had been seen are checked; nobody can leave out what had been seen."""
    assert before in amended[1]
    with pytest.raises(UserError, match=said):
        read_protocol(write(amended[1].replace(before, after, 1)))


def test_two_amendments_of_one_version_are_refused(amended: tuple[Path, str, list[Revision]], write: Write) -> None:
    """History has no branches: the second amendment changes what the first one made."""
    first, second = (revision.amendment.previous for revision in amended[2])
    with pytest.raises(UserError, match="an earlier amendment amends this version"):
        read_protocol(write(amended[1].replace(second, first)))


def test_a_key_at_its_default_may_be_written(write: Write, valid: str) -> None:
    """The digest holds what differs from defaults: later keys leave the digest of an old protocol as it was signed."""
    bare, written = read_protocol(write(valid)), read_protocol(write(valid + "level: 0.95\nmin_stratum: 10\n"))
    assert compute_protocol_digest(bare) == compute_protocol_digest(written)
    assert b"min_stratum" not in derive_protocol_bytes(bare)
    assert Protocol.model_validate_json(derive_protocol_bytes(bare)) == bare


_values = st.recursive(
    st.none() | st.integers(0, 3) | st.sampled_from("ab"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "x", "y"]), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(_values)
def test_a_value_does_not_differ_from_itself(value: object) -> None:
    """No key is said to have changed where none has."""
    assert list(derive_changes(value, json.loads(json.dumps(value)))) == []


def test_items_moved_added_and_removed() -> None:
    """Named items are found wherever they stand; one that is new has no value before, one that is gone none after."""
    one = {"list": [{"name": "a", "x": 1}, {"name": "b", "x": 2}], "plain": [1, 2]}
    other = {"list": [{"name": "b", "x": 3}, {"name": "c"}], "plain": [2, 1], "new": 0}
    assert [(c.key, c.before, c.after) for c in derive_changes(one, other)] == [
        ("list[a]", '{"name": "a", "x": 1}', ""),
        ("list[b].x", "2", "3"),
        ("list[c]", "", '{"name": "c"}'),
        ("plain", "[1, 2]", "[2, 1]"),
        ("new", "", "0"),
    ]


def test_an_order_that_counts_is_a_change() -> None:
    """Rules in another order, or two items of one name, are not taken for the same."""
    one, two = [{"name": "a"}, {"name": "b"}], [{"name": "b"}, {"name": "a"}]
    assert [(c.key, c.before, c.after) for c in derive_changes(one, two, "rules")] == [
        ("rules (order)", "a, b", "b, a")
    ]
    doubled = [{"name": "a", "x": 1}, {"name": "a", "x": 2}]
    assert [c.key for c in derive_changes(doubled, doubled[::-1], "checks")] == ["checks[0].x", "checks[1].x"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"x": 1}, {"x": True}, ("1", "true")),
        ({"x": 1}, {"x": 1.0}, ("1", "1.0")),
        ({"x": None}, {}, ("null", "")),
        ({}, {"x": None}, ("", "null")),
        ({"x": "\u00e9"}, {"x": "e\u0301"}, ('"\u00e9"', '"e\u0301"')),
        ({"x": []}, {}, ("[]", "")),
    ],
)
def test_what_moves_the_digest_is_a_change(before: dict[str, object], after: dict[str, object], said: object) -> None:
    """Values that Python takes for equal but whose bytes differ are shown: no digest moves without a key."""
    assert [(c.key, c.before, c.after) for c in derive_changes(before, after)] == [("x", *said)]  # type: ignore[misc]


@settings(max_examples=80, deadline=None)
@given(_values, _values)
def test_two_values_without_a_change_have_the_same_bytes(one: object, other: object) -> None:
    """Whatever differs between two versions has a key that says so."""
    if not list(derive_changes({"x": one}, {"x": other})):
        assert derive_canonical_json(one) == derive_canonical_json(other)


@pytest.mark.parametrize(
    ("way", "found"),
    [
        ("variables stage label fr", "label"),
        ("variables stage level_labels I en", "level_labels"),
        ("variables stage level_labels", "level_labels"),
        ("written inclusion", "inclusion"),
        ("written inclusion 0 en", "inclusion"),
        ("acceptance sets 0 criteria error source", "source"),
        ("acceptance sets 0 criteria error threshold", ""),
        ("rules stage source", "source"),
        ("variables stage recode values fr", ""),
        ("variables stage recode_by manual values en", ""),
        ("endpoints os source", ""),
        ("review source", ""),
        ("review justification fr", "justification"),
        ("corrections main source", ""),
        ("definitions m changes 0 source", ""),
        ("analyses os terms 0 source", ""),
        ("analyses os estimand population", "population"),
        ("patients attributes en column", ""),
        ("nowhere", ""),
    ],
)
def test_words_are_known_by_their_place(way: str, found: str) -> None:
    """A recoded text `fr`, or the source that an endpoint is read from, is a rule; a label and a citation are words."""
    assert find_worded(way.split()) == found


def test_a_digest_that_was_signed_stays() -> None:
    """What is on paper is found again by every later version of the program: new keys, written by nobody, move nothing.

    Where this fails a default was changed or a key renamed: old protocols no longer mean what was signed.
    """
    path = ROOT / "protocol" / "demo.yaml"
    (first,) = find_version_files(path, read_protocol(path))
    signed = Protocol.model_validate_json(first.read_bytes())
    assert derive_protocol_bytes(signed) == first.read_bytes()
    assert compute_protocol_digest(signed)[:12] == first.stem


def test_no_default_moves_under_a_signature() -> None:
    """A key left at its default is not in the digest: were the default moved, what was signed would mean another thing.

    `defaults.json` holds each default by model and key. A new key adds a line; a line that is there never changes.
    """
    kept = json.loads((Path(__file__).parent / "defaults.json").read_text(encoding="utf-8"))
    assert {key: value for key, value in list_defaults().items() if key in kept} == kept
    assert not set(list_defaults()) - set(kept), "add the new keys to defaults.json"


def list_defaults() -> dict[str, object]:
    """Return every default of a protocol by `Model.key`, as JSON values."""
    out: dict[str, object] = {}
    for model in list_models():
        for key, field in model.model_fields.items():
            if field.default is not PydanticUndefined:
                whole = isinstance(field.default, BaseModel)
                dumped = field.default.model_dump(mode="json", exclude_defaults=True) if whole else field.default
                out[f"{model.__name__}.{key}"] = json.loads(json.dumps(dumped))
    return out
