import csv
import json
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotes import cli, terminal
from quotes.document import Analysis, Article, Evidence, Quotation, QuotationKind, Span, Speaker, SpeakerKind
from quotes.errors import InputError
from quotes.evaluation import intervals
from quotes.evaluation import speakers as evaluation
from quotes.evaluation.speakers import Gold, Predicted, PredictedArticle, Verdict, evaluate_speakers
from tests.benchmarks import polnear
from tests.conftest import ROOT


def gold(doc="a", start=0, end=10, who="Ilva Daremont", kind="person", **more) -> Gold:
    return Gold(start, end, doc, who, kind, **more)


def figures(golds, *articles: PredictedArticle) -> dict[tuple[str, str], evaluation.Figure]:
    found = {article.doc: article for article in articles}
    return {(figure.metric, figure.group): figure for figure in evaluate_speakers(golds, found)[1]}


def judged(name, **more) -> Verdict:
    return evaluation.judge(gold(**more), Predicted(0, 10, name))


# --- names ---


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("The Harbour Workers’ League", ["harbour", "workers", "league"]),
        ("the premier's office", ["premier", "office"]),
        ("U.S. Navy", ["us", "navy"]),
        ("Béatrice  d'Oré", ["beatrice", "d", "ore"]),
        ("AT&T", ["at&t"]),
        ("a", ["a"]),
        ("—", []),
    ],
)
def test_words_of_a_name(name, words):
    assert evaluation.name_words(name) == words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Foreign Minister Ilva Daremont", ["ilva", "daremont"]),
        ("Mr. Sol Karr Jr.", ["sol", "karr"]),
        ("Larry King", ["larry", "king"]),  # what is a title elsewhere can be the surname
        ("the judge", ["judge"]),
    ],
)
def test_words_of_a_persons_name_are_without_titles(name, words):
    assert evaluation.person_words(name) == words


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("Ilva Daremont", "right"),
        ("MS. ILVA  DAREMONT’S", "right"),
        ("Mayor Ilva Daremont", "right"),
        ("Ilva B. Daremont", "right"),
        ("Daremont", "incomplete"),
        ("I. Daremont", "incomplete"),
        ("the mayor", "incomplete"),
        ("Otto Daremont", "wrong"),
        ("O. Daremont", "wrong"),
        ("Ilva Karr", "wrong"),
        ("the premier", "wrong"),
        ("she", "unresolved"),
        ("", "unresolved"),
        ("–", "unresolved"),
        (None, "unresolved"),
    ],
)
def test_verdict_on_a_persons_name(name, verdict):
    assert judged(name, aliases=("the mayor", "Daremont")) == verdict


@pytest.mark.parametrize(
    ("name", "who", "verdict"),
    [
        ("Blige", "Mary J. Blige", "incomplete"),
        ("J. Blige", "Mary J. Blige", "incomplete"),
        ("J. D. Vane", "JD Vane", "incomplete"),
        ("Otto Vane", "Vane", "right"),
        ("Donald J. Vane", "Donald John Vane", "incomplete"),
    ],
)
def test_initials_and_omissions_do_not_contradict(name, who, verdict):
    assert judged(name, who=who) == verdict


@pytest.mark.parametrize(
    ("name", "who", "kind", "verdict"),
    [
        ("Associated Press", "The Associated Press", "organisation", "right"),
        ("UN", "United Nations", "organisation", "right"),  # an alias
        ("officials", "officials at the Home Office", "group", "right"),
        ("Democratic National Committee", "Republican National Committee", "organisation", "wrong"),
        ("the premier", "the premier’s office", "organisation", "wrong"),
        ("office", "the premier’s office", "organisation", "right"),
        ("it", "the resolution", "document", "unresolved"),
        ("US", "United States", "organisation", "wrong"),  # no pronoun
    ],
)
def test_verdict_on_other_names(name, who, kind, verdict):
    assert judged(name, who=who, kind=kind, aliases=("UN",)) == verdict


def test_words_that_nobody_says():
    assert judged(None, who=None, kind="none") == Verdict.NOBODY
    assert judged("Karr", who=None, kind="none") == Verdict.INVENTED
    assert evaluation.judge(gold(who=None, kind="none"), None) == Verdict.NOBODY


# --- matching ---


def test_a_prediction_covers_half_of_gold_or_more():
    one, two = Predicted(0, 5, "A"), Predicted(4, 11, "B")
    assert evaluation.covering(Span(0, 10), [one, two]) == two
    assert evaluation.covering(Span(0, 10), [one]) == one
    assert evaluation.covering(Span(0, 11), [one]) is None
    assert evaluation.covering(Span(0, 10), []) is None
    assert evaluation.covering(Span(2, 4), [Predicted(0, 90, "A"), Predicted(2, 5, "B")]) == Predicted(2, 5, "B")


def test_one_prediction_may_serve_several_gold_quotations_but_detects_one():
    golds = [gold(start=0, end=10), gold(start=20, end=30)]
    result = figures(golds, PredictedArticle("a", (Predicted(0, 19, "Ilva Daremont"), Predicted(0, 30, "Karr"))))
    assert result["right", "all"].value == 0.5
    assert result["wrong", "all"].value == 0.5
    assert result["detection recall", "all"].value == 0.5


def test_detection_pairs_the_best_first_and_one_to_one():
    # unions 10 and 12, overlaps 8 and 10: the second is the better, the first is left for nobody
    assert evaluation.detections([Span(0, 10)], [Span(0, 8), Span(0, 12)]) == {0: 1}
    assert evaluation.detections([Span(0, 10), Span(0, 9)], [Span(0, 9)]) == {1: 0}
    assert evaluation.detections([Span(0, 10)], [Span(0, 21)]) == {}
    assert evaluation.detections([Span(0, 10)], [Span(0, 20), Span(30, 40)]) == {0: 0}


spans = st.tuples(st.integers(0, 30), st.integers(0, 12)).map(lambda pair: Span(pair[0], sum(pair)))


@settings(max_examples=60)
@given(st.lists(spans, max_size=6), st.lists(spans, max_size=6))
def test_detection_never_uses_a_span_twice(golds, found):
    pairs = evaluation.detections(golds, found)
    assert len(set(pairs.values())) == len(pairs)
    assert all(golds[i].overlaps(found[j]) for i, j in pairs.items())


# --- figures, counted by hand ---


def a_test_set() -> tuple[list[Gold], list[PredictedArticle]]:
    golds = [
        gold("a", 0, 20, band="full", mentions=((30, 33), (90, 99))),
        gold("a", 40, 60, band="full", mentions=((30, 33),)),
        gold("a", 70, 75, who="The League", kind="organisation", band="short"),
        gold("a", 80, 85, who=None, kind="none", band="short"),
        gold("b", 0, 20, band="full", mentions=((30, 33),)),
        gold("b", 40, 45, who=None, kind="none", band="short"),
    ]
    articles = [
        PredictedArticle(
            "a",
            (
                Predicted(0, 20, "Daremont", 95, 100, text="one two three four five"),
                Predicted(40, 60, "Karr", 61, 65, text="one two three four five"),
                Predicted(70, 75, None, text="one"),
                Predicted(80, 85, "Karr", text="one"),
                Predicted(100, 110, "Karr", text="one two, three – four five"),
            ),
        ),
        PredictedArticle(
            "b", (Predicted(0, 20, "Ilva Daremont", speech=False), Predicted(40, 45, "Karr", speech=False))
        ),
        PredictedArticle("elsewhere", (Predicted(0, 20, "Ilva Daremont"),)),
    ]
    return golds, articles


def test_every_figure_of_a_small_test_set():
    golds, articles = a_test_set()
    result = {key: (figure.value, figure.n) for key, figure in figures(golds, *articles).items()}
    third = pytest.approx(1 / 3)
    assert result == {
        ("right", "all"): (0.25, 4),
        ("right", "full"): (third, 3),
        ("right", "short"): (0, 1),
        ("right", "person"): (third, 3),
        ("right", "organisation"): (0, 1),
        ("wrong", "all"): (0.25, 4),
        ("wrong", "full"): (third, 3),
        ("wrong", "short"): (0, 1),
        ("wrong", "person"): (third, 3),
        ("wrong", "organisation"): (0, 1),
        ("unresolved", "all"): (0.5, 4),
        ("unresolved", "full"): (third, 3),
        ("unresolved", "short"): (1, 1),
        ("unresolved", "person"): (third, 3),
        ("unresolved", "organisation"): (1, 1),
        ("full name", "person"): (0, 3),
        ("no speech, no speaker", "all"): (0.5, 2),
        ("mention", "all"): (third, 3),
        ("mention", "full"): (third, 3),
        # spoken: 3 found of 4, by 5 predictions; full: 2 of 3, by 3; short: 1 of 1, by 2
        ("detection recall", "all"): (0.75, 4),
        ("detection recall", "full"): (pytest.approx(2 / 3), 3),
        ("detection recall", "short"): (1, 1),
        ("detection precision", "all"): (0.6, 5),
        ("detection precision", "full"): (pytest.approx(2 / 3), 3),
        ("detection precision", "short"): (0.5, 2),
        ("detection F1", "all"): (pytest.approx(6 / 9), 9),
        ("detection F1", "full"): (pytest.approx(4 / 6), 6),
        ("detection F1", "short"): (pytest.approx(2 / 3), 3),
    }


def test_detection_is_told_by_band_only_where_every_band_is_known():
    extra = Predicted(50, 60, "Karr")
    result = figures([gold(band="full")], PredictedArticle("a", (Predicted(0, 10, "Karr"), extra)))
    assert [group for metric, group in result if metric == "detection F1"] == ["all"]
    assert ("right", "full") in result
    assert ("right", "full") not in figures([gold()], PredictedArticle("a", (extra,)))


def test_the_band_is_counted_where_the_words_are_known():
    text = "one two three four five. Six"
    article = PredictedArticle("a", (), text)
    judgements, _ = evaluate_speakers([gold(end=24), gold(start=25, end=28)], {"a": article})
    assert [(j.words, j.band, j.verdict) for j in judgements] == [
        ("one two three four five.", "full", "missed"),
        ("Six", "short", "missed"),
    ]
    assert [evaluation.band_of(words) for words in ("a b c – d", "a b c d e", None)] == ["short", "full", None]


def test_what_is_not_predicted_has_no_precision():
    result = figures([gold()], PredictedArticle("a", ()))
    assert ("detection precision", "all") not in result
    assert result["detection F1", "all"].value == 0
    assert result["unresolved", "all"].value == 1


# --- intervals ---


def test_intervals_are_the_same_each_time():
    golds, articles = a_test_set()
    assert figures(golds, *articles) == figures(golds, *articles)


def test_an_interval_is_over_articles():
    # One article right, one wrong: a draw has 0, 1 or 2 of the right one, with probabilities 1/4, 1/2, 1/4.
    golds = [gold("a"), gold("b")]
    articles = [PredictedArticle(doc, (Predicted(0, 10, name),)) for doc, name in (("a", "Daremont"), ("b", "Karr"))]
    right = figures(golds, *articles)["right", "all"]
    assert (right.low, right.value, right.high) == (0, 0.5, 1)
    # A hundred quotations of a single article tell nothing about other articles.
    many = [gold("a", 20 * i, 20 * i + 10) for i in range(100)]
    right = figures(many, PredictedArticle("a", tuple(Predicted(20 * i, 20 * i + 10, "Karr") for i in range(50))))
    assert (right["wrong", "all"].low, right["wrong", "all"].high) == (0.5, 0.5)


def test_the_bootstrap_agrees_with_the_binomial_interval():
    right = np.array([[1]] * 80 + [[0]] * 20)
    (low,), (high,) = intervals.bootstrap(right, np.ones_like(right))
    assert low == pytest.approx(0.8 - 1.96 * 0.04, abs=0.015)
    assert high == pytest.approx(0.8 + 1.96 * 0.04, abs=0.015)


def test_draws_without_any_quotation_are_left_out():
    low, high = intervals.bootstrap(np.array([[1], [0]]), np.array([[1], [0]]))
    assert (low, high) == ([1], [1])


# --- files ---

GOLD_ROW = {"doc": "a", "start": 0, "end": 10, "who": "Ilva Daremont", "kind": "person", "aliases": []}
PRED_QUOTE = {"start": 0, "end": 10, "name": "Karr", "speaker_start": None, "speaker_end": None, "speech": True}


def lines(path, *rows):
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def test_rows_are_read(tmp_path):
    more = {"start": 20, "band": "short", "end": 24, "mentions": [[1, 2]], "note": "ignored"}
    path = lines(tmp_path / "gold.jsonl", "\ufeff" + json.dumps(GOLD_ROW), "", {**GOLD_ROW, **more})
    assert evaluation.read_gold(path) == (gold(), gold(start=20, end=24, band="short", mentions=((1, 2),)))
    path = lines(tmp_path / "pred.jsonl", {"doc": "a", "quotes": [{**PRED_QUOTE, "speaker": "x", "text": "a\u2028b"}]})
    assert evaluation.read_predictions(path) == {
        "a": PredictedArticle("a", (Predicted(0, 10, "Karr", text="a\u2028b"),))
    }


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{", "line 2: Invalid JSON"),
        ("[]", "line 2: "),
        ({"doc": "a"}, "line 2: start: Field required"),
        ({**GOLD_ROW, "start": "5"}, "line 2: start: Input should be a valid integer"),
        ({**GOLD_ROW, "start": 11}, "line 2: a span must have 0 <= start <= end, not 11..10"),
        ({**GOLD_ROW, "start": -1}, "line 2: a span must have"),
        ({**GOLD_ROW, "kind": "woman"}, "line 2: kind: Input should be 'person', 'organisation'"),
        ({**GOLD_ROW, "kind": "none"}, 'line 2: "who" must be null where'),
        ({**GOLD_ROW, "who": None}, 'line 2: "who" must be null where'),
        ({**GOLD_ROW, "band": "long"}, "line 2: band: Input should be 'full' or 'short'"),
        ({**GOLD_ROW, "mentions": [[1]]}, "line 2: mentions.0.1: Field required"),
        ({**GOLD_ROW, "mentions": [[3, 1]]}, "line 2: a span must have 0 <= start <= end, not 3..1"),
        (GOLD_ROW, "line 2: it repeats line 1"),
    ],
)
def test_a_bad_row_of_gold_is_named(tmp_path, row, said):
    path = lines(tmp_path / "gold.jsonl", GOLD_ROW, row)
    with pytest.raises(InputError) as caught:
        evaluation.read_gold(path)
    assert str(caught.value).startswith(f"{path}, {said}")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"doc": "b"}, "line 2: quotes: Field required"),
        ({"doc": "a", "quotes": []}, "line 2: it repeats line 1"),
        ({"doc": "b", "quotes": [PRED_QUOTE, {"start": 0, "end": 1}]}, "line 2: quotes.1.name: Field required"),
        (
            {"doc": "b", "quotes": [{**PRED_QUOTE, "speaker_end": 3}]},
            'line 2: quotes.0: "speaker_start" and "speaker_end"',
        ),
        (
            {"doc": "b", "quotes": [{**PRED_QUOTE, "speaker_start": 5, "speaker_end": 3}]},
            "line 2: quotes.0: a span must",
        ),
    ],
)
def test_a_bad_row_of_predictions_is_named(tmp_path, row, said):
    path = lines(tmp_path / "pred.jsonl", {"doc": "a", "quotes": [PRED_QUOTE]}, row)
    with pytest.raises(InputError) as caught:
        evaluation.read_predictions(path)
    assert str(caught.value).startswith(f"{path}, {said}")


def test_files_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "latin.jsonl").write_bytes(b"caf\xe9")
    for name, said in (("none", "No such file"), ("latin.jsonl", "'utf-8' codec"), (".", "Is a directory")):
        with pytest.raises(InputError, match=said):
            evaluation.read_gold(tmp_path / name)
    with pytest.raises(InputError, match="nothing in it"):
        evaluation.read_gold(lines(tmp_path / "empty.jsonl", ""))


# --- running the pipeline ---


def analysed(article: Article) -> Analysis:
    """What a pipeline would find: two spans of one speaker, an unresolved quotation, and a title."""
    cue = Evidence(Span(13, 16), None, "verb", "")
    speaker = Speaker("Ilva Daremont", SpeakerKind.PERSON, 0.9, cue)
    nobody = Speaker(None, None, 0.0, Evidence(None, None, "unresolved", ""), unresolved="no one near")
    quotations = (
        Quotation((Span(2, 11), Span(24, 29)), QuotationKind.FULL, speaker),
        Quotation((Span(33, 36),), QuotationKind.PARTIAL, nobody),
        Quotation((Span(39, 41),), QuotationKind.NOT_SPEECH),
    )
    return Analysis(article, quotations)


TEXT = "\ufeff“We tried,” she said. “Twice”\r\n“now” “It”"


@pytest.fixture
def pipeline_of_paper(monkeypatch):
    """A pipeline without models."""
    module = ModuleType("quotes.pipeline")
    module.analyse_many = lambda articles, processes=1: map(analysed, articles)
    monkeypatch.setitem(sys.modules, "quotes.pipeline", module)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "text"
    path.mkdir()
    for doc in ("a", "b"):
        (path / f"{doc}.txt").write_bytes(TEXT.encode())
    return path


def test_a_run_keeps_every_character_and_has_an_entry_for_each_span(pipeline_of_paper, folder):
    (article,) = evaluation.run(folder, ["a"])
    assert article == PredictedArticle(
        "a",
        (
            Predicted(2, 11, "Ilva Daremont", 13, 16, text="We tried,"),
            Predicted(24, 29, "Ilva Daremont", 13, 16, text="Twice"),
            Predicted(33, 36, None, text="now"),
        ),
        TEXT,
    )


def test_what_cannot_be_run_is_named_before_anything_is_analysed(monkeypatch, folder):
    monkeypatch.setitem(sys.modules, "quotes.pipeline", None)  # importing it would fail
    (folder / "b.txt").write_text(" ")
    for doc, said in (("b", "there is no text"), ("c", "No such file")):
        with pytest.raises(InputError, match=rf"{doc}\.txt: {said}"):
            list(evaluation.run(folder, ["a", doc]))
    with pytest.raises(InputError, match="more than the 5 allowed"):
        list(evaluation.run(folder, ["a"], max_characters=5))


def test_polnear_predictions_can_be_evaluated(pipeline_of_paper, folder, tmp_path, capsys):
    split = tmp_path / "data" / "dev"
    split.mkdir(parents=True)
    folder.rename(split / "text")
    polnear.main(["--polnear", str(tmp_path / "data"), "--out", str(tmp_path / "pred.jsonl")])
    assert "2 of 2 articles" in capsys.readouterr().err
    stored = [json.loads(line) for line in (tmp_path / "pred.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["doc"] for row in stored] == ["a", "b"]
    assert stored[0]["quotes"][0] == {
        "start": 2,
        "end": 11,
        "text": "We tried,",
        "speaker_start": 13,
        "speaker_end": 16,
        "speaker": "she",
        "name": "Ilva Daremont",
        "speech": True,
    }
    found = evaluation.read_predictions(tmp_path / "pred.jsonl")
    assert [quote.mention for quote in found["b"].quotes] == [Span(13, 16), Span(13, 16), None]
    with pytest.raises(SystemExit):
        polnear.main(["--polnear", str(tmp_path), "--out", str(tmp_path / "pred.jsonl")])


# --- the command ---


@pytest.fixture
def test_set(tmp_path):
    """The files of a small test set: GOLD and PRED."""
    golds = [
        GOLD_ROW,
        {**GOLD_ROW, "start": 20, "end": 30, "mentions": [[32, 40]]},
        {**GOLD_ROW, "doc": "b", "who": None, "kind": "none"},
    ]
    quotes = [
        {**PRED_QUOTE, "name": "=Karr", "text": "[red]Not\nnow"},
        {**PRED_QUOTE, "start": 20, "end": 30, "name": "Ilva Daremont", "speaker_start": 32, "speaker_end": 34},
    ]
    return lines(tmp_path / "gold.jsonl", *golds), lines(tmp_path / "pred.jsonl", {"doc": "a", "quotes": quotes})


def test_the_command_prints_figures_with_intervals(test_set, capsys):
    assert cli.main(["evaluate", "speakers", *map(str, test_set)]) == 0
    out, err = capsys.readouterr()
    assert "3 quotations in 2 articles" in out
    assert "50.0 (50.0–50.0)" in out
    for cell in ("all", "person", "Right %", "full name", "no speech, no speaker", "mention", "detection F1"):
        assert cell in out
    assert max(map(len, out.splitlines())) <= terminal.PIPE_WIDTH
    assert (
        err == f"quotes: {test_set[1]} has no line for 1 of 2 articles, b the first; their quotations count as missed\n"
    )


def test_figures_as_json_and_errors_as_csv(test_set, tmp_path, capsys):
    figures, errors = tmp_path / "figures.json", tmp_path / "errors.csv"
    options = ["--json", str(figures), "--errors", str(errors)]
    assert cli.main(["evaluate", "speakers", *map(str, test_set), *options]) == 0
    stored = json.loads(figures.read_text(encoding="utf-8"))
    assert (stored["articles"], stored["quotations"]) == (2, 3)
    assert stored["interval"] == {"level": 0.95, "over": "articles", "resamples": 2000, "seed": intervals.SEED}
    wanted = {"metric": "mention", "group": "all", "n": 1, "value": 1.0, "low": 1.0, "high": 1.0}
    assert wanted in stored["figures"]
    assert errors.read_bytes().startswith(b"\xef\xbb\xbfdoc,words,gold,given,verdict\r\n")
    with errors.open(encoding="utf-8-sig", newline="") as stream:
        assert list(csv.DictReader(stream)) == [
            {"doc": "a", "words": "“[red]Not now”", "gold": "Ilva Daremont", "given": "'=Karr", "verdict": "wrong"}
        ]


def test_errors_without_the_words_say_where(tmp_path, capsys):
    golds = lines(tmp_path / "gold.jsonl", {**GOLD_ROW, "start": 5}, {**GOLD_ROW, "who": None, "kind": "none"})
    pred = lines(tmp_path / "pred.jsonl", {"doc": "a", "quotes": [{**PRED_QUOTE, "end": 4}, {**PRED_QUOTE, "end": 9}]})
    assert cli.main(["evaluate", "speakers", str(golds), str(pred), "--errors", str(tmp_path / "e.csv")]) == 0
    with (tmp_path / "e.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = [list(row.values()) for row in csv.DictReader(stream)]
    assert rows == [
        ["a", "characters 5 to 10", "Ilva Daremont", "Karr", "wrong"],
        ["a", "characters 0 to 10", "", "Karr", "invented"],
    ]


def test_the_command_runs_the_pipeline(pipeline_of_paper, folder, tmp_path, capsys):
    row = {**GOLD_ROW, "start": 2, "end": 11}
    path = lines(tmp_path / "gold.jsonl", row, {**row, "start": 24, "end": 29}, {**row, "doc": "b", "who": "Sol Karr"})
    assert cli.main(["evaluate", "speakers", str(path), "--run", str(folder), "--errors", str(tmp_path / "e.csv")]) == 0
    out, err = capsys.readouterr()
    assert "66.7 (0.0–100.0)" in out
    assert err == ""
    assert "b,“We tried,”" in (tmp_path / "e.csv").read_text(encoding="utf-8-sig").replace('"', "")


def test_what_is_wrong_is_one_line_and_status_2(test_set, tmp_path, capsys):
    path, pred = map(str, test_set)
    elsewhere = str(lines(tmp_path / "other.jsonl", {"doc": "z", "quotes": []}))
    for arguments, said in (
        ([path, str(tmp_path / "none")], f"{tmp_path / 'none'}: No such file or directory"),
        ([pred, pred], f"{pred}, line 1: start: Field required"),
        ([path, elsewhere], f"{elsewhere}: it has none of the articles of {path}"),
        ([path, "--run", str(tmp_path)], f"{tmp_path / 'a.txt'}: No such file or directory"),
        ([path, pred, "--json", str(tmp_path / "no" / "f")], f"{tmp_path / 'no' / 'f'}: No such file or directory"),
    ):
        assert cli.main(["evaluate", "speakers", *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.splitlines()[-1].startswith(f"quotes: {said}")


@pytest.mark.parametrize("arguments", [["GOLD"], ["GOLD", "PRED", "--run", "DIR"], []])
def test_predictions_and_a_run_exclude_each_other(arguments, capsys):
    with pytest.raises(SystemExit):
        cli.main(["evaluate", "speakers", *arguments])
    assert "usage: quotes evaluate speakers" in capsys.readouterr().err


def test_predictions_are_evaluated_without_the_models(test_set):
    code = f"import sys; from quotes.cli import main; main(['evaluate', 'speakers', *{[*map(str, test_set)]}]); "
    done = subprocess.run(
        [sys.executable, "-c", code + "print(sorted(sys.modules))"], capture_output=True, cwd=ROOT, check=True
    )
    for slow in (b"'torch'", b"'stanza'", b"'sklearn'"):
        assert slow not in done.stdout
