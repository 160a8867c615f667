"""`lapinq.contrib.django`: `manage.py test` runs what it promises, in the project of examples/django_shop."""

import os
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

import django
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.support.programs.processes import REPOSITORY

SITE = "tests.support.django_site"


def run_facts(
    postgres_url: str, folder: Path, facts: Sequence[str], settings: str, packages: Path | None = None
) -> None:
    """`packages` come before those that are installed."""
    given = conninfo_to_dict(postgres_url)
    done = subprocess.run(
        [sys.executable, "manage.py", "test", "--noinput", *facts, "--settings", settings],
        cwd=REPOSITORY / "examples" / "django_shop",
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, [*([packages] if packages else []), REPOSITORY])),
            "PGHOST": str(given.get("host") or ""),
            "PGPORT": str(given.get("port") or ""),
            "PGUSER": str(given.get("user") or ""),
            "PGPASSWORD": str(given.get("password") or ""),
            "PGDATABASE": f"shop_{uuid.uuid4().hex}",
            "SHOP_SECRET_KEY": "secret",
            "SHOP_MAIL_FOLDER": str(folder / "mail"),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_facts_hold(postgres_url: str, tmp_path: Path) -> None:
    run_facts(postgres_url, tmp_path, ["shop", f"{SITE}.facts"], f"{SITE}.settings")


@pytest.mark.slow
@pytest.mark.skipif(django.VERSION < (6,), reason="the test above had this Django")
def test_they_hold_with_django_5_2(postgres_url: str, tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", packages]
    subprocess.run([*install, "django~=5.2.0"], check=True, timeout=300)
    run_facts(postgres_url, tmp_path, [f"{SITE}.plain_facts"], f"{SITE}.plain_settings", packages)
    subprocess.run([*install, "--upgrade", "django~=5.2.0", "django-tasks"], check=True, timeout=300)
    run_facts(postgres_url, tmp_path, ["shop", f"{SITE}.facts"], f"{SITE}.settings", packages)
