// Marks the quotations of an article in a page, from an answer of the quotes service (docs/cms.md).
//
// In a WordPress theme: enqueue this file, and print the article in an element that says where its analysis can be had:
//   <div class="entry-content" data-quotes="/wp-json/newsroom/v1/quotes/118">…</div>
// The element must hold what was sent as HTML: the post after its filters, apply_filters('the_content', …).
(function () {
  "use strict";

  // The text nodes of an element, each with the offset at which it begins in the element's text.
  function textNodes(root) {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const nodes = [];
    for (let at = 0; walker.nextNode(); at += walker.currentNode.length) nodes.push({ node: walker.currentNode, at });
    return nodes;
  }

  // Where a span of a quotation begins and ends in the text of the element, or null where the page has no such words.
  function place(span, root, nodes) {
    const { range, quote } = span.selectors;
    const follow = ({ path, utf16_offset }) => {
      const node = document.evaluate(path, root, null, XPathResult.FIRST_ORDERED_NODE_TYPE).singleNodeValue;
      const found = nodes.find((one) => one.node === node);
      return found ? found.at + utf16_offset : -1;
    };
    const text = nodes.map(({ node }) => node.data).join("");
    let start = range ? follow(range.start) : -1;
    if (start < 0 || !text.startsWith(quote.exact, start)) {
      // The page is not what was analysed: look for the words, with those around them first.
      const around = text.indexOf(quote.prefix + quote.exact + quote.suffix);
      start = around < 0 ? text.indexOf(quote.exact) : around + quote.prefix.length;
    }
    return start < 0 ? null : { start, end: start + quote.exact.length };
  }

  function mark(quotation) {
    const element = document.createElement("mark");
    const who = quotation.speaker.name || "not named";
    element.className = `quotation stance-${quotation.stance.label}`;
    element.title = `${who}: ${quotation.stance.label} (${Math.round(100 * quotation.stance.probability)} %)`;
    return element;
  }

  // Marks what is speech; gives the number of spans that were found.
  window.highlightQuotations = function (root, analysis) {
    const nodes = textNodes(root);
    const spoken = analysis.quotations.filter((quotation) => quotation.kind !== "not_speech");
    const places = spoken
      .flatMap((quotation) => quotation.spans.map((span) => ({ quotation, ...place(span, root, nodes) })))
      .filter(({ start }) => start !== undefined);
    for (const { node, at } of nodes) {
      const inside = places.filter(({ start, end }) => start < at + node.length && end > at);
      const cuts = inside.flatMap(({ start, end }) => [Math.max(start - at, 0), Math.min(end - at, node.length)]);
      // From the last piece to the first, so that the offsets before it stay true; the innermost quotation wins.
      for (const cut of [...new Set(cuts)].sort((a, b) => b - a)) {
        const piece = cut > 0 ? node.splitText(cut) : node;
        const around = inside.filter(({ start, end }) => start <= at + cut && end >= at + cut + piece.length);
        if (!around.length || !piece.data.trim()) continue;
        const element = mark(around.at(-1).quotation);
        piece.replaceWith(element);
        element.append(piece);
      }
    }
    return places.length;
  };

  for (const root of document.querySelectorAll("[data-quotes]")) {
    fetch(root.dataset.quotes, { headers: { Accept: "application/json" } })
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`quotes: ${answer.status}`))))
      .then((analysis) => window.highlightQuotations(root, analysis))
      .catch((error) => console.warn(error.message)); // the article can be read without
  }
})();
