"""The protocol: what is decided before the data are seen, read from YAML with closed keys."""

from probatio.protocol.amendments import Amendment, SeenData
from probatio.protocol.analyses import Analysis, Term
from probatio.protocol.base import Label, Language, Use
from probatio.protocol.confidence import Confidence, Costs
from probatio.protocol.corrections import (
    BetaPrior,
    BiasAnalysis,
    Correction,
    CorrectionMethod,
    Imputation,
    Simex,
)
from probatio.protocol.criteria import AcceptanceMatrix, Criterion
from probatio.protocol.definitions import Definition, DefinitionChange
from probatio.protocol.descriptive import Descriptive, EventRule, EventWindow
from probatio.protocol.endpoints import Endpoint, EndpointRule, PartialRule
from probatio.protocol.errors import UserError
from probatio.protocol.estimands import Estimand, IntercurrentEvent
from probatio.protocol.files import (
    Attribute,
    Documents,
    PatientKey,
    Patients,
    Period,
    Recode,
    Source,
    SourceFile,
    TableFile,
)
from probatio.protocol.monitoring import MonitoredMetric, Monitoring
from probatio.protocol.planning import Alternative, CentrePlan, Planning
from probatio.protocol.reading import (
    compute_protocol_digest,
    derive_json_schema,
    derive_protocol_bytes,
    find_protocol_files,
    locate_key,
    read_protocol,
)
from probatio.protocol.review import Budget, Review, Reviewed
from probatio.protocol.rules import CheckThreshold, Rule
from probatio.protocol.study import Adjudication, Protocol, Resampling
from probatio.protocol.tolerance import Tolerance
from probatio.protocol.variables import CATEGORICAL, EventAttribute, EventMatching, Variable
from probatio.protocol.versions import Change, Revision, find_version_files, read_revisions
from probatio.protocol.written import Milestone, Written

__all__ = [
    "CATEGORICAL",
    "AcceptanceMatrix",
    "Adjudication",
    "Alternative",
    "Amendment",
    "Analysis",
    "Attribute",
    "BetaPrior",
    "BiasAnalysis",
    "Budget",
    "CentrePlan",
    "Change",
    "CheckThreshold",
    "Confidence",
    "Correction",
    "CorrectionMethod",
    "Costs",
    "Criterion",
    "Definition",
    "DefinitionChange",
    "Descriptive",
    "Documents",
    "Endpoint",
    "EndpointRule",
    "Estimand",
    "EventAttribute",
    "EventMatching",
    "EventRule",
    "EventWindow",
    "Imputation",
    "IntercurrentEvent",
    "Label",
    "Language",
    "Milestone",
    "MonitoredMetric",
    "Monitoring",
    "PartialRule",
    "PatientKey",
    "Patients",
    "Period",
    "Planning",
    "Protocol",
    "Recode",
    "Resampling",
    "Review",
    "Reviewed",
    "Revision",
    "Rule",
    "SeenData",
    "Simex",
    "Source",
    "SourceFile",
    "TableFile",
    "Term",
    "Tolerance",
    "Use",
    "UserError",
    "Variable",
    "Written",
    "compute_protocol_digest",
    "derive_json_schema",
    "derive_protocol_bytes",
    "find_protocol_files",
    "find_version_files",
    "locate_key",
    "read_protocol",
    "read_revisions",
]
