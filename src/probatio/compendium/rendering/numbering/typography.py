"""French typography: no-break spaces before the high signs, guillemets for quotation marks.

The narrow no-break space stands before ; ! and ?, the full one before : % and inside guillemets
(Imprimerie nationale, Lexique des règles typographiques). A space that the source lacks is not added.
"""

from __future__ import annotations

from typing import Any

from probatio.compendium.rendering.tree import NO_BREAK, Node, build_str

NARROW = "\u202f"
_BREAKS = ("Space", "SoftBreak")
_LITERAL = ("Code", "CodeBlock", "Math", "RawInline", "RawBlock")
_QUOTES = {
    ("fr", "DoubleQuote"): (f"«{NO_BREAK}", f"{NO_BREAK}»"),
    ("fr", "SingleQuote"): ("“", "”"),
    ("en", "DoubleQuote"): ("“", "”"),
    ("en", "SingleQuote"): ("‘", "’"),
}


def derive_typeset(value: Any, language: str) -> Any:
    """Return the tree with quotation marks written out and, in French, no-break spaces."""
    if isinstance(value, dict):
        if value.get("t") in _LITERAL:
            return value
        return {key: derive_typeset(item, language) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    items = [new for item in value for new in _derive_quoted(derive_typeset(item, language), language)]
    return _derive_spaced(items) if language == "fr" else items


def _derive_quoted(item: Any, language: str) -> list[Any]:
    if not isinstance(item, dict) or item.get("t") != "Quoted":
        return [item]
    before, after = _QUOTES[language, item["c"][0]["t"]]
    return [build_str(before), *item["c"][1], build_str(after)]


def _derive_spaced(items: list[Any]) -> list[Any]:
    spaced: list[Any] = []
    for index, item in enumerate(items):
        if isinstance(item, dict) and item.get("t") in _BREAKS and 0 < index < len(items) - 1:
            spaced.append(_find_space(items[index - 1], items[index + 1]) or item)
        else:
            spaced.append(item)
    return spaced


def _find_space(before: Any, after: Any) -> Node | None:
    if _read_str(after).startswith((";", "!", "?")):
        return build_str(NARROW)
    if _read_str(after).startswith((":", "»", "%")) or _read_str(before).endswith("«"):
        return build_str(NO_BREAK)
    return None


def _read_str(item: Any) -> str:
    return str(item["c"]) if isinstance(item, dict) and item.get("t") == "Str" else ""
