"""Pseudonyms are stable and say nothing; names are found wherever they hide."""

from __future__ import annotations

import base64
import gzip
import io
import json
import struct
import zipfile
import zlib
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import pytest

from probatio.protocol import Protocol
from probatio.provenance.release.pseudonyms import derive_pseudonyms, make_key, replace_names
from probatio.provenance.release.searching import find_names, is_ordinary, search_bytes
from probatio.provenance.release.writing import find_levels_alike, list_secret_names

KEY = "00" * 32
CENTRES = ["CHU de Besançon", "Institut Gustave-Roussy", "AI", "rate", "Hôpital Nord"]
NAME = "CHU de Besançon"


def build_protocol() -> Protocol:
    """Return a study with two technologies, a second run, a source after review."""
    label = {"en": "x", "fr": "x"}
    source = {"label": label, "files": [{"path": "a.csv", "layout": "long"}]}
    sources = [
        source | {"name": "registry", "role": "reference"},
        source | {"name": "form", "role": "manual"},
        source | {"name": "lector_a", "role": "ai", "technology": "lector", "primary": True},
        source | {"name": "lector_b", "role": "ai", "technology": "lector"},
        source | {"name": "scriba", "role": "ai"},
        {"name": "lector_read", "role": "ai", "label": label, "reviewed": {"of": "lector_a", "path": "d.csv"}},
    ]
    variable = {"name": "stage", "label": label, "type": "nominal", "levels": ["I", "II"]}
    return Protocol.model_validate({
        "study": "small", "title": label, "data": "data", "resampling": {"seed": 1},
        "patients": {"file": {"path": "p.csv"}}, "sources": sources, "variables": [variable],
    })  # fmt: skip


def test_pseudonyms_are_the_same_for_one_key_and_others_for_another() -> None:
    """Two releases under one key speak of the same centres; without the key no name can be tried."""
    protocol = build_protocol()
    one, again = (derive_pseudonyms(protocol, CENTRES, key=KEY, digest="d") for _ in range(2))
    other = derive_pseudonyms(protocol, CENTRES, key=make_key(), digest="d")
    assert one == again
    assert set(one.centres.values()).isdisjoint(set(other.centres.values()) - {"missing"})
    assert len(set(one.centres.values())) == len(CENTRES) + 1


def test_a_pseudonym_shows_role_run_and_review_alone() -> None:
    """Reference and manual are called so; runs and reviews of a technology carry its pseudonym, no name."""
    named = derive_pseudonyms(build_protocol(), CENTRES, key=KEY, digest="d").sources
    assert (named["registry"], named["form"]) == ("reference", "manual")
    assert named["lector_b"].startswith(f"{named['lector_a']}-run-")
    assert named["lector_read"] == f"{named['lector_a']}-reviewed"
    assert not any("lector" in name or "scriba" in name for name in named.values())


def test_names_within_keys_are_replaced_and_words_are_not() -> None:
    """`form + scriba`, `os_scriba` and a centre named like a metric are replaced where they are names alone."""
    names = derive_pseudonyms(build_protocol(), CENTRES, key=KEY, digest="d")
    frame = pd.DataFrame({
        "source": ["lector_a+scriba", "form"], "comparator": ["registry", ""], "term": ["form + scriba", "rate"],
        "at": ["", ""], "analysis": ["os_scriba", "transformation"], "stratum_by": ["", "centre"],
        "stratum": ["rate", "rate"], "metric": ["count", "leave_one_out_error_rate"],
    })  # fmt: skip
    out = replace_names(frame, names)
    assert out["source"].tolist() == [f"{names.sources['lector_a']}+{names.sources['scriba']}", "manual"]
    assert out["term"].tolist() == [f"manual + {names.sources['scriba']}", names.centres["rate"]]
    assert out["analysis"].tolist() == [f"os_{names.sources['scriba']}", "transformation"]
    assert out["stratum"].tolist() == ["rate", names.centres["rate"]]


def _zip(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", content)
    return out.getvalue()


def _png(text: str) -> bytes:
    body = b"Comment\x00\x00" + zlib.compress(text.encode("latin-1"))
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + b"0000"
    return b"\x89PNG\r\n\x1a\n" + chunk


def _pdf(text: str) -> bytes:
    return b"%PDF-1.7\n1 0 obj\n<<>>\nstream\n" + zlib.compress(text.encode()) + b"\nendstream\n"


HIDDEN = {
    "plain": f"a,{NAME},b".encode(),
    "small_without_accents": b"chu de besancon",
    "capitals": NAME.upper().encode(),
    "cp1252": NAME.encode("cp1252"),
    "utf16": NAME.encode("utf-16"),
    "decomposed": "CHU de Besanc\u0327on".encode(),
    "address": f"https://x/{quote(NAME)}".encode(),
    "joined": b"chu_de-besancon.csv",
    "json": json.dumps({"centre": NAME}).encode(),
    "html": b"CHU&nbsp;de Besan&ccedil;on",
    "zip": _zip(NAME.encode()),
    "zip_in_zip": _zip(_zip(NAME.encode())),
    "gzip": gzip.compress(NAME.encode()),
    "png": _png(NAME),
    "pdf": _pdf(NAME),
    "base64": b"<img src='data:text/plain;base64," + base64.b64encode(NAME.encode()) + b"'>",
}


@pytest.mark.parametrize("where", HIDDEN)
def test_a_name_is_found_wherever_it_hides(where: str) -> None:
    """Other case, no accents, other encodings, escapes, zip, PNG text, PDF streams, base64: the name is found."""
    assert search_bytes(HIDDEN[where], CENTRES) == {NAME}


def test_short_names_are_words_and_codes_are_to_the_letter() -> None:
    """`Nord` is not in `nordique`; the code `ES` is not in `es` nor in `TEST`."""
    assert search_bytes("une région nordique, es TEST".encode(), ["Nord", "ES"]) == set()
    assert search_bytes(b"centre_NORD; ES", ["Nord", "ES"]) == {"Nord", "ES"}


@pytest.mark.parametrize("name", ["AI", "rate", "3", "A", "error rate", "ai_a", "ai_a_run2", "ai_a_v1"])
def test_a_name_of_ordinary_words_is_not_looked_for(name: str) -> None:
    """Every table holds `rate` and `AI`: as names they are replaced in their cells, and not searched."""
    assert is_ordinary(name)
    assert search_bytes(b"AI rate 3 A error rate ai_a ai_a_run2 ai_a_v1", [name]) == set()


@pytest.mark.parametrize("name", ["Lyon", "C01", "Institut Gustave-Roussy", "Hôpital Nord", "lector-2.1"])
def test_other_names_are_looked_for(name: str) -> None:
    """A town, a code, a hospital, a version with its maker."""
    assert not is_ordinary(name)


def test_a_code_that_is_a_level_by_chance_is_told_apart() -> None:
    """The tissue source site T1 and the category T1: the site is replaced, not searched, and the release is made."""
    protocol = build_protocol()
    staged = protocol.variables[0].model_copy(update={"levels": ["T1", "T2", "T3"]})
    named = protocol.model_copy(update={"variables": [staged]})
    assert find_levels_alike(named, ["T1", "A6", "Lyon"]) == {"T1"}
    assert {"A6", "Lyon"} <= set(list_secret_names(named, ["T1", "A6", "Lyon"]))
    assert "T1" not in list_secret_names(named, ["T1", "A6", "Lyon"])


@pytest.mark.parametrize("levels", [["A6", "T1", "Lyon"], ["A6", "T1", "elsewhere"], ["Lyon", "a", "b", "c"]])
def test_levels_that_are_centres_stay_secret(levels: list[str]) -> None:
    """A variable of hospitals, by code or by name, says where a patient was: its levels are looked for."""
    protocol = build_protocol()
    sent = protocol.variables[0].model_copy(update={"levels": levels})
    named = protocol.model_copy(update={"variables": [*protocol.variables, sent]})
    assert find_levels_alike(named, ["A6", "T1", "Lyon"]) == set()


def test_names_of_files_are_searched_too(tmp_path: Path) -> None:
    """A file that is called after a centre is found by its name, in any folder."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "chu-de-besancon.csv").write_bytes(b"nothing")
    assert find_names(tmp_path, CENTRES) == [("a/chu-de-besancon.csv", NAME)]
