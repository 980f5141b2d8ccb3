"""Which score a row is about: its `term`."""

from __future__ import annotations

from typing import Final, Literal

Method = Literal["isotonic", "logistic", "pooled"]
METHODS: Final[tuple[Method, ...]] = ("isotonic", "logistic", "pooled")
RAW: Final = "raw"
CONFIDENCE: Final = "confidence"
AGREEMENT: Final = "agreement"
