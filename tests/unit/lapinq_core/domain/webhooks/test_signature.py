import base64

import pytest

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.webhooks.signature import read_secret, signed_headers


def test_the_signature_is_that_of_the_reference_library() -> None:
    # The vector of the tests of the Standard Webhooks libraries.
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        [read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_every_secret_signs() -> None:
    first, second = signed_headers("a", 1, b"{}", [b"x" * 24]), signed_headers("a", 1, b"{}", [b"y" * 24])
    both = signed_headers("a", 1, b"{}", [b"x" * 24, b"y" * 24])["webhook-signature"]
    assert both == f"{first['webhook-signature']} {second['webhook-signature']}"


def test_without_a_secret_nothing_is_signed() -> None:
    assert signed_headers("a", 1, b"{}", []) == {"webhook-id": "a", "webhook-timestamp": "1"}


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_not base64",
        "whsec_" + base64.b64encode(b"s" * 23).decode(),
        "whsec_" + base64.b64encode(b"s" * 65).decode(),
        base64.b64encode(b"s" * 32).decode(),
        "whsec_ü",
    ],
)
def test_a_bad_secret_is_refused_without_being_repeated(secret: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        read_secret(secret)
    assert secret.removeprefix("whsec_") == "" or secret.removeprefix("whsec_") not in str(refused.value)
