"""The command line: `quotes analyse`, `serve`, `keys`, `settings`, `models`, `evaluate`.

Exit status: 0 when all went well, 1 when a model or the database cannot be used, 2 when something given cannot be read
(what else was given is still analysed), 130 when interrupted. What is slow to import is imported by the command that needs it.
"""

import argparse
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from api.commands import add_service
from quotes import artefacts
from quotes.document import Analysis, Article, Quotation, Stance
from quotes.errors import ArtefactError, ArtefactMissing, DatabaseUnusable, InputError
from quotes.evaluation.commands import add_evaluate
from quotes.exports import to_csv, to_dict
from quotes.linked_data import to_annotation_page, to_news_article
from quotes.people_file import PeopleFile
from quotes.reading import from_file
from quotes.terminal import one_line, rendered, shortened


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
    except (ArtefactError, DatabaseUnusable) as error:
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

    analyse = commands.add_parser(
        "analyse", help="analyse articles", description="Analyse articles: text, HTML or ninjs."
    )
    analyse.add_argument(
        "files", nargs="+", metavar="FILE", help="a UTF-8 text, HTML or ninjs (.json) file; - is standard input"
    )
    analyse.add_argument(
        "--format",
        choices=_FORMATS,
        default="table",
        help="table (default); json: one object, or a list where several files are given; jsonl: an object a line; csv; "
        "jsonld: a schema.org NewsArticle a line; annotations: a page of W3C Web Annotations a line",
    )
    analyse.add_argument(
        "--people", type=Path, metavar="FILE", help="CSV of names to pin, as in docs/people.md (default: QUOTES_PEOPLE)"
    )
    analyse.set_defaults(command=_analyse)

    add_service(commands)

    settings = commands.add_parser("settings", help="list the settings: variable, value in force, default, meaning")
    settings.set_defaults(command=_settings)

    models = commands.add_parser("models", help="check the models and show their versions, licences, scores and hashes")
    models.set_defaults(command=_models)

    add_evaluate(commands)
    return parser


def _complain(error: Exception, status: int) -> int:
    print(f"quotes: {error}", file=sys.stderr)
    return status


# --- analyse ---


def _analyse(args: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import Progress

    from quotes.settings import settings_in_force

    settings = settings_in_force()
    people = PeopleFile.read(args.people or settings.people)
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
                yield from_file(file, max_characters=settings.max_characters, max_nesting=settings.max_nesting)
            except InputError as error:
                unread.append(error)
                console.print(f"quotes: {error}", markup=False, highlight=False, soft_wrap=True)
            bar.advance(task)

    with bar:
        for chunk in _FORMATS[args.format](_analyses(articles(), people), len(files) > 1):
            bar.stop()
            sys.stdout.write(chunk)
            sys.stdout.flush()
            bar.start()
    return 2 if unread else 0


def _analyses(articles: Iterable[Article], people: PeopleFile) -> Iterator[Analysis]:
    for article in articles:
        from quotes.pipeline import analyse  # here, so that what cannot be read is refused without loading models

        yield people.pin(analyse(article))


def _json(analyses: Iterable[Analysis], several: bool) -> Iterator[str]:
    before = "[\n" if several else ""
    for analysis in analyses:
        yield before + json.dumps(to_dict(analysis), ensure_ascii=False, indent=2)
        before = ",\n"
    yield ("[]\n" if before == "[\n" else "\n]\n") if several else ("\n" if before == ",\n" else "")


def _lines(
    form: Callable[[Mapping[str, Any]], Mapping[str, Any]], analyses: Iterable[Analysis], several: bool
) -> Iterator[str]:
    for analysis in analyses:
        yield json.dumps(form(to_dict(analysis)), ensure_ascii=False) + "\n"


def _csv(analyses: Iterable[Analysis], several: bool) -> Iterator[str]:
    return to_csv(map(to_dict, analyses))


def _table(analyses: Iterable[Analysis], several: bool) -> Iterator[str]:
    from rich.table import Table
    from rich.text import Text

    for analysis in analyses:
        article = analysis.article
        title = Text(one_line(article.title or article.id or "standard input"), style="bold")
        table = Table("Quotation", "Speaker", "How known", "Stance", title=title, title_justify="left", show_lines=True)
        for quotation in analysis.quotations:
            table.add_row(*(Text(one_line(cell)) for cell in _cells(article, quotation)))
        notes = [
            f"note: {diagnostic.message} (characters {diagnostic.span.start}–{diagnostic.span.end})"
            for diagnostic in analysis.diagnostics
        ]
        yield rendered(
            table if analysis.quotations else title + ": no quotations", *(Text(one_line(note)) for note in notes)
        )


def _cells(article: Article, quotation: Quotation) -> tuple[str, str, str, str]:
    said = f"“{shortened(one_line(quotation.text(article)))}”"
    speaker, stance = quotation.speaker, quotation.stance
    if speaker is None:
        return said, "–", "not speech", "–"
    who = speaker.name or "unresolved"
    return (
        said,
        who,
        speaker.evidence.explanation,
        "–" if stance is None else _shown(stance),
    )


def _shown(stance: Stance) -> str:
    answer = f"{stance.label} {stance.probability:.2f}"
    if not stance.uncertain:
        return answer
    return f"uncertain: {answer} or {stance.runner_up} {stance.probabilities[stance.runner_up]:.2f}"


_FORMATS: dict[str, Callable[[Iterable[Analysis], bool], Iterator[str]]] = {
    "table": _table,
    "json": _json,
    "jsonl": partial(_lines, dict),
    "csv": _csv,
    "jsonld": partial(_lines, to_news_article),
    "annotations": partial(_lines, to_annotation_page),
}


# --- settings, models ---


def _settings(args: argparse.Namespace) -> int:
    from rich.table import Table
    from rich.text import Text

    from quotes.settings import Settings, settings_in_force, unknown_variables, variable

    settings = settings_in_force()
    table = Table("Variable", "In force", "Default", "Meaning", show_lines=True)
    for name, field in Settings.model_fields.items():
        # A secret's text is asterisks.
        shown = ("–" if value is None else str(value) for value in (getattr(settings, name), field.default))
        table.add_row(*(Text(one_line(cell)) for cell in (variable(name), *shown, field.description or "")))
    sys.stdout.write(rendered(table))
    for name in unknown_variables():
        print(f"quotes: {name} is set, but there is no such setting", file=sys.stderr)
    return 0


def _models(args: argparse.Namespace) -> int:
    folder = artefacts.models_folder()
    names = sorted(path.parent.name for path in folder.glob("*/manifest.json"))
    if not names:
        raise ArtefactMissing(f"there are no models in {folder}; check out models/ again, or set QUOTES_MODELS")
    for name in names:
        summary = artefacts.find(name).summary
        print(f"{summary['name']} {summary['version']}")
        print(f"  licence  {summary['licence']}")
        for part in ("versions", "scores", "files"):
            print(f"  {part}")
            for key, value in _flat(summary[part]):
                print(f"    {key}  {value}")
    return 0


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


if __name__ == "__main__":
    sys.exit(main())
