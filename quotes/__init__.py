"""Who said what in a news article, how it is known, and which stance each quotation takes toward a ceasefire.

`quotes.analyse(article)` does the whole job; `quotes.reading` makes the article from text, HTML or a file.
"""

from quotes.document import (
    Analysis,
    Article,
    Diagnostic,
    Evidence,
    Quotation,
    QuotationKind,
    Reason,
    Span,
    Speaker,
    SpeakerKind,
    Stance,
    StanceLabel,
)
from quotes.errors import (
    ArtefactAltered,
    ArtefactError,
    ArtefactMissing,
    ArticleTooLong,
    EmptyArticle,
    InputError,
    QuotesError,
    UnreadableArticle,
)


def analyse(article: Article) -> Analysis:
    """Analyse one article with models that are loaded on the first call and kept. Raises EmptyArticle, ArtefactError."""
    from quotes.pipeline import analyse  # imported late: torch and stanza take seconds, and the types do not need them

    return analyse(article)


__all__ = [
    "Analysis",
    "ArtefactAltered",
    "ArtefactError",
    "ArtefactMissing",
    "Article",
    "ArticleTooLong",
    "Diagnostic",
    "EmptyArticle",
    "Evidence",
    "InputError",
    "Quotation",
    "QuotationKind",
    "QuotesError",
    "Reason",
    "Span",
    "Speaker",
    "SpeakerKind",
    "Stance",
    "StanceLabel",
    "UnreadableArticle",
    "analyse",
]
