"""A deposit of a protocol in a registry (OSF, Zenodo, another): what the study declares of it."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from probatio.protocol import UserError


class Deposit(BaseModel):
    """Where a protocol of this digest was deposited, and when.

    `address`: a DOI (`10.…`) or an https address. `digest`: SHA-256 of the protocol's canonical form, which the
    deposit shows or contains.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    registry: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    address: str = Field(max_length=500, pattern=r"^(10\.\d{4,9}/|https://)[^\s\"<>]+$")
    date: date
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")

    @field_validator("registry")
    @classmethod
    def _check_line(cls, registry: str) -> str:
        if not registry.isprintable():
            raise ValueError("one line of text is expected")
        return registry


def parse_deposit(content: bytes, name: str) -> Deposit:
    """Return a deposit from its YAML.

    Raises:
        UserError: a key is missing, unknown or not as it should be.
    """
    try:
        # Every scalar as text: a digest of digits alone is no number.
        return Deposit.model_validate(yaml.load(content.decode("utf-8"), yaml.BaseLoader))  # noqa: S506 - safe: text only
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError):
        raise UserError(f"{name}: not YAML; write registry, address, date and digest, one key a line.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UserError(f"{name}: {where}: {first['msg']}; give registry, address, date and digest.") from None
