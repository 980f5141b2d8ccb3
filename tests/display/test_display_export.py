"""A figure's bytes do not depend on the drawing's last digits."""

from __future__ import annotations

from probatio.display.export import derive_stable_identifiers

SVG = b'<clipPath id="p5c4921c13b"/><g clip-path="url(#p5c4921c13b)"/><path id="m0123456789"/><text id="text_1"/>'


def test_hashed_identifiers_are_numbered_and_references_follow() -> None:
    """Two drawings that differ in hashes only have the same bytes, and each reference keeps its target."""
    stable = derive_stable_identifiers(SVG)
    assert stable == derive_stable_identifiers(SVG.replace(b"p5c4921c13b", b"pffee72ac81"))
    assert stable == b'<clipPath id="p_1"/><g clip-path="url(#p_1)"/><path id="m_2"/><text id="text_1"/>'
