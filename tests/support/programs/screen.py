"""A terminal's screen: what remains to be seen of all that a program wrote, as text and as a picture."""

import re
from io import StringIO
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

THEME = TerminalTheme(
    background=(24, 26, 31),
    foreground=(214, 218, 226),
    normal=[
        *((24, 26, 31), (224, 108, 117), (152, 195, 121), (229, 192, 123)),
        *((97, 175, 239), (198, 120, 221), (86, 182, 194), (171, 178, 191)),
    ],
    bright=[
        *((112, 120, 136), (240, 128, 137), (172, 215, 141), (249, 212, 143)),
        *((117, 195, 255), (218, 140, 241), (106, 202, 214), (255, 255, 255)),
    ],
)
_TOKEN = re.compile(r"\x1b\[([?>=]?)([\d;]*)([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()].|\x1b.|[\s\S]")


class Cell(NamedTuple):
    char: str
    style: str
    """The codes that colour it."""


BLANK = Cell(" ", "")


class Screen:
    """Understands what shells, click and rich write. Feed it whole outputs: it keeps no half of a sequence."""

    def __init__(self, columns: int, rows: int) -> None:
        self._columns = columns
        self._rows = rows
        self._style = ""
        self._row = self._column = 0
        self._lines = [[BLANK] * columns for _ in range(rows)]
        self._main: list[list[Cell]] | None = None
        """The main screen, while a program uses the alternate one."""

    def feed(self, output: str) -> None:
        for token in _TOKEN.finditer(output):
            private, numbers, final = token.groups()
            if final is None:
                self._write(token[0])
            elif private:
                if numbers == "1049":
                    self._alternate(on=final == "h")
            elif final == "m":
                self._style = "" if numbers in {"", "0"} else f"{self._style}\x1b[{numbers}m"
            else:
                self._control(final, [int(number or 0) for number in numbers.split(";")])

    def text(self) -> str:
        """The lines without colours, to the last that isn't empty."""
        lines = ["".join(cell.char for cell in line).rstrip() for line in self._lines]
        return "\n".join(lines).rstrip("\n") + "\n"

    def svg(self, title: str) -> str:
        """A picture of the same lines."""
        height = self.text().count("\n")
        console = Console(
            record=True, width=self._columns, file=StringIO(), color_system="truecolor", legacy_windows=False
        )
        for line in self._lines[:height]:
            coloured = "".join(
                f"{cell.style}{cell.char}\x1b[0m" if cell.style else cell.char for cell in line
            )
            console.print(Text.from_ansi(coloured.rstrip()), overflow="ignore", no_wrap=True, crop=True)
        picture = console.export_svg(title=title, theme=THEME, unique_id=f"terminal-{title.split()[1]}")
        # The font would come from another site, which sees who reads the page.
        picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
        return "\n".join(line.rstrip() for line in picture.splitlines()) + "\n"

    def _write(self, char: str) -> None:
        if char == "\r":
            self._column = 0
        elif char == "\n":
            self._feed_line()
        elif char == "\b":
            self._column = max(0, self._column - 1)
        elif char == "\t":
            self._column = min(self._columns - 1, self._column // 8 * 8 + 8)
        elif char.isprintable():
            if self._column >= self._columns:
                self._column = 0
                self._feed_line()
            self._lines[self._row][self._column] = Cell(char, self._style)
            if cell_len(char) == 2 and self._column + 1 < self._columns:
                self._lines[self._row][self._column + 1] = Cell("", "")
            self._column += cell_len(char)

    def _feed_line(self) -> None:
        if self._row + 1 < self._rows:
            self._row += 1
        else:
            self._lines = [*self._lines[1:], [BLANK] * self._columns]

    def _alternate(self, *, on: bool) -> None:
        if on:
            self._main, self._lines = self._lines, [[BLANK] * self._columns for _ in range(self._rows)]
        elif self._main is not None:
            self._lines, self._main = self._main, None

    def _control(self, final: str, numbers: list[int]) -> None:
        first, by = numbers[0], max(numbers[0], 1)
        match final:
            case "A":
                self._move(self._row - by, self._column)
            case "B":
                self._move(self._row + by, self._column)
            case "C":
                self._move(self._row, self._column + by)
            case "D":
                self._move(self._row, self._column - by)
            case "G":
                self._move(self._row, by - 1)
            case "H":
                self._move(by - 1, numbers[1] - 1 if len(numbers) > 1 else 0)
            case "J" | "K":
                self._erase(first, all_lines=final == "J")
            case _:
                pass  # changes nothing that is to be seen

    def _move(self, row: int, column: int) -> None:
        self._row = min(max(row, 0), self._rows - 1)
        self._column = min(max(column, 0), self._columns - 1)

    def _erase(self, kind: int, *, all_lines: bool) -> None:
        """To the end (0), from the start (1) or everything (2): of the line, or of the screen."""
        line, column = self._lines[self._row], min(self._column, self._columns - 1)
        if kind in {0, 2}:
            line[column if kind == 0 else 0 :] = [BLANK] * (self._columns - (column if kind == 0 else 0))
        if kind == 1:
            line[: column + 1] = [BLANK] * (column + 1)
        for number in range(self._rows) if all_lines else ():
            if (kind != 1 and number > self._row) or (kind != 0 and number < self._row):
                self._lines[number] = [BLANK] * self._columns
