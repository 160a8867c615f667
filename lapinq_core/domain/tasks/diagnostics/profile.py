"""The profile of one attempt: stacks of function calls, and how often a sampler met each. Pure.

It is stored as zlib-compressed JSON in `lapinq_attempts.profile`::

    {"version": 1, "interval": 0.005, "seconds": 4.06, "samples": 812, "left_out": 0,
     "frames": [["handle", "app/mail.py", 12], ["render", "app/pages.py", 40]],
     "stacks": [[700, [0, 1]], [112, [0]]]}

`stacks` are collapsed: each distinct stack once, with its number of samples and its frames as positions in `frames`,
outermost first. A frame is a function with the file and the line on which it begins, or `WAITING`. Samples are
`interval` seconds apart; a frame's time is its share of `samples`, times `seconds`.
"""

import zlib
from collections.abc import Mapping

import msgspec

from lapinq_core.domain.errors import LapinqError

VERSION = 1
MAX_STACKS = 5000
"""Distinct stacks that are kept: the most frequent ones."""
MAX_DEPTH = 200
"""Frames of a stack that are kept: the outermost ones."""
MAX_BYTES = 256 * 1024
"""Compressed."""
MAX_PLAIN_BYTES = 16 * 1024 * 1024


class ProfileError(LapinqError):
    """The stored profile cannot be read."""


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """A function: its qualified name, its file, and the line on which it begins."""

    name: str
    file: str
    line: int


WAITING = Frame("waiting", "", 0)
"""The innermost frame of coroutines that wait, while the event loop has nothing else to do."""


class Stack(msgspec.Struct, frozen=True, array_like=True):
    """How many samples met a stack. `frames` are positions in `Profile.frames`, outermost first."""

    samples: int
    frames: tuple[int, ...]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A profile. `left_out` of `samples` belong to stacks that were too many to keep.

    `interval` and `seconds`, the time that was sampled, are in seconds.
    """

    version: int = VERSION
    interval: float
    seconds: float
    samples: int
    left_out: int
    frames: list[Frame]
    stacks: list[Stack]


def collapsed(counts: Mapping[tuple[Frame, ...], int], *, interval: float, seconds: float) -> Profile:
    """The profile of `counts`, samples by stack with the outermost frame first. Those of an empty one are left out."""
    total = sum(counts.values())
    cut: dict[tuple[Frame, ...], int] = {}
    for stack, count in counts.items():
        if not stack:
            continue
        cut[stack[:MAX_DEPTH]] = cut.get(stack[:MAX_DEPTH], 0) + count
    kept = sorted(cut.items(), key=lambda item: -item[1])[:MAX_STACKS]
    places: dict[Frame, int] = {}
    stacks = [
        Stack(count, tuple(places.setdefault(frame, len(places)) for frame in stack)) for stack, count in kept
    ]
    return Profile(
        interval=interval,
        seconds=round(seconds, 6),
        samples=total,
        left_out=total - sum(stack.samples for stack in stacks),
        frames=list(places),
        stacks=stacks,
    )


def packed(profile: Profile) -> bytes:
    """`profile` for the database, at most `MAX_BYTES`: if it has more, without its rarest stacks."""
    while True:
        data = zlib.compress(msgspec.json.encode(profile))
        if len(data) <= MAX_BYTES:
            return data
        profile = _halved(profile)


def unpacked(data: bytes) -> Profile:
    """The profile in `data`. Raises `ProfileError`."""
    try:
        plain = zlib.decompressobj().decompress(data, MAX_PLAIN_BYTES)
        profile = _decoder.decode(plain)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise ProfileError from error
    if profile.version != VERSION:
        raise ProfileError(f"the profile has version {profile.version}, and this release reads {VERSION}")
    return profile


def _halved(profile: Profile) -> Profile:
    counts = {
        tuple(profile.frames[place] for place in stack.frames): stack.samples
        for stack in profile.stacks[: len(profile.stacks) // 2]
    }
    half = collapsed(counts, interval=profile.interval, seconds=profile.seconds)
    return msgspec.structs.replace(
        half, samples=profile.samples, left_out=profile.samples - half.samples + half.left_out
    )


_decoder = msgspec.json.Decoder(Profile)
