"""The alternative text of a figure, for who cannot see it: read from what is drawn, so that it says what is there."""

from __future__ import annotations

import re
from collections.abc import Iterable

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure

from probatio.display.sentences import say
from probatio.protocol import Language
from probatio.wording import BETWEEN

_MOST = 8
"""Names listed; of more, the first and the last."""
_LONGEST = 900
"""Characters: a reader's voice takes about a minute for them."""


def describe_figure(figure: Figure, title: str, language: Language) -> str:
    """Return title, panels, what the axes measure and from where to where, lines and legend, in sentences.

    Args:
        figure: drawn at least once, for its ticks to have their labels.
        title: the caption's.
        language: of the words.
    """
    axes = [ax for ax in figure.get_axes() if ax.get_visible() and ax.axison]
    titles = _keep_distinct(ax.get_title(loc) for ax in axes for loc in ("left", "center"))
    parts = [f"{_clean(title)}."]
    if len(titles) > 1:
        parts.append(say("alt_panels", language, n=len(titles), names=_list_names(titles, language)))
    for name, axis in (("alt_x", "xaxis"), ("alt_y", "yaxis")):
        parts += _keep_distinct(_describe_axis(ax, getattr(ax, axis), figure, name, language) for ax in axes)[:3]
    parts += _list_boxes(figure, language)
    legend = _list_legend(figure, axes)
    if len(legend) > 1:
        parts.append(say("alt_legend", language, names=_list_names(legend, language)))
    return _shorten(" ".join(parts))


def _list_boxes(figure: Figure, language: Language) -> list[str]:
    """Return what is written in drawings without axes, such as a flow chart."""
    bare = [ax for ax in figure.get_axes() if ax.get_visible() and not ax.axison]
    texts = [
        _clean(text.get_text()) for ax in bare for text in sorted(ax.texts, key=lambda text: -text.get_position()[1])
    ]
    return [say("alt_boxes", language, names=BETWEEN[language].join(filter(None, texts)))] if any(texts) else []


def _describe_axis(ax: Axes, axis: Axis, figure: Figure, name: str, language: Language) -> str:
    """Return what an axis measures and its ends; of an axis of names, how many and which; "" where it says nothing."""
    label = _clean(axis.get_label().get_text() or (figure.get_supxlabel() if name == "alt_x" else ""))
    low, high = sorted(axis.get_view_interval())
    labels = [_clean(text.get_text()) for text in axis.get_ticklabels()]
    shown = zip(axis.get_ticklocs(), labels, strict=False)
    ticks = [text for place, text in shown if text and low - 1e-9 <= place <= high + 1e-9]
    if not ticks:
        return ""
    if any(re.search(r"[^\W\d_]{3,}", tick) for tick in ticks):
        return say(f"{name}_names", language, n=len(ticks), names=_list_names(ticks, language))
    return say(name, language, label=label, first=ticks[0], last=ticks[-1]) if label else ""


def _list_legend(figure: Figure, axes: Iterable[Axes]) -> list[str]:
    legends = [*figure.legends, *(sub_legend for sub in figure.subfigs for sub_legend in sub.legends)]
    legends += [legend for ax in axes if (legend := ax.get_legend()) is not None]
    return _keep_distinct(text.get_text() for legend in legends for text in legend.get_texts())


def _list_names(names: list[str], language: Language) -> str:
    if len(names) <= _MOST:
        return ", ".join(names)
    return say("alt_range", language, first=names[0], last=names[-1])


def _keep_distinct(texts: Iterable[str]) -> list[str]:
    return [text for text in dict.fromkeys(map(_clean, texts)) if text]


def _clean(text: str) -> str:
    """Return a text on one line, without what would end an attribute."""
    return re.sub(r"\s+", " ", text.replace('"', "'").replace("\\", "")).strip()


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rsplit(" ", 1)[0] + "…"
