"""What the parts of `companion.llm` load."""

import json
import subprocess
import sys

import pytest


def list_loaded(statement):
    code = f"{statement}\nimport json, sys\nprint(json.dumps([*sys.modules]))"
    printed = subprocess.check_output([sys.executable, "-c", code], timeout=60)
    return {name.partition(".")[0] for name in json.loads(printed)}


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import companion.llm", {"langchain_core", "openai", "psutil", "sqlalchemy"}),
        ("from companion.llm import record_call", {"langchain_core", "openai"}),
        ("from companion.llm import Recorder", {"langchain_openai", "openai"}),
        (
            "from companion.llm import local_model",
            {"langchain_core", "openai", "psutil"},
        ),
        (
            (
                "from companion.llm import chat_model\n"
                "chat_model(base_url='http://127.0.0.1:9/v1', model='m')"
            ),
            set(),
        ),
    ],
)
def test_each_part_loads_only_what_it_needs(statement, absent):
    loaded = list_loaded(statement)

    assert "companion" in loaded
    assert loaded & (absent | {"mlflow", "pandas", "matplotlib"}) == set()
