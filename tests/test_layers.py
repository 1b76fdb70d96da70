"""Imports point one way only, `docs/architecture.md` shows them as they are, and rooms hold small things."""

import ast
import re

import architecture
from architecture import LEVEL, PACKAGE, ROOT, imported_rooms, room_of


def violations(path, package=PACKAGE):
    own, found = room_of(path, package), imported_rooms(path, package)
    if own == "__init__":
        return [f"{path}: the package's own __init__ imports {name}" for name in found]
    return [f"{path}: {own} imports {name}" for name in found if LEVEL[name] > LEVEL[own]]


def test_imports_point_one_way():
    found = [line for path in sorted(PACKAGE.rglob("*.py")) for line in violations(path)]
    assert not found, "\n".join(found)


def test_the_check_sees_a_violation(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "bad.py").write_text("def f():\n    from ..cli import options\n    from .. import recipes\n")
    assert len(violations(tmp_path / "data" / "bad.py", tmp_path)) == 2


def test_rooms_do_not_import_each_other_in_a_circle():
    """Layers leave it open for rooms of one layer."""
    edges = architecture.imports()
    beneath = {room: set(rooms) for room, rooms in edges.items()}
    for _ in beneath:
        beneath = {room: rooms.union(*(edges[other] for other in rooms)) for room, rooms in beneath.items()}
    assert [room for room, rooms in beneath.items() if room in rooms] == []


def test_the_picture_shows_the_imports_of_the_code():
    assert architecture.drawn() == architecture.imports(), "draw it anew: make architecture"


def test_the_page_has_a_line_for_every_room():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = {room for cells in re.findall(r"^\| (`.+?) \|", page, re.M) for room in re.findall(r"`(\w+)", cells)}
    assert table == set(LEVEL) == set(architecture.imports())
    assert "figures/architecture.svg" in page


def too_large(path):
    """Return what of a file is more than a reader can take in at once."""
    text = path.read_text(encoding="utf-8")
    if len(text.splitlines()) > 300:
        yield f"{path}: more than 300 lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            doc = node.body[0].end_lineno - node.body[0].lineno + 1 if ast.get_docstring(node) else 0
            if node.end_lineno - node.lineno + 1 - doc > 40:
                yield f"{path}: {node.name} has more than 40 lines"
            named = [
                arg
                for arg in node.args.posonlyargs + node.args.args + node.args.kwonlyargs
                if arg.arg not in ("self", "cls")
            ]
            if len(named) > 7 and room_of(path) != "cli":
                yield f"{path}: {node.name} has more than 7 parameters"


def test_files_functions_and_signatures_are_small():
    found = [line for path in sorted(PACKAGE.rglob("*.py")) for line in too_large(path)]
    assert not found, "\n".join(found)
