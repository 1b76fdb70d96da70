"""A sweep fills one table cell by cell: failures are rows, and what is there is kept."""

import csv
import json

import pytest
from click.testing import CliRunner

from beetl_task1 import cli
from beetl_task1.errors import BeetlError, ClusterError
from beetl_task1.submission import sweep as module
from beetl_task1.submission.sweep import load_sweep

REFUSED = 'model = "features-logreg"\nparameters = {C = -1.0}\n'
SOUND = 'model = "features-logreg"\nparameters = {C = 0.5}\n'


def written(folder, tree, cache, **more):
    """Write a sweep of two recipes, one of which cannot be, over both groups."""
    (folder / "mine.toml").write_text(SOUND)
    (folder / "other.toml").write_text(REFUSED)
    values = {"data": str(tree), "cache": str(cache), "recipes": ["mine.toml", "other.toml"]} | more
    (folder / "sweep.toml").write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items()))
    return folder / "sweep.toml"


def run(*words):
    result = CliRunner().invoke(cli.cli, ["sweep", *map(str, words), "--jobs", "1", "--json"])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, json.loads(result.stdout)


def table_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_cells_are_rows_failures_too_and_are_not_computed_again(tree, cache, tmp_path, monkeypatch):
    file = written(tmp_path, tree, cache)
    code, told = run(file)
    rows = table_of(tmp_path / "sweep.csv")
    assert (code, told["failures"], told["kept"]) == (1, 2, 0)
    assert told["rows"] == rows
    names = [(row["recipe"], row["group"], bool(row["failed"])) for row in rows]
    assert names == [
        ("mine.toml", "65-79", False), ("mine.toml", "80-95", False),
        ("other.toml", "65-79", True), ("other.toml", "80-95", True),
    ]  # fmt: skip
    assert "recipe other" in rows[2]["failed"]
    for row, group in zip(rows, ("65-79", "80-95"), strict=False):
        summary = json.loads((tmp_path / "checkpoints" / "mine" / group / "validation.json").read_text())
        assert row["score"] == f"{summary['score']:.2f}"
        assert float(row["low"]) <= float(row["score"]) <= float(row["high"])
        assert row["REM"] == f"{100 * summary['recall']['REM']:.2f}"

    (tmp_path / "other.toml").write_text(SOUND)
    computed, real = [], module.validate
    monkeypatch.setattr(module, "validate", lambda e, *rest: computed.append(e.recipe.name) or real(e, *rest))
    code, told = run(file)
    assert (code, told["failures"], told["kept"], computed) == (0, 0, 2, ["other", "other"])
    assert [row["recipe"] for row in table_of(tmp_path / "sweep.csv")] == [name for name, *_ in names]
    assert table_of(tmp_path / "sweep.csv")[:2] == rows[:2]


def test_another_recipe_under_the_same_name_is_computed(tree, cache, tmp_path):
    file = written(tmp_path, tree, cache, recipes=["mine.toml"], groups=["65-79"])
    [before] = run(file)[1]["rows"]
    (tmp_path / "mine.toml").write_text(SOUND.replace("0.5", "0.001"))
    code, told = run(file)
    assert (code, told["kept"]) == (0, 0)
    assert told["rows"][0]["key"] != before["key"]
    assert table_of(tmp_path / "sweep.csv") == told["rows"]


def test_each_seed_has_its_own_places_and_submissions_are_packed(tree, cache, tmp_path):
    file = written(tmp_path, tree, cache, recipes=["mine.toml"], groups=["80-95"], seeds=[3, 4], submit=True)
    code, told = run(file)
    assert code == 0
    assert [row["seed"] for row in told["rows"]] == ["3", "4"]
    for seed, row in zip((3, 4), told["rows"], strict=True):
        assert row["zip"] == str(tmp_path / "submissions" / f"seed{seed}" / "mine-80-95" / "answer.zip")
        assert (tmp_path / "checkpoints" / f"seed{seed}" / "mine" / "80-95" / "card.json").is_file()


def test_a_bug_is_a_row_and_a_lost_cluster_is_the_end(tree, cache, tmp_path, monkeypatch):
    file = written(tmp_path, tree, cache, recipes=["mine.toml"], groups=["80-95"])

    def breaks(*args):
        raise error

    monkeypatch.setattr(module, "validate", breaks)
    error = TypeError("a bug")
    assert run(file)[1]["rows"][0]["failed"] == "TypeError: a bug"
    error = ClusterError("gone")
    with pytest.raises(ClusterError):
        run(file)
    error = KeyboardInterrupt()
    assert CliRunner().invoke(cli.cli, ["sweep", str(file)], standalone_mode=False).exit_code != 0


def test_somebody_elses_table_stays(tree, cache, tmp_path):
    file = written(tmp_path, tree, cache)
    (tmp_path / "sweep.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BeetlError, match="not a table of sweeps"):
        run(file)
    assert (tmp_path / "sweep.csv").read_text() == "a,b\n1,2\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data = ", "not TOML"),
        ('data = "d"', "recipes is missing"),
        ('data = "d"\nrecipes = []', "give at least one"),
        ('data = "d"\nrecipes = ["a/x.toml", "b/x.toml"]', "each once"),
        ('data = "d"\nrecipes = ["default"]\ngroups = ["65-97"]', "did you mean '65-79'"),
        ('data = "d"\nrecipes = ["default"]\nseed = [1]', "did you mean 'seeds'"),
        ('data = "d"\nrecipes = ["default"]\nseeds = [-1]', "seeds"),
    ],
)
def test_a_file_that_is_no_sweep_is_one_line(tmp_path, text, message):
    (tmp_path / "sweep.toml").write_text(text)
    with pytest.raises(BeetlError, match=message) as caught:
        load_sweep(tmp_path / "sweep.toml")
    assert "\n" not in str(caught.value)


def test_places_are_beside_the_file(tmp_path):
    (tmp_path / "sweep.toml").write_text('data = "d"\nrecipes = ["default", "mine.toml"]\ncache = "/c"')
    found = load_sweep(tmp_path / "sweep.toml")
    assert (found.data, found.cache, found.table) == (str(tmp_path / "d"), "/c", str(tmp_path / "sweep.csv"))
    assert found.recipes == ("default", str(tmp_path / "mine.toml"))
