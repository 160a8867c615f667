"""How a reader's region writes numbers. The browser's first language tells; the words of a page follow its language.

The table holds what browsers do (CLDR), so that numbers from here and from scripts look alike.
"""

import re

import msgspec

_THIN, _HARD = "\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}"
_TAG = re.compile(r"\s*([A-Za-z]{2,3})(?:-[A-Za-z]{4})?(?:-([A-Za-z]{2}|[0-9]{3}))?(?![A-Za-z0-9])")


class NumberStyle(msgspec.Struct, frozen=True):
    """What separates groups of three digits and the fraction. Numbers of `shortest` digits and more are grouped."""

    group: str
    point: str
    shortest: int = 4

    def integer(self, value: int) -> str:
        """A whole number, such as "1,234"."""
        text = str(value)
        return text if len(text.lstrip("-")) < self.shortest else f"{value:,}".replace(",", self.group)

    def decimal(self, value: float) -> str:
        """A number below 1,000 with one digit after the point."""
        return f"{value:.1f}".replace(".", self.point)


NEUTRAL = NumberStyle(_THIN, ".")
"""For programs, and languages that are not in the table."""
_COMMA, _DOT, _SPACE = NumberStyle(",", "."), NumberStyle(".", ","), NumberStyle(_HARD, ",")
_DOT_FROM_FIVE, _SPACE_FROM_FIVE = NumberStyle(".", ",", 5), NumberStyle(_HARD, ",", 5)

_STYLES = {
    tag: style
    for style, tags in (
        (_COMMA, "am ar cy en fil he hi ja ko mn ms sw ta te th ur zh"),
        (_COMMA, "es-419 es-DO es-GT es-HN es-MX es-NI es-PA es-PE es-PR es-SV es-US"),
        (_DOT, "az bs ca da de el eu gl hr id is mk nl pt ro sr tr vi"),
        (_DOT, "es-AR es-BO es-CL es-CO es-EC es-PY es-UY es-VE"),
        (_DOT_FROM_FIVE, "es it sl"),
        (_SPACE, "af be cs de-AT en-ZA es-CR fi fr-CA hy ka kk lt nb nn no ru sk sq sv uk uz"),
        (_SPACE_FROM_FIVE, "bg et hu lv pl pt-PT"),
        (NumberStyle(_THIN, ","), "fr"),
        (NumberStyle("'", "."), "de-CH de-LI en-CH"),
        (NumberStyle("'", ".", 5), "it-CH"),
    )
    for tag in tags.split()
}


def number_style(accepted: str) -> NumberStyle:
    """The style for a browser with this Accept-Language header."""
    found = _TAG.match(accepted)
    if found is None:
        return NEUTRAL
    language, region = found[1].lower(), (found[2] or "").upper()
    return _STYLES.get(f"{language}-{region}") or _STYLES.get(language, NEUTRAL)
