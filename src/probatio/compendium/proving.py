"""What proves from outside when a study's protocol existed, told beside its data and its run."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

from probatio.compendium.opening import find_data_root
from probatio.protocol import Language, Protocol, UserError
from probatio.provenance import Manifest
from probatio.provenance.proofs import Moments, describe_proofs, find_first_extraction, read_proofs
from probatio.records import read_records


def describe_study_proofs(
    path: Path, protocol: Protocol, manifest: Manifest | None = None, *, language: Language = "en"
) -> list[str]:
    """Return what each proof in time of a protocol shows: whether it precedes the AI's data, and the run.

    The data are read only where there is a proof to compare with them.

    Args:
        path: the protocol's file.
        protocol: what it says.
        manifest: of the run; None before one.
        language: of the sentences.

    Raises:
        UserError: a file beside the protocol is no proof, or was altered.
    """
    proofs = read_proofs(path, protocol)
    extracted = _find_extracted(path, protocol) if proofs else None
    ended = manifest.recorded.get("time") if manifest else None
    ran = datetime.fromisoformat(str(ended)) if ended else None
    return describe_proofs(proofs, Moments(extracted, ran), language=language)


def _find_extracted(path: Path, protocol: Protocol) -> date | None:
    """Return the day of the AI's first extraction; None where a reader is without the data."""
    try:
        return find_first_extraction(read_records(protocol, find_data_root(path, protocol)), protocol)
    except (UserError, OSError):
        return None
