"""A baseline that anyone can follow with a finger: the stance by a few words."""

import re

from quotes.document import StanceLabel

_STOPPING = re.compile(
    r"cease-?\s?fires?|truces?|armistice|cessation of hostilities|pauses? in (?:the )?fighting|humanitarian pauses?"
    r"|(?:stop|end|halt|cease)\w*(?: \w+){0,2} (?:fighting|war|bombing|shelling|killing|shooting|hostilities|attacks)",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"if|unless|until|once|only|provided|conditions?|in exchange|guarantees?", re.IGNORECASE)
_AGAINST = re.compile(
    r"no|not|\w+n['’]t|never|cannot|against|reject\w*|refus\w*|oppos\w*|rul\w+ out|mistake|surrender\w*|reward\w*",
    re.IGNORECASE,
)
_FOR = re.compile(
    r"call\w*|demand\w*|urg\w*|appeal\w*|welcom\w*|support\w*|back\w*|want\w*|need\w*|must|should|hope\w*|now|immediate\w*",
    re.IGNORECASE,
)


def keyword_stance(text: str, context: str) -> StanceLabel:
    """The stance of a quotation by the first of these rules that fits.

    1. Neither it nor its context names a ceasefire (ceasefire, truce, armistice, cessation of hostilities, pause in the
       fighting, or to stop, end, halt or cease the fighting, war, bombing, …): `none`.
    2. It has a word of condition (if, unless, until, once, only, provided, condition, in exchange, guarantee):
       `conditional`.
    3. It has a word against (no, not, never, cannot, against, reject, refuse, oppose, rule out, mistake, surrender,
       reward): `oppose`.
    4. It has a word for (call, demand, urge, appeal, welcome, support, back, want, need, must, should, hope, now,
       immediate): `support`.
    5. Else `none`.
    """
    if not (_has(_STOPPING, text) or _has(_STOPPING, context)):
        return StanceLabel.NONE
    if _has(_CONDITION, text):
        return StanceLabel.CONDITIONAL
    if _has(_AGAINST, text):
        return StanceLabel.OPPOSE
    return StanceLabel.SUPPORT if _has(_FOR, text) else StanceLabel.NONE


def _has(words: re.Pattern[str], text: str) -> bool:
    return re.search(rf"\b(?:{words.pattern})\b", text, re.IGNORECASE) is not None
