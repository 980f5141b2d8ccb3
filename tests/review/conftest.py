"""The study under review, made once."""

from __future__ import annotations

import pytest
from circuit_study import CircuitStudy, make_study


@pytest.fixture(scope="session")
def circuit_study(tmp_path_factory: pytest.TempPathFactory) -> CircuitStudy:
    """Return the study, not to be changed."""
    return make_study(tmp_path_factory.mktemp("circuit"))
