"""Provenance: the run's folder, its manifest, and the comparison with its repetition."""

from probatio.provenance.environment import (
    compute_lock_digest,
    compute_package_digest,
    derive_environment,
    derive_machine,
)
from probatio.provenance.inputs import derive_data_digests, derive_review_digests
from probatio.provenance.layout import RunFolder, TaskFolder
from probatio.provenance.manifest import (
    AnchorRecord,
    Manifest,
    ProtocolRecord,
    TaskRecord,
    derive_relative_path,
    derive_seconds,
    read_manifest,
    write_manifest,
)
from probatio.provenance.outputs import (
    derive_confidential_digests,
    derive_output_digests,
    find_altered,
    read_run_rows,
    read_run_series,
    read_task_series,
)
from probatio.provenance.verify import ABSOLUTE_TOLERANCE, RELATIVE_TOLERANCE, Outcome, Verification, verify_run

__all__ = [
    "ABSOLUTE_TOLERANCE",
    "RELATIVE_TOLERANCE",
    "AnchorRecord",
    "Manifest",
    "Outcome",
    "ProtocolRecord",
    "RunFolder",
    "TaskFolder",
    "TaskRecord",
    "Verification",
    "compute_lock_digest",
    "compute_package_digest",
    "derive_confidential_digests",
    "derive_data_digests",
    "derive_environment",
    "derive_machine",
    "derive_output_digests",
    "derive_relative_path",
    "derive_review_digests",
    "derive_seconds",
    "find_altered",
    "read_manifest",
    "read_run_rows",
    "read_run_series",
    "read_task_series",
    "verify_run",
    "write_manifest",
]
