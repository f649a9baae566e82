"""Where the program's modules come from, in a real environment."""

import json
import os
import sysconfig
from pathlib import Path

import pytest

from companion.tracking.reproducing.program import find_module_folders


@pytest.fixture
def projects(tmp_path, monkeypatch):
    """A repository, its checkout, and packages that are installed in editable mode.

    `flat` and `nested` lie in the repository, `other` elsewhere.
    """
    root, tree = tmp_path.resolve() / "root", tmp_path.resolve() / "tree"
    installed = tmp_path / "installed"
    for name, folder in (
        ("flat", root / "flat"),
        ("nested", root / "nested"),
        ("other", tmp_path.resolve() / "other"),
    ):
        (folder / "src").mkdir(parents=True)
        info = installed / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\n")
        origin = {"url": folder.as_uri(), "dir_info": {"editable": True}}
        (info / "direct_url.json").write_text(json.dumps(origin))
    for name in ("flat", "nested/src"):
        (tree / name).mkdir(parents=True)
    monkeypatch.syspath_prepend(str(installed))
    return root, tree


def test_packages_of_the_repository_are_taken_from_the_checkout(
    projects, tmp_path, monkeypatch
):
    """One is found by a folder of the path, one by a finder of its own."""
    root, tree = projects
    paths = (root / "nested" / "src", tmp_path / "loose", root / "gone")
    (tmp_path / "loose").mkdir()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, paths)))

    inside, elsewhere = find_module_folders(root, tree)

    assert inside == [tree / "nested" / "src", tree / "flat"]
    assert f"the modules in {tmp_path.resolve() / 'loose'}" in elsewhere
    assert "the package other" in elsewhere
    assert not [one for one in elsewhere if "flat" in one or "nested" in one]
    # Nothing of Python's own, and no library.
    for own in (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")):
        assert not [one for one in elsewhere if f"in {Path(own).resolve()}" in one]
