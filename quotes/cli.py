"""The command line: `quotes analyse`, `quotes serve`, `quotes models`, `quotes evaluate`.

Exit status: 0 when all went well, 1 when a model cannot be used, 2 when something given cannot be read (what else was
given is still analysed), 130 when interrupted. What is slow to import is imported by the command that needs it.
"""

import argparse
import csv
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from quotes import artefacts
from quotes.document import Analysis, Article, Quotation
from quotes.errors import ArtefactError, ArtefactMissing, InputError
from quotes.exports import to_csv, to_dict
from quotes.reading import from_file

if TYPE_CHECKING:
    from rich.table import Table

    from quotes.evaluation import Figure, Judgement, PredictedArticle
    from quotes.settings import Settings

PIPE_WIDTH = 120  # of tables, in characters, where the output is no terminal
SHOWN = 160  # characters of a quotation in a table


def main(argv: list[str] | None = None) -> int:
    """Run the command that `argv` (default: the process's arguments) asks for and return its exit status."""
    args = _parser().parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # JSON and CSV are UTF-8, whatever the locale
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        status: int = args.command(args)
        sys.stdout.flush()
        return status
    except InputError as error:
        return _complain(error, 2)
    except ArtefactError as error:
        return _complain(error, 1)
    except BrokenPipeError:
        # The reader has gone; give Python somewhere else to flush to, or it complains at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="quotes",
        description="Finds every direct quotation in a news article, who said it and how that is known, "
        "and its stance toward a ceasefire.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    analyse = commands.add_parser("analyse", help="analyse articles", description="Analyse articles: text or HTML.")
    analyse.add_argument("files", nargs="+", metavar="FILE", help="a UTF-8 text or HTML file; - is standard input")
    analyse.add_argument(
        "--format",
        choices=_FORMATS,
        default="table",
        help="table (default); json: one object, or a list where several files are given; jsonl: an object a line; csv",
    )
    analyse.set_defaults(command=_analyse)

    serve = commands.add_parser("serve", help="start the API")
    serve.add_argument("--host", help="where to listen (default: QUOTES_HOST, or 127.0.0.1)")
    serve.add_argument("--port", type=int, help="where to listen (default: QUOTES_PORT, or 8000)")
    serve.set_defaults(command=_serve)

    models = commands.add_parser("models", help="check the models and show their versions, scores and hashes")
    models.set_defaults(command=_models)

    evaluate = commands.add_parser("evaluate", help="measure how good the answers are on a test set")
    measures = evaluate.add_subparsers(required=True, metavar="WHAT")
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
    return parser


def _settings() -> "Settings":
    from pydantic import ValidationError

    from quotes.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        wrong = error.errors()[0]
        raise InputError(f"QUOTES_{str(wrong['loc'][0]).upper()}={wrong['input']}: {wrong['msg']}") from None


def _complain(error: Exception, status: int) -> int:
    print(f"quotes: {error}", file=sys.stderr)
    return status


# --- analyse ---


def _analyse(args: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import Progress

    settings = _settings()
    files: list[str] = args.files
    console = Console(stderr=True)
    unread: list[InputError] = []
    # The bar is taken away while results are written, since both may go to the same terminal.
    bar = Progress(console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
    bar.disable = len(files) == 1 or not console.is_terminal
    task = bar.add_task("Analysing", total=len(files))

    def articles() -> Iterator[Article]:
        for file in files:
            try:
                yield from_file(file, max_characters=settings.max_characters)
            except InputError as error:
                unread.append(error)
                console.print(f"quotes: {error}", markup=False, highlight=False, soft_wrap=True)
            bar.advance(task)

    with bar:
        for chunk in _FORMATS[args.format](_analyses(articles()), len(files) > 1):
            bar.stop()
            sys.stdout.write(chunk)
            sys.stdout.flush()
            bar.start()
    return 2 if unread else 0


def _analyses(articles: Iterable[Article]) -> Iterator[Analysis]:
    for article in articles:
        from quotes.pipeline import analyse  # here, so that what cannot be read is refused without loading models

        yield analyse(article)


def _json(analyses: Iterable[Analysis], several: bool) -> Iterator[str]:
    before = "[\n" if several else ""
    for analysis in analyses:
        yield before + json.dumps(to_dict(analysis), ensure_ascii=False, indent=2)
        before = ",\n"
    yield ("[]\n" if before == "[\n" else "\n]\n") if several else ("\n" if before == ",\n" else "")


def _jsonl(analyses: Iterable[Analysis], several: bool) -> Iterator[str]:
    for analysis in analyses:
        yield json.dumps(to_dict(analysis), ensure_ascii=False) + "\n"


def _csv(analyses: Iterable[Analysis], several: bool) -> Iterator[str]:
    return to_csv(analyses)


def _table(analyses: Iterable[Analysis], several: bool) -> Iterator[str]:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    for analysis in analyses:
        article = analysis.article
        title = Text(_line(article.title or article.id or "standard input"), style="bold")
        table = Table("Quotation", "Speaker", "How known", "Stance", title=title, title_justify="left", show_lines=True)
        for quotation in analysis.quotations:
            table.add_row(*(Text(_line(cell)) for cell in _cells(article, quotation)))
        with console.capture() as capture:
            console.print(table if analysis.quotations else title + ": no quotations")
            for diagnostic in analysis.diagnostics:
                note = f"note: {diagnostic.message} (characters {diagnostic.span.start}–{diagnostic.span.end})"
                console.print(Text(_line(note)))
        yield capture.get()


def _cells(article: Article, quotation: Quotation) -> tuple[str, str, str, str]:
    said = f"“{_shortened(_line(quotation.text(article)))}”"
    speaker, stance = quotation.speaker, quotation.stance
    if speaker is None:
        return said, "–", "not speech", "–"
    who = speaker.name or "unresolved"
    return (
        said,
        who,
        speaker.evidence.explanation,
        "–" if stance is None else f"{stance.label.value} {stance.probability:.2f}",
    )


def _shortened(text: str) -> str:
    """The text, without its middle where it is too long for a table."""
    if len(text) <= SHOWN:
        return text
    head, tail = text[: SHOWN * 2 // 3], text[-SHOWN // 3 :]
    return f"{head.rsplit(' ', 1)[0]} … {tail.split(' ', 1)[-1]}"


def _line(text: str) -> str:
    """The text on one line, without the control characters by which an article could drive the terminal."""
    return " ".join("".join(c if c.isprintable() else " " if c.isspace() else "" for c in text).split())


_FORMATS = {"table": _table, "json": _json, "jsonl": _jsonl, "csv": _csv}


# --- serve, models ---


def _serve(args: argparse.Namespace) -> int:
    import uvicorn

    settings = _settings()
    uvicorn.run(
        "api.app:create_app",
        factory=True,
        host=settings.host if args.host is None else args.host,
        port=settings.port if args.port is None else args.port,
    )
    return 0


def _models(args: argparse.Namespace) -> int:
    folder = artefacts.models_folder()
    names = sorted(path.parent.name for path in folder.glob("*/manifest.json"))
    if not names:
        raise ArtefactMissing(f"there are no models in {folder}; check out models/ again, or set QUOTES_MODELS")
    for name in names:
        artefact = artefacts.find(name)
        print(f"{name} {artefact.version}")
        for part in ("versions", "scores", "files"):
            print(f"  {part}")
            for key, value in _flat(artefact.manifest.get(part, {})):
                print(f"    {key}  {value}")
    return 0


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


# --- evaluate ---


def _evaluate_speakers(args: argparse.Namespace) -> int:
    from rich.console import Console

    from quotes.evaluation import RESAMPLES, SEED, evaluate_speakers, read_gold, read_predictions

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
        console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
        with console.capture() as capture:
            for table in _figure_tables(figures, f"{len(gold)} quotations in {len(docs)} articles"):
                console.print(table)
        sys.stdout.write(capture.get())
        if json_file:
            result = {
                "articles": len(docs),
                "quotations": len(gold),
                "interval": {"level": 0.95, "over": "articles", "resamples": RESAMPLES, "seed": SEED},
                "figures": [asdict(figure) for figure in figures],
            }
            json.dump(result, json_file, ensure_ascii=False, indent=2)
            json_file.write("\n")
        if errors_file:
            csv.writer(errors_file).writerows(_error_rows(judgements))
    return 0


def _run(folder: Path, docs: Sequence[str]) -> "dict[str, PredictedArticle]":
    """What the pipeline finds in the articles, with a bar on a terminal meanwhile."""
    from rich.console import Console
    from rich.progress import track

    from quotes.evaluation import run

    console = Console(stderr=True)
    articles = run(folder, docs, max_characters=_settings().max_characters)
    bar = track(articles, "Analysing", len(docs), console=console, transient=True, disable=not console.is_terminal)
    return {article.doc: article for article in bar}


def _writable(path: str, encoding: str) -> IO[str]:
    try:
        return open(path, "w", encoding=encoding, newline="")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None


def _figure_tables(figures: "Sequence[Figure]", title: str) -> "Iterator[Table]":
    """Who speaks, a row for all, each band and each kind of speaker; then everything else, a row a figure."""
    from rich.table import Table

    def shown(figure: "Figure") -> str:
        return f"{100 * figure.value:.1f} ({100 * figure.low:.1f}–{100 * figure.high:.1f})"

    names = {"right": "Right", "wrong": "Wrong", "unresolved": "Unresolved"}
    cells = {(figure.group, figure.metric): figure for figure in figures if figure.metric in names}
    order = ("all", "full", "short", "person", "organisation", "document", "group", "unnamed")
    table = Table("Speakers of", "Quotations", *(f"{name} %" for name in names.values()), title=title)
    for group in (group for group in order if (group, "right") in cells):
        its = [cells[group, metric] for metric in names]
        table.add_row(group, str(its[0].n), *map(shown, its))
    if cells:
        yield table
    table = Table("Figure", "Of", "n", "%", caption="In brackets: 95 % intervals by bootstrap over articles.")
    for figure in sorted(figures, key=lambda figure: figure.metric):
        if figure.metric not in names:
            table.add_row(figure.metric, figure.group, str(figure.n), shown(figure))
    yield table


def _error_rows(judgements: "Iterable[Judgement]") -> Iterator[Sequence[str]]:
    """A header, then a row for each quotation that is not wholly right, in words that an editor can read."""
    yield "doc", "words", "gold", "given", "verdict"
    for judgement in judgements:
        gold, given = judgement.gold, judgement.given
        if judgement.verdict not in ("right", "nobody"):
            words = f"“{_line(judgement.words)}”" if judgement.words else f"characters {gold.start} to {gold.end}"
            cells = [gold.doc, words, gold.who or "", (given and given.name) or "", judgement.verdict.value]
            # a spreadsheet would run a cell that begins with = + - or @ as a formula
            yield ["'" + cell if cell and not (cell[0].isalnum() or cell[0] == "“") else cell for cell in cells]


if __name__ == "__main__":
    sys.exit(main())
