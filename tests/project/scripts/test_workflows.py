"""The workflows take what they are named after, may do no more than they need, and call what exists."""

import re
import tomllib

import pytest

from tests.support.programs.packages import ROOT

WORKFLOWS = {path.stem: path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml")}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("name", ["ci", "publish", "images"])
def test_a_workflow_takes_actions_by_their_commit_and_may_do_nothing_that_a_job_does_not_ask_for(
    name: str,
) -> None:
    text = WORKFLOWS[name]
    used = re.findall(r"uses: ([^.].+)", text)
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)] == []
    jobs = re.split(r"\n  (?=[a-z]+:\n)", text.partition("\njobs:")[2])[1:]
    assert jobs
    assert "\npermissions: {}\n" in text
    for job in jobs:
        assert "\n    permissions:" in job
        assert "\n    timeout-minutes: " in job or "\n    uses: ./" in job
    assert text.count("persist-credentials: false") == text.count("actions/checkout@")


def test_an_action_is_of_one_version_everywhere() -> None:
    assert set(WORKFLOWS) == {"ci", "publish", "images"}
    used = {each for text in WORKFLOWS.values() for each in re.findall(r"uses: ([^.].+)", text)}
    assert len({each.partition("@")[0] for each in used}) == len(used)


def test_tokens_that_sign_are_had_where_something_is_published_and_nowhere_else() -> None:
    holders = {
        (name, job[0])
        for name, text in WORKFLOWS.items()
        for job in re.findall(r"^  ([a-z]+):\n((?:    .*\n|\n)*)", text, re.MULTILINE)
        if "id-token: write" in job[1]
    }
    assert holders == {("publish", "pypi"), ("publish", "attest"), ("images", "images")}


def test_nothing_is_published_before_the_suite_is_green() -> None:
    for name, job in (("publish", "pypi"), ("publish", "attest"), ("images", "images")):
        (needs,) = re.findall(rf"^  {job}:\n    name: .*\n    needs: (.*)", WORKFLOWS[name], re.MULTILINE)
        assert "suite" in needs
        assert "  suite:\n    name: Suite\n    uses: ./.github/workflows/ci.yml\n" in WORKFLOWS[name]


def test_a_workflow_calls_scripts_and_tests_that_exist() -> None:
    text = "".join(WORKFLOWS.values())
    named = set(re.findall(r"(?:\./)?((?:scripts|tests|\.ci)/[\w./]+)", text))
    assert {"scripts/release", "scripts/test", "scripts/check", ".ci/run"} <= named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_image_that_is_built_is_signed() -> None:
    text = WORKFLOWS["images"]
    (built,) = re.findall(r"IMAGES: (.+)", text)
    signed = re.findall(
        r"subject-name: \$\{\{ env.REGISTRY \}\}/(\S+)\n\s+subject-digest: .*\.(\S+) \}\}", text
    )
    assert signed == [(name, name) for name in built.split()]


def test_every_python_that_is_named_is_tested() -> None:
    named = re.findall(r"Python :: (3\.\d+)", "".join(PROJECT["classifiers"]))
    for name in ("ci", "publish"):
        (matrix,) = re.findall(r"python: \[(.+)\]", WORKFLOWS[name])
        assert re.findall(r"[\d.]+", matrix) == named
