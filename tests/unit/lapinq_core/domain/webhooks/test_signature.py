import base64

import pytest

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.webhooks.signature import read_keys, read_secret, secret_of, signed_headers


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
        "whroot_",
        "whroot_" + base64.b64encode(b"s" * 23).decode(),
    ],
)
def test_a_bad_secret_is_refused_without_being_repeated(secret: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        read_secret(secret)
    hidden = secret.removeprefix("whsec_").removeprefix("whroot_")
    assert hidden == "" or hidden not in str(refused.value)


def test_each_origin_has_a_key_of_its_own_from_each_root() -> None:
    roots = ["whroot_" + base64.b64encode(root * 32).decode() for root in (b"r", b"s")]
    shared = "whsec_" + base64.b64encode(b"r" * 32).decode()
    keys = read_keys([roots[0], shared, roots[1]])
    origins = ["https://a.example", "http://a.example", "https://a.example:8443", "https://b.example"]
    own = [key for origin in origins for key in keys.own(origin)]
    assert len(set(own)) == 2 * len(origins)
    assert keys.all_for(origins[0]) == [read_secret(shared), *own[:2]]
    assert read_keys([shared]).own(origins[0]) == []
    # As receivers were told it: another derivation would lock them out.
    assert secret_of(own[0]) == "whsec_rJbvz/y9MeRqb6cT5bSrbKOm2fyHMAwX4RuSVmR+7/w="
    assert read_secret(secret_of(own[0])) == own[0]
