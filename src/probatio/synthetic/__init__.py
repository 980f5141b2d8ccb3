"""The bundled study: error mechanisms, a seeded generator of whole studies, and the answer key."""

from probatio.synthetic.answers import (
    compute_rates,
    count_outcomes,
    derive_outcomes,
    estimate_answer_key,
)
from probatio.synthetic.design import BUNDLED_SEED, EVERY_SOURCE, HAZARD_RATIOS, SOURCES
from probatio.synthetic.files import derive_files, derive_records, write_study
from probatio.synthetic.pairs import derive_comparison
from probatio.synthetic.study import Study, generate_study
from probatio.synthetic.texts import Texts, derive_texts

__all__ = [
    "BUNDLED_SEED",
    "EVERY_SOURCE",
    "HAZARD_RATIOS",
    "SOURCES",
    "Study",
    "Texts",
    "compute_rates",
    "count_outcomes",
    "derive_comparison",
    "derive_files",
    "derive_outcomes",
    "derive_records",
    "derive_texts",
    "estimate_answer_key",
    "generate_study",
    "write_study",
]
