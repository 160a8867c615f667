"""The suite in the guide to testing passes as it is."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lapinq import TaskQueue
from lapinq.testing import captured

GUIDE = (Path(__file__).parents[3] / "docs" / "guide" / "testing.md").read_text()


def test_the_suite_of_the_guide_passes(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n# (\S+\.py)\n(.*?)```", GUIDE, re.DOTALL)
    assert len(blocks) == GUIDE.count("```python")
    for name, text in blocks:
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-W",
            "error",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:schemathesis",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    tests = len(re.findall(r"^ *def test_", GUIDE, re.MULTILINE))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{tests} passed" in done.stdout


def test_the_message_of_the_guide_is_the_real_one() -> None:
    queue = TaskQueue(queue_name="shop")
    with captured() as tasks:
        queue.batch_enqueue(
            [{"module_path": "shop", "task_name": "charge", "args": [7], "kwargs": {"cents": 990}}]
        )
        with pytest.raises(AssertionError) as caught:
            tasks.assert_enqueued("charge", args=[8], queue="shop")
    assert f"AssertionError: shop.{caught.value}" in GUIDE
