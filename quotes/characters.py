"""Characters that differ in shape but not in meaning, replaced one for one.

Language models see far fewer curly marks and exotic blanks than newspapers print. `plain` maps each of them to the plain
ASCII character that the training data knows. The result always has the length of the input, so every offset into one is
an offset into the other.
"""

DOUBLE_MARKS = "“”„‟«»″＂〝〞〟"
SINGLE_MARKS = "‘’‚‛‹›′ʼ＇`´"
BLANKS = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\t\v\f"
HYPHENS = "\u00ad\u2010\u2011\u2012\u2212"
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u0000"

_PLAIN = str.maketrans(
    {
        **dict.fromkeys(DOUBLE_MARKS, '"'),
        **dict.fromkeys(SINGLE_MARKS, "'"),
        **dict.fromkeys(BLANKS, " "),
        **dict.fromkeys(HYPHENS, "-"),
        **dict.fromkeys(INVISIBLE, " "),
    }
)


def plain(text: str) -> str:
    """Return `text` with curly marks straightened and odd blanks made spaces; same length, offset for offset."""
    return text.translate(_PLAIN)
