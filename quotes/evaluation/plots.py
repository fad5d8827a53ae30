"""The plots of a report, as SVG. The only importer of matplotlib, which takes a second: inside the function that draws.

The same figures give the same bytes. Text stays text, in the reader's own fonts, since values of slices may be in any script.
"""

import io
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from quotes.evaluation.results import Bin, Coverage, Slice, StanceMetrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE, GREY = (
    "#0072b2",
    "#d55e00",
    "#767676",
)  # of Okabe and Ito's palette, which the colour-blind can tell apart
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "quotes",  # element ids are made from it, else from chance
    "text.parse_math": False,  # a dollar sign is a dollar sign
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 11,
}


def confusion(metrics: StanceMetrics) -> bytes:
    """A heat map: the share of each label's rows that got each answer, with the counts."""
    rows = [(label, its) for label, its in metrics.confusion.items() if sum(its.values())]
    answers = [a for a in metrics.confusion if a in metrics.labels or any(its[a] for _, its in rows)]
    shares = [[its[answer] / sum(its.values()) for answer in answers] for _, its in rows]

    def draw(axes: "Axes") -> None:
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for y, (_, its) in enumerate(rows):
            for x, answer in enumerate(answers):
                colour = "white" if shares[y][x] > 0.65 else "black"  # whichever stands out more
                axes.text(x, y, f"{its[answer]:,}\n{shares[y][x]:.0%}", ha="center", va="center", color=colour)
        axes.set_xticks(range(len(answers)), answers)
        axes.set_yticks(range(len(rows)), [label for label, _ in rows])
        axes.set_xlabel("answer")
        axes.set_ylabel("label")

    return _drawn(draw, 5.2, 1.6 + 0.9 * len(rows))


def reliability(bins: tuple[Bin, ...]) -> bytes:
    """How often answers are right by how sure they are; below it how many there are."""

    def draw(axes: "Axes") -> None:
        filled = [one for one in bins if one.rows]
        axes.bar(
            [(one.low + one.high) / 2 for one in filled],
            [one.accuracy or 0 for one in filled],
            width=0.092,
            color=BLUE,
            label="right",
        )
        confidence = [one.confidence or 0 for one in filled]
        axes.plot(confidence, confidence, "o--", color=ORANGE, label="as sure as right")
        for one in filled:
            colour = "white" if (one.accuracy or 0) > 0.06 else "black"
            axes.text((one.low + one.high) / 2, 0.015, f"{one.rows:,}", ha="center", color=colour, fontsize=8)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence in the answer", ylabel="share right")
        axes.legend(loc="upper left", frameon=False)

    return _drawn(draw, 5.2, 4.4)


def coverage(points: tuple[Coverage, ...]) -> bytes:
    """How many answers are right where only the surest are kept."""

    def draw(axes: "Axes") -> None:
        axes.plot([p.coverage for p in points], [p.accuracy for p in points], "o-", color=BLUE, markersize=4)
        axes.set(
            xlim=(0, 1.02), ylim=(0, 1.02), xlabel="share of rows answered, the surest first", ylabel="share right"
        )
        axes.set_ylim(max(0, min(p.accuracy for p in points) - 0.1), 1.01)
        axes.grid(color="#dddddd")

    return _drawn(draw, 5.2, 4.0)


def slices(values: Mapping[str, Slice]) -> bytes:
    """Macro-F1 and accuracy of each value, with intervals."""

    def draw(axes: "Axes") -> None:
        for offset, name, colour in ((-0.2, "macro-F1", BLUE), (0.2, "accuracy", GREY)):
            scores = [one.macro_f1 if name == "macro-F1" else one.accuracy for one in values.values()]
            axes.barh(
                [y + offset for y in range(len(values))],
                [score.value for score in scores],
                height=0.36,
                color=colour,
                xerr=[
                    [max(0.0, score.value - score.low) for score in scores],
                    [max(0.0, score.high - score.value) for score in scores],
                ],
                error_kw={"linewidth": 1},
                label=name,
            )
        names = [name if len(name) <= 40 else name[:39] + "…" for name in values]
        axes.set_yticks(range(len(values)), [f"{n} ({v.rows:,})" for n, v in zip(names, values.values(), strict=True)])
        axes.set(xlim=(0, 1), ylim=(len(values) - 0.4, -0.6), xlabel="score")
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)

    return _drawn(draw, 8, 1.3 + 0.5 * len(values))


def _drawn(draw: Callable[["Axes"], None], width: float, height: float) -> bytes:
    """An SVG of so many inches."""
    import matplotlib.style
    from matplotlib.figure import Figure

    stream = io.BytesIO()
    with matplotlib.style.context(["default", _STYLE]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # the reader's fonts may have what ours has not
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure.add_subplot())
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()
