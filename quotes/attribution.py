"""Who said it: for each quotation the mention of its speaker, the cue that reports it, and the name behind the mention.

Learned models (quotes.ranker) say how likely each candidate (quotes.candidates) is the speaker; each one's mention is given
the names that it may mean (quotes.names), and what speaks for one name is added up. Below a threshold that was chosen on the
training articles, or where the mention means nobody by name, the speaker is unresolved, with the reason: a wrong name is the
worst answer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from quotes.candidates import Candidate, Candidates
from quotes.document import Evidence, Quotation, QuotationKind, Speaker
from quotes.names import Named, Names
from quotes.parsing import Parse, Sentence
from quotes.ranker import SpeakerRanker, answer_features
from quotes.speaker_encoder import Questions
from quotes.speech import speech_features

# With more words of the reporter than this in a quotation's sentence, its neighbours hardly ever name the speaker: parsing
# them too made articles of 600 words an eighth slower and PolNeAR dev no better.
OWN_WORDS = 1
LEAST_CHANCE = 0.02  # candidates less likely than this are not asked whom they mean


def sentences_to_parse(quotations: Sequence[Quotation], sentences: Sequence[Sentence]) -> Iterable[int]:
    """The sentences whose syntax attribution needs: those that hold the edge of a quotation and words outside it, and their
    neighbours where they hold hardly any."""
    spans = sorted((s.start, s.end) for q in quotations for s in q.spans)
    quoted = [any(a <= s.start and s.end <= b + 2 for a, b in spans) for s in sentences]
    for number, sentence in enumerate(sentences):
        near = [(a, b) for a, b in spans if a <= sentence.end and sentence.start <= b + 1]
        if not near:
            continue
        own = [w for w in sentence.words if w.text[:1].isalnum() and not any(a <= w.start < b for a, b in near)]
        others = (number,) if len(own) > OWN_WORDS else (number - 1, number, number + 1)
        yield from (
            other
            for other in others
            if 0 <= other < len(sentences)
            and not quoted[other]
            and abs(sentences[other].paragraph - sentence.paragraph) <= 1
        )


def attribute(text: str, quotations: Sequence[Quotation], parse: Parse, ranker: SpeakerRanker) -> tuple[Quotation, ...]:
    """Give every quotation that is speech its speaker; what is not becomes `NOT_SPEECH`, with none."""
    candidates = Candidates(text, quotations, parse)
    questions = Questions(quotations, parse, ranker.encoder.pieces)
    names = Names(text, parse, quotations, partial(ranker.antecedents, questions))
    result: list[Quotation] = []
    last: _Answer | None = None  # what was decided for the last quotation that is speech
    for quotation in quotations:
        before = (last.candidate, last.quotation) if last else (None, None)
        ranked = ranker.rank(quotation, candidates.of(quotation, *before), questions)
        spoken = not result or result[-1].kind is not QuotationKind.NOT_SPEECH
        speech = ranker.speech(speech_features(text, quotation, parse, ranked, spoken))
        if speech < ranker.speech_threshold:
            result.append(replace(quotation, kind=QuotationKind.NOT_SPEECH))
            continue
        if not ranked:
            speaker = _unresolved("nothing near the words can be their speaker", None)
        else:
            last = _answer(quotation, ranked, speech, names, ranker, last)
            speaker = _speaker(text, last, ranker.speaker_threshold)
        result.append(replace(quotation, speaker=speaker))
    return tuple(result)


@dataclass(frozen=True, slots=True)
class _Answer:
    """Who is taken to say a quotation: the mention, the name behind it, and the probability that the name is right."""

    quotation: Quotation
    candidate: Candidate
    named: Named
    confidence: float


@dataclass(slots=True)
class _Option:
    """Somebody who may speak: the probability by all mentions that may mean them, and the mention that says most for it."""

    candidate: Candidate
    named: Named
    most: float
    total: float


def _options(
    quotation: Quotation, ranked: Sequence[tuple[float, Candidate]], names: Names, last: _Answer | None
) -> list[_Option]:
    """Those who may speak, the likeliest first. Mentions that mean the same person speak for each other."""
    found: dict[object, _Option] = {}
    for number, (chance, candidate) in enumerate(ranked):
        if number and chance < LEAST_CHANCE:
            break
        if candidate.rule == "same_speaker" and last is not None:
            meant = [last.named]
        else:
            previous = last.named if last else None
            meant = names.resolve(candidate.mention, candidate.head, candidate.definite, previous, quotation.spans)
        for named in meant:
            key = id(named.cluster) if named.cluster else (named.name or "").casefold()
            share = chance * named.probability
            option = found.setdefault(key, _Option(candidate, named, share, 0.0))
            option.total += share
            if share > option.most:
                option.candidate, option.named, option.most = candidate, named, share
    return sorted(found.values(), key=lambda option: -option.total)


def _answer(
    quotation: Quotation,
    ranked: Sequence[tuple[float, Candidate]],
    speech: float,
    names: Names,
    ranker: SpeakerRanker,
    last: _Answer | None,
) -> _Answer:
    options = _options(quotation, ranked, names, last)
    best, rival = options[0], options[1].total if len(options) > 1 else 0.0
    before = last.confidence if best.candidate.rule == "same_speaker" and last is not None else None
    mention = next(chance for chance, candidate in ranked if candidate is best.candidate)
    features = answer_features(best.total, rival, mention, speech, best.candidate, best.named, before)
    return _Answer(quotation, best.candidate, best.named, ranker.answer(features) if best.named.name else 0.0)


def _speaker(text: str, answer: _Answer, threshold: float) -> Speaker:
    candidate, named = answer.candidate, answer.named
    mention = candidate.mention.of(text)
    if named.name is None:
        return _unresolved(named.how, candidate)
    if answer.confidence < threshold:
        likeliest = f"“{mention}”" if named.name == mention else f"“{mention}”, taken for {named.name},"
        return _unresolved(f"{likeliest} is the likeliest speaker, but not likely enough", candidate)
    cue = candidate.cue.of(text) if candidate.cue else ""
    explanation = _EXPLANATIONS[candidate.rule].format(mention=mention, cue=cue)
    if named.how:
        explanation += f"; {named.how}"
    if candidate.relays:
        explanation += f"; passed on by “{candidate.relays[0].of(text)}”"
    evidence = Evidence(candidate.mention, candidate.cue, candidate.rule, explanation, candidate.relays)
    return Speaker(named.name, named.kind, round(answer.confidence, 3), evidence)


def _unresolved(reason: str, candidate: Candidate | None) -> Speaker:
    mention, cue = (candidate.mention, candidate.cue) if candidate else (None, None)
    return Speaker(None, None, 0.0, Evidence(mention, cue, "unresolved", reason), unresolved=reason)


_EXPLANATIONS = {
    "verb": "“{mention}” is the subject of “{cue}”, which reports the words",
    "according_to": "the words are given “{cue}” “{mention}”",
    "noun": "the words are of the “{cue}” of “{mention}”",
    "document": "the words stand in “{mention}”",
    "near": "“{mention}” is named beside the words",
    "introduced": "the sentence before introduces “{mention}” with “{cue}”",
    "introduced_near": "the sentence before names “{mention}”",
    "followed": "the sentence after names “{mention}” with “{cue}”",
    "followed_near": "the sentence after names “{mention}”",
    "signature": "“{mention}” signs the words after a dash",
    "same_speaker": "goes on from the quotation before it, by “{mention}”",
}
