"""The door to Stanza: loads the English language models and annotates an article with them.

Every sentence is tokenised and searched for names; tags, lemmas and syntax, the dear part, are made only for the sentences
that are asked for. Stanza sees the article's paragraphs with their characters made plain (quotes.characters) and every
quotation mark as `"`; nothing is inserted or removed inside a paragraph, so that each word's offsets are the article's own.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from quotes import artefacts
from quotes.artefacts import Artefact
from quotes.characters import plain
from quotes.document import Quotation, Span
from quotes.errors import ArtefactAltered, ArtefactMissing
from quotes.faster_stanza import make_faster
from quotes.marks import paragraphs

PACKAGE = "news"
COMPONENTS = ("tokenize", "mwt", "pos", "lemma", "depparse", "ner")
# Attention over word pairs makes the parser quadratic: what is no sentence (a list, a page of marks) is cut to this.
MAX_SENTENCE_WORDS = 160
# Words that are parsed at once. Sentences are padded to the longest of their batch: with 1,500, as in training, articles of 600
# words took a fifth longer (100, 200, 400 and 1,500 were tried).
PARSER_BATCH = 400
ENTITY_BATCH = 64  # sentences; 5 % of the whole faster than 16 or 32
# Abbreviations that never end a sentence when a capital or a number follows.
_TITLES = re.compile(
    r"(?:Mr|Mrs|Ms|Dr|Sen|Sens|Rep|Reps|Gov|Govs|Gen|Lt|Col|Sgt|Capt|Maj|Cmdr|Adm|Prof|Rev|Hon|St|Messrs|Nos?|vs?)\.$"
)
# “RENO, Nev. (AP) — ”, “LONDON (Reuters) - ”, “GENEVA, 3 March – ”: where and for whom a report was written, no part of its
# first sentence. A place in small letters counts where an agency follows it.
_DATELINE = re.compile(
    r"(?:[A-Z][A-Z.'’/-]+(?: [A-Z][A-Z.'’/-]+)*(?:, [^—–:;\n]{1,30}?)?(?: ?\([A-Z][\w. /]{1,20}\))?"
    r"|[A-Z][\w.'’ -]{2,30}(?:, [^—–:;\n]{1,30}?)? ?\([A-Z][\w. /]{1,20}\))(?: ?—| –| --?)(?= )"
)
_ENTITY_TYPES = {
    "PERSON": "PERSON",
    "PER": "PERSON",
    "ORG": "ORG",
    "LOC": "LOC",
    "GPE": "LOC",
    "FAC": "LOC",
    "NORP": "NORP",
    "MISC": "MISC",
    "EVENT": "MISC",
    "LAW": "MISC",
    "PRODUCT": "MISC",
    "WORK_OF_ART": "MISC",
}


@dataclass(slots=True)
class Word:
    """A syntactic word with offsets into the article; tags and syntax are empty until its sentence is parsed."""

    text: str
    start: int
    end: int
    lemma: str = ""
    upos: str = ""
    xpos: str = ""
    head: int = -1  # index of the governing word in the sentence, -1 for the root
    relation: str = ""


@dataclass(slots=True)
class Sentence:
    """A sentence: its words, where it stands, and whether it has been parsed."""

    words: list[Word]
    paragraph: int
    parsed: bool = False

    @property
    def start(self) -> int:
        """Offset of its first character in the article."""
        return self.words[0].start

    @property
    def end(self) -> int:
        """Offset past its last character in the article."""
        return self.words[-1].end


@dataclass(frozen=True, slots=True)
class Entity:
    """A named entity: PERSON, ORG, LOC, NORP (nationalities, religious and political groups) or MISC."""

    span: Span
    type: str


@dataclass(frozen=True)
class Parse:
    """An annotated article: sentences and entities in order, neither overlapping among themselves."""

    sentences: tuple[Sentence, ...]
    entities: tuple[Entity, ...]

    @cached_property
    def _sentence_starts(self) -> list[int]:
        return [s.start for s in self.sentences]

    @cached_property
    def _entity_starts(self) -> list[int]:
        return [e.span.start for e in self.entities]

    def sentence_number(self, place: int) -> int:
        """The number of the sentence that holds an offset, or of the last one that begins before it (0 if none does)."""
        return max(0, bisect_right(self._sentence_starts, place) - 1)

    def sentences_in(self, span: Span) -> range:
        """The numbers of the sentences that share a character with `span`."""
        first = self.sentence_number(span.start)
        if first < len(self.sentences) and self.sentences[first].end <= span.start:
            first += 1
        return range(first, max(first, bisect_left(self._sentence_starts, span.end)))

    def entities_in(self, span: Span) -> tuple[Entity, ...]:
        """The entities that share a character with `span`."""
        first = max(0, bisect_right(self._entity_starts, span.start) - 1)
        last = bisect_left(self._entity_starts, span.end)
        return tuple(e for e in self.entities[first:last] if e.span.overlaps(span))


class EnglishModels:
    """The loaded language models. Not safe for two threads at once: torch runs on one thread, a process has one."""

    def __init__(self, pipeline: Any, artefact: Artefact | None, package: str) -> None:
        self._processors = pipeline.processors
        self.artefact = artefact
        self.package = package

    @classmethod
    def load(cls, folder: Path | None = None, package: str | None = None) -> "EnglishModels":
        """Load the models shipped under models/english, or those of a Stanza resource directory.

        Raises ArtefactMissing or ArtefactAltered; nothing is ever downloaded.
        """
        import stanza
        import torch

        torch.set_num_threads(1)
        artefact = None
        if folder is None:
            artefact = artefacts.find("english")
            folder = artefact.folder
        elif not (folder / "resources.json").is_file():
            raise ArtefactMissing(
                f"there is no resources.json in {folder}, so it is no Stanza resource directory; download one with "
                f"stanza.download('en', model_dir={str(folder)!r}), or unset QUOTES_ENGLISH_DIR"
            )
        package = package or PACKAGE
        try:
            pipeline = stanza.Pipeline(
                "en",
                dir=str(folder),
                package=package,
                processors=",".join(COMPONENTS),
                download_method=None,
                depparse_batch_size=PARSER_BATCH,
                ner_batch_size=ENTITY_BATCH,
                use_gpu=False,
                verbose=False,
            )
        except FileNotFoundError as error:
            raise ArtefactMissing(f"the English package '{package}' in {folder} lacks a file: {error}") from error
        except (
            Exception
        ) as error:  # Stanza raises many types, undocumented, for what is wrong with a resource directory
            raise ArtefactAltered(f"the English package '{package}' in {folder} does not load: {error}") from error
        missing = [c for c in COMPONENTS if c not in pipeline.processors]
        if missing:
            raise ArtefactMissing(f"the English package '{package}' in {folder} has no {', '.join(missing)}")
        make_faster(pipeline.processors)
        return cls(pipeline, artefact, package)

    def annotate(
        self, text: str, quotations: Sequence[Quotation], wanted: Callable[[Sequence[Sentence]], Iterable[int]]
    ) -> Parse:
        """Annotate `text`.

        `wanted` is given the sentences and answers with the indices of those to parse. `quotations` tell which single
        marks are quotation marks.
        """
        import torch

        with torch.inference_mode():
            return self._annotate(text, quotations, wanted)

    def _annotate(
        self, text: str, quotations: Sequence[Quotation], wanted: Callable[[Sequence[Sentence]], Iterable[int]]
    ) -> Parse:
        sentences, tokenised = self._sentences(text, quotations)
        if not sentences:
            return Parse((), ())
        document = self._processors["ner"].process(_document(sentences, tokenised))
        entities = tuple(_entities(text, sentences, document))
        chosen = sorted(set(wanted(sentences)))
        if chosen:
            document.sentences = [document.sentences[i] for i in chosen]
            document.num_tokens = document.num_words = sum(len(s.words) for s in document.sentences)
            self._parse([sentences[i] for i in chosen], document)
        return Parse(tuple(sentences), entities)

    def _sentences(self, text: str, quotations: Sequence[Quotation]) -> tuple[list[Sentence], dict[int, Any]]:
        """The sentences, and Stanza's own by the offset where each begins."""
        readable = _with_plain_marks(text, quotations)
        blocks = list(_blocks(text))
        if not blocks:
            return [], {}
        joined, shifts = [], []
        position = 0
        for _, block in blocks:
            shifts.append((position, block.start))
            # one paragraph, one line: a line break inside it is a blank to the tokeniser as to the reader
            joined.append(re.sub(r"[\r\n\u2028\u2029\x85]", " ", block.of(readable)))
            position += len(block) + 2
        document = self._processors["tokenize"].process("\n\n".join(joined))
        document = self._processors["mwt"].process(document)
        sentences: list[Sentence] = []
        tokenised: dict[int, Any] = {}
        block_number = 0
        for sentence in document.sentences:
            words = _words(sentence)
            if not words:
                continue
            while block_number + 1 < len(shifts) and words[0].start >= shifts[block_number + 1][0]:
                block_number += 1
            shift = shifts[block_number][1] - shifts[block_number][0]
            for word in words:
                word.start += shift
                word.end += shift
            tokenised[words[0].start] = sentence
            for piece in range(0, len(words), MAX_SENTENCE_WORDS):
                sentences.append(Sentence(words[piece : piece + MAX_SENTENCE_WORDS], blocks[block_number][0]))
        return _rejoined(sentences), tokenised

    def _parse(self, sentences: list[Sentence], document: Any) -> None:
        for component in ("pos", "lemma", "depparse"):
            document = self._processors[component].process(document)
        for sentence, annotated in zip(sentences, document.sentences, strict=True):
            for word, parsed in zip(sentence.words, annotated.words, strict=True):
                word.lemma, word.upos, word.xpos = parsed.lemma or word.text, parsed.upos, parsed.xpos or ""
                word.head, word.relation = int(parsed.head) - 1, parsed.deprel
            sentence.parsed = True


def _blocks(text: str) -> Iterator[tuple[int, Span]]:
    """What is tokenised together: the paragraphs with their numbers, datelines apart."""
    for number, paragraph in enumerate(paragraphs(text)):
        start = paragraph.start
        if dateline := _DATELINE.match(text, start, paragraph.end):
            yield number, Span(start, dateline.end())
            start = dateline.end()
        yield number, Span(start, paragraph.end)


def _entities(text: str, sentences: list[Sentence], document: Any) -> Iterator[Entity]:
    for sentence, annotated in zip(sentences, document.sentences, strict=True):
        for entity in annotated.ents:
            kind = _ENTITY_TYPES.get(entity.type)
            if kind:
                first, last = int(entity.tokens[0].id[0]) - 1, int(entity.tokens[-1].id[0]) - 1
                yield Entity(_trimmed(text, sentence.words[first : last + 1]), kind)


def _with_plain_marks(text: str, quotations: Sequence[Quotation]) -> str:
    """`text` made plain, and the marks around every quotation, single ones too, made `"`; same length."""
    characters = list(plain(text))
    for quotation in quotations:
        for span in quotation.spans:
            for step, place in ((-1, span.start - 1), (1, span.end)):
                while 0 <= place < len(characters) and characters[place] == " ":
                    place += step
                if 0 <= place < len(characters) and characters[place] in "'":
                    characters[place] = '"'
    return "".join(characters)


def _words(sentence: Any) -> list[Word]:
    """The words of a Stanza sentence. The parts of a multi-word token share its characters, in order where they fit."""
    result: list[Word] = []
    for token in sentence.tokens:
        place, fits = token.start_char, "".join(w.text for w in token.words) == token.text
        for word in token.words:
            # a token of one word is the token, even where Stanza shows a very long one as "<UNK>"
            split = fits and len(token.words) > 1
            start, place = (place, place + len(word.text)) if split else (token.start_char, token.end_char)
            result.extend(_without_marks(Word(word.text, start, place)))
    return result


def _without_marks(word: Word) -> Iterator[Word]:
    """The word, quotation marks that the tokeniser left on it split off: double ones, and single ones on both sides."""
    if len(word.text) == 1 or not _MARKED.search(word.text) or len(word.text) != word.end - word.start:
        yield word
        return
    pieces = re.findall(r"^'(?=.+'$)|\"|(?<=.)'$|[^\"]+?(?='$)|[^\"]+", word.text)
    place = word.start
    for piece in pieces:
        yield Word(piece, place, place + len(piece))
        place += len(piece)


_MARKED = re.compile(r"\"|^'.+'$")


def _document(sentences: list[Sentence], tokenised: dict[int, Any]) -> Any:
    """A Stanza document in which every word is a token of its own, so that a name is tagged without its clitic.

    Sentences that the tokeniser left so are taken as they are: making them anew takes longer than finding their names.
    """
    from stanza.models.common.doc import Document

    found = [tokenised.get(s.start) for s in sentences]
    kept = [
        one if one and [t.text for t in one.tokens] == [w.text for w in s.words] else None
        for s, one in zip(sentences, found, strict=True)
    ]
    anew = [s for s, one in zip(sentences, kept, strict=True) if one is None]
    document = Document([[{"id": (i,), "text": w.text} for i, w in enumerate(s.words, 1)] for s in anew])
    made = iter(document.sentences)
    document.sentences = [one or next(made) for one in kept]
    document.num_tokens = document.num_words = sum(len(s.words) for s in sentences)
    return document


def _trimmed(text: str, words: list[Word]) -> Span:
    """The span of an entity's words, without marks and blanks at its ends."""
    start, end = words[0].start, words[-1].end
    while start < end and not (text[start].isalnum() or text[start] in "$€£#@"):
        start += 1
    while end > start and not (text[end - 1].isalnum() or text[end - 1] in ".)"):
        end -= 1
    return Span(start, end)


def _rejoined(sentences: list[Sentence]) -> list[Sentence]:
    """Join sentences cut where none ends: after a title, and between a quotation and its lower-case “said X”."""
    result: list[Sentence] = []
    for sentence in sentences:
        before = result[-1] if result else None
        if (
            before is not None
            and before.paragraph == sentence.paragraph
            and len(before.words) + len(sentence.words) <= MAX_SENTENCE_WORDS
            and _goes_on(before, sentence)
        ):
            before.words.extend(sentence.words)
        else:
            result.append(sentence)
    return result


def _goes_on(before: Sentence, after: Sentence) -> bool:
    last, first = before.words[-1].text, after.words[0].text
    if last == "." and len(before.words) > 1:
        last = before.words[-2].text + last
    if _TITLES.search(last) and (first[:1].isupper() or first[:1].isdigit()):
        return True
    return last == '"' and first[:1].islower()
