"""The samples on the pages about web frameworks run, or are lines of an example."""

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from lapinq.testing import InlineTasks

ROOT = Path(__file__).parents[3]
GUIDES = ROOT / "docs" / "guide"


def samples(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (GUIDES / page).read_text(), re.DOTALL)


@pytest.mark.parametrize("sample", samples("fastapi.md"))
def test_a_sample_of_fastapi_runs_or_is_part_of_an_example(sample: str) -> None:
    if not any(sample in path.read_text() for path in (ROOT / "examples").rglob("*.py")):
        exec(compile(sample, "fastapi.md", "exec"), {"__name__": "sample"})


@pytest.mark.parametrize("sample", samples("django.md"))
def test_a_sample_of_django_is_part_of_the_example(sample: str) -> None:
    assert any(sample in path.read_text() for path in (ROOT / "examples" / "django_shop").rglob("*.py"))


def test_the_application_of_flask_runs_its_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lapinq_inline: InlineTasks
) -> None:
    [sample] = samples("flask.md")
    (tmp_path / "flask_shop.py").write_text(sample)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    shop: Any = importlib.import_module("flask_shop")
    assert shop.create_app().test_client().post("/orders/7/confirmation").status_code == 202
    assert [task.result for task in lapinq_inline] == ['"order 7 confirmed by shop@example.org"']
