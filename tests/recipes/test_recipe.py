"""Recipes: TOML files of a few lines, with "did you mean"."""

import msgspec
import pytest

from beetl_task1.errors import BeetlError
from beetl_task1.recipes.recipe import load_recipe, recipe_from, recipe_names


def test_the_shipped_recipes():
    assert recipe_names()[0] == "default"
    assert {"default", "features-logreg", "features-boost"} <= set(recipe_names())
    assert set(load_recipe("default").members) == {
        "features-quantile",
        "features-kernel",
        "features-boost",
        "features-set",
    }


@pytest.mark.parametrize("name", recipe_names())
def test_each_shipped_recipe_is_whole(name):
    recipe = load_recipe(name)
    assert recipe.description
    assert recipe_from(msgspec.to_builtins(recipe)) == recipe


def test_a_users_own_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('model = "features-logreg"\nseeds = [1, 2]\n[parameters]\nC = 0.1\n')
    recipe = load_recipe(str(path))
    assert (recipe.name, recipe.seeds, recipe.parameters) == ("mine", (1, 2), {"C": 0.1})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('modle = "features-logreg"', "unknown key .*'modle'; did you mean 'model'"),
        ("", "either a model or members"),
        ('model = "a"\nmembers = ["features-logreg"]', "either a model or members"),
        ('model = "a"\nseeds = []', "at least one number, each once"),
        ('model = "a"\nseeds = [0, 0]', "at least one number, each once"),
        ('model = "a"\nseeds = [-1]', r"seeds\[0\] is -1; expected int >= 0"),
        ('model = "a"\nseeds = [4294967296]', r"seeds\[0\] is 4294967296; expected int <= 4294967295"),
        ('model = "a"\nseeds = [true]', r"seeds\[0\] is True; expected int, got bool"),
        ('model = "a"\nyounger_target = "no"', "younger_target is 'no'; expected bool, got str"),
        ('members = ["mine"]', "unknown member of recipe mine: 'mine'"),
        ('members = ["default"]', "unknown member of recipe mine: 'default'"),
        ("members = [1]", r"members\[0\] is 1; expected str, got int"),
        (
            'model = "a"\n[decision]\nstrenght = 1',
            r"unknown key of \[decision\] of recipe mine 'strenght'; did you mean 'strength'",
        ),
        ('model = "a"\n[similar]\nsiez = 1', r"unknown key of \[similar\] of recipe mine 'siez'; did you mean 'size'"),
        ('model = "a"\n[decision]\nstrength = "x"', "decision.strength is 'x'; expected float, got str"),
        ("model = 3", "model is 3"),
        ("model = ", "not TOML"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(BeetlError, match=message):
        load_recipe(str(path))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_saved_by_any_editor(tmp_path, encoding, end):
    text = f'description = "für Ältere"{end}model = "features-logreg"{end}seeds = [3]{end}'
    (tmp_path / "mine.toml").write_bytes(text.encode(encoding))
    recipe = load_recipe(str(tmp_path / "mine.toml"))
    assert (recipe.description, recipe.seeds) == ("für Ältere", (3,))


def test_a_file_with_a_shipped_name_is_refused(tmp_path):
    """Its checkpoint would stand in the place of the shipped recipe's."""
    (tmp_path / "features-logreg.toml").write_text('model = "features-logreg"\n')
    with pytest.raises(BeetlError, match="give your file another name"):
        load_recipe(str(tmp_path / "features-logreg.toml"))


def test_mistyped_name_and_missing_file(tmp_path):
    with pytest.raises(BeetlError, match="unknown recipe 'defualt'; did you mean 'default'"):
        load_recipe("defualt")
    with pytest.raises(BeetlError, match="cannot be read"):
        load_recipe(str(tmp_path / "none.toml"))


def test_the_command_line_reaches_the_members():
    varied = load_recipe("default").varied(seed=5, younger_target=False)
    assert all(m.seeds[0] == 5 and not m.younger_target for m in varied.member_recipes())
    assert all(m.younger_target == load_recipe(m.name).younger_target for m in load_recipe("default").member_recipes())


def test_an_ensemble_passes_on_all_of_its_seeds():
    """An ensemble of two seeds trains each member under both."""
    two = load_recipe("default").but(seeds=(3, 4))
    assert [m.seeds for m in two.member_recipes()] == [(3, 4)] * 4
    assert [m.seeds for m in load_recipe("features-mean").member_recipes()] == [(0,)] * 2


def test_an_ensemble_of_ones_own_recipes(tmp_path, monkeypatch):
    """A member is found beside the file that names it, and is kept whole, so that nothing depends on a path."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "stiff.toml").write_text('model = "features-logreg"\n[parameters]\nC = 0.01\n')
    (tmp_path / "both.toml").write_text('members = ["features-boost", "parts/stiff.toml"]\nweights = [1, 2]\n')
    recipe = load_recipe(str(tmp_path / "both.toml"))
    assert recipe.members == ("features-boost", "stiff")
    boost, stiff = recipe.varied(seed=4).member_recipes()
    assert (boost.name, stiff.name, stiff.parameters, stiff.seeds) == ("features-boost", "stiff", {"C": 0.01}, (4,))
    plain = msgspec.to_builtins(recipe)
    assert str(tmp_path) not in str(plain)
    (tmp_path / "parts" / "stiff.toml").unlink()
    assert recipe_from(plain) == recipe
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BeetlError, match=r"stiff.toml: cannot be read"):
        load_recipe("both.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('members = ["mine.toml"]', "another recipe is called mine"),
        ('members = ["other.toml"]', "member other is an ensemble itself"),
        ('members = ["a.toml", "sub/a.toml"]', "give each file another name"),
        ('members = ["features-logreg.toml"]', "another recipe is called features-logreg"),
        ('members = ["typo.toml"]', "unknown key .*'modle'; did you mean 'model'"),
        ('members = ["none.toml"]', "none.toml: cannot be read"),
        ('members = ["a.toml", "a"]', "name each once"),
        ('members = ["a.toml"]\nown = 3', "own is 3"),
        ('model = "features-logreg"\n[own.a]\nmodel = "features-logreg"', "a of own is no member"),
        ('members = ["../x y"]\n[own."../x y"]\nmodel = "features-logreg"', "use letters"),
    ],
)
def test_wrong_members_of_ones_own_are_one_line(tmp_path, text, message):
    (tmp_path / "sub").mkdir()
    for name in ("a", "sub/a", "features-logreg"):
        (tmp_path / f"{name}.toml").write_text('model = "features-logreg"\n')
    (tmp_path / "other.toml").write_text('members = ["features-logreg", "features-boost"]\n')
    (tmp_path / "typo.toml").write_text('modle = "features-logreg"\n')
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(BeetlError, match=message):
        load_recipe(str(tmp_path / "mine.toml"))


def test_a_network_of_braindecode_may_be_named_beside_the_model(tmp_path):
    (tmp_path / "mine.toml").write_text('model = "braindecode"\nnetwork = "Deep4Net"\n[parameters]\ndrop_prob = 0.1\n')
    recipe = load_recipe(str(tmp_path / "mine.toml"))
    assert recipe.settings == {"network": "Deep4Net", "drop_prob": 0.1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('members = ["features-logreg"]\nweights = [1, 2]', "expected a weight for each of 1 members, got 2"),
        ('members = ["features-logreg", "features-boost"]\nweights = [1, 0]', "weights"),
        ('members = ["features-logreg", "features-logreg"]', "name each once"),
        ('model = "features-logreg"\nweights = [1]', "expected a weight for each of 0 members, got 1"),
    ],
)
def test_wrong_members_are_one_line(tmp_path, text, message):
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(BeetlError, match=message):
        load_recipe(str(tmp_path / "mine.toml"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": (-1,)}, "each is 0 to"),
        ({"seeds": (4294967296,)}, "each is 0 to"),
        ({"seeds": (0, 0)}, "at least one number, each once"),
        ({"seeds": ()}, "at least one number, each once"),
        ({"members": ("features-boost",)}, "either a model or members"),
    ],
)
def test_changed_values_are_checked_as_read_ones_are(changes, message):
    with pytest.raises(BeetlError, match=message):
        load_recipe("features-logreg").but(**changes)
