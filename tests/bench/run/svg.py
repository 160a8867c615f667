"""What all charts are drawn with."""

from xml.sax.saxutils import escape

WIDTH = 820


def text(x: int, y: int, content: str, kind: str, *, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(content)}</text>'
