"""W3C PROV documents: names, digests and the PROV-JSON text (W3C Member Submission, 24 April 2013)."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import quote

from prov.constants import PROV
from prov.model import Identifier, Namespace, ProvDocument, QualifiedName

import probatio
from probatio.protocol import Protocol

STUDY: Final = "study"
VOCABULARY: Final = "probatio"
Attributes = dict[str | Identifier, Any]
_WORDS: Final = Namespace(VOCABULARY, "urn:probatio:vocabulary:")
SOFTWARE, PERSON, PLAN = (PROV[name] for name in ("SoftwareAgent", "Person", "Plan"))
PROGRAM: Final = "agent/software/probatio"


def build_document(study: str) -> ProvDocument:
    """Return an empty document with the namespaces of a study and of the words used on it.

    `study:` names things, such as `study:document/D1`; `probatio:` holds the kinds of things and their properties.
    """
    document = ProvDocument()
    document.add_namespace(STUDY, f"urn:probatio:study:{quote(study, safe='')}:")
    document.add_namespace(_WORDS)
    return document


def derive_id(*parts: object) -> str:
    """Return the name of a thing from its parts; what an address cannot hold is written in percents."""
    return f"{STUDY}:" + "/".join(quote(str(part), safe="").replace(".", "%2E") or "-" for part in parts)


def build_attributes(kind: str | QualifiedName, **values: object) -> Attributes:
    """Return the attributes of a thing: its kind (one of ours by name, or one of PROV's), and values but blank ones."""
    said: Attributes = {"prov:type": kind if isinstance(kind, QualifiedName) else _WORDS[kind]}
    blank = ("", None)
    return said | {f"{VOCABULARY}:{name}": _derive_plain(value) for name, value in values.items() if value not in blank}


def add_program(document: ProvDocument, version: str = "", digest: str = "") -> str:
    """Add this program as a software agent, by version and digest of its source, and return its name."""
    name = derive_id(*PROGRAM.split("/"))
    document.agent(name, build_attributes(SOFTWARE, version=version or probatio.__version__, sha256=digest))
    return name


def add_protocol(document: ProvDocument, protocol: Protocol, digest: str) -> str:
    """Add a protocol as the plan that activities follow, and return its name."""
    name = derive_id("protocol", digest)
    if not document.get_record(name):
        document.entity(name, build_attributes(PLAN, sha256=digest, study=protocol.study, title=protocol.title.en))
    return name


def derive_prov_json(document: ProvDocument) -> bytes:
    """Return a document as PROV-JSON: UTF-8, sorted keys, one line end at its end."""
    value = json.loads(str(document.serialize(format="json")))
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8")


def _derive_plain(value: object) -> object:
    return value if isinstance(value, bool | int | float | str) else str(value)
