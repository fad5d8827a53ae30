"""What tells quoted words that somebody said from titles, nicknames, terms and scare quotes.

Features for the classifier in `quotes.ranker`: the look of the words, what stands around them, and how well the best
candidate speaker fits.
"""

import re

from quotes.candidates import Candidate, Features
from quotes.document import Quotation
from quotes.parsing import Parse

# A title names a work; what comes before it says so.
_WORK = re.compile(
    r"\b(?:titled|entitled|named|headlined|subtitled|film|movie|book|novel|song|single|album|show|series|play|programme|"
    r"program|documentary|sitcom|drama|hit|memoir|poem|magazine|podcast|essay|painting|episode|musical|opera|game|column|"
    r"anthem|hymn|article|biography|thriller|comedy|host of|author of|star of|starred in|on|from)(?:['’]s)?,?\s*$",
    re.IGNORECASE,
)
_TERM = re.compile(
    r"\b(?:so[- ]called|known as|dubbed|nicknamed|nickname|the (?:word|words|term|phrase|letter|name|acronym|hashtag|slogan)|"
    r"aka|a\.k\.a\.|short for|stands for|codenamed|code-named|alias|mean|means|meaning)\s*$",
    re.IGNORECASE,
)
_NICKNAME_AFTER = re.compile(r"(?!(?:He|She|It|They|We|But|And|The|In|On|I|A|This|That)\b)[A-Z][a-z]+")
# Between the marks of two quotations that stand in one list.
_LISTED = re.compile(r"[”\"’']\s*(?:,|;)?\s*(?:and|or|&)?\s*[“\"‘']$")
_SMALL = frozenset("a an the of in on at to for and or but nor with from by as is la de".split())
_PERSONAL = frozenset("i i'm i've i'll we we're we've our my me us you your you're".split())


def speech_features(
    text: str, quotation: Quotation, parse: Parse, ranked: list[tuple[float, Candidate]], previous_was_speech: bool
) -> Features:
    """Features of one quotation; `ranked` are its candidates with their probabilities, best first."""
    span = quotation.spans[0]
    words = re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", quotation.spans[0].of(text))
    before = text[max(0, span.start - 60) : span.start].rstrip("“\"‘'„«` ")
    after = text[quotation.end : quotation.end + 40].lstrip("”\"’'»` ")
    lower = [w.lower().replace("’", "'") for w in words]
    size = _size(sum(len(re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", s.of(text))) for s in quotation.spans))
    f: Features = {f"size={size}": 1.0, f"kind={quotation.kind}&size={size}": 1.0}
    last_before = re.findall(r"[^\W_]+|[^\w\s]", before)[-2:]
    if last_before:
        f[f"before={last_before[-1].lower()}"] = 1.0
        f[f"before2={' '.join(last_before).lower()}"] = 1.0
        f[f"capital_before={last_before[-1][:1].isupper()}"] = 1.0
    first_after = re.findall(r"[^\W_]+|[^\w\s]", after)[:1]
    if first_after:
        f[f"after={first_after[0].lower()}"] = 1.0
    title = bool(words) and words[0][:1].isupper() and all(w[:1].isupper() or w.lower() in _SMALL for w in words)
    f[f"title={title}&size={size}"] = 1.0
    if last_before:
        kind = last_before[-1].lower() if not last_before[-1][0].isalpha() else "word"
        f[f"title={title}&before={kind}&size={size}"] = 1.0
        f[f"capital={bool(words) and words[0][:1].isupper()}&before={kind}"] = 1.0
        f[f"title={title}&before={last_before[-1].lower()}"] = 1.0
    if _LISTED.search(text[max(0, span.start - 12) : span.start]):
        f[f"listed&previous={previous_was_speech}"] = 1.0
        f[f"listed&title={title}&previous={previous_was_speech}"] = 1.0
    f[f"capital={bool(words) and words[0][:1].isupper()}&size={size}"] = 1.0
    if title and _WORK.search(before):
        f["work"] = 1.0
    if _TERM.search(before):
        f["term"] = 1.0
    if title and len(words) <= 3 and re.search(r"\b[A-Z][a-z]+$", before) and _NICKNAME_AFTER.match(after):
        f["nickname"] = 1.0
    if any(e.type == "PERSON" and e.span.start < span.start and span.end < e.span.end for e in parse.entities_in(span)):
        f["inside_name"] = 1.0
    if _PERSONAL & set(lower):
        f["personal"] = 1.0
    tags = _tags(quotation, parse)
    f[f"verb={bool({'VERB', 'AUX'} & set(tags))}&size={size}"] = 1.0
    if tags and size in ("1", "2", "3"):
        f["tags=" + "-".join(tags[:3])] = 1.0
    end = span.of(text)[-1:]
    f[f"end={end if not end.isalnum() else 'word'}"] = 1.0
    f[f"own={any(c.rule in ('verb', 'near', 'according_to', 'noun', 'document') for _, c in ranked)}&size={size}"] = 1.0
    f["any"] = sum(chance for chance, _ in ranked)
    f[f"any&size={size}"] = f["any"]
    if ranked:
        best, candidate = ranked[0]
        f[f"rule={candidate.rule}&size={size}"] = 1.0
        f["best"] = best
        f[f"best&size={size}"] = best
        if candidate.lemma:
            f[f"cue={candidate.lemma}"] = 1.0
        for name in candidate.features:
            if name.startswith(("verb&tie", "verb&group", "kind=", "side=")) and name.count("&") <= 2:
                f["top:" + name] = 1.0
    f[f"previous={previous_was_speech}&size={size}"] = 1.0
    return f


def _tags(quotation: Quotation, parse: Parse) -> list[str]:
    span = quotation.spans[0]
    for sentence in (parse.sentences[n] for n in parse.sentences_in(span)):
        if sentence.parsed:
            return [w.upos for w in sentence.words if span.start <= w.start < span.end and w.upos != "PUNCT"]
    return []


def _size(words: int) -> str:
    return str(words) if words <= 4 else "few" if words <= 8 else "many"
