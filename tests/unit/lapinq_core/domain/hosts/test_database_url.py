import re

import pytest
from psycopg.conninfo import conninfo_to_dict

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.hosts.database_url import check_login, is_database_url, libpq_url, place_of


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("postgresql://u:p%40ss@h:1/db?sslmode=require", "postgresql://u:p%40ss@h:1/db?sslmode=require"),
        ("postgres://u:p@h/db", "postgresql://u:p@h/db"),
        ("POSTGRES://h/db", "postgresql://h/db"),
        ("postgresql+psycopg://u:p%2Bq@h/db", "postgresql://u:p%2Bq@h/db"),
        ("postgresql+psycopg2://h/db?options=-c+x%3Don", "postgresql://h/db?options=-c%20x%3Don"),
        ("postgres+asyncpg://h/db", "postgresql://h/db"),
        (
            "postgresql+asyncpg://h/db?ssl=verify-full&prepared_statement_cache_size=0",
            "postgresql://h/db?sslmode=verify-full",
        ),
        ("postgresql+asyncpg://h/db?async_fallback=true", "postgresql://h/db"),
        ("postgresql+psycopg:///db?host=/run/pg", "postgresql:///db?host=/run/pg"),
        ("postgresql+psycopg://u@/db?host=a:1&host=b:2", "postgresql://u@/db?host=a,b&port=1,2"),
        ("postgresql+psycopg://u@/db?host=a&host=b", "postgresql://u@/db?host=a,b"),
    ],
)
def test_every_form_is_read_as_libpqs(given: str, read: str) -> None:
    assert is_database_url(given)
    assert libpq_url(given) == read
    assert conninfo_to_dict(libpq_url(given))


@pytest.mark.parametrize("other", ["host=h dbname=db", "http://h/postgresql://", "mysql+x://h/db", ""])
def test_anything_else_is_left_alone(other: str) -> None:
    assert not is_database_url(other)
    assert libpq_url(other) == other


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:p@ss/w:rd#@host/db",
        "postgresql://user:p@ss@host/db",
        "postgresql://user:p/ss@host/db",
        "postgresql://user:1/ss@host/db",
        "postgresql://user:100%@host/db",
        "postgresql://user:p%00ss@host/db",
        "postgresql://user:p@s?s@host/db",
        "postgres://user:p/ss@host",
        "postgresql+psycopg://user:p/ss?x@host/db?connect_timeout=5",
    ],
)
def test_a_password_that_is_not_encoded_is_refused_without_any_part_of_it(url: str) -> None:
    with pytest.raises(
        InvalidValue, match=r"user and password must be percent-encoded: write @ as %40"
    ) as refused:
        check_login(url)
    assert not re.search(r"user:|p@|ss|rd|host", str(refused.value).removeprefix("user and password"))


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://user:p%40ss%2F@host:5432/db?sslmode=require", "postgresql://host:5432/db"),
        ("postgresql://user:p:s?s#s@host/db", "postgresql://host/db"),  # as libpq reads it
        ("postgresql+asyncpg://user:p?s@host/db?password=secret", "postgresql://host/db"),
        ("postgresql://user@a:1,b:2/db", "postgresql://a:1,b:2/db"),
        ("postgresql://%2Frun%2Fpg/db", "postgresql://%2Frun%2Fpg/db"),
        ("postgresql:///db?user=me@example.org", "postgresql:///db"),
        ("postgresql://", "postgresql://"),
        ("host=h password=p@ss", "PostgreSQL"),
    ],
)
def test_a_place_has_neither_user_nor_password(url: str, place: str) -> None:
    check_login(url)
    assert conninfo_to_dict(libpq_url(url)) is not None
    assert place_of(url) == place


def test_sqlalchemys_password_may_have_a_question_mark() -> None:
    assert conninfo_to_dict(libpq_url("postgresql+psycopg://u:p?s@h/db?connect_timeout=5")) == {
        "user": "u",
        "password": "p?s",
        "host": "h",
        "dbname": "db",
        "connect_timeout": "5",
    }
