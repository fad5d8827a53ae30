"""Who really speaks, as a name: training of the choice of antecedents and of the trust in an answer.

seeds/speakers/polnear_train_who.jsonl names the speaker of every quotation of some PolNeAR training articles. All that is
learned from it is learned on other articles than those that the ranker of mentions was fitted on.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from models.attribution.examples import most_salient
from models.attribution.fitting import (
    FOLDS,
    Choice,
    calibration_error,
    choices_left_out,
    choices_out_of_fold,
    fit_choice,
    fit_sparse,
    out_of_fold,
    reliability,
    sparse_left_out,
)
from models.attribution.polnear import GoldArticle
from quotes.attribution import attribute
from quotes.candidates import Candidates, Features
from quotes.document import Quotation, Span
from quotes.evaluation.speakers import Gold, is_right, read_gold
from quotes.marks import find_quotations
from quotes.names import Names
from quotes.parsing import Parse
from quotes.people import HE, SHE
from quotes.pronouns import gender_of
from quotes.ranker import LinearModel, SpeakerRanker, head_features, unsure
from quotes.speaker_encoder import Question, Questions, SpeakerEncoder
from quotes.transformer import WordPieces

# Swept by cross-validation over these articles: the penalty over 0.1, 0.3, 1, 3, the inverse strength of regularisation over
# 0.03, 0.1, 0.3, 1.
PENALTY_ANTECEDENT, C_ANSWER = 1.0, 0.3
PENALTY_HEAD = 0.1  # three weights on some hundred choices; not swept
THRESHOLDS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
WHO = Path(__file__).resolve().parent.parent.parent / "seeds" / "speakers" / "polnear_train_who.jsonl"


@dataclass(frozen=True, slots=True)
class NamedArticle:
    """An article, its annotation, and the gold names of its quotations."""

    stem: str
    text: str
    parse: Parse
    gold: list[Gold]

    def gold_of(self, quotation: Quotation) -> Gold | None:
        """The gold line of the span that the quotation begins with."""
        first = quotation.spans[0]
        return max(
            (g for g in self.gold if g.overlaps(first)), key=lambda g: min(g.end, first.end) - g.start, default=None
        )

    def is_speech(self, quotation: Quotation) -> bool | None:
        """Whether somebody says the words; None where no reader has decided."""
        gold = self.gold_of(quotation)
        return None if gold is None else gold.who is not None


def gold_by_article() -> dict[str, list[Gold]]:
    """The gold names, by the article's file name without its ending; spans are into the article as it was written."""
    result: dict[str, list[Gold]] = defaultdict(list)
    for gold in read_gold(WHO):
        result[gold.doc].append(gold)
    return dict(result)


def named_article(article: GoldArticle, parse: Parse, gold: list[Gold]) -> NamedArticle:
    """An article with its gold names, whose spans are taken into its one spelling."""
    spans = map(article.spelt.respelt, gold)
    moved = [replace(one, start=span.start, end=span.end) for one, span in zip(gold, spans, strict=True)]
    return NamedArticle(article.stem, article.text, parse, moved)


@dataclass(frozen=True, slots=True)
class Pronoun:
    """A pronoun that stands for the speaker of a quotation: those whom it may mean, and whom it does."""

    rows: list[Features]
    right: list[bool]
    question: Question


def pronouns(
    article: NamedArticle, is_right_mention: Callable[[Quotation, Span], bool], pieces: WordPieces
) -> list[Pronoun]:
    """The pronouns that stand for an article's speakers. What was said before is taken from gold."""
    quotations, _ = find_quotations(article.text)
    questions = Questions(quotations, article.parse, pieces)
    candidates = Candidates(article.text, quotations, article.parse)
    names = Names(article.text, article.parse, quotations, most_salient)
    result = []
    previous = None
    for quotation in quotations:
        gold = article.gold_of(quotation)
        if gold is None or gold.who is None:
            continue
        for candidate in candidates.of(quotation, None, None):
            word = candidate.mention.of(article.text).lower()
            if word in HE | SHE and is_right_mention(quotation, candidate.mention):
                gender = gender_of(word)
                seen = names.in_view.in_sight(candidate.mention, gender, previous)
                right = [is_right(one.cluster.name, gold) for one in seen]
                if seen:
                    rows = names.in_view.features(candidate.mention, gender, previous, quotation.spans, seen)
                    views = [one.view.span for one in seen]
                    question = questions.antecedent(quotation.spans, candidate.mention, views)
                    result.append(Pronoun(rows, right, question))
                break
        previous = next((c for c in names.clusters if is_right(c.name, gold)), previous)
    return result


@dataclass(frozen=True, slots=True)
class Reading:
    """An article with its gold names and its pronouns, and models and an encoder that have not seen it."""

    article: NamedArticle
    pronouns: list[Pronoun]
    mentions: dict[str, Pipeline]
    encoder: SpeakerEncoder


class RecordingRanker(SpeakerRanker):
    """A ranker that trusts every name, and keeps the features by which it should not have."""

    def __init__(self, models: dict[str, Any], encoder: SpeakerEncoder, settings: dict[str, float]) -> None:
        super().__init__(models, encoder, {**settings, "speaker_threshold": 0.0})
        self.asked: list[Features] = []

    def answer(self, features: Features) -> float:
        """How likely the name is by what speaks for it, so that a quotation which goes on from another knows it."""
        self.asked.append(features)
        return 1 / (1 + math.exp(-features["best"]))


@dataclass(frozen=True, slots=True)
class Given:
    """A name that was given to the speaker of a quotation: by which features, whether somebody speaks, whether it is the one."""

    features: Features
    spoken: bool
    right: bool


def answers(article: NamedArticle, ranker: RecordingRanker) -> list[Given]:
    """Every name that is given to a quotation whose speaker is known, or is known to be nobody."""
    quotations, _ = find_quotations(article.text)
    ranker.asked.clear()
    analysed = attribute(article.text, quotations, article.parse, ranker)
    asked = iter(ranker.asked)
    result = []
    for quotation in analysed:
        if quotation.speaker is None or quotation.speaker.name is None:
            continue
        features = next(asked)
        gold = article.gold_of(quotation)
        if gold is not None:
            spoken = gold.who is not None
            result.append(Given(features, spoken, spoken and is_right(quotation.speaker.name, gold)))
    return result


def fit(readings: Sequence[Reading], settings: dict[str, float]) -> tuple[dict[str, Pipeline], dict[str, object]]:
    """The models `antecedent` and `answer`, and their cross-validated scores."""
    places_of = [(number, one) for number, reading in enumerate(readings) for one in reading.pronouns]
    groups = [number for number, _ in places_of]
    found = [(one.rows, one.right) for _, one in places_of]
    antecedent = fit_choice(found, PENALTY_ANTECEDENT)
    antecedents = choices_left_out(found, groups, PENALTY_ANTECEDENT)
    linear = choices_out_of_fold(found, groups, antecedents)
    asked = {
        i: head_features(chances, readings[number].encoder.odds(one.question))
        for i, (chances, (number, one)) in enumerate(zip(linear, places_of, strict=True))
        if unsure(chances)
    }
    head = fit_choice([(rows, found[i][1]) for i, rows in asked.items()], PENALTY_HEAD)
    judge = LinearModel(head)
    chances = [judge.choice(asked[i]) if i in asked else chance for i, chance in enumerate(linear)]
    heads = {"antecedent_head": head}
    given: list[Given] = []
    places: list[int] = []
    for number, one in enumerate(readings):
        models = {**one.mentions, **heads, "antecedent": antecedents[number % FOLDS]}
        ranker = RecordingRanker(models, one.encoder, settings)
        found_here = answers(one.article, ranker)
        given += found_here
        places += [number] * len(found_here)
    rows, right = [one.features for one in given], [one.right for one in given]
    trust = out_of_fold(rows, places, sparse_left_out(rows, right, places, C_ANSWER))
    everybody = sum(gold.who is not None for one in readings for gold in one.article.gold)
    nobody = sum(gold.who is None for one in readings for gold in one.article.gold)
    spoken, correct = np.array([one.spoken for one in given]), np.array(right)
    report: dict[str, object] = {
        "pronouns": _share_right(found, chances),
        "pronouns_linear_alone": _share_right(found, linear),
        "pronouns_asked": round(len(asked) / len(found), 3),
        "answer_ece": round(calibration_error(trust, right), 4),
        "reliability": reliability(trust, right),
        # of what somebody says, how much gets the right name and a wrong one; of what nobody says, how much gets a name
        "named": {
            t: [
                round(float(np.sum((trust >= t) & chosen)) / of, 4)
                for chosen, of in ((correct, everybody), (spoken & ~correct, everybody), (~spoken, nobody))
            ]
            for t in THRESHOLDS
        },
    }
    return {"antecedent": antecedent, **heads, "answer": fit_sparse(rows, right, C_ANSWER)}, report


def _share_right(found: Sequence[Choice], chances: Sequence[Sequence[float]]) -> list[float]:
    """How many choices there are, and in what share of them the likeliest one is right."""
    right = [right[int(np.argmax(chance))] for chance, (_, right) in zip(chances, found, strict=True)]
    return [len(right), round(float(np.mean(right)), 4)]
