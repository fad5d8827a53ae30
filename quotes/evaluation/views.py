"""Results as tables of text: what the command prints, and what stands in a report."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quotes.evaluation.agreement import Agreement
from quotes.evaluation.intervals import Estimate
from quotes.evaluation.results import Difference, Interval, Slice, StanceMetrics
from quotes.evaluation.speakers import Figure
from quotes.evaluation.stances import BINS
from quotes.evaluation.tables import LISTED, BadRow
from quotes.terminal import one_line, shortened

if TYPE_CHECKING:
    from rich.table import Table

SHOWN = 30  # values of a column; metrics.json has all
NOTHING = "–"
_SPEAKERS = ("all", "full", "short", "person", "organisation", "document", "group", "unnamed")


@dataclass(frozen=True, slots=True)
class View:
    """A table: its title, the names of its columns, its rows, and a note to stand below it."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""


def printed(views: Iterable[View]) -> "Iterator[Table]":
    """The tables for a terminal."""
    from rich.table import Table
    from rich.text import Text

    def safe(text: str) -> Text:
        return Text(one_line(text))

    for view in views:
        table = Table(title=safe(view.title) if view.title else None, caption=safe(view.note) if view.note else None)
        for name in view.head:
            table.add_column(safe(name))
        for row in view.rows:
            table.add_row(*(safe(shortened(cell)) for cell in row))
        yield table


def of_stances(metrics: StanceMetrics) -> list[View]:
    """What is printed of a system's stances."""
    return [
        scores(metrics),
        labels(metrics),
        confusion(metrics),
        systems(metrics),
        differences(metrics),
        *(sliced(column, values) for column, values in metrics.slices.items()),
    ]


def scores(metrics: StanceMetrics) -> View:
    """The scores over all rows."""
    its = metrics.scores
    rows = [
        ("accuracy, %", _percent(its.accuracy)),
        (f"macro-F1 over {_listed(metrics.labels)}, %", _percent(its.macro_f1)),
        ("SemEval's F: mean of the F1 of support and oppose, %", _percent(its.semeval_f)),
        ("Brier score (0 best, 2 worst)", _number(its.brier)),
        (f"expected calibration error ({BINS} bins of equal width)", _number(its.calibration_error)),
    ]
    title = f"{metrics.system}: {metrics.rows:,} rows"
    return View(title, ("Score", "Value (interval)"), rows, drawn_over(metrics.interval))


def drawn_over(interval: Interval) -> str:
    """How intervals were made, in words."""
    over = f"{interval.groups:,} " + (interval.over if interval.over == "rows" else f"values of “{interval.over}”")
    made = f"{100 * interval.level:.0f} % intervals by bootstrap over {over}"
    return f"In brackets: {made}; {interval.resamples:,} draws, seed {interval.seed}."


def labels(metrics: StanceMetrics) -> View:
    """The scores of each label."""
    rows = [
        (label, f"{its.support:,}", f"{its.predicted:,}", *map(_percent, (its.precision, its.recall, its.f1)))
        for label, its in metrics.by_label.items()
    ]
    return View("By label", ("Label", "Rows", "Answers", "Precision %", "Recall %", "F1 %"), rows)


def confusion(metrics: StanceMetrics) -> View:
    """Rows by label and answer."""
    rows = [(label, *(f"{n:,}" for n in its.values())) for label, its in metrics.confusion.items()]
    head = ("Label", *(f"answered {label}" for label in metrics.confusion))
    return View("Confusion", head, [row for row in rows if row[0] in metrics.labels])


def systems(metrics: StanceMetrics) -> View:
    """The scores of the system and of those held against it."""
    every = [(metrics.system, metrics.scores), *((name, other.scores) for name, other in metrics.baselines.items())]
    rows = [(name, *map(_percent, (its.accuracy, its.macro_f1, its.semeval_f))) for name, its in every]
    return View("Systems", ("System", "Accuracy %", "Macro-F1 %", "SemEval's F %"), rows)


def differences(metrics: StanceMetrics) -> View:
    """How much better the system is than each of the others."""
    rows = [
        (
            name,
            *_difference(other.accuracy_difference),
            *_difference(other.macro_f1_difference),
            f"{other.mcnemar.only_system:,} to {other.mcnemar.only_baseline:,}",
            _p(other.mcnemar.p),
        )
        for name, other in metrics.baselines.items()
    ]
    head = ("Compared with", "Accuracy, points", "p", "Macro-F1, points", "p", "Right alone", "McNemar p")
    note = "Right alone: rows that only the system, and that only the other has right. Draws are the same for both."
    return View("Differences", head, rows, note)


def sliced(column: str, values: Mapping[str, Slice]) -> View:
    """Scores of the rows that have each value of a column."""
    rows = [
        (value, f"{its.rows:,}", _percent(its.accuracy), _percent(its.macro_f1))
        for value, its in list(values.items())[:SHOWN]
    ]
    note = "Macro-F1 is over the labels that the rows of a value have. "
    note += "Where they are all of one group, rows are drawn for the interval."
    if len(values) > SHOWN:
        note += f" There are {len(values) - SHOWN:,} more values: metrics.json of a report has them."
    return View(f"By {column}", (column, "Rows", "Accuracy %", "Macro-F1 %"), rows, note)


def calibration(metrics: StanceMetrics) -> View:
    """How often answers are right, by how sure they are."""
    rows = [
        (f"{one.low:.1f} to {one.high:.1f}", f"{one.rows:,}", f"{one.confidence:.3f}", f"{one.accuracy:.3f}")
        for one in metrics.calibration or ()
        if one.rows
    ]
    return View("Calibration", ("Confidence", "Rows", "Mean confidence", "Share right"), rows)


def coverage(metrics: StanceMetrics) -> View:
    """How many answers are right where only the surest are kept."""
    rows = [(f"{one.confidence:.3f}", f"{one.coverage:.1%}", f"{one.accuracy:.1%}") for one in metrics.coverage or ()]
    return View("Coverage and accuracy", ("Confidence of at least", "Rows answered", "Right"), rows)


def left_out(bad: Sequence[BadRow]) -> View:
    """The rows of a test set that could not be used."""
    rows = [(f"{row.line}", row.reason) for row in bad[:LISTED]]
    return View(f"{len(bad):,} rows left out", ("Line", "Why"), rows, "metrics.json has all.")


def of_agreement(agreement: Agreement) -> list[View]:
    """Coefficients, confusion, and every disagreement."""
    rows = [
        ("equal labels, %", _percent(agreement.equal)),
        ("Cohen's kappa", _number(agreement.kappa)),
        ("Krippendorff's alpha, nominal", _number(agreement.alpha)),
    ]
    differ = [(one.id, one.first, one.second, one.text or "") for one in agreement.disagreements]
    views = [
        View(
            f"{agreement.rows:,} rows that both labelled",
            ("Agreement", "Value (interval)"),
            rows,
            drawn_over(agreement.interval),
        ),
        View(
            "The first's labels by the second's",
            ("Label", *agreement.labels),
            [(label, *(f"{n:,}" for n in its.values())) for label, its in agreement.confusion.items()],
        ),
    ]
    if differ:
        views.append(View(f"{len(differ):,} disagreements", ("Id", "First", "Second", "Text"), differ))
    return views


def of_speakers(figures: Iterable[Figure], title: str) -> list[View]:
    """Who speaks, a row for all, each band and each kind of speaker; then everything else, a row a figure."""
    figures = list(figures)
    names = {"right": "Right", "wrong": "Wrong", "unresolved": "Unresolved"}
    cells = {(figure.group, figure.metric): figure for figure in figures if figure.metric in names}
    spoken = [[cells[group, metric] for metric in names] for group in _SPEAKERS if (group, "right") in cells]
    head = ("Speakers of", "Quotations", *(f"{name} %" for name in names.values()))
    rows = [(its[0].group, str(its[0].n), *map(_percent, its)) for its in spoken]
    others = sorted((figure for figure in figures if figure.metric not in names), key=lambda figure: figure.metric)
    rest = [(figure.metric, figure.group, str(figure.n), _percent(figure)) for figure in others]
    note = "In brackets: 95 % intervals by bootstrap over articles."
    return [*([View(title, head, rows)] if rows else []), View("", ("Figure", "Of", "n", "%"), rest, note)]


def _percent(share: Estimate | Figure | None) -> str:
    return f"{100 * share.value:.1f} ({100 * share.low:.1f}–{100 * share.high:.1f})" if share else NOTHING


def _number(estimate: Estimate | None) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f}–{estimate.high:.3f})" if estimate else NOTHING


def _difference(difference: Difference) -> tuple[str, str]:
    value, low, high = (100 * part for part in (difference.value, difference.low, difference.high))
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})", _p(difference.p)


def _p(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
