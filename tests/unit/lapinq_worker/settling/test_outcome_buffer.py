"""How large the batches are in which ends are written."""

from lapinq_worker.settling.outcome_buffer import MAX_BATCH, OutcomeBuffer


def waiting(count: int) -> OutcomeBuffer[str]:
    buffer = OutcomeBuffer[str](len)
    for n in range(count):
        buffer.add(f"{n:04}")
    return buffer


def test_a_batch_that_fails_is_halved_and_grows_again() -> None:
    buffer = waiting(3 * MAX_BATCH)
    sizes: list[int] = []
    for _ in range(3):
        sizes.append(len(batch := buffer.batch()))
        buffer.failed(batch)
    while len(buffer) > MAX_BATCH:
        sizes.append(len(batch := buffer.batch()))
        buffer.succeeded(batch)
    assert sizes == [1000, 500, 250, 125, 157, 197, 247, 309, 387, 484, 606]
    assert buffer.characters == 4 * len(buffer)


def test_what_fails_alone_goes_last() -> None:
    buffer = waiting(3)
    while len(batch := buffer.batch()) > 1:
        buffer.failed(batch)
    buffer.failed(batch)
    assert buffer.all() == ["0001", "0002", "0000"]
    assert buffer.batch() == ["0001"]
