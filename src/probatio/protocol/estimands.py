"""Models of estimands: what an analysis is to estimate, in the five attributes of ICH E9(R1) (2019, section A.3.3)."""

from __future__ import annotations

from typing import Literal

from probatio.protocol.base import Label, Model

Strategy = Literal["treatment_policy", "hypothetical", "composite", "while_on_treatment", "principal_stratum"]


class IntercurrentEvent(Model):
    """What may happen after treatment starts and change what the endpoint means, and what is done about it.

    `strategy` is one of the five of ICH E9(R1), section A.3.2; `how` says it in the analysis's own terms.
    """

    event: Label
    strategy: Strategy
    how: Label | None = None


class Estimand(Model):
    """The five attributes. One left out is shown as the protocol's other declarations give it, or as not declared."""

    population: Label | None = None
    treatment: Label | None = None
    endpoint: Label | None = None
    intercurrent_events: list[IntercurrentEvent] = []
    summary: Label | None = None
