"""Draft a protocol from exports as people have them; what must be decided stays open."""

from probatio.compendium.drafting.drafting import Draft, draft_protocol

__all__ = ["Draft", "draft_protocol"]
