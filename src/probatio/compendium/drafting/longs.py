"""Exports with a row per value: which column names the variable, which holds the value, and what stands beside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_WORDS: Mapping[str, tuple[str, ...]] = {
    "variable": ("variable", "variable_name", "variable_id", "field", "field_name", "champ", "item", "question",
                 "parametre", "concept", "nom_variable", "nom_de_la_variable"),
    "value": ("value", "valeur", "answer", "reponse", "extracted_value", "valeur_extraite", "prediction", "result",
              "resultat"),
    "visit": ("visit", "visite"),
    "event": ("event", "event_id", "evenement"),
    "unit": ("unit", "unite"),
    "state": ("state", "etat"),
    "confidence": ("confidence", "confiance", "score", "score_de_confiance", "confidence_score", "probability",
                   "probabilite"),
    "document_id": ("document_id", "document", "doc_id", "id_document"),
    "start": ("start", "debut"),
    "end": ("end", "fin"),
    "snippet": ("snippet", "extrait", "evidence", "preuve", "quote", "citation", "source_text", "passage"),
    "extractor": ("extractor", "extracteur", "model", "modele"),
    "extracted_at": ("extracted_at", "date_extraction", "date_d_extraction", "extraction_date"),
}  # fmt: skip


def find_long(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the columns of a long file by what they hold (`variable`, `value`, ...); empty for another file.

    Args:
        headers: the headers of the file by their plain names, as `derive_name` makes them.
    """
    found = {kind: headers[word] for kind, words in _WORDS.items() if (word := _find_first(words, headers))}
    return found if {"variable", "value"} <= set(found) else {}


def _find_first(words: Iterable[str], headers: Mapping[str, str]) -> str:
    return next((word for word in words if word in headers), "")
