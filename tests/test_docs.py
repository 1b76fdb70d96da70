"""The pages of the site: commands in them exist, links lead somewhere, and every page is in the menu."""

import re
import shlex
from pathlib import Path

import pytest

from beetl_task1 import cli

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
IDS = [page.name for page in PAGES]


def commands_in(text):
    """Return the words of each command in blocks and in running text."""
    blocks = re.findall(r"^```(?:bash|sh)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.split("  #")[0] for block in blocks for line in block.splitlines()]
    inline = [" ".join(found.split()) for found in re.findall(r"`(beetl-task1 [^`]+)`", text)]
    return [shlex.split(line) for line in [*lines, *inline] if line.startswith("beetl-task1 ")]


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_commands_and_their_options_exist(page):
    for _, name, *words in commands_in(page.read_text(encoding="utf-8")):
        assert name in cli.COMMANDS, name
        known = {o for p in cli.cli.get_command(None, name).params for o in (*p.opts, *p.secondary_opts)}
        assert {word for word in words if word.startswith("--")} <= known, (name, words)


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_to_files(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if not (page.parent / link).exists() and not (ROOT / f"{link}.md").exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_python_in_pages_compiles(page):
    for code in re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        compile(code, page.name, "exec")


def test_every_page_is_in_the_menu():
    menu = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(menu) == sorted(page.name for page in DOCS.glob("*.md"))


def test_readme_is_short_and_its_picture_is_there():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 150
    assert len([line for line in lines if line.startswith("![")]) == 1


def test_every_recipe_is_in_the_zoo():
    page = (DOCS / "zoo.md").read_text(encoding="utf-8")
    table = page.split("## Recipes")[1].split("\n\n")[1]
    named = set()
    for names in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE):
        first, *others = re.findall(r"`([\w-]+)`", names)
        stem = re.match(r"[a-z]+", first)[0]
        named |= {first} | {f"{stem}{other}" if other.startswith("-") else other for other in others}
    assert {path.stem for path in (ROOT / "beetl_task1/recipes").glob("*.toml")} <= named


def test_the_example_of_the_estimator_runs(tree, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(tree)
    [code] = re.findall(r"^```python\n(.*?)^```", (DOCS / "models.md").read_text(), re.MULTILINE | re.DOTALL)
    exec(compile(code, "models.md", "exec"), {})


def test_the_site_is_built_without_a_warning(tmp_path):
    build = pytest.importorskip("mkdocs.commands.build")
    pytest.importorskip("mkdocstrings_handlers.python")
    from mkdocs.config import load_config

    build.build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path / "site"), strict=True))
    assert (tmp_path / "site" / "index.html").exists()
