"""Bases shared by every protocol model: closed keys, bilingual labels, scalar text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

Language = Literal["en", "fr"]
Use = Literal["steering", "research", "regulatory"]
DateOrder = Literal["YMD", "DMY", "MDY"]


class Model(BaseModel):
    """A protocol model: unknown keys are errors, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


def _derive_text(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("true and false are not text; write it in quotes")
    return str(value) if isinstance(value, int | float) else value


# Editors must accept what reading accepts: `levels: [0, 1, 2]` without quotes.
Text = Annotated[str, BeforeValidator(_derive_text), WithJsonSchema({"type": ["string", "number"]})]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]


def check_comparator(sources: Sequence[str], comparator: str | None) -> None:
    """Refuse sources to compare without a comparator among them, and a comparator without sources.

    Raises:
        ValueError: one of both.
    """
    if bool(sources) != (comparator is not None):
        raise ValueError("sources and comparator go together")
    if comparator is not None and comparator not in sources:
        raise ValueError(f"comparator {comparator} is not among sources")


class Label(Model):
    """A wording in both languages."""

    en: Text
    fr: Text

    def read(self, language: Language) -> str:
        """Return the wording in one language."""
        return self.fr if language == "fr" else self.en
