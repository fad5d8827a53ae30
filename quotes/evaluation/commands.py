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

from quotes.errors import InputError
from quotes.terminal import rendered, with_progress

if TYPE_CHECKING:
    from quotes.evaluation.speakers import PredictedArticle


def add_evaluate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `evaluate` to the commands of `quotes`."""
    evaluate = commands.add_parser("evaluate", help="measure how good the answers are on a test set")
    measures = evaluate.add_subparsers(required=True, metavar="WHAT")
    _add_speakers(measures)


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
    from quotes.evaluation import printing
    from quotes.evaluation.intervals import LEVEL, RESAMPLES, SEED
    from quotes.evaluation.speakers import error_rows, evaluate_speakers, read_gold, read_predictions

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
        sys.stdout.write(rendered(*printing.speakers(figures, title)))
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
