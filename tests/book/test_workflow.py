"""The workflow on the reference page is the pipeline of chapter 2, and explained."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = (ROOT / "book/module1/cicd.md").read_text("utf-8")
PAGE = (ROOT / "book/reference/workflow.md").read_text("utf-8")


def _yaml_block(text: str) -> Any:
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return yaml.safe_load(block)


WORKFLOW = _yaml_block(PAGE)
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
ACTIONS = sorted({step["uses"] for step in STEPS if "uses" in step})


def _keys(value: Any) -> set[str]:
    if isinstance(value, list):
        return {key for one in value for key in _keys(one)}
    if not isinstance(value, dict):
        return set()
    # YAML 1.1 reads `on` as true.
    own = {"on" if key is True else key for key in value}
    return own.union(*(_keys(one) for key, one in value.items() if key != "with"))


def test_the_workflow_runs_the_stages_of_the_pipeline_in_their_order():
    stages = re.search(r"^STAGES = (\{.*?^\})$", CHAPTER, re.MULTILINE | re.DOTALL)
    assert stages is not None
    commands = [f"python {rest}" for rest in ast.literal_eval(stages[1]).values()]

    runs = [step["run"] for step in STEPS if step.get("run", "").startswith("python ")]

    assert runs == commands


def test_the_excerpt_in_the_chapter_is_part_of_the_workflow():
    def is_part(excerpt: Any, whole: Any) -> bool:
        if isinstance(excerpt, dict):
            return all(
                key in whole and is_part(one, whole[key])
                for key, one in excerpt.items()
            )
        if isinstance(excerpt, list):
            return all(one in whole for one in excerpt)
        return bool(excerpt == whole)

    excerpt = _yaml_block(CHAPTER)

    assert len(excerpt) > 1
    assert is_part(excerpt, WORKFLOW)


@pytest.mark.parametrize("key", sorted(_keys(WORKFLOW)))
def test_each_key_of_the_workflow_is_explained(key):
    explained = PAGE.partition("## When it runs")[2]

    assert f"`{key}`" in explained


def test_each_job_waits_for_one_that_comes_before_it():
    names = list(WORKFLOW["jobs"])
    needs = [job.get("needs") for job in WORKFLOW["jobs"].values()]

    assert needs == [None, *names[:-1]]


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_has_the_version_that_the_repository_itself_uses(action):
    """Dependabot raises the repository's own; this page must follow."""
    own = "\n".join(
        file.read_text("utf-8") for file in (ROOT / ".github/workflows").glob("*.yml")
    )
    name, _, version = action.partition("@")

    assert set(re.findall(rf"{name}@\w+ # (v\d+)\.", own)) == {version}
