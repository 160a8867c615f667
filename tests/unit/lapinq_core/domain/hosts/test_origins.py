"""Which origins can be named."""

import pytest

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.hosts.origins import is_same_server, read_origins


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


@pytest.mark.parametrize(("url", "other", "is_same"), [
    ("https://tasks.example/a", "https://TASKS.example:443", True),
    ("http://tasks.example", "https://tasks.example", False),
    ("https://tasks.example", "https://tasks.example.org", False),
    ("https://tasks.example@evil.example", "https://tasks.example", False),
    ("https://tasks.example:8443", "https://tasks.example", False),
    ("http://localhost:8001", "http://127.0.0.1:9000/tasks", True),
    ("http://[::1]:8001", "http://127.1.2.3", True),
    ("http://127.0.0.1.example", "http://127.0.0.1", False),
    ("postgresql://localhost/x", "http://127.0.0.1", False),
    ("http://host:port", "http://host:port", False),
])  # fmt: skip
def test_a_server_is_known_by_its_origin_and_this_machine_is_one(url: str, other: str, is_same: bool) -> None:
    assert is_same_server(url, other) is is_same
    assert is_same_server(other, url) is is_same
