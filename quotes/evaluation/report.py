"""A report of a system's stances in a folder: report.html for people, metrics.json for programs, errors.csv for editors.

The page stands alone: no script, nothing fetched, plots inside. The same results give the same bytes.
"""

import csv
import json
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from html import escape
from itertools import islice
from pathlib import Path

from quotes.errors import InputError
from quotes.evaluation import plots, views
from quotes.evaluation.results import StanceMetrics, to_dict
from quotes.evaluation.stances import Answers
from quotes.evaluation.tables import BadRow
from quotes.evaluation.testsets import LABELS, Row
from quotes.exports import harmless

ERRORS_SHOWN = 20
_GENERATOR = '<meta name="generator" content="quotes evaluate stance">'
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; border-bottom: 1px solid #bbb; }
table { border-collapse: collapse; margin: 1rem 0; } caption { text-align: left; font-weight: 600; }
th, td { padding: .25rem .75rem; text-align: left; vertical-align: top; border-bottom: 1px solid #ddd; }
th, td { unicode-bidi: isolate; } td { font-variant-numeric: tabular-nums; } thead th { border-bottom: 2px solid #767676; }
figure { display: flex; flex-wrap: wrap; gap: 0 2.5rem; align-items: flex-start; margin: 0; }
img { max-width: 100%; height: auto; } .note { color: #555; font-size: .9rem; }
.warning { border-left: 4px solid #d55e00; padding: .25rem .75rem; background: #fff4ec; }
"""
_MEANING = """
Accuracy is the share of rows whose label was given. Macro-F1 is the mean of the F1 of the labels that the test set uses.
SemEval's F is the mean of the F1 of support and of oppose, as in task 6 of 2016. The Brier score is the mean over rows of
the squared errors of all labels' probabilities, summed. The expected calibration error is the mean distance between
confidence and share right, over ten bins of equal width. The majority baseline gives every row the commonest label, the
keyword baseline follows five rules about words. McNemar's test is the exact one. A stance is that of a quotation as
printed, never a verdict about a person.
"""


@dataclass(frozen=True, slots=True)
class Source:
    """The test set's file, and what a reader must know of how it was used."""

    name: str
    sha256: str
    encoding: str
    notes: tuple[str, ...] = ()
    left_out: tuple[BadRow, ...] = ()


def claim(folder: Path) -> None:
    """Make the folder of a report. Raises InputError for one that holds something else, or that cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        page = folder / "report.html"
        if any(folder.iterdir()) and not (page.is_file() and _GENERATOR in page.read_text("utf-8", "replace")[:1000]):
            raise InputError(f"{folder}: it holds something else than a report; name a new or an empty folder")
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror or error}") from None


def write(folder: Path, source: Source, rows: Sequence[Row], answers: Answers, metrics: StanceMetrics) -> None:
    """Write the three files into a claimed folder. Raises InputError where that fails."""
    wrong = errors(rows, answers)
    result = {"test": asdict(source), **to_dict(metrics)}
    try:
        (folder / "metrics.json").write_text(json.dumps(result, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        with (folder / "errors.csv").open("w", encoding="utf-8-sig", newline="") as stream:  # the mark is for Excel
            csv.writer(stream).writerows([harmless(cell) for cell in row] for row in _error_rows(rows, answers, wrong))
        (folder / "report.html").write_text(_page(source, rows, answers, metrics, wrong), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{error.filename or folder}: {error.strerror or error}") from None


def errors(rows: Sequence[Row], answers: Answers) -> list[int]:
    """The places of the rows that were answered wrongly, the surest answers first."""
    wrong = [n for n, row in enumerate(rows) if LABELS[answers.labels[n]] != row.gold]
    confidence = answers.confidence
    return wrong if confidence is None else sorted(wrong, key=lambda n: (-confidence[n], n))


def _error_rows(rows: Sequence[Row], answers: Answers, wrong: Iterable[int]) -> Iterable[Sequence[str]]:
    yield "line", "id", "text", "context", "gold", "predicted", "confidence", *LABELS
    for n in wrong:
        row, label = rows[n], LABELS[answers.labels[n]]
        shares = [""] * (1 + len(LABELS))
        if answers.probabilities is not None:
            of_each = answers.probabilities[n]
            shares = [f"{share:.4f}" for share in (of_each[answers.labels[n]], *of_each)]
        yield str(row.line), row.id or "", row.text, row.context, row.gold, label, *shares


def _page(source: Source, rows: Sequence[Row], answers: Answers, metrics: StanceMetrics, wrong: Sequence[int]) -> str:
    title = f"Stances in {source.name}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{metrics.rows:,} quotations, answered by {escape(metrics.system)}.</p>",
        f'<p class="note">sha256 of the test set: {source.sha256}</p>',
        *(f'<p class="warning">{escape(note)}</p>' for note in source.notes),
        "<h2>Scores</h2>",
        *map(_table, (views.scores(metrics), views.labels(metrics))),
        f'<p class="note">{escape(_MEANING.strip())}</p>',
        "<h2>Which labels are taken for which</h2>",
        _figure(
            plots.confusion(metrics),
            "Heat map of the table that follows: rows by label and by answer.",
            views.confusion(metrics),
        ),
        "<h2>Against other systems</h2>",
        *map(_table, (views.systems(metrics), views.differences(metrics))),
    ]
    if metrics.calibration and metrics.coverage:
        most = metrics.coverage[0]
        parts += [
            "<h2>How far confidence can be trusted</h2>",
            _figure(
                plots.reliability(metrics.calibration),
                "Reliability diagram of the table that follows: the share of right answers in each bin of confidence; "
                "where a bar ends below the dashed line, answers are surer than they are right.",
                views.calibration(metrics),
            ),
            "<h2>Answering only where it is sure</h2>",
            _figure(
                plots.coverage(metrics.coverage),
                f"Curve of the table that follows: of the surest {most.coverage:.0%} of answers {most.accuracy:.0%} are "
                f"right, of all {metrics.scores.accuracy.value:.0%}.",
                views.coverage(metrics),
            ),
        ]
    for column, values in metrics.slices.items():
        shown = dict(islice(values.items(), views.SHOWN))
        parts += [
            f"<h2>By {escape(column)}</h2>",
            _figure(
                plots.slices(shown),
                f"Bars of the table that follows: macro-F1 and accuracy by {column}.",
                views.sliced(column, values),
            ),
        ]
    parts += ["<h2>Errors</h2>", _errors(rows, answers, wrong)]
    if source.left_out:
        parts += ["<h2>Rows left out</h2>", _table(views.left_out(source.left_out))]
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'{_GENERATOR}\n<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _errors(rows: Sequence[Row], answers: Answers, wrong: Sequence[int]) -> str:
    if not wrong:
        return "<p>There are none.</p>"
    _, *lines = _error_rows(rows, answers, wrong[:ERRORS_SHOWN])
    view = views.View(
        f"{len(lines)} of {len(wrong):,}" + ("" if answers.confidence is None else ", the surest first"),
        ("Line", "Quotation", "Context", "Label", "Answer", "Confidence"),
        [(line[0], line[2], "" if line[3] == line[2] else line[3], *line[4:7]) for line in lines],
        "errors.csv has all.",
    )
    return _table(view)


def _table(view: views.View) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in view.head)
    body = "\n".join(
        f'<tr><th scope="row">{escape(row[0])}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:]) + "</tr>"
        for row in view.rows
    )
    note = f'<p class="note">{escape(view.note)}</p>' if view.note else ""
    caption = f"<caption>{escape(view.title)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>{note}"


def _figure(svg: bytes, alt: str, view: views.View) -> str:
    """A plot, and the numbers in it as a table."""
    image = f'<img src="data:image/svg+xml;base64,{b64encode(svg).decode()}" alt="{escape(alt)}">'
    return f"<figure>{image}<div>{_table(view)}</div></figure>"
