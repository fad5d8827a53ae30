"""Bodies, header fields and paths that no honest client sends."""

import json
from urllib.parse import quote

from hypothesis import strategies as st

_MARKS = "“”‘’\"'«»„‟‹›「」–—―"
_AWKWARD = _MARKS + "\0\x01\x1b\x7f\ufeff\u200b\u202e\u2028\ud800\udfff\U0001f469\u200d\u0301\r\n\t \u00a0&<>.,:;?!()[]"
_WORDS = [
    "said",
    "according to",
    "“",
    "”",
    "\n\n",
    "ceasefire",
    "Ann Lee",
    "not",
    "he",
    "’s",
    ".",
    ",",
    "not only",
    "I",
]
_HTML = [
    "<p>",
    "</p>",
    "<b",
    "<!--",
    "-->",
    "<![CDATA[",
    "<script>",
    "</script>",
    "<a href='http://192.0.2.1/'>",
    "&#0;",
]
_HTML += [
    "&#xD800;",
    "&nbsp",
    "<table><tr>",
    "<svg>",
    "<template>",
    "<br/>",
    "<q>",
    "</html>",
    "<?xml ?>",
    "<p hidden>",
]

texts = st.one_of(
    st.text(max_size=300),
    st.text(st.sampled_from(_AWKWARD), max_size=300),
    st.lists(st.sampled_from(_WORDS), max_size=200).map(" ".join),
    st.lists(st.sampled_from(_HTML + _WORDS), max_size=100).map("".join),
    st.builds(lambda part, times: part * times, st.sampled_from([*_MARKS, *_HTML, "a", "“a” "]), st.integers(1, 3000)),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)


_NAMES = ["Accept", "Authorization", "Content-Type", "Forwarded", "If-Match", "If-None-Match", "Idempotency-Key"]
_NAMES += ["Origin", "Range", "X-Forwarded-For", "X-Request-Id"]
_TOKENS = [
    b"*",
    b"*/*",
    b'"',
    b'W/"a"',
    b";q=",
    b",",
    b"application/json",
    b"text/csv;q=2",
    b"Bearer ",
    b"quotes_a_b",
    b"\xff",
]
# Header fields with values that a server lets through to the application.
headers = st.dictionaries(
    st.sampled_from(_NAMES),
    st.one_of(
        st.lists(st.sampled_from(_TOKENS), max_size=20).map(b"".join),
        st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=100).map(
            lambda text: text.encode("latin-1")
        ),
    ).map(bytes.strip),
    max_size=4,
)
# Segments of a path, and parts of a query: nothing in them ends them.
segments = st.one_of(
    st.text(max_size=100),
    st.text(st.sampled_from(_AWKWARD + "/%.~\\"), max_size=100),
    st.builds(lambda part, times: part * times, st.sampled_from(["a", "/", "%", "..", "é"]), st.integers(1, 3000)),
).map(lambda text: quote(text.encode("utf-8", "surrogatepass"), safe=""))


def bodies(names: list[str]) -> st.SearchStrategy[bytes]:
    """Bodies for an endpoint that knows fields of these `names`: JSON of every kind, nearly JSON, and anything else."""
    fields = st.dictionaries(st.sampled_from(names), texts | values, max_size=4)
    sent = (st.sampled_from(names).flatmap(lambda name: texts.map(lambda text: {name: text}))) | fields | values
    encoded = st.builds(_encoded, sent, st.booleans())
    return encoded | st.builds(_damaged, encoded, st.integers(0), st.binary(max_size=3)) | st.binary(max_size=300)


def _encoded(value: object, ascii: bool) -> bytes:
    return json.dumps(value, ensure_ascii=ascii).encode("utf-8", "surrogatepass")


def _damaged(body: bytes, position: int, by: bytes) -> bytes:
    at = position % (len(body) + 1)
    return body[:at] + by + body[at + 1 :]


def large(field: str) -> dict[str, bytes]:
    """Bodies about as large as is allowed, for the field that has the article."""
    size = 900_000

    def of(part: str) -> bytes:
        return _encoded({field: part * (size // len(part.encode()))}, False)

    return {
        "quotation marks": of('\\"') if field == "html" else of('"'),
        "curly marks": of("“"),
        "closing marks": of("”"),
        "pairs": of("“”"),
        "short quotations": of("“a” "),
        "nested marks": of("“‘"),
        "one word": of("a"),
        "one sentence": of("and "),
        "blanks": of(" "),
        "line breaks": of("“a\n\n"),
        "accents": of("\u0301"),
        "emoji": of("👩‍👩‍👧"),
        "deep tags": of("<b>"),
        "deep divisions": of("<div>"),
        "tables": of("<table><tr><td>"),
        "comments": of("<!--"),
        "less-than": of("<"),
        "ampersands": of("&"),
        "attributes": _encoded({field: "<p " + 'a="b" ' * (size // 6) + ">“a”</p>"}, False),
        "deep lists": b'{"' + field.encode() + b'": ' + b"[" * (size // 2) + b"]" * (size // 2) + b"}",
        "deep objects": b'{"a":' * (size // 10) + b"1" + b"}" * (size // 10),
        "escapes": b'{"' + field.encode() + b'": "' + b"\\u201c" * (size // 6) + b'"}',
        "long number": b'{"' + field.encode() + b'": ' + b"9" * size + b"}",
        "many fields": _encoded({str(number): number for number in range(size // 16)}, False),
    }


# Bodies, each with its path, in which millions of things are wrong.
CROWDS = {
    "rows": ("/v1/evaluations", b'{"rows": [' + b"1," * 4_900_000 + b"1]}"),
    "rows at the limit": ("/v1/evaluations", b'{"rows": [' + b"1," * 99_999 + b"1]}"),
    "labels": (
        "/v1/evaluations",
        _encoded({"rows": [{"quote": "a", "label": "a"}], "map": {str(number): 1 for number in range(600_000)}}, True),
    ),
    "articles": ("/v1/batches", b'{"articles": [' + b"1," * 9_000_000 + b"1]}"),
    "fields": ("/v1/batches", _encoded({str(number): 1 for number in range(1_200_000)}, True)),
}
