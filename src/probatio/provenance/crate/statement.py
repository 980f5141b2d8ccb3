"""What a project says of a study's data: whose they are, and whether they may leave; silence keeps them in."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from probatio.protocol import UserError

NAME = "source.yaml"
_HTTPS = r"^https://[^\s\"<>]+$"


class Origin(BaseModel):
    """Where data come from, and under which licence (an SPDX name such as MIT or CC-BY-4.0)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    licence: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+-]*$")
    address: str | None = Field(default=None, pattern=_HTTPS)


class DataStatement(BaseModel):
    """`data/<study>/source.yaml`: synthetic or public data, and whether their files may be handed on.

    `address`: where the files of `downloads` are fetched from. There is no word for patients' data: a study without
    this file is confidential.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    nature: Literal["synthetic", "public"]
    redistributed: bool
    origins: list[Origin] = Field(min_length=1)
    address: str | None = Field(default=None, pattern=_HTTPS)


def read_statement(project: Path, study: str) -> DataStatement | None:
    """Return what is said of a study's data, or None: then they are confidential.

    Raises:
        UserError: the file cannot be read, or says something else than its four keys.
    """
    path = project / "data" / study / NAME
    if not path.is_file():
        return None
    try:
        return DataStatement.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read ({type(error).__name__}); restore the file.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UserError(
            f"{path}: {where}: {first['msg']}; expected nature (synthetic or public), redistributed, origins, address."
        ) from None
