"""Names of people as words: titles and what else is no part of a name, and when two names can be one person's."""

import re
from collections.abc import Iterable

from quotes.cues import PERSON_NOUNS

FEMALE_TITLES = frozenset("mrs ms miss madam lady dame queen princess baroness sister congresswoman".split())
MALE_TITLES = frozenset("mr sir lord king prince baron brother congressman".split())
TITLES = (
    FEMALE_TITLES
    | MALE_TITLES
    | frozenset(
        """dr pres sen sens rep reps gov gen lt col sgt capt maj cmdr adm prof rev senator representative president
        vice-president vice prime minister premier secretary governor general justice judge chief attorney mayor speaker
        chairman chairwoman chair director former professor doctor captain colonel major sergeant lieutenant admiral pope
        bishop archbishop cardinal imam rabbi sheikh father ambassador chancellor councillor commissioner inspector
        republican republicans democrat democrats democratic gop then-president then-candidate
        candidate nominee ex-president""".split()
    )
)
# Capitalised before a name at the beginning of a sentence, and no part of it.
OPENERS = frozenset(
    """a after all although an and another any as at because before both but by did does during earlier even every finally for
    from had has he her here his how however i if in instead is it its just last later like many maybe meanwhile moreover most
    nor not now of on once only or our perhaps she since so some still that the their then there these they this though to
    today unlike until was we were what when where whether which while who why will with would yes yesterday yet you your
    monday tuesday wednesday thursday friday saturday sunday""".split()
)
# Of these, what the tagger takes into a name at its edges, in headlines above all; “May” and “Will” may be names.
_EDGES = frozenset(
    """after and as at because before but even for how if in just like meanwhile now on see since so still then though today
    when while why yet""".split()
)
# “De Orrin”: no given name.
_PARTICLES = frozenset("de del della di da dos la le van von der den bin ben al el abu ter ten".split())
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv"})
TOKEN = re.compile(r"[^\W_]+(?:[.'’-][^\W_]+)*\.?")


def name_tokens(name: str) -> list[str]:
    """Lower-cased words of a name without the titles before it, possessives and suffixes; “Baron” and “King” may be surnames."""
    words = [re.sub(r"['’]s?$", "", w).rstrip(".").lower() for w in TOKEN.findall(name)]
    kept = [w for w in words if w and w not in _SUFFIXES]
    while len(kept) > 1 and kept[0] in TITLES:
        del kept[0]
    return kept or words


def is_fuller(name: list[str], earlier: list[str]) -> bool:
    """Whether a name is more of one that stood before it. A word more in front of a whole name is no part of it: reporters
    give the given name first, and what the tagger takes for one later is a party, an office or a place."""
    partial = len(earlier) == 1 or earlier[0] in _PARTICLES or name[-len(earlier) :] != earlier
    return len(name) > len(earlier) and partial


def same_person(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether two names (lists of lower-cased words) can be one person's: one surname, no contradicting given name."""
    a, b = list(one), list(other)
    shorter, longer = sorted((a, b), key=len)
    if longer[len(longer) - len(shorter) :] == shorter:  # “Le Pen” and “Marine Le Pen”
        return True
    if a[-1] != b[-1]:
        return False
    first_a, first_b = a[0], b[0]
    return first_a == first_b or (min(len(first_a), len(first_b)) == 1 and first_a[0] == first_b[0])


def same_but_misspelt(one: list[str], other: list[str]) -> bool:
    """Whether two names differ by a letter within a long given name: “Marlene” and “Marlenne”, but not “Daniel” and “Daniela”."""
    if len(one) != len(other) or one[1:] != other[1:]:
        return False
    shorter, longer = sorted((one[0], other[0]), key=len)
    if len(shorter) < 6 or (shorter[0], shorter[-1]) != (longer[0], longer[-1]):
        return False
    if len(shorter) == len(longer):
        return sum(a != b for a, b in zip(shorter, longer, strict=True)) == 1
    return len(longer) == len(shorter) + 1 and any(
        longer[:i] + longer[i + 1 :] == shorter for i in range(1, len(longer) - 1)
    )


def clean_name(words: str) -> str:
    """A person's name as it is shown: tidy, without titles and what stands before them, and without a dateline."""
    bare = re.sub(r"^[A-Z.,’' ]{3,}\s[-–—]+\s(?=\S)", "", tidy(words))  # “DERRY - Nadia Velkamp”
    bare = re.split(r"\s(?:-{1,2}|–|—)\s", bare)[0]  # “Nadia Velkamp -- as the campaign”
    owner, *owned = re.split(r"(?:['’]s|(?<=s)['’])\s(?=[A-Z])", bare)  # “the Corps’ Nadia Velkamp”, “Velkamp's Ohio”
    tokens = (owned[-1] if owned and " " in owned[-1] else owner).split(" ")
    while len(tokens) > 1:
        titled = [i for i, token in enumerate(tokens[:-1]) if token.rstrip(".").lower() in TITLES]
        rest = tokens[titled[0] + 1 :] if titled else []
        if all(token.rstrip(".").lower() in _SUFFIXES for token in rest):  # “Tomas King Jr.” is no king
            break
        tokens = rest
    while len(tokens) > 2 and tokens[0].lower() in PERSON_NOUNS:  # “Pastor Tom Orrin”; “Baker Orrin” may be a name
        del tokens[0]
    while len(tokens) > 1 and tokens[0].lower() in _EDGES:  # “Now Orrin”
        del tokens[0]
    while len(tokens) > 1 and (tokens[-1].islower() or tokens[-1].lower() in _EDGES):  # “Orrin points”, “Orrin Just”
        del tokens[-1]
    return " ".join(tokens)


def tidy(words: str) -> str:
    """A name with its blanks single, and without marks around it and a possessive."""
    return re.sub(r"['’]s?$", "", re.sub(r"\s+", " ", words).strip(" ,;:\"“”'‘’"))
