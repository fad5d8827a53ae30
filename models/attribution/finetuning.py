"""Fine-tunes MiniLM to say which of a quotation's candidates speaks, and whom a pronoun that speaks means."""

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from models import minilm
from models.attribution.examples import Example
from quotes.marks import find_quotations
from quotes.speaker_encoder import LAYERS, Question, Questions, SpeakerEncoder, SpeakerNetwork
from quotes.transformer import WordPieces, packed

EPOCHS, BATCH, SEED = 2, 16, 20261128
SETTINGS = {**minilm.SETTINGS, "epochs": EPOCHS, "batch": BATCH}
FOLDS = 3  # an article's fold is its number modulo this


@dataclass(frozen=True, slots=True)
class Lesson:
    """A question with its right answers, none of which is right where nobody is."""

    article: int
    question: Question
    right: list[bool]


def questions(data: Sequence[Example], pieces: WordPieces) -> list[Question]:
    """Who speaks: the questions of the examples, in their order."""
    of_article: dict[int, Questions] = {}
    result = []
    for example in data:
        if example.article not in of_article:
            quotations, _ = find_quotations(example.text)
            of_article[example.article] = Questions(quotations, example.parse, pieces)
        mentions = [candidate.mention for candidate in example.candidates]
        result.append(of_article[example.article].speaker(example.quotation.spans, mentions))
    return result


def lessons(data: Sequence[Example], asked: Sequence[Question]) -> list[Lesson]:
    """What the examples with these questions teach."""
    return [
        Lesson(example.article, question, [example.right(candidate) for candidate in example.candidates])
        for example, question in zip(data, asked, strict=True)
        # where somebody speaks who is none of the candidates there is nothing to learn
        if example.candidates and (not example.spoken or any(map(example.right, example.candidates)))
    ]


def encoder(taught: Sequence[Lesson], pieces: WordPieces, work: Path) -> SpeakerEncoder:
    """An encoder fine-tuned on these lessons, or that of an earlier run on the same ones in `work`."""
    told = [
        SETTINGS,
        SEED,
        LAYERS,
        [(one.question.ids, one.question.kinds, one.question.mentions, one.right) for one in taught],
    ]
    path = work / f"speaker-{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]}.safetensors"
    if not path.exists():
        print(f"fine-tuning on {len(taught)} questions", flush=True)
        network = minilm.untrained(SpeakerNetwork, SEED)
        _fine_tune(network, [one.question for one in taught], [one.right for one in taught])
        save_file(packed(network.state_dict()), path)
    return SpeakerEncoder(pieces, load_file(path))


def _fine_tune(network: SpeakerNetwork, asked: Sequence[Question], right: Sequence[Sequence[bool]]) -> None:
    chance = random.Random(SEED)

    def batches() -> Iterator[list[int]]:
        return iter(minilm.batches_of([len(question) for question in asked], BATCH, chance))

    def loss(batch: list[int]) -> torch.Tensor:
        with minilm.precision():
            odds = network([asked[i] for i in batch])
        # the negative log-likelihood of the right mentions together, or of nobody, as of a conditional logit
        return torch.stack([_cost(one.float(), right[i]) for one, i in zip(odds, batch, strict=True)]).mean()

    minilm.fine_tune(network, batches, -(-len(asked) // BATCH), EPOCHS, loss, SEED)


def _cost(odds: torch.Tensor, right: Sequence[bool]) -> torch.Tensor:
    nobody = odds.new_zeros(1)
    wanted = odds[torch.tensor(right)] if any(right) else nobody
    return torch.logsumexp(torch.cat([nobody, odds]), dim=0) - torch.logsumexp(wanted, dim=0)
