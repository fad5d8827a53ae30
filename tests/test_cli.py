import csv
import io
import json
import os
import pty
import shlex
import subprocess
import sys

import pytest

from api import schemas
from quotes import cli, terminal
from quotes.artefacts import models_folder
from quotes.document import Analysis, Quotation, QuotationKind, Span
from tests.conftest import ROOT
from tests.test_exports import TEXT, analysed

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def run(*args, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "quotes.cli", *map(str, args)],
        capture_output=True,
        cwd=ROOT,
        env=ENVIRONMENT,
        timeout=120,
        check=False,
        **options,
    )


@pytest.fixture
def canned(monkeypatch):
    """Analyses that are made without the models: what is tested is how they are written."""
    monkeypatch.setattr("quotes.pipeline.analyse", analysed)


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / "one.txt", tmp_path / "two.html"]
    paths[0].write_text(TEXT)
    paths[1].write_text(f"<p>{TEXT}</p>")
    return [str(path) for path in paths]


# --- with the real models ---


@pytest.mark.parametrize("name", ["ceasefire_vote.txt", "aid_convoy.html"])
def test_analyse_as_json(pipeline, monkeypatch, capsys, articles, name):
    monkeypatch.setattr("quotes.pipeline.analyse", pipeline.analyse)
    assert cli.main(["analyse", "--format", "json", str(articles / name)]) == 0
    analysis = schemas.Analysis.model_validate_json(capsys.readouterr().out)
    assert analysis.quotations
    assert analysis.models.keys() == pipeline.models.keys()
    assert any(quotation.speaker and quotation.speaker.name for quotation in analysis.quotations)


def test_the_command_reads_standard_input(pipeline):
    done = run("analyse", "-", input="“We want peace,” Ann Lee said.".encode())
    assert done.returncode == 0, done.stderr.decode()
    out = done.stdout.decode()
    assert "We want peace" in out
    assert "Ann Lee" in out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= terminal.PIPE_WIDTH


def test_models_are_listed_with_version_scores_and_hashes(pipeline, capsys):
    assert cli.main(["models"]) == 0
    out = capsys.readouterr().out
    for name, artefact in pipeline.models.items():
        assert f"{name} {artefact.version}\n  licence  CC BY" in out
        assert all(digest in out for digest in artefact.manifest["files"].values())


# --- formats ---


def test_json_is_an_object_for_one_file_and_a_list_for_several(canned, files, capsys):
    assert cli.main(["analyse", "--format=json", files[0]]) == 0
    one = json.loads(capsys.readouterr().out)
    assert cli.main(["analyse", "--format=json", *files]) == 0
    several = json.loads(capsys.readouterr().out)
    assert several[0] == one
    assert [analysis["article"]["id"] for analysis in several] == files


def test_jsonl_is_an_object_a_line(canned, files, capsys):
    assert cli.main(["analyse", "--format=jsonl", *files]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["article"]["id"] for line in lines] == files


def test_linked_data_is_an_object_a_line(canned, files, capsys):
    for form, kind, parts in (("jsonld", "NewsArticle", "hasPart"), ("annotations", "AnnotationPage", "items")):
        assert cli.main(["analyse", f"--format={form}", *files]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [line.get("@type") or line["type"] for line in lines] == [kind, kind]
        assert [len(line[parts]) for line in lines] == [2, 2]


def test_csv_is_one_table(canned, files, capsys):
    assert cli.main(["analyse", "--format=csv", *files]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))
    assert [row["article"] for row in rows] == [files[0]] * 3 + [files[1]] * 3


def test_the_table_says_who_how_and_which_stance(canned, files, capsys):
    assert cli.main(["analyse", *files]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for said in (
        "“No 𝒳 truce not now”",
        "Ann Lee",
        "subject of “said”",
        "uncertain: oppose 0.70 or conditional 0.15",
        "unresolved",
        "not speech",
    ):
        assert said in out
    assert "note: A mark is never closed." in out
    assert out.index("one.txt") < out.index("two.html")


def test_the_table_shortens_in_the_middle_and_is_safe_for_the_terminal(monkeypatch, tmp_path, capsys):
    words = "begin " + "[red]middle[/red] \x1b[31m\u202e " * 50 + "end"
    (tmp_path / "a.txt").write_text(words)
    monkeypatch.setattr(
        "quotes.pipeline.analyse",
        lambda article: Analysis(article, (Quotation((Span(0, len(words)),), QuotationKind.FULL),)),
    )
    assert cli.main(["analyse", str(tmp_path / "a.txt")]) == 0
    out = capsys.readouterr().out
    assert "begin [red]middle[/red]" in " ".join(out.split())
    assert " … " in out
    assert "end”" in out
    assert len(out) < 2500
    assert not any(character in out for character in "\x1b\u202e")
    assert cli.main(["analyse", "--format=json", str(tmp_path / "a.txt")]) == 0
    assert json.loads(capsys.readouterr().out)["quotations"][0]["text"] == words


def test_an_article_without_quotations_says_so(monkeypatch, files, capsys):
    monkeypatch.setattr("quotes.pipeline.analyse", lambda article: Analysis(article, ()))
    assert cli.main(["analyse", files[0]]) == 0
    assert "no quotations" in capsys.readouterr().out


# --- a people file ---


@pytest.fixture
def people(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("name,aliases,identifier\nAnn B. Lee,Ann Lee,desk-0102\nIlva M. Daremont,Ilva Daremont,desk-0101\n")
    return path


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_a_people_file_pins_names(canned, files, people, capsys, form):
    assert cli.main(["analyse", "--format", form, "--people", str(people), files[0]]) == 0
    first, second, _ = json.loads(capsys.readouterr().out)["quotations"]
    assert (first["speaker"]["name"], first["speaker"]["identifier"]) == ("Ann B. Lee", "desk-0102")
    assert first["speaker"]["explanation"].endswith("; in the people file “Ann Lee” is Ann B. Lee")
    assert (second["speaker"]["name"], second["speaker"]["identifier"]) == (None, None)


def test_the_setting_names_the_people_file_and_the_option_another(canned, files, people, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("QUOTES_PEOPLE", str(people))
    other = tmp_path / "other.csv"
    other.write_text("name,aliases\nA. Lee,Ann Lee\n")
    for more, name in ([], "Ann B. Lee"), (["--people", str(other)], "A. Lee"):
        assert cli.main(["analyse", "--format=csv", *more, files[0]]) == 0
        rows = csv.DictReader(io.StringIO(capsys.readouterr().out, newline=""))
        assert next(rows)["speaker"] == name


def test_a_people_file_with_the_real_models(pipeline, articles, people, monkeypatch, capsys):
    monkeypatch.setattr("quotes.pipeline.analyse", pipeline.analyse)
    command = ["analyse", "--format=json", str(articles / "harbour_interview.txt")]
    assert cli.main(command) == 0
    before = json.loads(capsys.readouterr().out)["quotations"]
    assert cli.main([*command, "--people", str(people)]) == 0
    after = json.loads(capsys.readouterr().out)["quotations"]
    pinned = 0
    for one, other in zip(before, after, strict=True):
        if one["speaker"] and one["speaker"]["name"] == "Ilva Daremont":
            pinned += 1
            assert (other["speaker"]["name"], other["speaker"]["identifier"]) == ("Ilva M. Daremont", "desk-0101")
            assert "in the people file" in other["speaker"]["explanation"]
            other["speaker"] |= {key: one["speaker"][key] for key in ("name", "identifier", "explanation")}
        assert other == one
    assert pinned


def test_a_bad_people_file_is_one_line_and_nothing_is_analysed(tmp_path):
    bad = tmp_path / "people.csv"
    bad.write_text("name,aliases\nIlva Daremont,\n,Orrin\n")
    done = run("analyse", "--people", bad, "-", input="“We want peace,” Ann Lee said.".encode())
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == f"quotes: {bad}, line 3: the name is empty; fill it in or delete the line\n"


# --- when things go wrong ---


def test_what_cannot_be_read_is_named_and_the_rest_comes_out(canned, files, tmp_path, capsys):
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"caf\xe9")
    assert cli.main(["analyse", "--format=json", files[0], str(bad), str(tmp_path / "none"), files[1]]) == 2
    out, err = capsys.readouterr()
    assert [analysis["article"]["id"] for analysis in json.loads(out)] == files
    lines = err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"quotes: {bad}: byte 3 (0xE9) is not UTF-8")
    assert lines[1] == f"quotes: {tmp_path / 'none'}: No such file or directory"


@pytest.mark.parametrize("form", ["json", "jsonl", "table"])
def test_nothing_comes_out_where_nothing_can_be_read(form):
    done = run("analyse", "--format", form, "/nonexistent")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == "quotes: /nonexistent: No such file or directory\n"


def test_a_list_of_files_that_cannot_be_read_is_an_empty_list(capsys):
    assert cli.main(["analyse", "--format=json", "/nonexistent", "/neither"]) == 2
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize("data", [b"", b"  \n", b"\x00\x01", b"\xff\xfe\x41\x00"])
def test_bad_input_is_one_line_on_stderr(data):
    done = run("analyse", "-", input=data)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"quotes: -: ")
    assert done.stderr.count(b"\n") == 1


def test_missing_models_are_one_line_with_status_1(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("QUOTES_MODELS", str(tmp_path))
    assert models_folder() == tmp_path
    assert cli.main(["models"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"quotes: there are no models in {tmp_path}")


def test_settings_that_make_no_sense_are_named(monkeypatch, files, capsys):
    monkeypatch.setenv("QUOTES_PORT", "http")
    assert cli.main(["analyse", files[0]]) == 2
    assert capsys.readouterr().err.startswith("quotes: QUOTES_PORT=http: ")


def test_the_limit_is_a_setting(monkeypatch, files, capsys):
    monkeypatch.setenv("QUOTES_MAX_CHARACTERS", "10")
    assert cli.main(["analyse", files[0]]) == 2
    assert "more than the 10 allowed" in capsys.readouterr().err


def test_interruption_is_quiet(monkeypatch, files, capsys):
    def interrupted(article):
        raise KeyboardInterrupt

    monkeypatch.setattr("quotes.pipeline.analyse", interrupted)
    assert cli.main(["analyse", files[0]]) == 130
    assert capsys.readouterr().err == ""


def test_a_reader_that_goes_away_is_no_error():
    # Larger than a pipe's buffer, so that the writer meets the closed end.
    code = (
        "import sys, quotes.cli as cli\n"
        "cli._models = lambda args: [print('x' * 99) for _ in range(9999)] and 0\n"
        "sys.exit(cli.main(['models']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=ENVIRONMENT
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_help_needs_no_models():
    code = "import sys; from quotes.cli import main\ntry: main(['--help'])\nfinally: print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT, env=ENVIRONMENT, check=False)
    assert b"analyse" in done.stdout
    for slow in (b"'torch'", b"'stanza'", b"'sklearn'", b"'pydantic'", b"'rich'", b"'fastapi'"):
        assert slow not in done.stdout


@pytest.mark.parametrize("several", [True, False])
def test_progress_is_shown_on_a_terminal_for_several_files(files, several):
    code = (
        "import sys, quotes.pipeline as p; from quotes import cli; from tests.test_exports import analysed\n"
        f"p.analyse = analysed; sys.exit(cli.main(['analyse', '--format=jsonl', *{files if several else files[:1]}]))"
    )
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=ROOT,
        env={**ENVIRONMENT, "TERM": "xterm"},
        timeout=120,
        check=False,
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # Linux says so when the other end is closed
        pass
    os.close(ours)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == (2 if several else 1)
    assert (b"Analysing" in shown) == several


@pytest.mark.parametrize("document", ["README.md", "docs/evaluation.md", "docs/people.md"])
def test_commands_in_the_documents_are_commands(document):
    """The parser takes every `quotes …` of a code block; names in capitals stand for files."""
    text = (ROOT / document).read_text(encoding="utf-8")
    commands = [line for line in text.splitlines() if line.startswith("    quotes ")]
    assert commands
    for line in commands:
        cli._parser().parse_args(shlex.split(line, comments=True)[1:])
