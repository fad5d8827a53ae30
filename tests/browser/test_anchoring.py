"""Two Web Annotation libraries of others find quotations again in a page, by the selectors of the answer alone."""

import subprocess
from pathlib import Path

import pytest

from quotes import Analysis
from quotes.exports import to_dict
from quotes.marks import find_quotations
from quotes.reading import from_html
from tests.conftest import ROOT

MODULES = Path(__file__).parent / "node_modules"
LIBRARIES = """
import { createTextPositionSelectorMatcher, createTextQuoteSelectorMatcher } from "@apache-annotator/dom";
import { toRange } from "dom-anchor-text-quote";
const words = async matches => { const found = []; for await (const match of matches) found.push(`${match}`); return found; };
globalThis.anchored = async ({ quote, position }) => ({
  annotatorQuote: await words(createTextQuoteSelectorMatcher(quote)(root)),
  annotatorPosition: await words(createTextPositionSelectorMatcher(position)(root)),
  domAnchorQuote: [`${toRange(root, quote)}`],
});
"""


@pytest.fixture(scope="module")
def libraries(tmp_path_factory) -> Path:
    """Both as one script for a page."""
    bundler = MODULES / ".bin" / "esbuild"
    if not bundler.exists():
        pytest.skip("the libraries are not installed (npm install --prefix tests/browser)")
    script = tmp_path_factory.mktemp("libraries") / "libraries.js"
    command = [bundler, "--bundle", "--main-fields=module,main", f"--outfile={script}", "--log-level=warning"]
    subprocess.run(command, input=LIBRARIES.encode(), cwd=MODULES.parent, check=True)
    return script


@pytest.mark.parametrize("path", sorted((ROOT / "seeds" / "articles").glob("*.html")), ids=lambda path: path.stem)
def test_other_libraries_find_every_quotation(page, libraries, path):
    html = path.read_text(encoding="utf-8")
    article = from_html(html)
    analysis = to_dict(Analysis(article, find_quotations(article.text, article.blockquotes)[0]))
    page.set_content("<!doctype html><div id=root></div>")
    page.evaluate("html => { root.innerHTML = html }", html)
    page.add_script_tag(path=libraries)
    spans = [span for quotation in analysis["quotations"] for span in quotation["spans"]]
    assert spans
    for span in spans:
        exact = span["selectors"]["quote"]["exact"]
        assert exact.split() == span["text"].split()
        for by, found in page.evaluate("selectors => anchored(selectors)", span["selectors"]).items():
            assert found == [exact], by
