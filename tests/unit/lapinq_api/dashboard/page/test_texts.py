"""Which language is spoken, and how a text is filled in."""

import pytest
from markupsafe import Markup

from lapinq_api.dashboard.page.audience import locale_of
from lapinq_api.dashboard.page.number_style import NumberStyle
from lapinq_api.dashboard.page.texts import LOCALES, Texts, choose_locale, joined, texts_in
from lapinq_api.dashboard.page.words import written_in
from lapinq_api.operations.filters.task import FILTERS, STATUS

TEXTS = Texts(
    "en",
    {
        "page": {
            "title": "Tasks & queues",
            "of": "Tasks of {queue}",
            "left": {"one": "{n} task in {queue}", "other": "{n} tasks in {queue}"},
            "deep": {"down": "Here"},
        },
        "script": {"done": "Done.", "more": {"one": "{n} more", "other": "{n} more"}},
    },
)


ACCEPTED = [
    ("", "en"), ("es", "es"), ("ES", "es"), ("es-MX", "es"), ("fr", "en"), ("fr, es;q=0.5", "es"), ("en, es", "en"),
    ("es, en", "es"), ("en;q=0.8, es;q=0.9", "es"), ("en-GB,en;q=0.9,es;q=0.8", "en"), ("es;q=0.7, en;q=0.7", "es"),
    ("es;q=0", "en"), ("es;q=0, en;q=0", "en"), ("es; q=0.3", "es"), ("es;q=1.5, en;q=1.2", "es"), ("*", "en"),
    ("*;q=0.9, es;q=0.1", "es"),
]  # fmt: skip
NONSENSE = [
    ",,,", ";", ";q=1", "es;q=", "es;q=much", "es;q=nan", "es;q=-1", "es;q=-inf", "-es", "esperanto", "\0",
    "x" * 100_000, "en;q=0.1," * 500 + "es",
]  # fmt: skip


def test_the_language_is_the_best_liked_that_there_is() -> None:
    for accepted, locale in ACCEPTED:
        assert choose_locale(None, accepted) == locale, accepted
    for accepted in NONSENSE:
        assert choose_locale(None, accepted) == "en", accepted


def test_what_was_chosen_counts_more_than_what_the_browser_likes() -> None:
    for cookie in LOCALES:
        assert choose_locale(cookie, "en;q=0.5, es;q=0.5, fr") == cookie
    for cookie in ("", "fr", "../../etc/passwd", "en\0", "EN "):
        assert choose_locale(cookie, "es") == "es", cookie


@pytest.mark.parametrize(
    ("headers", "locale"),
    [
        ([], "en"),
        ([(b"accept-language", b"es")], "es"),
        ([(b"accept-language", b"en"), (b"cookie", b"a=b; lapinq_language=es; c=d")], "es"),
        ([(b"accept-language", b"es"), (b"cookie", b"lapinq_language; xlapinq_language=en")], "es"),
        ([(b"accept-language", b"\xff\xfe"), (b"cookie", b"\xff=\xfe;;=")], "en"),
    ],
)
def test_it_is_read_from_the_headers_of_a_request(headers: list[tuple[bytes, bytes]], locale: str) -> None:
    assert locale_of({"type": "http", "headers": headers}) == locale


def test_a_text_is_found_by_its_key_and_filled_in() -> None:
    assert TEXTS("page.title") == "Tasks & queues"
    assert TEXTS("page.of", queue="a <b>") == "Tasks of a <b>"
    assert TEXTS("page.deep.down") == "Here"
    assert [TEXTS("page.left", n=n, queue="a") for n in (0, 1)] == ["0 tasks in a", "1 task in a"]
    assert TEXTS.of_scripts == {"done": "Done.", "more": {"one": "{n} more", "other": "{n} more"}}
    for locale in LOCALES:
        assert texts_in(locale).locale == locale
    assert TEXTS.has("page.of")
    assert not TEXTS.has("page.off")
    assert TEXTS.keys() >= {"page.title", "page.left", "page.deep.down", "script.done"}
    with pytest.raises(KeyError):
        TEXTS("page.off")


def test_a_count_is_written_as_the_reader_writes_numbers() -> None:
    with written_in(NumberStyle(",", ".")):
        assert TEXTS("page.left", n=10_000, queue="a") == "10,000 tasks in a"
        assert TEXTS.html("page.left", n=10_000, queue="a") == "10,000 tasks in a"


def test_what_is_filled_in_never_becomes_a_place_itself() -> None:
    assert TEXTS("page.of", queue="{n} {queue.__class__}") == "Tasks of {n} {queue.__class__}"
    assert TEXTS.html("page.of", queue="{n}") == "Tasks of {n}"


def test_as_markup_all_is_escaped_but_what_is_markup_itself() -> None:
    assert TEXTS.html("page.title") == Markup("Tasks &amp; queues")
    assert TEXTS.html("page.of", queue="<script>") == Markup("Tasks of &lt;script&gt;")
    assert TEXTS.html("page.of", queue=Markup("<b>a</b>")) == Markup("Tasks of <b>a</b>")
    assert TEXTS.html("page.left", n=1, queue='"') == Markup("1 task in &#34;")


def test_the_files_of_a_language_are_one_tree() -> None:
    assert joined({"a": {"b": "1"}, "c": "2"}, {"a": {"d": "3"}}) == {"a": {"b": "1", "d": "3"}, "c": "2"}
    with pytest.raises(ValueError, match="'b'"):
        joined({"a": {"b": {"one": "1", "other": "2"}}}, {"a": {"b": {"one": "1", "other": "2"}}})


def test_a_value_in_another_direction_leaves_the_sentence_alone() -> None:
    assert TEXTS.html("page.of", queue="<\u05d0>") == "Tasks of <bdi>&lt;\u05d0&gt;</bdi>"
    assert TEXTS.html("page.of", queue="1\u202f000") == "Tasks of 1\u202f000"


def test_every_filter_of_a_call_on_many_tasks_has_words() -> None:
    filters = {f"filter.{parameter.name}" for parameter in (STATUS, *FILTERS)}
    for locale in LOCALES:
        assert filters <= texts_in(locale).of_scripts.keys(), locale
