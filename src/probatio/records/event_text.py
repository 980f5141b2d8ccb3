"""An event's line as one text, as in `term: fatigue; grade: 2`: shown as a value, and typed as one."""

from __future__ import annotations

from collections.abc import Mapping

_BETWEEN, _WITHIN = ";", ":"


def derive_line_text(values: Mapping[str, str]) -> str:
    """Return the attributes that have a value as one text, in their order."""
    return f"{_BETWEEN} ".join(f"{name}{_WITHIN} {value}" for name, value in values.items() if value)


def parse_line_text(text: str) -> dict[str, str] | None:
    """Return the attributes that a text states, or None where a part has no name or a name stands twice."""
    parts = [part.partition(_WITHIN) for part in text.split(_BETWEEN) if part.strip()]
    values = {name.strip(): value.strip() for name, _, value in parts}
    whole = all(mark and name.strip() and value.strip() for name, mark, value in parts)
    return values if parts and whole and len(values) == len(parts) else None
