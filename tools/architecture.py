"""Draw the rooms of the package and what each imports: ``docs/figures/architecture.svg``.

    python tools/architecture.py

``LAYERS`` says what a room may import: rooms of its own layer and of those below. ``tests/test_layers.py`` holds to it
and to the picture, whose description is its data.
"""

import ast
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "beetl_task1"
PICTURE = ROOT / "docs" / "figures" / "architecture.svg"
LAYERS = (
    ("task", "errors", "scoring", "writing", "progress", "typed", "store", "parallel"),
    ("hypnograms",),
    ("data",),
    ("simulate", "download", "sleep_edf", "audit"),
    ("features",),
    ("models",),
    ("transfer",),
    ("context",),
    ("ensemble", "decision"),
    ("recipes",),
    ("validation",),
    ("submission", "staging"),
    ("cli", "api"),
)
"""The rooms, the base first. What stands alone in ``beetl_task1/`` is a room of one file."""
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
BASE = LAYERS[0]
COLUMNS = {
    "simulate": -6, "download": -4, "sleep_edf": 4, "audit": 6, "context": 2.9, "ensemble": -2.2, "decision": 2.2,
    "submission": -2.2, "staging": 2.2, "cli": -2.2, "api": 2.2,
}  # fmt: skip
"""Where rooms are drawn that are not in the middle."""
WIDTH, HEIGHT = 1.8, 0.5


def room_of(path: Path, package: Path = PACKAGE) -> str:
    """Return the room that a file of the package is in."""
    return path.relative_to(package).with_suffix("").parts[0]


def imported_rooms(path: Path, package: Path = PACKAGE) -> set[str]:
    """Return the rooms that a file imports, in functions too."""
    here = path.relative_to(package).with_suffix("").parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = here[: len(here) - node.level]
            target = (*base, *(node.module or "").split(".")) if node.module else base
            found |= {target[0]} if target else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("beetl_task1."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("beetl_task1.")}
    return found - {"__version__"}


def imports() -> dict[str, list[str]]:
    """Return what each room imports of the others."""
    found: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if path != PACKAGE / "__init__.py":
            found.setdefault(room_of(path), set()).update(imported_rooms(path))
    return {room: sorted(rooms - {room}) for room, rooms in sorted(found.items())}


def drawn() -> dict[str, list[str]]:
    """Return what the picture shows, from its description."""
    text = PICTURE.read_text(encoding="utf-8")
    content = text.split("<dc:description>")[1].split("</dc:description>")[0]
    return json.loads(content.replace("&quot;", '"'))


def direct(edges: dict[str, list[str]]) -> set[tuple[str, str]]:
    """Return the imports that do not also go by way of another room."""
    beyond = {room: {far for near in rooms for far in edges[near]} for room, rooms in edges.items()}
    return {(room, other) for room, rooms in edges.items() for other in rooms if other not in beyond[room]}


def places() -> dict[str, tuple[float, float]]:
    """Return where the middle of each room is."""
    base = {room: (2.0 * (i - (len(BASE) - 1) / 2), 0.0) for i, room in enumerate(BASE)}
    return {room: (COLUMNS.get(room, 0), 1.05 * level) for room, level in LEVEL.items()} | base


def draw() -> None:
    """Write the picture."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams |= {"svg.hashsalt": "beetl-task1", "svg.fonttype": "none", "font.family": "sans-serif"}
    import matplotlib.pyplot as plt

    edges, where = imports(), places()
    figure, axis = plt.subplots(figsize=(9, 9))
    for a, b in sorted(direct(edges)):
        if b not in BASE:
            (x, y), (to_x, to_y) = where[a], where[b]
            side = (to_x > x) - (to_x < x) if abs(to_x - x) >= 4 and y > to_y + 2 else 0
            start = (x + side * WIDTH / 2, y) if side else (x, y - HEIGHT / 2)
            style = {"connectionstyle": "angle,angleA=0,angleB=90"} if side else {}
            arrow = {"arrowstyle": "-|>", "color": "#1f5f8b", "lw": 1.4, **style}
            axis.annotate("", xytext=start, xy=(to_x, to_y + HEIGHT / 2), arrowprops=arrow)
    for room, (x, y) in where.items():
        colour = "#f3ead7" if room in BASE else "#e3eef6"
        axis.add_patch(plt.Rectangle((x - WIDTH / 2, y - HEIGHT / 2), WIDTH, HEIGHT, fc=colour, ec="#44535f", zorder=3))
        axis.text(x, y, room, ha="center", va="center", fontsize=11, zorder=4)
    axis.text(0, -0.55, "the base, which every room may import", ha="center", fontsize=10, color="#44535f")
    axis.set(xlim=(-7, 7), ylim=(-0.8, 1.05 * (len(LAYERS) - 1) + 0.5))
    axis.axis("off")
    figure.savefig(PICTURE, bbox_inches="tight", metadata={"Date": None, "Description": json.dumps(edges)})


if __name__ == "__main__":
    draw()
