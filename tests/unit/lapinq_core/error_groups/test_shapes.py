"""Which errors are alike: by type and place, else by message."""

from itertools import pairwise

import pytest

from lapinq_core.error_groups.shapes import common, place_of, shape_of

CHARGE = '  File "/srv/releases/7/shop/pay.py", line 42, in charge\n    raise CardDeclined(f"card of {who} declined")\n'
OTHER_RELEASE = CHARGE.replace("/releases/7/", "/releases/8/").replace("42", "57")
REFUND = '  File "/srv/shop/pay.py", line 60, in refund\n    charge(-amount)\n    ~~~~~~^^^^^^^^^\n'
LIBRARY = '  File "/usr/lib/python3.13/smtplib.py", line 9, in send\n    raise error\n'
PACKAGED = '  File "/venv/lib/python3.13/site-packages/shop/mail.py", line 9, in send\n    raise Refused\n'
OWN = '  File "/srv/lapinq_worker/running/call.py", line 9, in run\n    call()\n'


def traceback(*frames: str, error: str = "X: y") -> str:
    return "".join(["Traceback (most recent call last):\n", *frames, error, "\n"])


ALIKE: list[list[tuple[str, str | None]]] = [
    [
        ("shop.CardDeclined: card of acme declined", traceback(OWN, CHARGE)),
        ("shop.CardDeclined: card of globex declined", traceback(CHARGE, LIBRARY)),
        ("shop.CardDeclined", traceback(OTHER_RELEASE)),
    ],
    [("shop.CardDeclined: card of acme declined", traceback(REFUND, CHARGE))],
    [("ValueError: card of acme declined", traceback(CHARGE))],
    [("TimeoutError: after 3 s", None), ("TimeoutError: after 31.2 s", "no traceback")],
    [("KeyError: 'customer-7'", None), ("KeyError: 'customer-12'", None)],
    [("KeyError: 'price'", None)],
    [("KeyError: 'price'", traceback(CHARGE)), ("KeyError: 'name'", traceback(CHARGE))],
    [("TaskNotFound: no module 'shop.mail'", None)],
    [("TaskNotFound: no module 'shop.pay'", None)],
    [("ValueError: 'acme' is unknown", None), ("ValueError: 'globex' is unknown", None)],
]


def test_errors_are_alike_by_type_and_place_else_by_message() -> None:
    shapes = [{shape_of(*error).text for error in errors} for errors in ALIKE]
    assert [len(each) for each in shapes] == [1] * len(ALIKE)
    assert len(set[str]().union(*shapes)) == len(ALIKE)


@pytest.mark.parametrize(
    ("frames", "place"),
    [
        ([REFUND, CHARGE, LIBRARY], ["pay.py charge: raise CardDeclined(", "pay.py refund: charge(-amount)"]),
        ([REFUND, REFUND, CHARGE], ["pay.py charge: raise CardDeclined(", "pay.py refund: charge(-amount)"]),
        ([OWN, PACKAGED], ["mail.py send: raise Refused"]),
        (['  | File "C:\\shop\\pay.py", line 4, in run\n  |     pay()  |\n'], ["pay.py run: pay()"]),
        (['  File "<string>", line 1, in <module>\n'], ["<string> <module>: X: y"]),
        (['  File "/srv/pay.py", line 1'], ["pay.py : "]),
        ([], None),
    ],
)
def test_a_place_is_the_last_two_frames_of_the_users_code(frames: list[str], place: list[str] | None) -> None:
    found = place_of(traceback(*frames))
    assert (found is None) == (place is None)
    for line, begin in zip((found or "").split("\n"), place or [""], strict=True):
        assert line.startswith(begin)
    assert place_of(None) is None


def test_a_kind_has_a_star_for_the_words_that_differ() -> None:
    rows: list[tuple[list[str], str]] = [
        (["a: card of acme declined", "a: card of globex declined"], "a: card of * declined"),
        (["a: card of acme declined", "a: card of the other one declined"], "a: card of * declined"),
        (["a: b", "a: b"], "a: b"),
        (["a: b", "a: c", "a: b d"], "a: *"),
        (["a b", "b"], "* b"),
        (["a", "b"], "*"),
        ([""], ""),
    ]
    for kinds, told in rows:
        assert common(kinds) == told
    assert all(common(pair) == "a: *" for pair in pairwise(["a: b", "a: c", "a: *"]))
