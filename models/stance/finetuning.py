"""Fine-tunes MiniLM on labelled quotations: starts from all-MiniLM-L6-v2 and ends with the network of quotes.stance_encoder.

One epoch over 8,000 quotations takes about two minutes of a core that multiplies in bfloat16.
"""

import math
import random
from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import nn

from models import minilm
from quotes.stance_encoder import LONGEST, Network, Pieces, StanceEncoder
from quotes.transformer import unpacked

EPOCHS, BATCH, SMOOTHING = 2, 24, 0.05
LEAST_STEPS = 60  # where there are few quotations they are read more often
_STOP = 1012  # the full stop in the tokeniser's vocabulary
SETTINGS = {**minilm.SETTINGS, "epochs": EPOCHS, "batch": BATCH, "smoothing": SMOOTHING}


def untrained(labels: int, seed: int) -> Network:
    """MiniLM with fresh kinds and labels."""
    return minilm.untrained(partial(Network, labels), seed)


def with_fresh_labels(encoder: StanceEncoder, labels: int, seed: int) -> Network:
    """A network that reads like this encoder and is to learn other labels."""
    torch.manual_seed(seed)
    network = Network(labels)
    known = {name: weight for name, weight in unpacked(encoder.weights).items() if not name.startswith("labels.")}
    network.load_state_dict(network.state_dict() | known)
    return network


def fine_tune(
    network: Network,
    questions: Sequence[Pieces],
    labels: Sequence[int],
    weights: Sequence[float],
    surroundings: Sequence[Pieces],
    seed: int,
) -> None:
    """Teach the network the labels.

    `weights` say how much each question counts. Half of the short questions get a sentence of `surroundings` beside them each
    time, since a program that cuts quotations out of news often leaves one there: it must not tell the label.
    """
    chance = random.Random(seed)
    sentences = [sentence for question in surroundings for sentence in _sentences(question)]
    steps_an_epoch = math.ceil(len(questions) / BATCH)

    def batches() -> Iterator[tuple[list[int], list[Pieces]]]:
        seen = [_beside(question, sentences, chance) for question in questions]
        for chosen in minilm.batches_of([len(question) for question in seen], BATCH, chance):
            yield chosen, [seen[i] for i in chosen]

    def loss(batch: tuple[list[int], list[Pieces]]) -> torch.Tensor:
        chosen, seen = batch
        wanted, weight = torch.tensor([labels[i] for i in chosen]), torch.tensor([weights[i] for i in chosen])
        with minilm.precision():
            logits = network(seen)
        each = nn.functional.cross_entropy(logits.float(), wanted, reduction="none", label_smoothing=SMOOTHING)
        return (each * weight).sum() / weight.sum()

    epochs = max(EPOCHS, math.ceil(LEAST_STEPS / steps_an_epoch))
    minilm.fine_tune(network, batches, steps_an_epoch, epochs, loss, seed)


def _sentences(question: Pieces) -> Iterator[tuple[list[int], list[int]]]:
    """Ids and kinds of the reporter's sentences that have no quoted word."""
    start = 1
    for place in range(1, len(question) - 1):
        if question.ids[place] == _STOP or place == len(question) - 2:
            kinds = question.kinds[start : place + 1]
            if 8 <= len(kinds) <= 40 and not any(kind % 2 for kind in kinds):
                yield question.ids[start : place + 1], kinds
            start = place + 1


def _beside(question: Pieces, sentences: Sequence[tuple[list[int], list[int]]], chance: random.Random) -> Pieces:
    """The question, in half of the cases with a sentence before it or after it."""
    if not sentences or len(question) > LONGEST - 50 or chance.random() < 0.5:
        return question
    ids, kinds = chance.choice(sentences)
    place = 1 if chance.random() < 0.7 else len(question) - 1
    return Pieces(
        question.ids[:place] + ids + question.ids[place:],
        question.kinds[:place] + kinds + question.kinds[place:],
        question.tokens[:place] + [-1] * len(ids) + question.tokens[place:],
    )
