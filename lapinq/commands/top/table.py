"""A list as lines: as many columns as fit, the others left out."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text

from lapinq.commands.top.panes import COLUMNS, Column, Pane, Row

_GAP = 2
_GROWING_WIDTH = 14
"""The least width of the column that takes what the others leave."""
_MAX_WIDTH = 36
"""Of a column that does not grow, on a terminal. It fits an id."""

Widths = dict[Column, int]
"""The columns that fit, and how wide they are."""


def column_widths(pane: Pane, rows: Sequence[Row], width: int | None, count: str = "") -> Widths:
    """The columns for lines of `width`; all of them, in full, without one. `count` follows the first heading."""
    full = {
        column: max([cell_len(column.heading), *(cell_len(column.text(row)) for row in rows)])
        for column in COLUMNS[pane]
    }
    first = COLUMNS[pane][0]
    full[first] = max(full[first], cell_len(first.heading + count))
    if width is None:
        return full
    widths = {column: size if column.grows else min(size, _MAX_WIDTH) for column, size in full.items()}
    growing = next(column for column in widths if column.grows)
    for column in sorted(COLUMNS[pane], key=lambda column: -column.rank):
        if _fixed(widths) + min(widths[growing], _GROWING_WIDTH) <= width:
            break
        if column.rank:
            del widths[column]
    return {**widths, growing: max(1, width - _fixed(widths))}


def heading_line(pane: Pane, widths: Widths, count: str = "", *, is_selected: bool = False) -> Text:
    """The headings; `count` follows the first."""
    first = COLUMNS[pane][0]
    cells = [
        _cell(column.heading + (count if column is first else ""), column, width)
        for column, width in widths.items()
    ]
    line = Text((" " * _GAP).join(cells), "bold")
    if is_selected:
        line.stylize("bold cyan")
    return line


def row_lines(rows: Sequence[Row], widths: Widths, selected: int | None = None) -> list[Text]:
    """A line for each row."""
    lines: list[Text] = []
    for place, row in enumerate(rows):
        line = Text()
        for column, width in widths.items():
            if line:
                line.append(" " * _GAP)
            line.append(_cell(column.text(row), column, width), column.style(row) if column.style else "")
        if place == selected:
            line.stylize("reverse")
        lines.append(line)
    return lines


def _fixed(widths: Widths) -> int:
    """The width of the gaps and of all columns but the growing one."""
    return sum(width for column, width in widths.items() if not column.grows) + _GAP * (len(widths) - 1)


def _cell(text: str, column: Column, width: int) -> str:
    cell = Text(text, no_wrap=True)
    cell.truncate(width, overflow="ellipsis")
    cell.align("right" if column.is_number else "left", width)
    return cell.plain
