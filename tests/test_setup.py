"""What setup.py asks for and ships is what the package imports and holds, and its lower bounds are tested."""

import ast
import re
import sys
from pathlib import Path

import pytest
from packaging.version import Version

import beetl_task1

PACKAGE = Path(beetl_task1.__file__).parent
ROOT = PACKAGE.parent
NAMES = {"sklearn": "scikit-learn"}
"""Modules whose package has another name."""


def bounds(*keywords):
    """Return the lower bounds in lists of setup.py, by the name before the list."""
    text = (ROOT / "setup.py").read_text()
    lists = [re.search(rf"\b{keyword}\W*[=:] *\[(.*?)\]", text, re.DOTALL)[1] for keyword in keywords]
    return dict(re.findall(r'"([\w-]+)>=([\d.]+)"', "".join(lists)))


def pins(name):
    found = re.findall(r"^([\w.-]+)==([\w.+]+)$", (ROOT / name).read_text(), re.MULTILINE)
    return {package.lower().replace("_", "-"): Version(version) for package, version in found}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module


BOUNDS = bounds("install_requires", "test")


def test_setup_asks_for_what_the_package_imports():
    found = {module.split(".")[0] for path in PACKAGE.rglob("*.py") for module in imported(path)}
    found -= {*sys.stdlib_module_names, "beetl_task1", "wandb", "tensorboard", "distributed"}
    assert {NAMES.get(name, name) for name in found} == set(bounds("install_requires"))


def test_setup_ships_every_file_of_the_package():
    patterns = re.findall(r'"([^"]+)"', re.search(r"package_data=(.*)", (ROOT / "setup.py").read_text())[1])[1:]
    shipped = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    others = {path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert others - shipped == set()


@pytest.mark.parametrize(("package", "bound"), sorted(BOUNDS.items()))
def test_the_lower_bound_is_what_the_oldest_environment_has(package, bound):
    oldest, newest = pins("constraints-oldest.txt")[package], pins("constraints.txt")[package]
    assert Version(oldest.base_version) == Version(bound)
    assert newest >= oldest
