"""What named API keys look like."""

import pytest

from lapinq_core.domain.accounts.api_key import SECRET_BYTES, digest_of, hint_of, key_of, looks_like_key


def test_a_key_says_what_it_is_and_holds_the_whole_secret() -> None:
    made = {key_of(bytes([number]) * SECRET_BYTES) for number in range(256)}
    assert len(made) == len({digest_of(key.encode()) for key in made}) == 256
    for key in made:
        assert key.startswith("lapinq_")
        assert looks_like_key(key.encode())
        assert key.endswith(hint_of(key))
        assert len(hint_of(key)) == 4


@pytest.mark.parametrize("change", ["", "x", "\n", " ", "=", "ü", "\x00"])
def test_what_is_longer_shorter_or_of_other_characters_is_no_key(change: str) -> None:
    key = key_of(b"k" * SECRET_BYTES)
    for text in (
        key[:-1] + change,
        key + (change or "x"),
        change + key[1:],
        key.replace("lapinq_", "lapinq-"),
    ):
        assert not looks_like_key(text.encode()) or text == key[:-1] + "x"
