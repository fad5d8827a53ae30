"""Train the speaker ranker: `python -m models.attribution.train --polnear DIR`.

DIR is the training split of PolNeAR (text/, attributions/). Its articles are annotated with models/english first, which
takes some minutes; the annotations are kept under --work, so that a run that is cut off goes on. Everything is fitted and
chosen by five-fold cross-validation over articles.
"""

import argparse
import hashlib
import json
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline

from models.attribution import own, polnear
from quotes.attribution import sentences_to_parse
from quotes.candidates import Candidate, Features, Surroundings
from quotes.document import Quotation, Span
from quotes.marks import find_quotations
from quotes.names import Names
from quotes.parsing import EnglishModels, Entity, Parse, Sentence, Word
from quotes.ranker import FILE, confidence_features
from quotes.settings import Settings
from quotes.speech import speech_features

HERE = Path(__file__).parent
SEED = 20261124
FOLDS = 5
# Inverse strength of regularisation, swept over 0.03, 0.1, 0.3, 1 by cross-validation on PolNeAR train.
C_SPEAKER, C_SPEECH = 0.3, 0.3
OWN_WEIGHT = (
    3  # times that the project's own articles count: they are few, and of the kinds that PolNeAR lacks; not swept
)
SEEN = 3  # rows that a feature must occur in; rarer ones double the file and change nothing


@dataclass(slots=True)
class Example:
    """A quotation of a training article with its candidates; `gold` is None where nobody is said to speak."""

    article: int
    text: str
    parse: Parse
    quotation: Quotation
    candidates: list[Candidate]
    gold: list[Span] | None
    previous_was_speech: bool

    def right(self, candidate: Candidate) -> bool:
        """Whether a candidate is the annotated speaker."""
        return self.gold is not None and any(w.overlaps(candidate.mention) for w in self.gold)


# ------------------------------------------------------------------------------------------------------- annotating


@cache
def _english() -> EnglishModels:
    settings = Settings()
    return EnglishModels.load(settings.english_dir, settings.english_package)


def annotate(article: polnear.GoldArticle, work: Path) -> Parse:
    """Annotate an article, or read the annotation made before by the same models."""
    english = _english()
    version = english.artefact.version if english.artefact else "unversioned"
    key = hashlib.sha256((version + article.text).encode()).hexdigest()[:16]
    path = work / f"{key}.json"
    if path.exists():
        stored = json.loads(path.read_text(encoding="utf-8"))
        sentences = [Sentence([Word(*w) for w in s["words"]], s["paragraph"], s["parsed"]) for s in stored["sentences"]]
        return Parse(tuple(sentences), tuple(Entity(Span(a, b), t) for a, b, t in stored["entities"]))
    quotations, _ = find_quotations(article.text)
    parse = english.annotate(article.text, quotations, partial(sentences_to_parse, quotations))
    sentences = [{**asdict(s), "words": [list(asdict(w).values()) for w in s.words]} for s in parse.sentences]
    entities = [(e.span.start, e.span.end, e.type) for e in parse.entities]
    path.write_text(json.dumps({"sentences": sentences, "entities": entities}), encoding="utf-8")
    return parse


def examples(articles: list[polnear.GoldArticle], work: Path) -> list[Example]:
    """All quotations with their candidates. What was said before a quotation is taken from gold."""
    result = []
    for number, article in enumerate(articles):
        parse = annotate(article, work)
        quotations, _ = find_quotations(article.text)
        surroundings = Surroundings(article.text, quotations, parse)
        previous: Candidate | None = None
        before: Quotation | None = None
        spoken = True
        for quotation in quotations:
            if not _double(article.text, quotation):
                continue  # PolNeAR's annotators marked these too rarely to learn from
            candidates = surroundings.candidates(quotation, previous, before)
            gold = polnear.gold_words(article, quotation)
            example = Example(number, article.text, parse, quotation, candidates, gold, spoken)
            result.append(example)
            spoken = gold is not None
            right = [c for c in candidates if example.right(c)]
            if right:
                previous, before = right[0], quotation
    return result


def own_examples(first: int) -> list[Example]:
    """The quotations of the project's own articles, numbered from `first` on."""
    result = []
    for number, (article, gold) in enumerate(own.articles(), first):
        quotations, _ = find_quotations(article.text)
        parse = _english().annotate(article.text, quotations, partial(sentences_to_parse, quotations))
        surroundings = Surroundings(article.text, quotations, parse)
        names = Names(article.text, parse, quotations)
        previous: Candidate | None = None
        before: Quotation | None = None
        spoken = True
        for quotation in quotations:
            answer = own.gold_of(article, quotation, gold)
            if answer is None:
                continue
            candidates = surroundings.candidates(quotation, previous, before)
            mentions = own.right_mentions(answer, candidates, names)
            example = Example(number, article.text, parse, quotation, candidates, mentions, spoken)
            result.append(example)
            spoken = mentions is not None
            right = [c for c in candidates if example.right(c)]
            if right:
                previous, before = right[0], quotation
    return result


def _double(text: str, quotation: Quotation) -> bool:
    return text[: quotation.start].rstrip()[-1:] in '“"„'


# ----------------------------------------------------------------------------------------------------------- fitting


def _model(c: float) -> Pipeline:
    return make_pipeline(DictVectorizer(), LogisticRegression(C=c, max_iter=1000))


def _fit(rows: list[Features], labels: list[bool], c: float) -> Pipeline:
    seen = Counter(name for row in rows for name in row)
    common = [{name: value for name, value in row.items() if seen[name] >= SEEN} for row in rows]
    return _model(c).fit(common, labels)


def _out_of_fold(rows: list[Features], labels: list[bool], groups: list[int], c: float) -> np.ndarray:
    scores = np.zeros(len(rows))
    for train, test in GroupKFold(FOLDS).split(rows, labels, groups):
        model = _fit([rows[i] for i in train], [labels[i] for i in train], c)
        scores[test] = model.predict_proba([rows[i] for i in test])[:, 1]
    return scores


def fit(data: list[Example], polnear_articles: int) -> tuple[dict[str, Pipeline], dict[str, float], dict[str, object]]:
    """The three models, the thresholds, and the cross-validated scores."""
    rows = [c.features for e in data for c in e.candidates]
    labels = [e.right(c) for e in data for c in e.candidates]
    groups = [e.article for e in data for _ in e.candidates]
    scores = iter(_out_of_fold(rows, labels, groups, C_SPEAKER).tolist())
    ranked = [sorted([(next(scores), c) for c in e.candidates], key=lambda pair: -pair[0]) for e in data]

    spoken = [(e, r) for e, r in zip(data, ranked, strict=True) if e.gold is not None and r]
    sure_rows = [confidence_features(r) for _, r in spoken]
    sure_labels = [e.right(r[0][1]) for e, r in spoken]
    sure_groups = [e.article for e, _ in spoken]
    sure = _out_of_fold(sure_rows, sure_labels, sure_groups, 1.0)

    speech_rows = [
        speech_features(e.text, e.quotation, e.parse, r, e.previous_was_speech)
        for e, r in zip(data, ranked, strict=True)
    ]
    speech_labels = [e.gold is not None for e in data]
    speech = _out_of_fold(speech_rows, speech_labels, [e.article for e in data], C_SPEECH)

    models = {
        "speaker": _fit(rows, labels, C_SPEAKER),
        "confidence": _fit(sure_rows, sure_labels, 1.0),
        "speech": _fit(speech_rows, speech_labels, C_SPEECH),
    }
    settings = {
        "speech_threshold": _best_threshold(speech, speech_labels),
        "speaker_threshold": SPEAKER_THRESHOLD,
    }
    report = {
        "mention": _by_size(*_of_articles(spoken, sure_labels, range(polnear_articles))),
        "mention_own_articles": _by_size(*_of_articles(spoken, sure_labels, range(polnear_articles, 10**6))),
        "speech_f1": {t: round(_f1(speech >= t, speech_labels), 4) for t in (0.3, 0.4, 0.5, 0.6)},
        "speech_f1_short": {
            t: round(_f1(*_short(data, speech >= t, speech_labels)), 4)
            for t in (0.3, settings["speech_threshold"], 0.5, 0.6)
        },
        "confidence_ece": round(_calibration_error(sure, sure_labels), 4),
        "answered": {
            t: [round(float(np.mean(sure >= t)), 4), round(float(np.mean(np.array(sure_labels)[sure >= t])), 4)]
            for t in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
        },
    }
    return models, settings, report


# Below this probability of being right no speaker is named; read off the table `answered` (swept 0.2 to 0.7): half of the
# answers below it are wrong, so that naming nobody costs as much as it saves.
SPEAKER_THRESHOLD = 0.4


def _best_threshold(scores: np.ndarray, labels: list[bool]) -> float:
    options = [round(t, 2) for t in np.arange(0.2, 0.75, 0.02)]
    return float(max(options, key=lambda t: _f1(scores >= t, labels)))


def _f1(guesses: np.ndarray, labels: list[bool]) -> float:
    gold = np.array(labels)
    both = float((guesses & gold).sum())
    return 2 * both / max(1.0, float(guesses.sum() + gold.sum()))


def _short(data: list[Example], guesses: np.ndarray, labels: list[bool]) -> tuple[np.ndarray, list[bool]]:
    kept = [i for i, e in enumerate(data) if _words(e) <= 4]
    return guesses[kept], [labels[i] for i in kept]


def _words(example: Example) -> int:
    return sum(len(s.of(example.text).split()) for s in example.quotation.spans)


def _of_articles(
    spoken: list[tuple[Example, list[tuple[float, Candidate]]]], right: list[bool], articles: range
) -> tuple[list[Example], list[float]]:
    kept = [(e, float(ok)) for (e, _), ok in zip(spoken, right, strict=True) if e.article in articles]
    return [e for e, _ in kept], [ok for _, ok in kept]


def _by_size(data: list[Example], right: list[float]) -> dict[str, list[float]]:
    """Accuracy with its 95 % interval by bootstrap over articles, for full and short quotations and all."""
    result = {}
    rng = np.random.default_rng(SEED)
    articles = np.array([e.article for e in data])
    for name, keep in (("full", lambda n: n > 4), ("short", lambda n: n <= 4), ("all", lambda n: True)):
        chosen = np.array([keep(_words(e)) for e in data])
        values, where = np.array(right)[chosen], articles[chosen]
        by_article = [values[where == a] for a in np.unique(where)]
        draws = [
            np.concatenate([by_article[i] for i in rng.integers(0, len(by_article), len(by_article))]).mean()
            for _ in range(500)
        ]
        low, high = np.percentile(draws, [2.5, 97.5])
        result[name] = [round(float(x), 4) for x in (values.mean(), low, high)] + [len(values)]
    return result


def _calibration_error(scores: np.ndarray, labels: list[bool], bins: int = 10) -> float:
    gold = np.array(labels, dtype=float)
    places = np.minimum((scores * bins).astype(int), bins - 1)
    return float(
        sum(
            abs(scores[places == b].mean() - gold[places == b].mean()) * np.mean(places == b) for b in np.unique(places)
        )
    )


# ------------------------------------------------------------------------------------------------------------ saving


def save(models: dict[str, Pipeline], settings: dict[str, float], report: dict[str, object], count: int) -> None:
    """Write the artefact and its manifest."""
    import sklearn
    import skops
    from skops.io import dump

    dump(models, HERE / FILE)
    manifest = {
        "files": {FILE: hashlib.sha256((HERE / FILE).read_bytes()).hexdigest()},
        "versions": {"scikit-learn": sklearn.__version__, "skops": skops.__version__},
        "seed": SEED,
        "data": f"PolNeAR train, {count} articles, and the project's own in seeds/articles",
        "english": _english().artefact.version if _english().artefact else None,
        "settings": settings,
        "scores": report,
    }
    (HERE / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Parse the command line, train, print the scores, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--polnear", type=Path, required=True, help="the training split of PolNeAR")
    parser.add_argument("--work", type=Path, default=Path("build/attribution"), help="where annotations are kept")
    parser.add_argument("--processes", type=int, default=1, help="for annotating")
    parser.add_argument("--limit", type=int, help="only so many articles")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    articles = list(polnear.articles(args.polnear))[: args.limit]
    if args.processes > 1:
        with ProcessPoolExecutor(args.processes) as pool:
            for done, _ in enumerate(pool.map(partial(annotate, work=args.work), articles, chunksize=8), 1):
                print(f"\rannotated {done} of {len(articles)}", end="", flush=True)
        print()
    data = examples(articles, args.work) + own_examples(len(articles)) * OWN_WEIGHT
    models, settings, report = fit(data, len(articles))
    print(json.dumps({"settings": settings, **report}, indent=1))
    save(models, settings, report, len(articles))


if __name__ == "__main__":
    main()
