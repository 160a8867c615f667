"""Mutants that the sample's tests don't notice, by their keys, each with the reason."""

EXCUSED = {
    "lapinq_core/domain/ids.py: first + count - 1 → (first + count + 1)": (
        "Changes nothing that is promised: two ids are left unused, and the next is greater still."
    ),
    "services/lapinq_worker/cli.py: not drain → (drain)": (
        "Noticed by tests/chaos/tasks/test_time_limits.py, which is too long for the sample."
    ),
    "services/lapinq_worker/reload.py: task.cancel() → pass": (
        "Changes nothing that anybody sees: two waits stay until the process ends."
    ),
}
