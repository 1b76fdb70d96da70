"""Imports point one way only."""

import ast
from pathlib import Path

import beetl_task1

ROOT = Path(beetl_task1.__file__).parent
LAYERS = (
    {"task", "errors", "scoring", "writing", "progress", "typed", "store"},
    {"hypnograms"},
    {"data"},
    {"simulate", "download", "sleep_edf", "audit"},
    {"features"},
    {"models"},
    {"transfer"},
    {"context"},
    {"ensemble", "decision"},
    {"recipes"},
    {"validation"},
    {"submission", "staging"},
    {"cli"},
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def _imported(path: Path) -> set[str]:
    """Return the first-level modules of the package that a file imports."""
    here = path.relative_to(ROOT).with_suffix("").parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = here[: len(here) - node.level]
            target = (*base, *(node.module or "").split(".")) if node.module else base
            found |= {target[0]} if target else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("beetl_task1."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("beetl_task1.")}
    return found - {"__version__"}


def _violations(path: Path) -> list[str]:
    own = path.relative_to(ROOT).with_suffix("").parts[0]
    if own == "__init__":
        return [f"{path}: the package's own __init__ imports {name}" for name in _imported(path)]
    return [f"{path}: {own} imports {name}" for name in _imported(path) if LEVEL[name] > LEVEL[own]]


def test_imports_point_one_way():
    found = [line for path in sorted(ROOT.rglob("*.py")) for line in _violations(path)]
    assert not found, "\n".join(found)


def test_the_check_sees_a_violation(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "bad.py").write_text("def f():\n    from ..cli import options\n    from .. import recipes\n")
    assert len(_violations(tmp_path / "data" / "bad.py")) == 2
