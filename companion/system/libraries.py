"""The libraries that each extra needs, and their installed versions.

Both come from the metadata that an installer leaves, so nothing is imported and
the question can be asked in an environment without any extra.
"""

import importlib.metadata
import sys

from packaging.requirements import Requirement

__all__ = ["find_version", "read_extras"]

_DISTRIBUTION = "mlops-companion"


def read_extras(platform: str = sys.platform) -> dict[str, list[Requirement]]:
    """Read which libraries each extra needs on a platform, as `sys.platform` names it.

    The extra `all` is left out. Empty if the package is not installed.
    """
    try:
        metadata = importlib.metadata.metadata(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return {}
    requirements = [
        Requirement(line) for line in metadata.get_all("Requires-Dist") or ()
    ]
    return {
        extra: [one for one in requirements if _belongs(one, extra, platform)]
        for extra in metadata.get_all("Provides-Extra") or ()
        if extra != "all"
    }


def _belongs(requirement: Requirement, extra: str, platform: str) -> bool:
    marker = requirement.marker
    if marker is None:
        return False
    here = {"sys_platform": platform}
    return marker.evaluate(here | {"extra": extra}) and not marker.evaluate(
        here | {"extra": ""}
    )


def find_version(name: str) -> str | None:
    """Return the version of an installed library, or None if it is not there.

    Its name is the one to install, such as "scikit-learn".
    """
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
