"""Which frames of a traceback a page shows."""

import pytest

from lapinq_api.dashboard.parts.task_page.traceback import MAX_FRAMES, last_frame, stacks_of

OWN, LIBRARY = "/srv/shop/mail.py", "/srv/.venv/lib/python3.12/site-packages/smtp.py"


def text(*files: str, error: str = "ValueError: no") -> str:
    """A traceback of frames in these files, on ascending lines."""
    frames = (f'  File "{file}", line {line}, in send\n    call()\n' for line, file in enumerate(files, 1))
    return "Traceback (most recent call last):\n" + "".join(frames) + error


@pytest.mark.parametrize(
    ("files", "earlier", "shown", "last"),
    [
        ([OWN, OWN, LIBRARY], 0, [2, 1], 2),
        ([LIBRARY, OWN, LIBRARY, OWN], 0, [1, 1, 1, 1], 4),
        ([LIBRARY] * 3, 0, [3], None),
        ([OWN] * 150, 140, [MAX_FRAMES], 150),
        ([OWN] * 100 + [LIBRARY] * 50, 99, [1, 50], 100),
        ([LIBRARY] * 150, 140, [MAX_FRAMES], None),
    ],
)
def test_at_most_ten_frames_are_shown_and_the_last_of_the_users_code(
    files: list[str], earlier: int, shown: list[int], last: int | None
) -> None:
    [stack] = stacks_of(text(*files))
    assert len(stack.earlier) == earlier
    assert [len(group.frames) for group in stack.groups] == shown
    assert (stack.last and stack.last.line) == last


def test_the_last_frame_is_that_of_the_exception_raised_last() -> None:
    chained = (
        f"{text(OWN)}\n\nDuring handling of the above exception, another exception occurred:\n\n"
        f"{text(LIBRARY, OWN, LIBRARY)}"
    )
    frame = last_frame(chained)
    assert frame is not None
    assert (frame.file, frame.line, frame.source) == (OWN, 2, "call()")
    assert last_frame("killed by signal 9") is None
