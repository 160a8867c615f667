import pytest
from psycopg.conninfo import conninfo_to_dict

from lapinq_core.domain.database_url import is_database_url, libpq_url


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
