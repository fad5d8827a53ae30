"""What `quotes evaluate` prints: tables of figures in per cent, with their intervals in brackets."""

from collections.abc import Iterator, Sequence

from rich.table import Table

from quotes.evaluation.speakers import Figure


def speakers(figures: Sequence[Figure], title: str) -> Iterator[Table]:
    """Who speaks, a row for all, each band and each kind of speaker; then everything else, a row a figure."""

    def shown(figure: Figure) -> str:
        return f"{100 * figure.value:.1f} ({100 * figure.low:.1f}–{100 * figure.high:.1f})"

    names = {"right": "Right", "wrong": "Wrong", "unresolved": "Unresolved"}
    cells = {(figure.group, figure.metric): figure for figure in figures if figure.metric in names}
    order = ("all", "full", "short", "person", "organisation", "document", "group", "unnamed")
    table = Table("Speakers of", "Quotations", *(f"{name} %" for name in names.values()), title=title)
    for group in (group for group in order if (group, "right") in cells):
        its = [cells[group, metric] for metric in names]
        table.add_row(group, str(its[0].n), *map(shown, its))
    if cells:
        yield table
    table = Table("Figure", "Of", "n", "%", caption="In brackets: 95 % intervals by bootstrap over articles.")
    for figure in sorted(figures, key=lambda figure: figure.metric):
        if figure.metric not in names:
            table.add_row(figure.metric, figure.group, str(figure.n), shown(figure))
    yield table
