"""The samples on the pages about web frameworks run, or are lines of an example."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GUIDES = ROOT / "docs" / "guide"
SAMPLES = [
    (page, sample)
    for page in ("fastapi.md",)
    for sample in re.findall(r"```python\n(.*?)```", (GUIDES / page).read_text(), re.DOTALL)
]


@pytest.mark.parametrize(("page", "sample"), SAMPLES)
def test_a_sample_runs_or_is_part_of_an_example(page: str, sample: str) -> None:
    if not any(sample in path.read_text() for path in (ROOT / "examples").rglob("*.py")):
        exec(compile(sample, page, "exec"), {"__name__": "sample"})
