"""One source's texts for a descriptive result: who is in it, who was asked, what was told."""

from __future__ import annotations

import numpy as np
import pandas as pd

from probatio.protocol import Descriptive, Protocol
from probatio.records import Records
from probatio.replication.accounts import Mask
from probatio.survival.texts import derive_wide


class Side:
    """One source's texts for a result, a row per evaluated patient.

    Attributes:
        wide: texts by cell, as `derive_wide` returns them.
        inside: belongs to the population, and was treated where the result asks for it, as far as this source says.
    """

    def __init__(self, records: Records, protocol: Protocol, result: Descriptive, source: str) -> None:
        self.records, self.protocol, self.result, self.source = records, protocol, result, source
        cells = [*result.cells, *((name, "") for name in result.population)]
        cells += [(result.treated, "")] if result.treated else []
        self.wide = derive_wide(records, protocol, source, cells)
        told = records.assessments
        own = told[(told["source"] == source) & told["variable"].isin([name for name, _ in result.cells])]
        self._asked = {cell: self._find_cell(own, *cell) for cell in result.cells}
        self.inside: Mask = np.ones(len(self.wide), dtype=bool)
        for name, levels in result.population.items():
            self.inside &= self.wide[name].isin(levels).to_numpy()
        if result.treated:
            self.inside &= self.wide[result.treated].replace("", None).notna().to_numpy()

    def read(self, name: str, visit: str) -> pd.Series:
        """Return the texts of a cell: NA where nothing is documented, "" for an explicit negative."""
        return self.wide[f"{name}@{visit}" if visit else name]

    def find_asked(self, name: str, visit: str) -> Mask:
        """Return the patients for whom the source was asked and able to tell.

        An attribute of the patients counts where the source was asked anything else of the result.
        """
        attributes = self.protocol.patients.attributes
        if name not in attributes:
            return self._asked[name, visit]
        masks = [mask for cell, mask in self._asked.items() if cell[0] not in attributes]
        return np.logical_or.reduce(masks) if masks else np.ones(len(self.wide), dtype=bool)

    def _find_cell(self, own: pd.DataFrame, name: str, visit: str) -> Mask:
        told = own.loc[(own["variable"] == name) & (own["visit"] == visit), "patient_id"]
        asked: Mask = self.wide.index.isin(told)
        return asked
