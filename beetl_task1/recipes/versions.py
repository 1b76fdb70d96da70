"""Versions that stand on cards and submissions."""

import platform
import subprocess
from importlib import metadata
from pathlib import Path

from .. import __version__

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "skops", "skada", "torch", "braindecode", "mne")


def versions() -> dict[str, str]:
    """Return the versions of the package, of Python and of the libraries, and the commit where there is one."""
    found = {"beetl-task1": __version__, "python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    commit = _commit()
    return found | ({"commit": commit} if commit else {})


def _commit() -> str:
    """Return the commit of the checkout that the package runs from, marked where files differ from it."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=root, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
