"""Profiles: collapsing what a sampler met, and keeping it small."""

import random
import zlib

import msgspec
import pytest

from lapinq_core.domain.tasks.diagnostics import profile as module
from lapinq_core.domain.tasks.diagnostics.profile import (
    MAX_BYTES,
    MAX_DEPTH,
    Frame,
    ProfileError,
    Stack,
    collapsed,
    packed,
    unpacked,
)

OUTER, INNER = Frame("handle", "app/mail.py", 12), Frame("render", "app/pages.py", 40)


def test_stacks_share_their_frames_and_the_most_frequent_comes_first() -> None:
    made = collapsed({(OUTER,): 112, (OUTER, INNER): 700}, interval=0.005, seconds=4.06)
    assert (made.samples, made.left_out, made.frames) == (812, 0, [OUTER, INNER])
    assert made.stacks == [Stack(700, (0, 1)), Stack(112, (0,))]
    assert unpacked(packed(made)) == made


def test_what_is_too_deep_is_cut_and_what_is_too_much_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tuple(Frame("again", "a.py", 1) for _ in range(MAX_DEPTH))
    made = collapsed({(*deep, INNER): 3, (*deep, OUTER): 4}, interval=0.005, seconds=1)
    assert [(stack.samples, len(stack.frames)) for stack in made.stacks] == [(7, MAX_DEPTH)]
    monkeypatch.setattr(module, "MAX_STACKS", 1)
    made = collapsed({(OUTER,): 2, (INNER,): 5}, interval=0.005, seconds=1)
    assert (made.samples, made.left_out, made.frames) == (7, 2, [INNER])


def test_a_profile_that_does_not_compress_loses_its_rarest_stacks() -> None:
    rand = random.Random(1)
    frames = [Frame(rand.randbytes(90).hex(), rand.randbytes(60).hex(), number) for number in range(4000)]
    made = collapsed({(frame,): number + 1 for number, frame in enumerate(frames)}, interval=0.005, seconds=1)
    data = packed(made)
    assert len(data) <= MAX_BYTES
    small = unpacked(data)
    assert small.samples == made.samples == small.left_out + sum(stack.samples for stack in small.stacks)
    assert small.stacks[0].samples == 4000
    assert 0 < len(small.stacks) < 4000


@pytest.mark.parametrize("data", [b"", b"nothing", zlib.compress(b"[]"), zlib.compress(b'{"version": 2')])
def test_what_is_no_profile_is_refused(data: bytes) -> None:
    with pytest.raises(ProfileError):
        unpacked(data)


def test_a_profile_of_a_later_release_is_refused_by_its_version() -> None:
    later = msgspec.structs.replace(collapsed({}, interval=1, seconds=1), version=2)
    with pytest.raises(ProfileError, match="version 2"):
        unpacked(packed(later))
