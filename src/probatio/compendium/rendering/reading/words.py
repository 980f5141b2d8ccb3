"""The words that number and name the parts of a book, as Quarto's language files and typography have them.

A book's `crossref:` overrides them under the keys of Quarto's cross-reference options. Quarto's own
French words say "Table" and put no space before the colon of a caption: a French book writes
`tbl-title: Tableau`, `tbl-prefix: Tableau` and `title-delim` in `_quarto.yml` so that both renderers agree.
"""

from __future__ import annotations

FRENCH = {
    "fig-title": "Figure",
    "fig-prefix": "Figure",
    "tbl-title": "Tableau",
    "tbl-prefix": "Tableau",
    "eq-prefix": "Équation",
    "sec-prefix": "Section",
    "ch-prefix": "Chapitre",
    "apx-prefix": "Annexe",
    "appendix-title": "Annexe",
    "title-delim": "\u00a0:",
    "lof-title": "Liste des figures",
    "lot-title": "Liste des tableaux",
    "toc-title": "Table des matières",
    "abstract": "Résumé",
    "keywords": "Mots clés",
    "references": "Références",
    "contents": "Aller au texte",
    "slide": "Diapositive",
    "keys": "Flèches : diapositive suivante, précédente. N : notes. Impression : une diapositive par page.",
    "callout-note": "Note",
    "callout-warning": "Avertissement",
    "callout-important": "Important",
    "callout-tip": "Astuce",
}
ENGLISH = {
    "fig-title": "Figure",
    "fig-prefix": "Figure",
    "tbl-title": "Table",
    "tbl-prefix": "Table",
    "eq-prefix": "Equation",
    "sec-prefix": "Section",
    "ch-prefix": "Chapter",
    "apx-prefix": "Appendix",
    "appendix-title": "Appendix",
    "title-delim": ":",
    "lof-title": "List of Figures",
    "lot-title": "List of Tables",
    "toc-title": "Table of contents",
    "abstract": "Abstract",
    "keywords": "Keywords",
    "references": "References",
    "contents": "Skip to the text",
    "slide": "Slide",
    "keys": "Arrows: next, previous slide. N: notes. Printing: one slide a page.",
    "callout-note": "Note",
    "callout-warning": "Warning",
    "callout-important": "Important",
    "callout-tip": "Tip",
}
WORDS = {"fr": FRENCH, "en": ENGLISH}
CROSSREF_KEYS = (
    "fig-title", "fig-prefix", "tbl-title", "tbl-prefix", "eq-prefix", "sec-prefix", "ch-prefix", "apx-prefix",
    "appendix-title", "title-delim", "lof-title", "lot-title",
)  # fmt: skip
_MONTHS = {
    "fr": (
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ),
    "en": (
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
}


def render_date(year: int, month: int, day: int, language: str) -> str:
    """Return a date in words: 1er mai 2026, May 1, 2026."""
    name = _MONTHS[language][month - 1]
    if language == "fr":
        return f"{'1er' if day == 1 else day} {name} {year}"
    return f"{name} {day}, {year}"
