"""What a receiver takes for a webhook of lapinq. That lapinq signs by the standard is tested beside the signature."""

import time
from typing import Any

import pytest

from lapinq import verify_webhook
from lapinq.errors import InvalidValue, WebhookRefused
from lapinq.testing import sign_webhook
from lapinq_core.domain.webhooks.signature import read_secret, signed_headers

MINE, NEW, FOREIGN = (f"whsec_{letter * 32}" for letter in "ABC")
ROOT = "whroot_" + "A" * 32
BODY = b'{"task_id": "7", "status": "completed", "audience": "https://shop.example/hooks"}'


def headers(age: float = 0) -> dict[str, str]:
    return sign_webhook(BODY, MINE, event_id="e1", sent_at=time.time() - age)


def test_what_lapinq_signed_is_taken_whatever_the_case_of_the_headers() -> None:
    sent = {name.title(): value for name, value in headers().items()}
    webhook = verify_webhook(BODY, sent, MINE, audience="https://shop.example/hooks")
    assert (webhook.id, webhook.payload["task_id"], webhook.is_repeat) == ("e1", "7", False)
    assert abs(webhook.sent_at - time.time()) < 60
    both = signed_headers("e1", webhook.sent_at, BODY, [read_secret(NEW), read_secret(MINE)])
    for given, secret in ((both, MINE), (both, NEW), (headers(), [NEW, MINE])):
        assert verify_webhook(BODY, given, secret) == webhook


def test_an_event_that_was_handled_is_told() -> None:
    handled = set[str]()
    for is_repeat in (False, True):
        assert verify_webhook(BODY, headers(), MINE, seen=handled).is_repeat is is_repeat
        assert verify_webhook(BODY, headers(), MINE, seen=handled.__contains__).is_repeat is is_repeat
        handled.add("e1")


@pytest.mark.parametrize(("age", "changes", "options", "told"), [
    (400, {}, {}, "it was not sent within the last 300 s"),
    (-400, {}, {}, "it was not sent within the last 300 s"),
    (200, {}, {"window": 10}, "it was not sent within the last 10 s"),
    (0, {}, {"secret": FOREIGN}, "the signature is not that of this secret and body"),
    (0, {}, {"body": BODY + b" "}, "the signature is not that"),
    (0, {"webhook-id": "e2"}, {}, "the signature is not that"),
    (0, {"webhook-signature": "v1,é"}, {}, "the signature is not that"),
    (0, {"webhook-signature": ""}, {}, "the header webhook-signature is missing"),
    (0, {"webhook-timestamp": "now"}, {}, "webhook-timestamp is no number of seconds"),
    (0, {"webhook-timestamp": "9" * 16}, {}, "webhook-timestamp is no number of seconds"),
    (0, {}, {"audience": "https://shop.example/other"}, "it is for 'https://shop.example/hooks', not for"),
])  # fmt: skip
def test_anything_else_is_refused(
    age: int, changes: dict[str, str], options: dict[str, Any], told: str
) -> None:
    given: dict[str, Any] = {"body": BODY, "headers": headers(age) | changes, "secret": MINE, **options}
    with pytest.raises(WebhookRefused, match=told):
        verify_webhook(**given)


def test_without_headers_and_without_an_object_it_is_no_webhook() -> None:
    with pytest.raises(WebhookRefused, match="the header webhook-id is missing"):
        verify_webhook(BODY, {}, MINE)
    with pytest.raises(WebhookRefused, match="the body is no JSON object"):
        verify_webhook(b"[]", sign_webhook(b"[]", MINE), MINE)


def test_a_wrong_secret_and_a_decoded_body_are_the_receivers_mistakes() -> None:
    text: Any = BODY.decode()
    with pytest.raises(
        TypeError, match="body must be the bytes that were received, before they are decoded, not str"
    ):
        verify_webhook(text, headers(), MINE)
    for secret, told in ((ROOT, "must be this receiver's own"), ("s3cret", "secret: must be whsec_")):
        with pytest.raises(InvalidValue, match=told) as refused:
            verify_webhook(BODY, headers(), secret)
        assert secret not in str(refused.value)
