"""The command line of `quotes evaluate`. What is slow to import is imported by the command that needs it."""

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING

from quotes import artefacts
from quotes.errors import BadRows, InputError
from quotes.terminal import rendered, with_progress

if TYPE_CHECKING:
    from quotes.evaluation.speakers import PredictedArticle
    from quotes.evaluation.stances import Answers
    from quotes.evaluation.testsets import LabelMap, Row, StanceSet


def add_evaluate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `evaluate` to the commands of `quotes`."""
    evaluate = commands.add_parser("evaluate", help="measure how good the answers are on a test set")
    measures = evaluate.add_subparsers(required=True, metavar="WHAT")
    _add_speakers(measures)
    _add_stance(measures)
    _add_agreement(measures)


def _writable(path: str, encoding: str) -> IO[str]:
    try:
        return open(path, "w", encoding=encoding, newline="")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None


# --- speakers ---


def _add_speakers(measures: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    speakers = measures.add_parser(
        "speakers",
        help="who said it",
        description="Hold the speakers in PRED, or those that --run finds, against a test set, with 95 % intervals. "
        "The formats are in docs/evaluation.md.",
    )
    speakers.add_argument("gold", type=Path, metavar="GOLD", help="the test set: JSON Lines, a quotation a line")
    source = speakers.add_mutually_exclusive_group(required=True)
    source.add_argument("predictions", type=Path, nargs="?", metavar="PRED", help="JSON Lines, an article a line")
    source.add_argument("--run", type=Path, metavar="DIR", help="analyse the articles DIR/<doc>.txt instead")
    speakers.add_argument("--json", metavar="FILE", help="write the figures as JSON too")
    speakers.add_argument("--errors", metavar="FILE", help="write what is not right as CSV, for a spreadsheet")
    speakers.set_defaults(command=_evaluate_speakers)


def _evaluate_speakers(args: argparse.Namespace) -> int:
    from quotes.evaluation.intervals import LEVEL, RESAMPLES, SEED
    from quotes.evaluation.speakers import error_rows, evaluate_speakers, read_gold, read_predictions
    from quotes.evaluation.views import of_speakers, printed

    gold = read_gold(args.gold)
    docs = list(dict.fromkeys(quotation.doc for quotation in gold))
    found = None if args.predictions is None else read_predictions(args.predictions)
    if found is not None and (absent := [doc for doc in docs if doc not in found]):
        if len(absent) == len(docs):
            raise InputError(f"{args.predictions}: it has none of the articles of {args.gold}; compare “doc” in both")
        some = f"{len(absent)} of {len(docs)} articles, {absent[0]} the first; their quotations count as missed"
        print(f"quotes: {args.predictions} has no line for {some}", file=sys.stderr)
    with ExitStack() as stack:  # opened before the work begins, which can be long
        json_file, errors_file = (
            stack.enter_context(_writable(path, encoding)) if path else None
            for path, encoding in ((args.json, "utf-8"), (args.errors, "utf-8-sig"))  # spreadsheets look for the mark
        )
        judgements, figures = evaluate_speakers(gold, _run(args.run, docs) if found is None else found)
        title = f"{len(gold)} quotations in {len(docs)} articles"
        sys.stdout.write(rendered(*printed(of_speakers(figures, title))))
        if json_file:
            result = {
                "articles": len(docs),
                "quotations": len(gold),
                "interval": {"level": LEVEL, "over": "articles", "resamples": RESAMPLES, "seed": SEED},
                "figures": [asdict(figure) for figure in figures],
            }
            json.dump(result, json_file, ensure_ascii=False, indent=2)
            json_file.write("\n")
        if errors_file:
            csv.writer(errors_file).writerows(error_rows(judgements))
    return 0


def _run(folder: Path, docs: Sequence[str]) -> "dict[str, PredictedArticle]":
    """What the pipeline finds in the articles."""
    from quotes.evaluation.speakers import run
    from quotes.settings import settings_in_force

    articles = run(folder, docs, max_characters=settings_in_force().max_characters)
    return {article.doc: article for article in with_progress(articles, "Analysing", len(docs))}


# --- stance ---


def _add_stance(measures: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    stance = measures.add_parser(
        "stance",
        help="which stance",
        description="Hold the stances that the shipped classifier gives, or those of --predictions, against a test set, "
        "with 95 %% intervals. Formats and figures are explained in docs/evaluation.md.",
    )
    stance.add_argument(
        "test",
        type=Path,
        metavar="TEST",
        help="labelled quotations: JSON Lines, CSV, tab-separated, or as in SemEval-2016 task 6",
    )
    stance.add_argument(
        "--predictions", type=Path, metavar="FILE", help="the answers of another system, by id or in the order of TEST"
    )
    stance.add_argument(
        "--baseline", type=Path, metavar="FILE", help="the answers of a system to compare with, in the same form"
    )
    stance.add_argument(
        "--map", metavar="LABEL=STANCE,…", help="what labels mean: FAVOR=support,AGAINST=oppose,NONE=none"
    )
    stance.add_argument(
        "--report", type=Path, metavar="DIR", help="write report.html, metrics.json and errors.csv there"
    )
    stance.add_argument("--skip-bad", action="store_true", help="leave out rows that cannot be used, and list them")
    stance.add_argument(
        "--slice", nargs="+", default=[], metavar="COLUMN", help="tell scores by value of these columns"
    )
    for name, what in (
        ("text", "the quotations (quote, quotation, text, tweet)"),
        ("context", "the sentences that carry them (context)"),
        ("label", "the labels (label, stance)"),
    ):
        stance.add_argument(f"--{name}", metavar="COLUMN", help=f"the column of {what}")
    _add_drawing(stance)
    stance.set_defaults(command=_evaluate_stance)


def _add_drawing(parser: argparse.ArgumentParser) -> None:
    """The options of how intervals are made."""
    parser.add_argument(
        "--group", metavar="COLUMN", help="rows that belong together, for intervals (group, document, conflict)"
    )
    parser.add_argument("--seed", type=_seed, help="of the draws for intervals")


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text} is no whole number of 0 or more")
    return int(text)


def _evaluate_stance(args: argparse.Namespace) -> int:
    from quotes.evaluation import report
    from quotes.evaluation.intervals import SEED
    from quotes.evaluation.stances import measure
    from quotes.evaluation.testsets import Columns, label_map, read_test_set
    from quotes.evaluation.views import of_stances, printed

    mapping = label_map(args.map) if args.map else {}
    columns = Columns(args.text, args.context, args.label, args.group, tuple(dict.fromkeys(args.slice)))
    test = read_test_set(args.test, columns, mapping, locate=args.predictions is None)
    notes = _usable(args.test, test, args.skip_bad)
    given = _predicted(args.predictions, test, mapping)
    others = _predicted(args.baseline, test, mapping)
    if args.report:
        report.claim(args.report)
    if given is None:
        system, seen = _shipped(test.sha256)
        if seen:
            notes.append(
                f"the classifier was trained on {args.test.name}: the scores say nothing about other quotations"
            )
    else:
        system = args.predictions.name
    for note in notes:
        print(f"quotes: {note}", file=sys.stderr)
    answers = _labelled(test.rows) if given is None else given
    seed = SEED if args.seed is None else args.seed
    metrics = measure(test, answers, system, {args.baseline.name: others} if others else {}, seed)
    sys.stdout.write(rendered(*printed(of_stances(metrics))))
    if args.report:
        source = report.Source(args.test.name, test.sha256, test.encoding, tuple(notes), test.bad)
        report.write(args.report, source, test.rows, answers, metrics)
    return 0


def _usable(path: Path, test: "StanceSet", skip_bad: bool) -> list[str]:
    """What must be said of a test set. Raises BadRows for rows that cannot be used and may not be left out."""
    from quotes.evaluation.tables import listed

    notes = []
    if test.encoding != "utf-8":
        notes.append(f"{path.name} is not UTF-8; it was read as {test.encoding}")
    if test.bad:
        if not skip_bad or not test.rows:
            advice = "mend them, or leave them out with --skip-bad" if test.rows else "no row is left"
            raise BadRows(f"{listed(path, test.size, test.bad)}\n{advice}")
        print(f"quotes: {listed(path, test.size, test.bad)}", file=sys.stderr)
        notes.append(f"{len(test.bad)} of {test.size} rows of {path.name} cannot be used and were left out")
    return notes


def _predicted(path: Path | None, test: "StanceSet", mapping: "LabelMap") -> "Answers | None":
    """A system's answers to the rows of a test set, out of a file."""
    if path is None:
        return None
    from quotes.evaluation.predictions import matched, read_predictions
    from quotes.evaluation.stances import answers_of

    return answers_of(matched(test, read_predictions(path, mapping), str(path)))


def _shipped(sha256: str) -> tuple[str, bool]:
    """What the shipped classifier is called, and whether its manifest says that it was trained on such a file."""
    artefact = artefacts.find("stance")
    return f"shipped classifier (stance {artefact.version})", sha256 in json.dumps(artefact.manifest.get("data"))


def _labelled(rows: "Sequence[Row]") -> "Answers":
    """The shipped classifier's answers."""
    from quotes.evaluation.stances import answers_of
    from quotes.pipeline import label

    return answers_of([label(r.context, r.quotation) for r in with_progress(rows, "Labelling", len(rows))])


# --- agreement ---


def _add_agreement(measures: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    agreement = measures.add_parser(
        "agreement",
        help="how far two annotators agree",
        description="Hold the labels of two annotators against each other, row by row of the same id: Krippendorff's alpha, "
        "Cohen's kappa, and where they differ.",
    )
    for name in ("first", "second"):
        agreement.add_argument(
            name,
            type=Path,
            metavar="A" if name == "first" else "B",
            help="labelled rows: JSON Lines, CSV or tab-separated",
        )
    agreement.add_argument("--label", metavar="COLUMN", help="the column of the labels (label, stance)")
    _add_drawing(agreement)
    agreement.set_defaults(command=_evaluate_agreement)


def _evaluate_agreement(args: argparse.Namespace) -> int:
    from quotes.evaluation.agreement import agree, read_annotation
    from quotes.evaluation.intervals import SEED
    from quotes.evaluation.views import of_agreement, printed

    first, second = (read_annotation(path, args.label, args.group) for path in (args.first, args.second))
    found = agree(first, second, SEED if args.seed is None else args.seed)
    for path, ids in ((args.first, found.only_first), (args.second, found.only_second)):
        if ids:
            some = ", ".join(ids[:10]) + (", …" if len(ids) > 10 else "")
            print(f"quotes: only {path} has {len(ids)} ids, which are left out: {some}", file=sys.stderr)
    sys.stdout.write(rendered(*printed(of_agreement(found))))
    return 0
