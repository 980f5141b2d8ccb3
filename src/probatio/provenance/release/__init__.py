"""What may leave a run: disclosure control, pseudonyms, the released folder."""

from probatio.provenance.release.disclosing import suppress_rows
from probatio.provenance.release.pseudonyms import Pseudonyms, derive_pseudonyms
from probatio.provenance.release.releasing import Release, disclose
from probatio.provenance.release.searching import find_names, search_bytes
from probatio.provenance.release.writing import list_secret_names, read_key, release_run

__all__ = [
    "Pseudonyms",
    "Release",
    "derive_pseudonyms",
    "disclose",
    "find_names",
    "list_secret_names",
    "read_key",
    "release_run",
    "search_bytes",
    "suppress_rows",
]
