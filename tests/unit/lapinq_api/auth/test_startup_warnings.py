"""What a server says at its start of what it leaves open."""

from typing import Any

import pytest

from lapinq_api.app import build_app
from lapinq_core.doctor.access import MIN_KEY
from lapinq_core.runtime.settings import Settings

OPEN = ("LAPINQ_API_KEY", "LAPINQ_REQUIRE_AUTH")
KEY = "k" * MIN_KEY


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, ()),
        ({"host": "0.0.0.0"}, ()),
        ({"open_api": "everyone"}, OPEN),
        ({"open_api": "everyone", "allowed_modules": ("app.*",)}, OPEN),
        ({"trusted_proxies": ("10.0.0.0/8",)}, ()),
        ({"redact": ("password",)}, ("LAPINQ_REDACT",)),
        ({"host": "0.0.0.0", "require_auth": True}, ()),
        ({"api_key": KEY}, ("LAPINQ_ALLOWED_MODULES",)),
        ({"host": "0.0.0.0", "api_key": KEY, "allowed_modules": ("app.*",)}, ()),
        ({"api_key": KEY[1:], "allowed_modules": ("app.*",)}, ("LAPINQ_API_KEY has fewer",)),
    ],
)
def test_what_is_left_open_is_told_once_with_the_setting_that_closes_it(
    settings: dict[str, Any], named: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    build_app(Settings(database_url="postgresql://nowhere/x", **settings), url="http://10.0.0.7:8001")
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == bool(named)
    assert all(name in warnings[0] for name in named)
