"""Scores, intervals, baselines and agreement, against scikit-learn, krippendorff and cases counted by hand."""

import random
from math import comb

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    cohen_kappa_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
)

from quotes.document import StanceLabel
from quotes.evaluation.agreement import Annotation, Labelled, agree
from quotes.evaluation.intervals import RESAMPLES, draws
from quotes.evaluation.keywords import keyword_stance
from quotes.evaluation.results import to_dict
from quotes.evaluation.stances import LEAST_IN_SLICE, Answers, mcnemar, measure
from quotes.evaluation.testsets import LABELS, Row, StanceSet

SUPPORT, OPPOSE, CONDITIONAL, NONE = range(4)


def stance_set(gold, groups=None, slices=None, texts=None) -> StanceSet:
    rows = [
        Row(
            number,
            number + 1,
            str(number),
            texts[number] if texts else "words",
            texts[number] if texts else "words",
            LABELS[label],
            group=groups[number] if groups else None,
            slices={name: values[number] for name, values in (slices or {}).items()},
        )
        for number, label in enumerate(gold)
    ]
    return StanceSet(tuple(rows), (), "group" if groups else None)


def answers(labels, probabilities=None) -> Answers:
    return Answers(np.array(labels), None if probabilities is None else np.array(probabilities, float))


def measured(gold, labels, probabilities=None, **more):
    return measure(stance_set(gold, **more), answers(labels, probabilities), "x")


# --- against other implementations ---

label_numbers = st.integers(0, 3)
shares = st.tuples(*[st.integers(1, 100)] * 4).map(lambda parts: tuple(part / sum(parts) for part in parts))


@settings(max_examples=60)
@given(st.lists(st.tuples(label_numbers, label_numbers, shares), min_size=1, max_size=60))
def test_scores_are_those_of_scikit_learn(rows):
    gold, given_labels, probabilities = (list(column) for column in zip(*rows, strict=True))
    metrics = measured(gold, given_labels, probabilities)
    used = sorted(set(gold))
    assert [LABELS.index(label) for label in metrics.labels] == used
    assert metrics.scores.accuracy.value == pytest.approx(accuracy_score(gold, given_labels))
    macro = f1_score(gold, given_labels, labels=used, average="macro", zero_division=0)
    assert metrics.scores.macro_f1.value == pytest.approx(macro)
    matrix = [[metrics.confusion[g][a] for a in LABELS] for g in LABELS]
    assert matrix == confusion_matrix(gold, given_labels, labels=range(4)).tolist()
    for place, scores in enumerate(
        zip(
            *precision_recall_fscore_support(gold, given_labels, labels=range(4), zero_division=np.nan),
            strict=True,
        )
    ):
        its = metrics.by_label.get(LABELS[place])
        if its is None:
            assert place not in gold + given_labels
            continue
        for ours, theirs in zip((its.precision, its.recall, its.f1), scores, strict=False):
            assert (ours is None and np.isnan(theirs)) or ours.value == pytest.approx(theirs)
        assert its.support == scores[3]
    brier = brier_score_loss(gold, probabilities, labels=range(4), scale_by_half=False)
    assert metrics.scores.brier.value == pytest.approx(brier)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=1, max_size=40))
def test_agreement_is_that_of_scikit_learn_and_krippendorff(pairs):
    firsts, seconds = (list(column) for column in zip(*pairs, strict=True))
    found = agree(*(annotation(labels) for labels in (firsts, seconds)))
    assert found.equal.value == pytest.approx(accuracy_score(firsts, seconds))
    if len(set(firsts + seconds)) == 1:
        assert (found.kappa, found.alpha) == (None, None)
    else:
        assert found.kappa.value == pytest.approx(cohen_kappa_score(firsts, seconds))
        alpha = krippendorff.alpha(np.array([firsts, seconds]), level_of_measurement="nominal")
        assert found.alpha.value == pytest.approx(alpha)


def test_the_bootstrap_is_that_of_scores_of_drawn_rows():
    """The draws as sums over groups, against the same draws row by row."""
    chance = random.Random(5)
    gold = [chance.choices(range(4), (4, 3, 2, 1))[0] for _ in range(80)]
    labels = [label if chance.random() < 0.7 else chance.randrange(4) for label in gold]
    probabilities = np.random.default_rng(5).dirichlet(np.ones(4), 80)
    groups = [str(chance.randrange(15)) for _ in gold]
    metrics = measured(gold, labels, probabilities, groups=groups)
    assert (metrics.interval.over, metrics.interval.groups) == ("group", len(set(groups)))
    times = draws(len(set(groups))).T  # how often each group is in each draw
    members = [np.flatnonzero(np.array(groups) == name) for name in sorted(set(groups))]
    drawn = []
    for draw in range(RESAMPLES):
        rows = np.concatenate([np.tile(its, n) for its, n in zip(members, times[:, draw], strict=True)])
        g, a = np.array(gold)[rows], np.array(labels)[rows]
        f1 = precision_recall_fscore_support(g, a, labels=range(4), zero_division=np.nan)[2]
        drawn.append((accuracy_score(g, a), np.nanmean(f1)))
    low, high = np.nanpercentile(drawn, [2.5, 97.5], axis=0)
    scores = metrics.scores
    assert (scores.accuracy.low, scores.accuracy.high) == pytest.approx((low[0], high[0]))
    assert (scores.macro_f1.low, scores.macro_f1.high) == pytest.approx((low[1], high[1]))


# --- counted by hand ---


def test_semeval_f_by_hand():
    gold = [SUPPORT] * 4 + [OPPOSE] * 3 + [NONE] * 3
    given_labels = [SUPPORT, SUPPORT, OPPOSE, NONE] + [OPPOSE, OPPOSE, SUPPORT] + [NONE, NONE, OPPOSE]
    # favour: 2 of 3 answers, 2 of 4 rows: F 4/7; against: 2 of 4 answers, 2 of 3 rows: F 4/7
    scores = measured(gold, given_labels).scores
    assert scores.semeval_f.value == pytest.approx((4 / 7 + 4 / 7) / 2)
    assert scores.macro_f1.value == pytest.approx((4 / 7 + 4 / 7 + 4 / 6) / 3)


def test_semeval_f_counts_a_side_that_nobody_has_as_nothing_as_the_tasks_scorer_does():
    assert measured([SUPPORT, NONE], [SUPPORT, NONE]).scores.semeval_f.value == 0.5
    assert measured([SUPPORT, OPPOSE], [NONE, NONE]).scores.semeval_f.value == 0
    assert measured([NONE, CONDITIONAL], [NONE, SUPPORT]).scores.semeval_f is None


def test_brier_and_calibration_by_hand():
    probabilities = [
        (0.7, 0.1, 0.1, 0.1),  # right:  0.09 + 3 * 0.01 = 0.12
        (0.75, 0.25, 0, 0),  # wrong: 0.5625 + 0.5625 = 1.125
        (0, 0, 0, 1),  # right: 0
    ]
    metrics = measured([SUPPORT, OPPOSE, NONE], [SUPPORT, SUPPORT, NONE], probabilities)
    assert metrics.scores.brier.value == pytest.approx((0.12 + 1.125 + 0) / 3)
    # 0.7 to 0.8: two answers, sure 0.725, right 0.5; 0.9 to 1: one, sure 1, right 1
    assert metrics.scores.calibration_error.value == pytest.approx(2 / 3 * 0.225)
    filled = [(one.low, one.rows, one.confidence, one.accuracy) for one in metrics.calibration if one.rows]
    assert filled == [(0.7, 2, pytest.approx(0.725), 0.5), (0.9, 1, 1, 1)]
    assert len(metrics.calibration) == 10


def test_confidence_is_that_of_the_answer_given():
    """A system may answer with another label than the likeliest: then that one's probability counts."""
    metrics = measured([OPPOSE], [OPPOSE], [(0.6, 0.4, 0, 0)])
    assert metrics.scores.calibration_error.value == pytest.approx(0.6)
    assert metrics.coverage[-1].confidence == 0.4


def test_coverage_and_accuracy_by_hand():
    right = [True, True, False, True]
    sure = [0.9, 0.8, 0.8, 0.4]
    metrics = measured(
        [SUPPORT if one else OPPOSE for one in right],
        [SUPPORT] * 4,
        [(one, 1 - one, 0, 0) for one in sure],
    )
    points = [(one.confidence, one.coverage, one.accuracy) for one in metrics.coverage]
    assert points == [(0.9, 0.25, 1), (0.8, 0.75, pytest.approx(2 / 3)), (0.4, 1, 0.75)]


def test_without_probabilities_there_is_nothing_said_of_them():
    metrics = measured([SUPPORT], [SUPPORT])
    assert (metrics.scores.brier, metrics.scores.calibration_error) == (None, None)
    assert (metrics.calibration, metrics.coverage) == (None, None)


@pytest.mark.parametrize(
    ("ours", "theirs", "p"),
    [(0, 0, 1), (1, 0, 1), (5, 0, 2 / 32), (8, 2, 2 * (1 + 10 + 45) / 1024), (3, 3, 1), (0, 5000, 0)],
)
def test_mcnemars_exact_test_by_hand(ours, theirs, p):
    assert mcnemar(ours, theirs).p == pytest.approx(p)
    assert mcnemar(theirs, ours).p == pytest.approx(p)


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemars_p_is_a_sum_of_binomials(ours, theirs):
    tail = sum(comb(ours + theirs, k) for k in range(min(ours, theirs) + 1)) / 2 ** (ours + theirs)
    assert mcnemar(ours, theirs).p == pytest.approx(min(1, 2 * tail))


def annotation(labels, groups=None) -> Annotation:
    rows = {
        str(number): Labelled(label, f"words {number}", groups[number] if groups else None)
        for number, label in enumerate(labels)
    }
    return Annotation(rows, "document" if groups else None)


def test_kappa_and_alpha_by_hand():
    # 20 + 15 equal of 50; by chance .5 * .6 + .5 * .4 = .5 (Cohen's own way of counting)
    firsts = ["yes"] * 25 + ["no"] * 25
    seconds = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    found = agree(annotation(firsts), annotation(seconds))
    assert found.equal.value == pytest.approx(0.7)
    assert found.kappa.value == pytest.approx(0.4)
    # alpha: of the pool of 55 yes and 45 no, a pair differs with probability 2 * 55 * 45 / (100 * 99) = 0.5
    assert found.alpha.value == pytest.approx(1 - 0.3 / 0.5)
    assert found.confusion == {"no": {"no": 15, "yes": 10}, "yes": {"no": 5, "yes": 20}}
    assert len(found.disagreements) == 15
    assert found.kappa.low < found.kappa.value < found.kappa.high


def test_agreement_is_on_what_both_labelled():
    first, second = annotation(["a", "b", "a"]), annotation(["a", "c"])
    found = agree(first, Annotation({**second.rows, "z": Labelled("a", None, None)}, None))
    assert (found.rows, found.only_first, found.only_second) == (2, ("2",), ("z",))
    assert [(one.id, one.first, one.second, one.text) for one in found.disagreements] == [("1", "b", "c", "words 1")]


# --- groups, slices, systems ---


def test_rows_of_one_group_count_as_one_in_intervals():
    gold, labels = [SUPPORT] * 40, [SUPPORT] * 20 + [OPPOSE] * 20
    alone = measured(gold, labels).scores.accuracy
    together = measured(gold, labels, groups=[str(number // 10) for number in range(40)]).scores.accuracy
    assert together.value == alone.value == 0.5
    assert together.high - together.low > alone.high - alone.low


def test_a_single_group_says_nothing_of_others_so_that_rows_are_drawn():
    grouped = measured([SUPPORT] * 30, [SUPPORT] * 15 + [OPPOSE] * 15, groups=["a"] * 30)
    alone = measured([SUPPORT] * 30, [SUPPORT] * 15 + [OPPOSE] * 15)
    assert grouped.interval == alone.interval
    assert grouped.interval.over == "rows"
    assert grouped.scores == alone.scores


def test_a_row_counts_in_each_value_of_a_list():
    gold = [SUPPORT] * 6 + [OPPOSE] * 6
    labels = [SUPPORT] * 6 + [OPPOSE] * 3 + [NONE] * 3
    metrics = measured(
        gold, labels, slices={"phenomena": [("irony",)] * 6 + [("irony", "vote")] * 6, "part": [("a",)] * 12}
    )
    (irony, its), (vote, theirs) = metrics.slices["phenomena"].items()
    assert (irony, its.rows, its.accuracy.value) == ("irony", 12, 0.75)
    assert (vote, theirs.rows, theirs.accuracy.value) == ("vote", 6, 0.5)
    assert theirs.macro_f1.value == pytest.approx(2 / 3)  # over the label that its rows have
    assert metrics.slices["part"]["a"].accuracy == metrics.scores.accuracy


def test_values_of_few_rows_are_told_together():
    values = [("many",)] * LEAST_IN_SLICE + [("one",), ("two",), ("two",)]
    slices = measured([SUPPORT] * len(values), [SUPPORT] * len(values), slices={"column": values}).slices["column"]
    assert {value: its.rows for value, its in slices.items()} == {
        "many": LEAST_IN_SLICE,
        f"(2 values of fewer than {LEAST_IN_SLICE} rows)": 3,
    }


def test_a_slice_of_a_single_group_has_an_interval_too():
    values, groups = [("a",)] * 20 + [("b",)] * 20, ["a"] * 20 + ["b"] * 20
    labels = ([SUPPORT] * 10 + [OPPOSE] * 10) * 2
    its = measured([SUPPORT] * 40, labels, groups=groups, slices={"group": values}).slices["group"]["a"]
    assert its.accuracy.low < 0.5 < its.accuracy.high


def test_systems_are_compared_on_the_same_draws():
    gold = [SUPPORT, OPPOSE] * 100
    ours = list(gold)
    theirs = [SUPPORT if number % 10 == 1 else label for number, label in enumerate(gold)]  # one in ten wrong
    metrics = measure(stance_set(gold), answers(ours), "ours", {"theirs": answers(theirs), "same": answers(ours)})
    difference = metrics.baselines["theirs"].accuracy_difference
    assert difference.value == pytest.approx(0.1)
    assert 0.05 < difference.low < 0.1 < difference.high < 0.15
    assert difference.p < 0.001 < metrics.baselines["same"].accuracy_difference.p == 1
    assert metrics.baselines["theirs"].mcnemar == mcnemar(20, 0)
    same = metrics.baselines["same"]
    assert (same.macro_f1_difference.low, same.macro_f1_difference.high) == (0, 0)
    assert same.scores == metrics.scores


def test_the_majority_and_the_keywords_are_always_there():
    metrics = measured([OPPOSE, OPPOSE, NONE], [NONE] * 3)
    assert list(metrics.baselines) == ["majority (oppose)", "keywords"]
    assert metrics.baselines["majority (oppose)"].scores.accuracy.value == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("text", "context", "label"),
    [
        ("We demand a ceasefire now", None, "support"),
        ("Stop the bombing, we beg you, this must end", None, "support"),
        ("There will be no truce", None, "oppose"),
        ("We can't accept it", "“We can't accept it,” the envoy said of the cease-fire.", "oppose"),
        ("A ceasefire only once they withdraw", None, "conditional"),
        ("Talks on the truce go on", None, "none"),
        ("We demand lower rents now", None, "none"),
        ("We support trucewomen", None, "none"),
    ],
)
def test_the_keyword_baseline(text, context, label):
    assert keyword_stance(text, context or text) == StanceLabel(label)


def test_the_same_seed_gives_the_same_and_another_seed_another_interval():
    gold, labels = [SUPPORT, OPPOSE, NONE] * 20, [SUPPORT, NONE, NONE] * 20
    first, again, other = (measure(stance_set(gold), answers(labels), "x", seed=seed) for seed in (1, 1, 2))
    assert to_dict(first) == to_dict(again)
    assert first.scores != other.scores


def test_a_test_set_without_rows_is_refused():
    with pytest.raises(ValueError, match="no rows"):
        measured([], [])


@settings(max_examples=30)
@given(st.lists(st.tuples(label_numbers, label_numbers, st.integers(0, 3)), min_size=1, max_size=30))
def test_every_interval_is_a_pair_of_numbers(rows):
    gold, given_labels, groups = (list(column) for column in zip(*rows, strict=True))
    metrics = measured(gold, given_labels, groups=list(map(str, groups)), slices={"x": [(str(g),) for g in groups]})

    def check(value):
        if isinstance(value, dict):
            if "low" in value and "value" in value:
                assert -1 <= value["low"] <= value["high"] <= 1
            for one in value.values():
                check(one)

    check(to_dict(metrics))
