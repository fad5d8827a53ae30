"""`quotes evaluate stance` and `quotes evaluate agreement` as they are used: files in, tables and reports out."""

import csv
import json
import os
import pty
import subprocess
import sys
from base64 import b64decode
from hashlib import sha256
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from quotes import cli, terminal
from quotes.artefacts import Artefact
from quotes.document import Span, Stance, StanceLabel
from tests.conftest import ROOT
from tests.test_cli import ENVIRONMENT, run
from tests.test_evaluate_files import SEMEVAL, lines, written

LABELS = ("support", "oppose", "conditional", "none")


def a_row(number, label, **more):
    quote = f"sentence {number}"
    return {"id": f"q{number}", "quote": quote, "context": f"“{quote},” she said.", "label": label, **more}


@pytest.fixture
def test_file(tmp_path):
    """24 rows in six documents, a phenomenon or two each."""
    rows = [
        a_row(n, LABELS[n % 4], document=f"d{n // 4}", phenomena=["irony", "vote"][: 1 + n % 2], who=f"speaker {n % 3}")
        for n in range(24)
    ]
    return lines(tmp_path / "test.jsonl", *rows)


def predictions(path, wrong, sure=0.7, count=24):
    """Right but for these rows, with probabilities."""
    rows = []
    for n in range(count):
        label = LABELS[(n + (n in wrong)) % 4]
        rows.append(
            {
                "id": f"q{n}",
                "label": label,
                "probabilities": {one: sure if one == label else (1 - sure) / 3 for one in LABELS},
            }
        )
    return lines(path, *rows)


def evaluate(*args):
    return cli.main(["evaluate", "stance", *map(str, args)])


# --- what is printed ---


def test_predictions_from_a_file(test_file, tmp_path, capsys):
    pred = predictions(tmp_path / "pred.jsonl", {1, 6, 23})
    assert evaluate(test_file, "--predictions", pred, "--slice", "phenomena", "who") == 0
    out, err = capsys.readouterr()
    assert err == ""
    said = " ".join(out.split())
    for cell in (
        "pred.jsonl: 24 rows",
        "accuracy, % │ 87.5 (",
        "macro-F1 over support, oppose, conditional and none, %",
        "SemEval's F",
        "Brier score (0 best, 2 worst) │ 0.",
        "expected calibration error (10 bins of equal width) │ 0.175",
        "by bootstrap over 6 values of “document”; 2,000 draws",
        "majority (support)",
        "keywords",
        "McNemar p",
        "By phenomena",
        "irony │ 24 │",
        "By who",
        "speaker 2 │ 8 │",
    ):
        assert cell in said
    assert max(map(len, out.splitlines())) <= terminal.PIPE_WIDTH
    assert "\x1b" not in out


def test_a_baseline_is_compared(test_file, tmp_path, capsys):
    pred = predictions(tmp_path / "pred.jsonl", set())
    base = predictions(tmp_path / "base.jsonl", {0, 4, 8, 12, 16, 20})
    report = tmp_path / "report"
    assert evaluate(test_file, "--predictions", pred, "--baseline", base, "--report", report) == 0
    assert "base.jsonl │ +25.0 (+25.0 to +25.0) │ <0.001" in " ".join(capsys.readouterr().out.split())
    baseline = json.loads((report / "metrics.json").read_text())["baselines"]["base.jsonl"]
    assert baseline["mcnemar"] == {"only_system": 6, "only_baseline": 0, "p": 0.03125}
    assert baseline["scores"]["accuracy"]["value"] == 0.75


def test_labels_of_semeval(tmp_path, capsys):
    labels = ["FAVOR", "AGAINST", "NONE", "FAVOR"]
    text = SEMEVAL + "".join(f"{n}\tRents\ttweet {n} caf\xe9\t{label}\n" for n, label in enumerate(labels))
    path = written(tmp_path / "gold.txt", text, "latin-1")
    guess = written(tmp_path / "guess.txt", text.replace("AGAINST", "NONE"), "latin-1")
    mapping = "FAVOR=support,AGAINST=oppose,NONE=none"
    assert evaluate(path, "--predictions", guess, "--map", mapping, "--slice", "target") == 0
    out, err = capsys.readouterr()
    assert "macro-F1 over support, oppose and none, %" in out
    assert "│ 50.0 (" in out  # SemEval's F: of 1 and 0
    assert err == "quotes: gold.txt is not UTF-8; it was read as windows-1252\n"
    assert evaluate(path, "--predictions", guess) == 2
    assert "for example with --map FAVOR=support,AGAINST=oppose,NONE=none" in capsys.readouterr().err


def test_bad_rows_stop_everything_unless_they_are_left_out(tmp_path, capsys):
    path = lines(tmp_path / "t", a_row(0, "none"), a_row(1, "FAVOR"), "{", a_row(3, "support"))
    pred = lines(tmp_path / "p", *({"label": "none"} for _ in range(4)))
    assert evaluate(path, "--predictions", pred) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"quotes: {path}: 2 of 4 rows cannot be used:\n  line 2: the label “FAVOR”")
    assert "\n  line 3: it is not JSON" in err
    assert err.endswith("mend them, or leave them out with --skip-bad\n")
    report = tmp_path / "report"
    assert evaluate(path, "--predictions", pred, "--skip-bad", "--report", report) == 0
    out, err = capsys.readouterr()
    assert "p: 2 rows" in out
    assert "  line 3: it is not JSON" in err
    stored = json.loads((report / "metrics.json").read_text())["test"]
    assert [row["line"] for row in stored["left_out"]] == [2, 3]
    assert stored["notes"] == ["2 of 4 rows of t cannot be used and were left out"]
    page = (report / "report.html").read_text()
    assert "2 of 4 rows of t cannot be used" in page
    assert "the label “FAVOR” is none of" in page


def test_nothing_is_left_where_all_rows_are_bad(tmp_path, capsys):
    path = lines(tmp_path / "t", a_row(0, "FAVOR"))
    assert evaluate(path, "--skip-bad") == 2
    assert "no row is left" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["/nonexistent"], "quotes: /nonexistent: No such file or directory"),
        (["TEST", "--predictions", "/nonexistent"], "quotes: /nonexistent: No such file or directory"),
        (["TEST", "--slice", "nowhere"], "there is no column “nowhere”; there are id, quote"),
        (["TEST", "--map", "x"], "quotes: --map: “x” is not LABEL=STANCE"),
        (["TEST", "--predictions", "TEST", "--report", "TEST/x"], "Not a directory"),
    ],
)
def test_what_cannot_be_done_is_one_line(test_file, capsys, args, said):
    assert evaluate(*[arg.replace("TEST", str(test_file)) for arg in args]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("seed", ["-1", "x", "²"])
def test_a_seed_is_a_whole_number(test_file, seed, capsys):
    with pytest.raises(SystemExit):
        evaluate(test_file, f"--seed={seed}")
    assert "is no whole number of 0 or more" in capsys.readouterr().err


def test_predictions_are_evaluated_without_the_models(test_file, tmp_path):
    pred = predictions(tmp_path / "pred.jsonl", {1})
    code = (
        f"import sys; from quotes.cli import main; main(['evaluate', 'stance', {str(test_file)!r}, '--predictions', "
        f"{str(pred)!r}]); print(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT, check=True)
    for slow in (b"'torch'", b"'stanza'", b"'sklearn'", b"'matplotlib'"):
        assert slow not in done.stdout


# --- the shipped classifier ---


def test_the_shipped_classifier_answers_where_there_are_no_predictions(tmp_path, pipeline, monkeypatch, capsys):
    monkeypatch.setattr("quotes.pipeline.label", pipeline.label)
    rows = [
        {
            "quote": "We call for an immediate ceasefire,",
            "context": "“We call for an immediate ceasefire,” the bishops said.",
            "label": "support",
        },
        {"quote": "We reject any truce. We will fight on until victory", "label": "oppose"},
        {"quote": "The match begins at eight", "label": "none"},
    ]
    path = lines(tmp_path / "t", *rows)
    assert evaluate(path, "--report", tmp_path / "report") == 0
    out, err = capsys.readouterr()
    assert err == ""
    version = pipeline.models["stance"].version
    assert f"shipped classifier (stance {version}): 3 rows" in out
    assert "accuracy, % │ 100.0" in " ".join(out.split())
    stored = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert stored["system"] == f"shipped classifier (stance {version})"
    assert stored["scores"]["brier"]["value"] < 0.5


@pytest.fixture
def canned(monkeypatch):
    """The classifier answers support, and is asked for quotations in their contexts."""
    asked = []

    def label(text: str, quotation: tuple[Span, ...]) -> Stance:
        asked.append(" ".join(span.of(text) for span in quotation))
        return Stance(StanceLabel.SUPPORT, dict(zip(StanceLabel, (0.7, 0.1, 0.1, 0.1), strict=True)))

    monkeypatch.setattr("quotes.pipeline.label", label)
    return asked


def test_quotations_are_shown_to_the_classifier_where_they_stand(canned, test_file, capsys):
    assert evaluate(test_file) == 0
    assert canned == [f"sentence {n}" for n in range(24)]


def test_a_quotation_that_does_not_stand_in_its_context_is_a_bad_row(canned, tmp_path, capsys):
    path = lines(tmp_path / "t", a_row(0, "none"), a_row(1, "none", quote="elsewhere"))
    assert evaluate(path) == 2
    assert "line 2: the quotation does not stand in its context" in capsys.readouterr().err
    assert canned == []
    assert evaluate(path, "--skip-bad") == 0
    assert canned == ["sentence 0"]


def test_scores_on_what_it_was_trained_on_are_said_to_mean_nothing(canned, test_file, tmp_path, monkeypatch, capsys):
    manifest = {"files": {}, "data": [{"sha256": sha256(test_file.read_bytes()).hexdigest()}]}
    monkeypatch.setattr("quotes.artefacts.find", lambda name: Artefact(name, tmp_path, manifest))
    assert evaluate(test_file, "--report", tmp_path / "report") == 0
    assert "the classifier was trained on test.jsonl" in capsys.readouterr().err
    assert "was trained on test.jsonl" in (tmp_path / "report" / "report.html").read_text()


def test_progress_is_shown_on_a_terminal(test_file):
    code = (
        "import sys, quotes.pipeline as p; from quotes import cli; from quotes.document import *\n"
        "p.label = lambda text, quotation: Stance(StanceLabel.NONE, {StanceLabel.NONE: 1.0})\n"
        f"sys.exit(cli.main(['evaluate', 'stance', {str(test_file)!r}]))"
    )
    ours, theirs = pty.openpty()
    environment = {**ENVIRONMENT, "TERM": "xterm"}
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=theirs, cwd=ROOT, env=environment, check=False
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
    assert b"Labelling" in shown
    assert b"\x1b" not in done.stdout


# --- reports ---


class Page(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, html):
        super().__init__()
        self.elements = []
        self.words = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture
def nasty(tmp_path):
    """A test set whose words a page, a plot or a spreadsheet could take for code, and a report on it."""
    words = "<script>alert('x')</script> & $x_{1 =1+1"
    rows = [
        {"quote": f"={n} {words}", "label": LABELS[n % 4], "s": [f"=cmd{n % 2}", words, "平和 مرحبا"]}
        for n in range(12)
    ]
    path = lines(tmp_path / "t<b>.jsonl", *rows)
    shares = [0.5 + n / 40 for n in range(12)]
    pred = lines(
        tmp_path / "p.jsonl",
        *({"label": "none", "probabilities": {"none": share, "support": 1 - share}} for share in shares),
    )
    return [path, "--predictions", pred, "--slice", "s"]


def test_a_report_stands_alone_and_escapes_what_it_shows(nasty, tmp_path, capsys):
    report = tmp_path / "deep" / "report"
    assert evaluate(*nasty, "--report", report) == 0
    assert sorted(path.name for path in report.iterdir()) == ["errors.csv", "metrics.json", "report.html"]
    html = (report / "report.html").read_text(encoding="utf-8")
    page = Page(html)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "iframe", "b"}
    assert "<script>alert('x')</script>" in "".join(page.words)
    images = [attributes for tag, attributes in page.elements if tag == "img"]
    assert len(images) == 4  # confusion, reliability, coverage, slices
    for image in images:
        assert len(image["alt"]) > 40
        kind, _, data = image["src"].partition(",")
        assert kind == "data:image/svg+xml;base64"
        drawing = b64decode(data)
        ElementTree.fromstring(drawing)
        assert b"<script>" not in drawing
    places = [attributes[name] for _, attributes in page.elements for name in ("src", "href") if name in attributes]
    assert all(place.startswith("data:") for place in places)
    assert capsys.readouterr().err == ""


def test_errors_are_sorted_by_confidence_and_safe_in_a_spreadsheet(nasty, tmp_path, capsys):
    assert evaluate(*nasty, "--report", tmp_path / "report") == 0
    content = (tmp_path / "report" / "errors.csv").read_bytes()
    assert content.startswith(
        b"\xef\xbb\xbfline,id,text,context,gold,predicted,confidence,support,oppose,conditional,none"
    )
    with (tmp_path / "report" / "errors.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 9
    assert {row["gold"] for row in rows} == {"support", "oppose", "conditional"}
    confidences = [float(row["confidence"]) for row in rows]
    assert confidences == sorted(confidences, reverse=True)
    assert rows[0]["line"] == "11"
    assert rows[0]["none"] == rows[0]["confidence"] == "0.7500"
    assert all(cell[:1] not in "=+-@" for row in rows for cell in row.values() if cell)
    assert rows[0]["text"].startswith("'=10 <script>")


def test_errors_without_probabilities(test_file, tmp_path, capsys):
    pred = lines(tmp_path / "p", *({"label": "none"} for _ in range(24)))
    assert evaluate(test_file, "--predictions", pred, "--report", tmp_path / "report") == 0
    with (tmp_path / "report" / "errors.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["line"] for row in rows] == [str(n + 1) for n in range(24) if n % 4 != 3]
    assert {row["confidence"] for row in rows} == {""}
    metrics = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert (metrics["scores"]["brier"], metrics["calibration"], metrics["coverage"]) == (None, None, None)
    assert len([1 for tag, _ in Page((tmp_path / "report" / "report.html").read_text()).elements if tag == "img"]) == 1


def test_metrics_as_json(test_file, tmp_path, capsys):
    pred = predictions(tmp_path / "pred.jsonl", {1, 6, 23})
    assert evaluate(test_file, "--predictions", pred, "--slice", "who", "--report", tmp_path / "r", "--seed", 7) == 0
    metrics = json.loads((tmp_path / "r" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["test"]["name"] == "test.jsonl"
    assert metrics["test"]["sha256"] == sha256(test_file.read_bytes()).hexdigest()
    assert metrics["interval"] == {"level": 0.95, "over": "document", "groups": 6, "resamples": 2000, "seed": 7}
    assert metrics["labels"] == list(LABELS)
    assert metrics["scores"]["accuracy"]["value"] == 0.875
    assert metrics["by_label"]["support"]["support"] == 6
    assert sum(sum(row.values()) for row in metrics["confusion"].values()) == 24
    assert metrics["slices"]["who"].keys() == {"speaker 0", "speaker 1", "speaker 2"}
    assert [one["rows"] for one in metrics["calibration"] if one["rows"]] == [24]


def test_the_same_seed_gives_the_same_bytes(nasty, tmp_path):
    contents = []
    for name in ("one", "two"):
        done = run("evaluate", "stance", *nasty, "--report", tmp_path / name, "--seed", 3)
        assert done.returncode == 0, done.stderr.decode()
        contents.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert contents[0] == contents[1]


def test_a_report_takes_the_place_of_a_former_one_and_of_nothing_else(test_file, tmp_path, capsys):
    pred = predictions(tmp_path / "pred.jsonl", {1})
    args = [test_file, "--predictions", pred, "--report"]
    taken = tmp_path / "taken"
    taken.mkdir()
    for name in ("metrics.json", "report.html"):
        (taken / name).write_text("mine")
    assert evaluate(*args, taken) == 2
    assert "it holds something else than a report; name a new or an empty folder" in capsys.readouterr().err
    assert (taken / "metrics.json").read_text() == "mine"
    report = tmp_path / "report"
    report.mkdir()
    assert evaluate(*args, report) == 0
    (report / "notes.txt").write_text("mine too")
    assert evaluate(*args, report, "--seed", 5) == 0
    assert json.loads((report / "metrics.json").read_text())["interval"]["seed"] == 5
    assert (report / "notes.txt").read_text() == "mine too"


# --- agreement ---


def test_agreement_of_two_files(tmp_path, capsys):
    first = lines(tmp_path / "a.jsonl", *(a_row(n, LABELS[n % 4], document=f"d{n // 4}") for n in range(12)))
    second = written(
        tmp_path / "b.csv",
        "id,stance\n" + "".join(f"q{n},{LABELS[(n + (n == 5)) % 4].upper()}\n" for n in range(1, 14)),
    )
    assert cli.main(["evaluate", "agreement", str(first), str(second)]) == 0
    out, err = capsys.readouterr()
    said = " ".join(out.split())
    assert "11 rows that both labelled" in said
    assert "equal labels, % │ 90.9 (" in said
    assert "Cohen's kappa │ 0.8" in said
    assert "Krippendorff's alpha, nominal │ 0.8" in said
    assert "over 3 values of “document”" in said
    assert "1 disagreements" in said
    assert "q5 │ oppose │ conditional │ sentence 5" in said
    assert err.splitlines() == [
        f"quotes: only {first} has 1 ids, which are left out: q0",
        f"quotes: only {second} has 2 ids, which are left out: q12, q13",
    ]


def test_annotators_who_never_differ(tmp_path, capsys):
    path = lines(tmp_path / "a", *({"id": n, "label": "any"} for n in range(3)))
    assert cli.main(["evaluate", "agreement", str(path), str(path), "--seed", "1"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "equal labels, % │ 100.0 (100.0–100.0)" in said
    assert "kappa │ –" in said
    assert "disagreements" not in said


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"id": "z", "label": "a"}], "the two files have no id in common"),
        ([{"label": "a"}], "there is no column “id”; there are label"),
        ([{"id": "1"}], "no column is called label or stance; name one with --label"),
        ([{"id": "1", "label": "a"}, {"id": "1", "label": "a"}], "line 2: it repeats the id of line 1"),
        ([{"id": "1", "label": "a"}, {"id": "2"}], "line 2: it has no label"),
        ([{"id": "1", "label": "a"}, {"label": "a"}], "line 2: it has no id"),
    ],
)
def test_annotations_that_cannot_be_compared(tmp_path, capsys, rows, said):
    first = lines(tmp_path / "a", {"id": "1", "label": "a"})
    assert cli.main(["evaluate", "agreement", str(first), str(lines(tmp_path / "b", *rows))]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
