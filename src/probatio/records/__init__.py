"""Read a study's files into patients, documents, assessments and records; what is set aside is listed."""

from probatio.records.documents import DocumentTexts, read_texts
from probatio.records.files import find_data_files
from probatio.records.reading import read_records
from probatio.records.tables import Records, select_leading, write_rejected

__all__ = [
    "DocumentTexts",
    "Records",
    "find_data_files",
    "read_records",
    "read_texts",
    "select_leading",
    "write_rejected",
]
