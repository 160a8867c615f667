"""Extract the links of an HTML page."""

from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin

_REFERENCES = {
    ("a", "href"),
    ("area", "href"),
    ("iframe", "src"),
    ("img", "src"),
    ("link", "href"),
    ("script", "src"),
}


def links_in(html: str, address: str) -> list[str]:
    """The links, absolute and without fragment, each once and in order. `address` is the page's own."""
    collector = _Collector(address)
    collector.feed(html)
    return list(collector.links)


class _Collector(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__()
        self._base = address
        self.links: dict[str, None] = {}  # a set that keeps its order

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if (tag, name) == ("base", "href") and value:
                self._base = urljoin(self._base, value)
            elif (tag, name) in _REFERENCES and value:
                self._add(value.strip())

    def _add(self, reference: str) -> None:
        try:
            link = urldefrag(urljoin(self._base, reference)).url
        except ValueError:
            link = reference  # not a valid address: the check will report it
        if link.startswith(("http:", "https:")):  # mailto: and the like can't be checked
            self.links[link] = None
