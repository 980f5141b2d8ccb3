"""Sentences of the written protocol; where nobody has written them yet, what is to be written stands in a box."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from probatio.display.table import escape_prose

_LINE = "…" * 24
_SPACE = "\u00a0\\\n" * 2
"""Two empty lines, for a hand to sign in."""


@dataclass(frozen=True)
class Statement:
    """What people have written, in sentences; `prompt` says what is missing where they have not, under `title`."""

    texts: Sequence[str]
    title: str
    prompt: str
    after: Sequence[str] = ()

    @property
    def is_open(self) -> bool:
        """Whether something is to be completed."""
        return not any(self.texts)

    def __repr__(self) -> str:
        """Return the sentences, or what is missing, as plain text."""
        return "\n".join([*(self.texts if not self.is_open else [f"{self.title}: {self.prompt}"]), *self.after])

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>"

    def derive_markdown(self) -> str:
        """Return a paragraph, a numbered list of several sentences, or a box to be filled in."""
        parts = [self._derive_box()] if self.is_open else [self._derive_texts()]
        if self.after:
            parts.append("\n".join(f"- {escape_prose(text)}" for text in self.after))
        return "\n\n".join(parts) + "\n"

    def _derive_box(self) -> str:
        return f'::: {{.callout-important title="{self.title}"}}\n{escape_prose(self.prompt)}\n:::'

    def _derive_texts(self) -> str:
        texts = [escape_prose(text) for text in self.texts]
        return texts[0] if len(texts) == 1 else "\n".join(f"{n}. {text}" for n, text in enumerate(texts, 1))


@dataclass(frozen=True)
class Signatures:
    """Lines to sign on, one block per person: role and name, the digest that is signed, a date, a signature."""

    people: Sequence[tuple[str, str]]
    digest: str
    words: Sequence[str]

    def __repr__(self) -> str:
        """Return the people and the digest as plain text."""
        return "\n".join(f"{role}: {name} ({self.digest})" for role, name in self.people)

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>"

    def derive_markdown(self) -> str:
        """Return the blocks; beside each name stands the whole digest, which ties the paper to the file."""
        signed, day, signature = (escape_prose(word) for word in self.words)
        blocks = [
            f"**{escape_prose(role)}**\\\n{escape_prose(name) or _LINE}\\\n{signed} `{self.digest}`\\\n{_SPACE}"
            f"{day} {_LINE[:12]} {signature} {_LINE}"
            for role, name in self.people
        ]
        return "\n\n\u00a0\n\n".join([*blocks, ""])
