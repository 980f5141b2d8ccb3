"""From the study's tables to what each source says for a descriptive result."""

from __future__ import annotations

import numpy as np
import pandas as pd

from probatio.protocol import Descriptive, Protocol
from probatio.records import Records
from probatio.replication.accounts import Account, Answer, Mask, Question, Scale
from probatio.replication.incidences import derive_incidences
from probatio.replication.sides import Side


def derive_accounts(records: Records, protocol: Protocol, result: Descriptive) -> list[Account]:
    """Return the account of every source of a result, in its order, all with the same questions.

    Args:
        records: the study's tables.
        protocol: the study's protocol.
        result: one of its descriptive results.
    """
    sides = [Side(records, protocol, result, source) for source in result.sources or [""]]
    if result.kind == "proportion":
        return [_derive_proportion(side) for side in sides]
    if result.kind == "incidence":
        return derive_incidences(sides)
    return [_derive_characteristics(side) for side in sides]


def _derive_proportion(side: Side) -> Account:
    result = side.result
    (name, visit), variable = result.cells[0], side.protocol.get_variable(str(result.variable))
    texts, asked = side.read(name, visit), side.find_asked(name, visit)
    known = texts.notna().to_numpy() & asked & side.inside
    counted = asked & side.inside
    if result.denominator == "documented":
        counted = known & ~texts.isin(result.not_evaluable).to_numpy()
    positive = counted & texts.isin(result.levels).to_numpy()
    codes = np.where(known, pd.Index(variable.levels, dtype=object).get_indexer(pd.Index(texts, dtype=object)), -1)
    counts = {
        "asked": (int((asked & side.inside).sum()), int(side.inside.sum())),
        "not_documented": (int((asked & side.inside & ~known).sum()), int((asked & side.inside).sum())),
        "not_evaluable": (int((known & texts.isin(result.not_evaluable).to_numpy()).sum()), int(known.sum())),
    }
    question = Question("proportion", name, at=visit)
    scale = Scale(codes.astype(np.intp), len(variable.levels), variable.type == "ordinal")
    return Account(
        side.source,
        {question: Answer(counted, positive, bool(asked.any()))},
        scales={question: scale} if asked.any() else {},
        counts=counts,
    )


def _derive_characteristics(side: Side) -> Account:
    account = Account(side.source)
    for name, visit in side.result.cells:
        texts, asked = side.read(name, visit), side.find_asked(name, visit) & side.inside
        key = Question("characteristic", name, at=visit)
        account.asked[key] = bool(side.find_asked(name, visit).any())
        if _is_number(side.protocol, name):
            _add_number(account, key, texts, asked)
        else:
            _add_levels(account, key, texts, asked, side)
    return account


def _is_number(protocol: Protocol, name: str) -> bool:
    if name in protocol.patients.attributes:
        attribute = protocol.patients.attributes[name]
        return attribute.type == "number" and not attribute.cut
    return protocol.get_variable(name).type == "number"


def _add_number(account: Account, key: Question, texts: pd.Series, asked: Mask) -> None:
    numbers = pd.to_numeric(texts.replace("", None), errors="coerce").to_numpy(dtype=float)
    values = np.where(asked, numbers, np.nan)
    account.numbers[key] = values
    missing = key._replace(metric="missing_share")
    account.answers[missing] = Answer(asked, asked & np.isnan(values), account.asked[key])


def _add_levels(account: Account, key: Question, texts: pd.Series, asked: Mask, side: Side) -> None:
    known = texts.notna().to_numpy() & asked
    is_set, levels = _list_levels(side, key.variable)
    shares = []
    for level in levels:
        held = _find_members(texts, level) if is_set else texts == level
        question = key._replace(metric="share", term=level)
        account.answers[question] = Answer(known, known & held.to_numpy(dtype=bool), account.asked[key])
        shares.append(question)
    account.answers[key._replace(metric="missing_share")] = Answer(asked, asked & ~known, account.asked[key])
    if is_set:
        account.profiles.update({key._replace(term=share.term): [share] for share in shares})
        return
    account.profiles[key] = shares[1:] if len(shares) == 2 else shares
    codes = pd.Index(levels, dtype=object).get_indexer(pd.Index(texts, dtype=object))
    if account.asked[key]:
        account.scales[key] = Scale(np.where(known, codes, -1).astype(np.intp), len(levels), ordered=False)


def _find_members(texts: pd.Series, level: str) -> pd.Series:
    return texts.fillna("").map(lambda text: level in text.split("|"))


def _list_levels(side: Side, name: str) -> tuple[bool, list[str]]:
    """Return whether the variable is a set, and its levels: as declared, or those that occur among the patients."""
    attributes = side.protocol.patients.attributes
    if name not in attributes:
        variable = side.protocol.get_variable(name)
        return variable.type == "set", variable.levels
    return False, attributes[name].labels or sorted(set(side.wide[name].dropna()))
