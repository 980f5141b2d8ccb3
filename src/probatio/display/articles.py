"""Which article of the AI Act each piece of evidence answers to, and whether this run has it."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import pandas as pd

from probatio.display.table import Table, leave_repeated
from probatio.protocol import Language, Protocol
from probatio.results import select_rows
from probatio.wording import EMPTY, read_word

Rows = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Article:
    """One requirement of Regulation (EU) 2024/1689, and the rows that answer it.

    `metric` of `notebook`; `requirement` and `answer` by language.
    """

    article: str
    evidence: str
    notebook: str
    metric: str
    requirement: Mapping[str, str]
    answer: Mapping[str, str]


@cache
def read_articles() -> tuple[Article, ...]:
    """Return the requirements of articles 12 to 15 that a validation can answer, in the regulation's order."""
    text = (files("probatio.display") / "articles.csv").read_text(encoding="utf-8")
    return tuple(map(_read_article, csv.DictReader(text.splitlines())))


def _read_article(line: Mapping[str, str]) -> Article:
    requirement, answer = (
        {language: line[f"{what}_{language}"] for language in ("en", "fr")} for what in ("requirement", "answer")
    )
    return Article(line["article"], line["evidence"], line["notebook"], line["metric"], requirement, answer)


def render_article_table(rows: Rows, protocol: Protocol, *, language: Language) -> Table:
    """Return one line per requirement: what answers it, in which notebook, how many numbers of this run stand behind.

    Args:
        rows: the rows of the run's notebooks by name; a notebook that did not run has none.
        protocol: the study.
        language: of the words.
    """
    body = [
        [
            article.article,
            article.requirement[language],
            article.answer[language],
            *_find_evidence(rows, article, language),
        ]
        for article in read_articles()
    ]
    titles = ("article", "requirement", "evidence", "notebook", "numbers")
    head = [read_word("column", title, language) for title in titles]
    return Table(head, leave_repeated(body, 1), "llllr", widths=(11, 27, 36, 15, 11))


def _find_evidence(rows: Rows, article: Article, language: Language) -> tuple[str, str]:
    own = rows.get(article.notebook)
    count = 0 if own is None else len(select_rows(own, metric=article.metric, status="ok"))
    if not count:
        return EMPTY, read_word("figure", "absent", language)
    return article.notebook, str(count)
