"""The dashboard of a run: one HTML file that a committee opens without server or network, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from probatio.compendium.opening import find_data_root
from probatio.display.dashboard import Assets, Given, derive_payload, render_body, render_page
from probatio.protocol import Protocol, UserError
from probatio.provenance import Manifest, derive_data_digests
from probatio.results import write_bytes

DOCUMENT = "dashboard"
BODY = "body.qmd"
