"""What the parts of a story share: worded pieces, names of sources, places of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from probatio.display.rows import COLON
from probatio.protocol import Language, Protocol
from probatio.wording import BETWEEN, format_number, has_word, read_word

Row = Mapping[Any, Any]
SHORT: Final = 12
"""Digits of a digest that are shown in a sentence."""
INDENT: Final = "  "


class Words:
    """The words of a story in one language."""

    def __init__(self, protocol: Protocol, language: Language) -> None:
        self.protocol, self.language = protocol, language
        self.colon = COLON[language]
        self._names = {each.name: f"{each.label.read(language)} ({each.name})" for each in protocol.sources}

    def say(self, key: str, **values: object) -> str:
        """Return a worded piece with its values filled in."""
        return read_word("trace", key, self.language).format(**values)

    def read(self, kind: str, code: object) -> str:
        """Return the wording of a code; the code itself where it has none."""
        return read_word(kind, str(code), self.language) if has_word(kind, str(code)) else str(code)

    def name(self, source: object) -> str:
        """Return a source's label and name."""
        return self._names.get(str(source), str(source))

    def join(self, *parts: str) -> str:
        """Return pieces of one sentence, "" left out."""
        return BETWEEN[self.language].join(part for part in parts if part)

    def value(self, value: Any, unit: Any = "") -> str:
        """Return a value with its unit, or that there is none."""
        said = " ".join(str(part) for part in (value, unit) if not pd.isna(part) and part)
        return said or self.say("absent")

    def number(self, value: Any, digits: int = 3) -> str:
        """Return a number as its language writes it."""
        return format_number(float(value), self.language, digits=digits)

    def where(self, row: Row) -> str:
        """Return the visit, event and attribute of a row between brackets, "" for a plain value."""
        attribute = str(row["variable"]).partition(".")[2]
        parts = [str(part) for part in (row["visit"], row["event"], attribute) if not pd.isna(part) and part]
        return f" [{' · '.join(parts)}]" if parts else ""
