"""What a notice to workers says survives its way, and older forms of it still say something."""

import pytest

from lapinq_core.db.notify.channels import READY_CHANNEL
from lapinq_core.db.notify.ready_notices import ALL_CHANNELS, FEW_TASKS, ReadyNotice, packed, read


def test_notices_tell_the_queue_and_how_many_tasks_it_got() -> None:
    counts = {"mail": 3, "a queue, with spaces 7": 1, "bulk": FEW_TASKS + 1}
    for queue, count in counts.items():
        notices = packed({queue: count})
        assert {one.channel for one in notices} <= ALL_CHANNELS
        assert sum(read(one.payload).count for one in notices) == count
        assert {read(one.payload).queue for one in notices} == {queue}
    assert [one.channel for one in packed({"bulk": counts["bulk"]})] == [READY_CHANNEL]
    assert len(packed(counts)) == sum(len(packed({queue: count})) for queue, count in counts.items())


@pytest.mark.parametrize("payload", ["mail", "mail\n", "mail\nx 1", "mail\n1", "mail\n1 2 3"])
def test_a_payload_of_another_form_means_one_task_at_least_and_the_same_turn_for_all(
    payload: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lapinq_core.db.notify.ready_notices.time.time", lambda: 1_800_000_000.0)
    notice = read(payload)
    assert (notice.queue, notice.count, notice.is_counted) == ("mail", 1, False)
    assert notice == read(payload) != ReadyNotice("mail", 1, read("print").turn, is_counted=False)
