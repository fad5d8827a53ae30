"""Everything this library raises on purpose.

    QuotesError
    ├── InputError                what was given cannot be read: the caller's to mend
    │   ├── EmptyArticle          there is no text in it
    │   ├── ArticleTooLong        longer than the limit
    │   ├── ArticleTooDeep        elements of its HTML nested deeper than the limit
    │   ├── UnreadableArticle     not text, or not in a form that is known
    │   ├── BadRows               rows of a test set that cannot be used
    │   └── BadPeopleFile         a people file that cannot be used
    ├── ArtefactError             a model cannot be used: the installation's to mend
    │   ├── ArtefactMissing       a file that the manifest names, or the manifest itself, is not there
    │   └── ArtefactAltered       a file is not the one that the manifest names
    └── DatabaseUnusable          the service's database cannot be opened: the installation's to mend

Every message says what was wrong, where, and what to do about it.
"""


class QuotesError(Exception):
    """The root: catch this to catch everything that the library raises on purpose."""


class InputError(QuotesError):
    """What was given cannot be read."""


class EmptyArticle(InputError):
    """The article has no text."""


class ArticleTooLong(InputError):
    """The article is longer than the limit."""


class ArticleTooDeep(InputError):
    """The elements of the article's HTML are nested deeper than the limit."""


class UnreadableArticle(InputError):
    """The article is not text, or not in a form that is known."""


class BadRows(InputError):
    """Rows of a test set cannot be used; the message lists them with their lines and what is wrong."""


class BadPeopleFile(InputError):
    """The people file cannot be used; the message names the line and what to do."""


class ArtefactError(QuotesError):
    """A model cannot be used."""


class ArtefactMissing(ArtefactError):
    """A model's file or manifest is missing."""


class ArtefactAltered(ArtefactError):
    """A model's file differs from the one that its manifest names."""


class DatabaseUnusable(QuotesError):
    """The service's database cannot be opened; the message names the file, why, and what to do."""
