"""Which origins can be named."""

import pytest

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.hosts.origins import read_origins


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["https://tasks.example.org"], ("https://tasks.example.org",)),
        (["HTTPS://Tasks.Example.org:443"], ("https://tasks.example.org",)),
        (["http://localhost:3000", "http://[::1]:80"], ("http://localhost:3000", "http://[::1]")),
        (["https://tasks:80"], ("https://tasks:80",)),
        (["*"], ("*",)),
        ([], ()),
    ],
)
def test_origins_are_kept_as_browsers_write_them(given: list[str], kept: tuple[str, ...]) -> None:
    assert read_origins(given) == kept


NO_ORIGINS = [
    "a.example", "https://a.example/", "https://a.example/path", "https://a.example?x", "https://*.example",
    "https://user@a.example", "https://", "https://a b", "https://a.example:0", "https://a.example:99999",
    "https://a.example:", "ftp://a.example", "null", "https://a.example\n", "",
]  # fmt: skip


@pytest.mark.parametrize(
    "given",
    [["*", "https://a.example"], ["https://a.example", "*"], ["*", "*"], *([one] for one in NO_ORIGINS)],
)
def test_what_is_no_origin_is_refused(given: list[str]) -> None:
    with pytest.raises(InvalidValue):
        read_origins(given)
