import pytest
from psycopg.conninfo import conninfo_to_dict

from lapinq.contrib.django.databases import url_of


@pytest.mark.parametrize(
    "options",
    [
        {
            "dbname": "shop",
            "host": "db.example.com",
            "port": "5433",
            "user": "shop",
            "password": "p@:/ss% ?#",
        },
        {"dbname": "shop", "host": "/run/postgresql", "port": "5433", "user": "shop"},
        {"dbname": "shop", "host": "a.example.com,b.example.com", "port": "5432,5433"},
        {"dbname": "shop/é", "host": "::1", "user": "a b"},
        {"dbname": "shop"},
        {"service": "shop"},
        {"dbname": "shop", "sslmode": "verify-full", "sslrootcert": "/etc/ca.pem", "connect_timeout": "3"},
        {"dbname": "shop", "options": "-c search_path=a,b -c role=a\\ b"},
    ],
)
def test_the_url_says_what_the_options_say(options: dict[str, str]) -> None:
    assert conninfo_to_dict(url_of(options)) == options


def test_what_is_for_the_driver_is_left_out() -> None:
    given = {
        "dbname": "shop",
        "port": 5433,
        "client_encoding": "UTF8",
        "prepare_threshold": None,
        "context": object(),
    }
    assert conninfo_to_dict(url_of(given)) == {"dbname": "shop", "port": "5433"}
