"""What the stance classifier looks at: features of a quotation in its context, each with the words that it came from.

A quotation and the sentences that carry it become tokens; names, the speaker's mention and "he" and "she" become one
placeholder, so that who speaks cannot decide. The tokens are read three times: as words, as beginnings of words, and as
classes (asking, refusing, conditions, what is stopped, …) with the places where the quotation opens and closes.
"""

import math
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from quotes.document import Span

NAME, NUMBER = "NAME", "NUM"  # what stands for every name, and for every number
_TOKEN = re.compile(r"[Cc]ease[- ]?fires?\b|(?:[A-Z]\.){2,}|\w+(?:['’‑-]\w+)*|[?!.;:,]")
_SHAPES = str.maketrans("’‑", "'-")

# Classes of words; a star stands for any ending. Written down from general knowledge of how news puts these things.
_LEXICON = {
    "STOP": "ceasefire* truce* armistice cessation* pause pauses lull standstill standdown",
    "HALT": "stop stops stopped stopping end ends ended ending halt* cease ceases ceased ceasing suspend* suspension "
    "freez* frozen silen* quiet* over abandon*",
    "FIGHT": "fight fights fighting fought war wars warfare bomb bombs bombing bombings bombardment* shelling* shells "
    "shoot* kill killing killings bloodshed offensive offensives attack attacks attacking guns hostilities violence "
    "aggression strikes airstrike* slaughter massacre* carnage conflict* combat operation operations fire firing "
    "genocide invasion assault assaults rocket* missile* battle battles bloodletting raid raids campaign",
    "ARMS": "arms weapon* rifle* gun trigger* sword*",
    "LAY": "lay laying put down drop hold holding lower",
    "KEEP": "continu* keep keeps keeping resum* intensif* persist* escalate escalates pursue pursuing",
    "GO": "carry press push march",
    "ONWARD": "on ahead forward onward",
    "UNTIL": "until till",
    "NOT": "not no never nobody nothing neither nor cannot none hardly",
    "WITHOUT": "without lacking",
    "REJECT": "reject* refus* oppos* dismiss* against veto* denounc* resist resists resisting resisted spurn* denied "
    "deny denies decline* ruled ruling scoff* mock* critici* blast* object objects objected objection* rebuff* shun* "
    "slam*",
    "ASK": "call calls called calling demand* urge urges urged urging appeal* plead* pled beg begs begged ask asks "
    "asked asking insist*",
    "MUST": "must should have has need needs needed let please let's ought",
    "WANT": "want wants wanted wish* hope hopes hoped hoping pray* long seek seeks",
    "NOW": "immediate immediately now urgent* today time",
    "GLAD": "welcom* support supports supported supporting backs backed backing embrac* hail* prais* glad relie* "
    "thank* applaud* bless* favour* favor* endors* commend* proud grateful happy joy",
    "IF": "if unless whether",
    "ONLY": "only provided providing condition* precondition* depend* guarantee* accompan* otherwise recipro* "
    "exchange unilateral* first",
    "WHEN": "when after before while once then as",
    "BUT": "but however although though yet even instead rather",
    "BAD": "mistake* illusion* trap* trick* betray* surrender* capitulat* weak* appease* reward* gift* folly naive* "
    "treason insult* shame* dangerous worthless useless pointless fool* joke farce harm* worse coward* embolden* lie "
    "lies wrong unacceptable premature suicid* impossible absurd disgrac* disaster* regroup* rearm*",
    "WIN": "victor* win winning won eliminat* destroy* crush* eradicat* dismantl* annihilat* job goal* objective* "
    "revenge punish* defeat*",
    "DEAL": "deal deals agreement* accord accords peace* talk talks negotiat* resolution* draft* text proposal* plan "
    "plans motion* vote* voting treaty settlement dialogue process amendment*",
    "WE": "we our us i my me ours we'll we're we've i'm i'll i've",
    "YOU": "you your yours you're",
    "THEY": "they them their they're",
    "SAY": "said says say told adds added tell tells saying stated wrote writes",
    "WAS": "was were had been ago yesterday",
    "MAY": "will would can could may might shall they'll",
    "WARN": "warn* fear* condemn* regret* concern*",
    "SUFFER": "civilian* children famine hunger aid humanitarian hospital* suffer* dead die* dying bury buried grave* "
    "innocent",
    "CAPTIVE": "hostage* prisoner* captive* abducted kidnapped",
    "GIVE": "withdraw* disarm* releas* return returns returned returning free freed freeing hand* leave leaves",
    "FORCE": "forc* pressur* coerc* impos* dictat*",
    "?": "?",
    "!": "!",
    ".": ". ;",
    ":": ":",
}
_WHOLE: dict[str, str] = {}
_BEGINNINGS: list[tuple[str, str]] = []
for _class, _words in _LEXICON.items():
    for _word in _words.split():
        if _word.endswith("*"):
            _BEGINNINGS.append((_word[:-1], _class))
        else:
            _WHOLE.setdefault(_word, _class)

# Stopping the fighting, and going on with it, are mostly phrases ("end this war", "lay down your arms", "press on").
# They are found in a string with one letter for each token: its class's, "|" between sentences, "-" elsewhere.
_LETTERS = {name: name[0].lower() for name in ("STOP", "FIGHT", "ARMS", "LAY", "KEEP", "GO", "ONWARD", "NOT")}
_LETTERS |= {"HALT": "v", ".": "|", "?": "|", "!": "|", ":": "|"}
_PHRASES = {
    "STOP": re.compile(r"s|v[^|sfk]{0,3}f|f[^|svkn]{0,3}v|l[^|sfn]{0,3}a|lf"),
    "ON": re.compile(r"k[^|svf]{0,3}f|f[^|svf]{0,2}k|[kgf]o"),
}
# Turns of phrase that say who gains and who loses, which single words do not. They are found in the quoted words.
_WORDS = r"(?: [\w'-]+)"
_TURNS = {
    # “sets back our campaign”
    "harms the war": re.compile(
        r"\b(?:harm|hurt|damag|weaken|undermin|sabotag|hinder|hamper|endanger|jeopardi|imperil|crippl|undo|undoing|squander"
        r"|wast|betray|abandon|tie|tying|set back|sets back|setting back|throw away|throws away|throwing away)\w*"
        + _WORDS
        + r"{0,6} (?:war effort|war aims?|war|army|armies|soldiers|troops|operation|offensive|campaign|victor\w+|fight"
        r"|mission|hands|advance|front|sacrifices?|fallen|gains?|brigades?|fighters|deterrence|security|defen[cs]es?)\b"
    ),
    # “hands the militia a month to breathe”
    "gift": re.compile(
        r"\b(?:giv\w+|gave|grant\w*|hand(?:s|ed|ing)?|offer\w*|send\w*|sent|tell\w*|told|teach\w*|taught|show\w*|bring\w*"
        r"|brought|buy\w*|bought|throw\w*)"
        + _WORDS
        + r"{1,6} (?:hope|time|air|prize|victory|win|lifeline|reward|signal|message|breath\w*|gift|present|room|cover|heart"
        r"|comfort|rope|oxygen|shelter|rest|space|months?|weeks|pays|lesson|medal|triumph)\b"
    ),
    # “a prize for those who …”
    "prize": re.compile(r"\b(?:reward\w*|gift|present|prize|lifeline|bonus|trophy|favour|favor) (?:to|for)\b"),
    # “will push us to accept a truce”
    "forced": re.compile(
        r"\b(?:forc|push|press|compel|coerc|drag|driv|bull|shov|oblig|made|make|makes|making)\w*"
        + _WORDS
        + r"{1,5} (?:to |into )?(?:accept|swallow|sign|agree|bow|stop|halt|ceasefire|truce)"
    ),
    "regroup": re.compile(
        r"\b(?:regroup|rearm|re-arm|recover|refill|reload|refit|resuppl|rebuild|dig in|catch (?:its|their|his) breath)\w*"
    ),
}
_ONLY_IN_PHRASES = frozenset({"LAY", "GO", "ONWARD"})
_SHORT = 5  # a quotation of fewer tokens is read through what surrounds it (5 and 8 tried: equal within noise)

# How much each group of features counts. Cross-validated on written and real quotations together, characters 0 to 1, stems
# 0.3 to 1, classes 0.7 to 1.5, cues 0.15 to 0.6, turns 1 to 3: macro-F1 moved by less than 0.02 on either kind.
_WEIGHTS = {
    "characters": 0.5,  # 3 and 4 characters of the quoted words
    "stems": 0.7,  # beginnings of quoted words, 1 and 2 in a row
    "quoted": 1.0,  # quoted words, phrases replaced by their class, 1 to 3 in a row
    "words": 1.0,  # the same over the whole context, with the places where the quotation opens and closes
    "classes": 0.7,  # classes over the whole context, 1 to 4 in a row
    "quoted classes": 0.7,
    "subject": 1.0,  # quoted words and classes, told apart by what the context is about
    "cues": 0.3,
    "turns": 1.0,  # who gains and who loses
}


@dataclass(frozen=True, slots=True)
class StanceQuestion:
    """What is asked: a quotation's spans, the span of the sentences that carry it, the spans of its speaker's mentions.

    All count in the article's text. The speaker's mentions are hidden from the classifier.
    """

    quotation: tuple[Span, ...]
    context: Span
    masked: tuple[Span, ...] = ()


@dataclass(slots=True)
class Token:
    """A word or punctuation mark as the classifier sees it, and where it stands in the article."""

    word: str
    start: int
    end: int
    quoted: bool


@dataclass(slots=True)
class _Symbol:
    """A class, a word or a boundary of the quotation, and the tokens that it came from (the last one included)."""

    text: str
    first: int
    last: int
    quoted: bool = False


Feature = tuple[str, int, int]  # its name, and the first and last token that it came from; -1 for a cue


@dataclass(frozen=True, slots=True)
class Features:
    """The features of one question: what each weighs, and every token range (first, last) that it came from."""

    values: dict[str, float]
    places: dict[str, list[tuple[int, int]]]


def read(text: str, question: StanceQuestion, known: frozenset[str]) -> tuple[list[Token], Features]:
    """Tokens and features of a question; a word with a capital that is not in `known` is taken for a name.

    Raises ValueError when a span lies outside the text.
    """
    tokens = tokenise(text, question, known)
    values: dict[str, float] = {}
    places: dict[str, list[tuple[int, int]]] = {}
    for group, found in _groups(tokens).items():
        where: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for name, first, last in found:
            where[name].append((first, last))
        frequencies = [1.0 if len(spots) == 1 else 1 + math.log(len(spots)) for spots in where.values()]
        norm = 1.0 if group in ("cues", "turns") else math.sqrt(sum(f * f for f in frequencies))
        weight = _WEIGHTS[group] / (norm or 1.0)
        values.update(zip(where, (f * weight for f in frequencies), strict=True))
        if group != "cues":
            places.update(where)
    return tokens, Features(values, places)


def tokenise(text: str, question: StanceQuestion, known: frozenset[str]) -> list[Token]:
    """The tokens of the context, in order; names, mentions of the speaker, "he" and "she" are one placeholder.

    Raises ValueError when a span lies outside the text.
    """
    spans = (question.context, *question.quotation)
    start, end = min(s.start for s in spans), max(s.end for s in spans)
    if end > len(text):
        raise ValueError(f"the question reaches to {end}, but the text has {len(text)} characters")
    inside, masked = _covered(question.quotation, start, end), _covered(question.masked, start, end)
    tokens: list[Token] = []
    for match in _TOKEN.finditer(text, start, end):
        first, last = match.span()
        quoted = inside.find(1, first - start, last - start) >= 0
        hidden = masked.find(1, first - start, last - start) >= 0
        word = NAME if hidden else _normalised(match.group(), quoted, known)
        if word == NAME and tokens and tokens[-1].word == NAME and tokens[-1].quoted == quoted:
            tokens[-1].end = last
        else:
            tokens.append(Token(word, first, last, quoted))
    return tokens


def _covered(spans: Iterable[Span], start: int, end: int) -> bytearray:
    """A byte for each character from `start` to `end`: 1 inside one of `spans`, else 0."""
    covered = bytearray(end - start)
    for span in spans:
        first, last = max(span.start, start) - start, min(span.end, end) - start
        if last > first:
            covered[first:last] = b"\x01" * (last - first)
    return covered


@lru_cache(maxsize=50_000)
def _normalised(token: str, quoted: bool, known: frozenset[str]) -> str:
    token = token.translate(_SHAPES)
    lower = token.lower()
    if lower.replace("-", "").replace(" ", "") in ("ceasefire", "ceasefires"):
        return "ceasefire"
    if token[0].isdigit():
        return NUMBER
    first_person = lower == "i" or lower.startswith("i'")
    abbreviation = len(token) > 1 and token.isupper()
    is_name = token[0].isupper() and not first_person and (abbreviation or lower not in known)
    return NAME if is_name or (lower in ("he", "she") and not quoted) else lower


@lru_cache(maxsize=50_000)
def _class_of(word: str) -> str | None:
    if word in _WHOLE:
        return _WHOLE[word]
    if word.endswith("n't"):
        return "NOT"
    return next((name for beginning, name in _BEGINNINGS if word.startswith(beginning)), None)


def expressions(tokens: Sequence[Token]) -> list[str]:
    """For each token "STOP" or "ON" where it belongs to an expression of stopping the fighting or of going on with it, "FIGHT"
    where it is about fighting otherwise, else ""."""
    kinds = [_class_of(token.word) for token in tokens]
    found = ["FIGHT" if kind == "FIGHT" else "" for kind in kinds]
    for position, phrase in _phrases(tokens, kinds).items():
        found[position] = phrase.text
    return found


def _phrases(tokens: Sequence[Token], kinds: Sequence[str | None]) -> dict[int, _Symbol]:
    """The phrase that a token belongs to, by the token's position."""
    letters = "".join(_LETTERS.get(kind or "", "-") for kind in kinds)
    phrases: dict[int, _Symbol] = {}
    for name, pattern in _PHRASES.items():
        for match in pattern.finditer(letters):
            reach = range(match.start(), match.end())
            if not any(position in phrases for position in reach):
                phrase = _Symbol(name, reach[0], reach[-1], tokens[reach[0]].quoted)
                phrases.update(dict.fromkeys(reach, phrase))
    return phrases


def _symbols(tokens: Sequence[Token]) -> tuple[list[_Symbol], list[_Symbol]]:
    """The context as classes alone, and as words with the classes of phrases; both with the quotation's boundaries."""
    kinds = [_class_of(token.word) for token in tokens]
    phrases = _phrases(tokens, kinds)
    classes: list[_Symbol] = []
    words: list[_Symbol] = []
    quoted = False
    position = 0
    while position < len(tokens):
        token, kind = tokens[position], kinds[position]
        if token.quoted != quoted:
            quoted = token.quoted
            boundary = _Symbol("«" if quoted else "»", position, position, quoted)
            classes.append(boundary)
            words.append(boundary)
        if position in phrases:
            classes.append(phrases[position])
            words.append(phrases[position])
            position = phrases[position].last
        else:
            words.append(_Symbol("FIGHT" if kind == "FIGHT" else token.word, position, position, quoted))
            if kind and kind not in _ONLY_IN_PHRASES:
                if classes and (classes[-1].text, classes[-1].quoted) == (kind, quoted):
                    classes[-1].last = position
                else:
                    classes.append(_Symbol(kind, position, position, quoted))
        position += 1
    return classes, words


def _grams(symbols: Sequence[_Symbol], longest: int, prefix: str) -> Iterator[Feature]:
    """Runs of one symbol up to `longest`."""
    texts = [symbol.text for symbol in symbols]
    for first, symbol in enumerate(symbols):
        name = prefix
        for last in range(first, min(first + longest, len(symbols))):
            name = f"{name} {texts[last]}"
            yield name, symbol.first, symbols[last].last


def _characters(symbols: Iterable[_Symbol], prefix: str) -> Iterator[Feature]:
    for symbol in symbols:
        if symbol.text.islower():
            padded = f"_{symbol.text}_"
            for n in (3, 4):
                for i in range(len(padded) - n + 1):
                    yield f"{prefix} {padded[i : i + n]}", symbol.first, symbol.last


def _groups(tokens: Sequence[Token]) -> dict[str, list[Feature]]:
    """All features by group."""
    classes, words = _symbols(tokens)
    plain = [_Symbol(token.word, i, i) for i, token in enumerate(tokens) if token.quoted]
    stems = [_Symbol(symbol.text[:5], symbol.first, symbol.last) for symbol in plain]
    quoted_classes = [s for s in classes if s.quoted and s.text != "«"]
    subject = _subject(classes)
    # "disappointing" says something of a ceasefire only where one is spoken of: elsewhere it is another word.
    place = " elsewhere" if len(plain) < _SHORT and subject != "stop" else ""
    return {
        "characters": list(_characters(plain, f"characters{place}")),
        "stems": list(_grams(stems, 2, f"stems{place}")),
        "quoted": list(_grams([s for s in words if s.quoted and s.text != "«"], 3, f"quoted{place}")),
        "quoted classes": list(_grams(quoted_classes, 4, f"quoted classes{place}")),
        "words": list(_grams(words, 3, "words")),
        "classes": list(_grams(classes, 4, "classes")),
        "subject": [*_grams(quoted_classes, 2, f"subject {subject}"), *_grams(plain, 1, f"subject {subject}")],
        "cues": [(f"cues {name}", -1, -1) for name in sorted(_cues(plain, classes, quoted_classes))],
        "turns": list(_turns(plain, subject)),
    }


def _turns(plain: Sequence[_Symbol], subject: str) -> Iterator[Feature]:
    """Who gains and who loses, told apart by what the context is about; and how many such turns there are."""
    words = " ".join(symbol.text for symbol in plain)
    starts = list(accumulate((len(symbol.text) + 1 for symbol in plain), initial=0))
    found = [(name, match) for name, turn in _TURNS.items() for match in turn.finditer(words)]
    for name, match in found:
        first, last = bisect_right(starts, match.start()) - 1, bisect_right(starts, match.end() - 1) - 1
        yield f"turns {name}, {subject}", plain[first].first, plain[last].last
        if len(found) > 1:
            yield f"turns several, {subject}", plain[first].first, plain[last].last


def _subject(classes: Iterable[_Symbol]) -> str:
    """What is spoken of: stopping the fighting, fighting, a deal, or none of them."""
    present = {symbol.text for symbol in classes}
    for name, signs in (("stop", {"STOP"}), ("fight", {"FIGHT", "ON"}), ("deal", {"DEAL"})):
        if present & signs:
            return name
    return "other"


def _cues(plain: Sequence[_Symbol], classes: Sequence[_Symbol], quoted: Sequence[_Symbol]) -> set[str]:
    """What single words do not show: how long the quotation is, and what it says about what."""
    inside, anywhere = {s.text for s in quoted}, {s.text for s in classes}
    last = plain[-1].text if plain else ""
    whole = last in {".", "?", "!", ",", ";"}
    size = "short" if len(plain) < _SHORT else "clause" if len(plain) < 12 else "long"
    about, about_inside = _subject(classes), _subject(quoted)
    cues = {
        f"length {len(plain).bit_length()}",
        f"ends {last}",
        f"whole {whole}, context about {about}, quotation about {about_inside}",
        f"{size}, context about {about}",
        f"{size}, context about {about}, quotation about {about_inside}",
    }
    cues |= {f"{name} quoted {name in inside}, present {name in anywhere}" for name in ("STOP", "ON", "DEAL", "FIGHT")}
    stop = f"STOP quoted {'STOP' in inside}, present {'STOP' in anywhere}"
    cues |= {f"{name}, {stop}" for name in ("NOT", "IF", "REJECT", "ASK", "GLAD", "BAD", "WIN") if name in inside}
    # Rule 2 of the guideline: what a truce lacks is a reason to reject it unless the words make it a condition.
    condition = f"condition {bool(inside & {'IF', 'ONLY', 'UNTIL', 'WHEN'})}"
    lacking = [name for name in ("BAD", "FORCE", "WITHOUT", "CAPTIVE", "GIVE") if name in inside]
    cues |= {f"{name}, {condition}, {stop}" for name in lacking}
    return cues | {f"BAD and {name}, {condition}" for name in lacking if "BAD" in lacking and name != "BAD"}
