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
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline

from models.attribution.examples import most_salient
from models.attribution.fitting import (
    FOLDS,
    Choice,
    calibration_error,
    choices_out_of_fold,
    fit_choice,
    fit_sparse,
    out_of_fold,
    reliability,
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
from quotes.ranker import SpeakerRanker

# Swept by cross-validation over these articles: the penalty over 0.1, 0.3, 1, 3, the inverse strength of regularisation over
# 0.03, 0.1, 0.3, 1.
PENALTY_ANTECEDENT, C_ANSWER = 1.0, 0.3
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


def pronouns(article: NamedArticle, right_mention: Callable[[Quotation, Span], bool]) -> list[Choice]:
    """The choices behind the pronouns among the right mentions of an article's speakers; what was said before is taken from
    gold."""
    quotations, _ = find_quotations(article.text)
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
            if word in HE | SHE and right_mention(quotation, candidate.mention):
                gender = gender_of(word)
                seen = names.in_view.in_sight(candidate.mention, gender, previous)
                right = [is_right(one.cluster.name, gold) for one in seen]
                if seen:
                    rows = names.in_view.features(candidate.mention, gender, previous, quotation.spans, seen)
                    result.append((rows, right))
                break
        previous = next((c for c in names.clusters if is_right(c.name, gold)), previous)
    return result


class RecordingRanker(SpeakerRanker):
    """A ranker that trusts every name, and keeps the features by which it should not have."""

    def __init__(self, models: dict[str, Any], settings: dict[str, float]) -> None:
        super().__init__(models, {**settings, "speaker_threshold": 0.0})
        self.asked: list[Features] = []

    def answer(self, features: Features) -> float:
        """How likely the name is by what speaks for it, so that a quotation which goes on from another knows it."""
        self.asked.append(features)
        return 1 / (1 + math.exp(-features["best"]))


def answers(article: NamedArticle, ranker: RecordingRanker) -> list[tuple[Features, bool]]:
    """For every name that is given where somebody speaks: the features of the answer, and whether the name is right."""
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
        if gold is not None and gold.who is not None:
            result.append((features, is_right(quotation.speaker.name, gold)))
    return result


def fit(
    articles: Sequence[tuple[NamedArticle, Callable[[Quotation, Span], bool]]],
    mentions: dict[str, Pipeline],
    settings: dict[str, float],
) -> tuple[dict[str, Pipeline], dict[str, object]]:
    """The models `antecedent` and `answer`, and their cross-validated scores.

    `articles` come with a test of a right mention; `mentions` and `settings` are of a ranker that has not seen them.
    """
    of_article = [pronouns(article, is_right_mention) for article, is_right_mention in articles]
    found = [choice for some in of_article for choice in some]
    groups = [number for number, some in enumerate(of_article) for _ in some]
    antecedent = fit_choice(found, PENALTY_ANTECEDENT)
    left_out: dict[int, Pipeline] = {}  # for each article, a model that has not seen it
    for train, test in GroupKFold(FOLDS).split(found, groups=groups):
        left_out |= dict.fromkeys((groups[i] for i in test), fit_choice([found[i] for i in train], PENALTY_ANTECEDENT))
    chances = choices_out_of_fold(found, groups, PENALTY_ANTECEDENT)
    meant = [right[int(np.argmax(chance))] for chance, (_, right) in zip(chances, found, strict=True)]
    given: list[tuple[Features, bool]] = []
    places: list[int] = []
    for number, (article, _) in enumerate(articles):
        ranker = RecordingRanker({**mentions, "antecedent": left_out.get(number, antecedent)}, settings)
        found_here = answers(article, ranker)
        given += found_here
        places += [number] * len(found_here)
    rows, right = [row for row, _ in given], [ok for _, ok in given]
    trust = out_of_fold(rows, right, places, C_ANSWER)
    spoken = sum(gold.who is not None for article, _ in articles for gold in article.gold)
    report: dict[str, object] = {
        "pronouns": [len(meant), round(float(np.mean(meant)), 4)],
        "answer_ece": round(calibration_error(trust, right), 4),
        "reliability": reliability(trust, right),
        "named": {
            t: [round(float(np.sum((trust >= t) & (np.array(right) == ok))) / spoken, 4) for ok in (True, False)]
            for t in THRESHOLDS
        },
    }
    return {"antecedent": antecedent, "answer": fit_sparse(rows, right, C_ANSWER)}, report
