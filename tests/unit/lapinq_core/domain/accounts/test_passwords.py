"""The rules of usernames and passwords."""

import subprocess
import sys

import pytest

from lapinq_core.domain.accounts.passwords import check_password, check_username
from lapinq_core.domain.errors import InvalidValue


def test_a_name_may_be_anything_that_can_be_read_and_a_password_has_8_to_1024_characters() -> None:
    for username in ("l", "lisa", "Lisa Müller", "x" * 255, "日本", "a\u00e9"):
        check_username("username", username)
    for password in ("1234567x9", "x" * 1024, "        ", "pässwörter", "tab\tand\nline"):
        check_password("password", password, "lisa")


@pytest.mark.parametrize(
    "username", ["", "x" * 256, " lisa", "lisa ", " ", "li\nsa", "li\x00sa", "li\ud800sa", "li\u200bsa"]
)
def test_a_name_that_nobody_could_tell_apart_or_read_is_refused(username: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        check_username("username", username)
    assert refused.value.loc == "username"


@pytest.mark.parametrize(
    "password",
    ["", "1234567", "x" * 1025, "Lisa Müller", "lisa müller", "has a \x00 in it", "half \udfff one"],
)
def test_a_password_that_is_short_long_or_the_name_is_refused(password: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        check_password("new_password", password, "lisa MÜLLER")
    assert refused.value.loc == "new_password"
    assert password not in refused.value.msg or not password


@pytest.mark.parametrize("password", ["password", "PassWord1", "12345678", "1q2w3e4r", "Elizabeth"])
def test_a_password_that_is_guessed_first_is_refused(password: str) -> None:
    with pytest.raises(InvalidValue, match="must not be one of the 10000 most common passwords"):
        check_password("password", password, "lisa")


def test_the_list_is_read_once_somebody_chooses_a_password() -> None:
    program = "import sys, lapinq_core.runtime.settings; raise SystemExit('zxcvbn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
