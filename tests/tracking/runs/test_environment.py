import hashlib
import re
import subprocess
import sys

import pytest

from companion.errors import SettingError
from companion.tracking.runs.environment import list_packages, read_environment


def test_the_packages_are_those_that_pip_lists():
    """Pip lists those of repositories and folders in another way."""
    command = [sys.executable, "-m", "pip", "list", "--format=freeze"]
    theirs = subprocess.check_output(
        [*command, "--disable-pip-version-check"], text=True, timeout=120
    )

    ours = list_packages().splitlines()

    expected = {
        f"{re.sub(r'[-_.]+', '-', name).lower()}=={version}"
        for name, _, version in (line.partition("==") for line in theirs.splitlines())
    }
    assert {one for one in ours if "==" in one} == expected
    names = [re.split("[= ]", one)[0] for one in ours]
    assert names == sorted(set(names))


def test_a_package_that_is_installed_meanwhile_is_listed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    before = list_packages()

    info = tmp_path / "rain_tools-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: rain.tools\nVersion: 1.2\n"
    )

    assert "rain-tools==1.2\n" not in before
    assert "rain-tools==1.2\n" in list_packages()


def test_a_package_of_an_older_installer_is_listed(tmp_path, monkeypatch):
    """Debian's own packages of Python are installed so."""
    info = tmp_path / "rain_tools-1.2-py3.11.egg-info"
    info.mkdir()
    (info / "PKG-INFO").write_text("Metadata-Version: 1.0\nName: Rain\nVersion: 3.4\n")
    (tmp_path / "snow.egg-info").write_text("Name: snow\nVersion: 5.6\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    listed = list_packages().splitlines()

    assert "rain==3.4" in listed
    assert "snow==5.6" in listed


def test_of_two_versions_the_one_that_is_imported_is_listed(tmp_path, monkeypatch):
    for version in ("1.2", "1.3"):
        place = tmp_path / version
        (place / f"rain_tools-{version}.dist-info").mkdir(parents=True)
        monkeypatch.syspath_prepend(str(place))

    listed = list_packages().splitlines()

    assert "rain-tools==1.3" in listed
    assert "rain-tools==1.2" not in listed


def test_a_package_of_a_repository_is_listed_with_its_commit(tmp_path, monkeypatch):
    """As PEP 610 says."""
    info = tmp_path / "rain_tools-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: rain-tools\nVersion: 1.2\n"
    )
    (info / "direct_url.json").write_text(
        '{"url": "https://git.example.org/rain", '
        '"vcs_info": {"vcs": "git", "commit_id": "c0ffee"}}'
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    assert "rain-tools @ git+https://git.example.org/rain@c0ffee\n" in list_packages()


def test_the_hash_of_the_packages_is_that_of_the_list(tmp_path):
    found = read_environment(tmp_path)

    digest = hashlib.sha256(found.packages.encode()).hexdigest()
    assert found.packages_sha256 == digest
    assert (found.lock_file, found.lock_sha256) == (None, None)
    assert found.python == ".".join(map(str, sys.version_info[:3]))


def test_the_lock_file_is_looked_for_up_to_the_repository(tmp_path):
    code = tmp_path / "project" / "code"
    code.mkdir(parents=True)
    (tmp_path / "uv.lock").write_text("of another project")
    (code.parent / "poetry.lock").write_text("pins")

    found = read_environment(code, root=code.parent)
    outside = read_environment(code)

    assert found.lock_file == code.parent / "poetry.lock"
    assert found.lock_sha256 == hashlib.sha256(b"pins").hexdigest()
    assert outside.lock_file is None


def test_a_given_lock_file_wins(tmp_path):
    (tmp_path / "uv.lock").write_text("pins")
    (tmp_path / "my.txt").write_text("others")

    found = read_environment(tmp_path, lock_file=tmp_path / "my.txt")

    assert found.lock_sha256 == hashlib.sha256(b"others").hexdigest()


def test_a_given_lock_file_that_is_missing_is_refused(tmp_path):
    with pytest.raises(SettingError, match=r"uv\.lock cannot be read: No such file"):
        read_environment(tmp_path, lock_file=tmp_path / "uv.lock")
