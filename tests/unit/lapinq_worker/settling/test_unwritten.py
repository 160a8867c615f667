"""How large the batches are in which ends are written."""

from lapinq_worker.settling.unwritten import MAX_BATCH, Unwritten


def waiting(count: int) -> Unwritten[str]:
    unwritten = Unwritten[str](len)
    for n in range(count):
        unwritten.add(f"{n:04}")
    return unwritten


def test_a_batch_that_fails_is_halved_and_grows_again() -> None:
    unwritten = waiting(3 * MAX_BATCH)
    sizes: list[int] = []
    for _ in range(3):
        sizes.append(len(batch := unwritten.batch()))
        unwritten.failed(batch)
    while len(unwritten) > MAX_BATCH:
        sizes.append(len(batch := unwritten.batch()))
        unwritten.succeeded(batch)
    assert sizes == [1000, 500, 250, 125, 157, 197, 247, 309, 387, 484, 606]
    assert unwritten.characters == 4 * len(unwritten)


def test_what_fails_alone_goes_last() -> None:
    unwritten = waiting(3)
    while len(batch := unwritten.batch()) > 1:
        unwritten.failed(batch)
    unwritten.failed(batch)
    assert unwritten.all() == ["0001", "0002", "0000"]
    assert unwritten.batch() == ["0001"]
