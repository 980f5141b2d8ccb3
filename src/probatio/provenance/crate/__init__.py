"""The crate of a release: what a reviewer needs to check the rows, and to make them again where the data allow it."""

from probatio.provenance.crate.archive import MANIFEST, derive_sums, write_archive
from probatio.provenance.crate.checking import CrateCheck, check_crate, is_crate
from probatio.provenance.crate.comparing import Likeness, compare_run
from probatio.provenance.crate.contents import Contents, derive_contents
from probatio.provenance.crate.metadata import derive_metadata
from probatio.provenance.crate.statement import DataStatement, Origin, read_statement
from probatio.provenance.crate.telling import derive_readme

__all__ = [
    "MANIFEST",
    "Contents",
    "CrateCheck",
    "DataStatement",
    "Likeness",
    "Origin",
    "check_crate",
    "compare_run",
    "derive_contents",
    "derive_metadata",
    "derive_readme",
    "derive_sums",
    "is_crate",
    "read_statement",
    "write_archive",
]
