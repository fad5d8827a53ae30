import json
import re
import shutil
from collections import defaultdict
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_recall_fscore_support

from models.stance import data, scores
from quotes.artefacts import MODELS, Artefact
from quotes.document import Span, StanceLabel
from quotes.errors import ArtefactAltered, ArtefactMissing
from quotes.stance import FILE, TRUSTED, StanceClassifier, Vocabulary
from quotes.stance_features import NAME, StanceQuestion, tokenise

SEEDS = Path(__file__).parent.parent / "seeds"
WRITTEN = SEEDS / "stance" / "labelled.jsonl"


@pytest.fixture(scope="session")
def classifier():
    return StanceClassifier.load()


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the model that the library is pointed at."""
    shutil.copytree(MODELS / "stance", tmp_path / "stance")
    monkeypatch.setenv("QUOTES_MODELS", str(tmp_path))
    return tmp_path / "stance"


def question(text, quote=None, speaker=None):
    """The whole text as context; the quotation is what stands in curly marks, unless given."""
    spans = tuple(Span(*m.span(1)) for m in re.finditer("“(.*?)”", text) if quote in (None, m.group(1)))
    masked = (Span(text.index(speaker), text.index(speaker) + len(speaker)),) if speaker else ()
    return StanceQuestion(spans, Span(0, len(text)), masked)


def label(classifier, text, *args):
    return classifier.label_many(text, [question(text, *args)])[0]


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("oppose", "“We will not accept a ceasefire, not today and not tomorrow,” the rebel commander told reporters."),
        (
            "oppose",
            "“There will be no truce. We will fight on until victory,” the general said on television.",
        ),
        (
            "oppose",
            "A truce would be “a grave mistake” that would only help the enemy rearm, the minister said.",
        ),
        ("support", "“We demand an immediate ceasefire,” the foreign minister told the council."),
        ("support", "“Stop the bombing now,” a doctor at the hospital said."),
        ("support", "The bishop called for “an immediate end to the fighting” in the capital."),
        ("support", "“We welcome the truce,” a union leader said, “and urge both sides to respect it.”"),
        ("conditional", "“We will accept a ceasefire only if their forces withdraw first,” the rebel spokesman said."),
        ("conditional", "“There can be no ceasefire until all the hostages are released,” the minister said."),
        ("conditional", "“If they stop shelling the port, we will hold our fire,” the militia leader said."),
        ("none", "“The bridge will reopen to lorries in the spring,” the transport minister said."),
        ("none", "“I have played here since I was six and I love this pitch,” the captain said after the match."),
        ("none", "“The price of bread has doubled since March,” a baker said."),
        ("none", "“The talks will resume on Monday,” a spokesman for the mediators said."),
    ],
)
def test_clear_cases(classifier, expected, text):
    assert label(classifier, text).label == expected


LONG = "Today’s resolution gives Hamas hope"


@pytest.mark.parametrize(
    ("beginning", "expected"),
    [
        ("unimaginable", "none"),
        ("disappointing", "none"),
        ("immediate ceasefire", "support"),
        ("immediate and unconditional release", "support"),
        (LONG, "oppose"),
    ],
)
def test_statements_after_the_ceasefire_vote(classifier, beginning, expected):
    article = (SEEDS / "articles" / "ceasefire_vote.txt").read_text(encoding="utf-8")
    text = next(p for p in article.split("\n\n") if f"“{beginning}" in p)
    sentence = next(s for s in re.split(r"(?<=[.”]) (?=[A-Z])", text) if f"“{beginning}" in s)
    quote = re.search(f"“({beginning}.*?)”", sentence).group(1)
    assert label(classifier, sentence, quote).label == expected


SOME_WORDS = st.sampled_from(
    [
        "ceasefire",
        "cease-fire",
        "no",
        "Stop",
        "the",
        "war",
        ",",
        ". ",
        "“",
        "Anna",
        "if",
        "we",
        "\u00a0",
        "U.S.",
        "…",
        "’s",
    ]
)
TEXTS = st.lists(SOME_WORDS | st.text(max_size=8), max_size=25).map(" ".join)


@given(before=TEXTS, quote=TEXTS, after=TEXTS, padding=TEXTS)
def test_any_text_gives_probabilities_and_reasons_inside_the_context(classifier, before, quote, after, padding):
    text = padding + before + quote + after + padding
    start = len(padding + before)
    context = Span(len(padding), len(text) - len(padding))
    stance = classifier.label(text, (Span(start, start + len(quote)),), context)
    assert sum(stance.probabilities.values()) == pytest.approx(1)
    assert set(stance.probabilities) == set(StanceLabel)
    assert stance.probability == max(stance.probabilities.values())
    for reason in stance.reasons:
        assert context.contains(reason.span)
        assert reason.span.of(text).strip() == reason.span.of(text) != ""
        assert reason.weight != 0


@pytest.mark.parametrize("name", ["Ana María de la Cruz", "she", "a nurse in the port", "the Ministry of War", "IDF"])
@pytest.mark.parametrize("words", ["There must be an end to this war,", "Never again a truce with them,", "It rained,"])
def test_who_speaks_does_not_matter(classifier, name, words):
    def answer(speaker):
        text = f"“{words}” {speaker} said on Monday."
        return label(classifier, text, None, speaker)

    assert answer(name).probabilities == answer("John Kirby").probabilities


def test_names_do_not_matter_even_where_they_are_not_masked(classifier):
    def answer(name):
        return label(classifier, f"“We want a truce with {name},” said {name}, who is from {name}.")

    assert answer("Qarnab").probabilities == answer("Netanyahu").probabilities == answer("Hamas").probabilities


def test_masked_words_are_never_a_reason(classifier):
    text = "“We reject it,” said the ceasefire envoy of the warring parties."
    speaker = "the ceasefire envoy of the warring parties"
    masked = question(text, None, speaker).masked[0]
    assert not any(r.span.overlaps(masked) for r in label(classifier, text, None, speaker).reasons)


def test_reasons_name_the_words_that_decide(classifier):
    text = "“We reject any ceasefire,” the general said after he had inspected the troops at the northern gate."
    best = label(classifier, text).reasons[0]
    assert best.weight > 0
    assert "reject" in best.span.of(text)


def test_a_batch_gives_what_single_questions_give(classifier):
    text = "“Stop the war,” a man said. “Never,” said another. “It is raining,” said the “baker”."
    spans = [Span(*m.span(1)) for m in re.finditer("“(.*?)”", text)]
    questions = [StanceQuestion((span,), Span(0, len(text))) for span in spans]
    together = classifier.label_many(text, questions)
    for stance, one in zip(together, (classifier.label(text, q.quotation, q.context) for q in questions), strict=True):
        assert stance.probabilities == pytest.approx(one.probabilities, abs=1e-9)
        assert [r.span for r in stance.reasons] == [r.span for r in one.reasons]
    assert classifier.label_many(text, []) == []


def test_spans_outside_the_text_are_refused(classifier):
    with pytest.raises(ValueError, match="reaches to 99"):
        classifier.label("“No,” he said.", (Span(1, 99),), Span(0, 10))


@pytest.mark.parametrize("spelling", ["ceasefire", "cease-fire", "cease fire", "Ceasefire", "cease‑fire"])
def test_spellings_are_one_word(spelling):
    text = f"A {spelling} now"
    tokens = tokenise(text, StanceQuestion((), Span(0, len(text))), frozenset({"a", "now"}))
    assert [(t.word, text[t.start : t.end]) for t in tokens] == [("a", "A"), ("ceasefire", spelling), ("now", "now")]


def test_tokens_hide_names_and_say_what_is_quoted():
    text = "“I trust Smith’s word,” said Mr. O’Neil of the U.S. She agreed."
    tokens = tokenise(text, StanceQuestion((Span(1, 22),), Span(0, len(text))), frozenset({"she"}))
    assert [t.word for t in tokens if t.quoted] == ["i", "trust", NAME, "word", ","]
    assert [t.word for t in tokens if not t.quoted] == ["said", NAME, ".", NAME, "of", "the", NAME, "agreed", "."]


def test_model_holds_only_listed_types():
    assert sorted(skops.io.get_untrusted_types(file=MODELS / "stance" / FILE)) == sorted(TRUSTED)


FILES = ["stance.skops", "head.skops", "words.txt", "encoder.safetensors", "pieces.json"]


@pytest.mark.parametrize("name", FILES)
def test_altered_model_is_refused(copied, name):
    content = bytearray((copied / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copied / name).write_bytes(content)
    with pytest.raises(ArtefactAltered, match=name):
        StanceClassifier.load()


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_missing_file_is_named(copied, name):
    (copied / name).unlink()
    with pytest.raises(ArtefactMissing, match=name):
        StanceClassifier.load()


class Stranger:
    pass


def test_model_with_another_type_is_refused(tmp_path):
    skops.io.dump({"pipeline": Stranger()}, tmp_path / FILE)
    with pytest.raises(ArtefactAltered, match="Stranger"):
        StanceClassifier.load(Artefact("stance", tmp_path, {}))


def test_vocabulary_keeps_frequent_names_and_survives_storage(tmp_path):
    rows = [{"a": 1.0, "b": 2.0}, {"b": 0.5}, {"c": 1.0}]
    vocabulary = Vocabulary(min_df=2).fit(rows)
    assert vocabulary.transform([*rows, {}]).toarray().tolist() == [[2.0], [0.5], [0.0], [0.0]]
    skops.io.dump(vocabulary, tmp_path / "v.skops")
    stored = skops.io.load(tmp_path / "v.skops", trusted=TRUSTED)
    assert stored.columns == {"b": 0}


def test_data_is_what_the_manifest_and_the_readme_say():
    manifest = json.loads((MODELS / "stance" / "manifest.json").read_text(encoding="utf-8"))
    digest = sha256(WRITTEN.read_bytes()).hexdigest()
    assert manifest["data"][0]["sha256"] == digest
    assert digest in (SEEDS / "stance" / "README.md").read_text(encoding="utf-8")


def test_folds_never_part_a_conflict_or_a_contrast_set():
    rows = [json.loads(line) for line in WRITTEN.read_text(encoding="utf-8").splitlines()]
    fold_of = {}
    examples = data.read_examples(WRITTEN, list(StanceLabel))
    for number, (_, test) in enumerate(data.folds(examples, 5, 1)):
        fold_of.update(dict.fromkeys(test.tolist(), number))
    assert len(fold_of) == len(rows)
    together = defaultdict(set)
    for position, row in enumerate(rows):
        together[row["conflict"]].add(fold_of[position])
        together[row.get("group", row["id"])].add(fold_of[position])
    assert {len(found) for found in together.values()} == {1}


def test_interrupted_quotation_and_speaker_are_found(tmp_path):
    row = {
        "quote": "They pulled us out, My wrists are still green.",
        "context": "A student spoke. “They pulled us out,” the arrested student said. “My wrists are still green.”",
        "speaker": "an arrested student",
        "label": "none",
        "conflict": "Gaza (US politics)",
    }
    (tmp_path / "rows.jsonl").write_text(json.dumps(row), encoding="utf-8")
    (example,) = data.read_examples(tmp_path / "rows.jsonl", list(StanceLabel))
    assert [s.of(example.text) for s in example.question.quotation] == [
        "They pulled us out,",
        "My wrists are still green.",
    ]
    assert [s.of(example.text) for s in example.question.masked] == ["arrested student"]
    assert example.group == "gaza"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("{", "Expecting property name"),
        ('{"quote": "No", "context": "“No,” he said."}', "there is no 'label'"),
        ('{"quote": "No", "context": "“No,” he said.", "label": "maybe"}', "the label 'maybe' is none of support"),
        ('{"quote": "Never", "context": "“No,” he said.", "label": "none"}', "does not stand in its context"),
        ("7", "not subscriptable"),
    ],
)
def test_rows_that_cannot_be_used_are_named(tmp_path, line, what):
    good = '{"quote": "No", "context": "“No,” he said.", "label": "none"}'
    (tmp_path / "rows.jsonl").write_text(f"{good}\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=rf"rows.jsonl, line 2: .*{what}"):
        data.read_examples(tmp_path / "rows.jsonl", list(StanceLabel))


def test_an_answer_is_uncertain_below_the_threshold_of_the_manifest(classifier):
    text = "“We may look at a truce at some point,” said the envoy, “or we may not.”"
    stance = label(classifier, text)
    assert stance.uncertain == (stance.probability < classifier.artefact.manifest["settings"]["uncertain_below"])
    two = sorted(stance.probabilities, key=stance.probabilities.get)[-2:]
    assert [stance.runner_up, stance.label] == two


def test_uncertain_answers_are_wrong_more_often(classifier):
    """On quotations that the model was fitted on, so that it shows only which way doubt points."""
    examples = data.read_examples(SEEDS / "stance" / "news_look.jsonl", list(StanceLabel))
    sure, unsure = [], []
    for example in examples:
        stance = classifier.label(example.text, example.question.quotation, example.question.context)
        (unsure if stance.uncertain else sure).append(stance.label == example.label)
    assert unsure
    assert np.mean(sure) > np.mean(unsure)


def test_scores_are_those_of_scikit_learn():
    random = np.random.default_rng(0)
    truth = random.integers(4, size=200)
    probabilities = random.dirichlet(np.ones(4), size=200)
    predicted = probabilities.argmax(axis=1)
    found = scores.intervals(truth, probabilities, [str(i // 5) for i in range(200)], seed=0)
    value, low, high = found["macro_f1"]
    assert value == pytest.approx(f1_score(truth, predicted, average="macro"), abs=0.001)
    assert low < value < high
    by_class = scores.class_scores(scores.confusion(truth, predicted, 4))
    assert by_class == pytest.approx(np.array(precision_recall_fscore_support(truth, predicted)[:3]))


def test_coverage_by_hand():
    probabilities = np.array([[0.9, 0.06, 0.04], [0.6, 0.3, 0.1], [0.5, 0.1, 0.4]])
    all_of_them, two_of_them = scores.coverage(np.array([0, 1, 1]), probabilities, [0.2, 0.55])
    assert all_of_them[:3] == (0.2, 1.0, pytest.approx(1 / 3))
    assert two_of_them == (0.55, pytest.approx(2 / 3), 0.5, 0.0)


def test_calibration_error_by_hand():
    sure_and_right = np.array([[1.0, 0.0]] * 2)
    assert scores.calibration_error(np.array([0, 0]), sure_and_right) == 0
    assert scores.calibration_error(np.array([0, 1]), sure_and_right) == 0.5
    assert scores.brier(np.array([0, 1]), sure_and_right) == 1
