"""Every shipped recipe trains, saves, reloads and predicts; what a recipe of a network may say."""

import csv
import shutil
from dataclasses import replace

import numpy as np
import pytest
from conftest import experiment

from beetl_task1.data.files import DataFolder
from beetl_task1.errors import BeetlError
from beetl_task1.models.base import Resources
from beetl_task1.models.network import Network
from beetl_task1.models.registry import model_class
from beetl_task1.recipes.checkpoint import load_predictor
from beetl_task1.recipes.recipe import load_recipe, recipe_names
from beetl_task1.recipes.training import train, train_if_missing
from beetl_task1.transfer import transfer_class
from beetl_task1.transfer.registry import TRANSFERS

GROUP = "65-79"
SMALL = {
    "attnsleep": {"n_encoders": 1, "n_filters": 4},
    "blanco": {"n_conv_chans": 4},
    "chambon": {"n_conv_chs": 2},
    "deepsleepnet": {
        "small_n_filters_1": 4, "small_n_filters_2": 8, "large_n_filters_1": 4, "large_n_filters_2": 8,
        "bilstm_hidden_size": 4,
    },
    "eegnet": {"F1": 2, "kernel_length": 10},
    "features-boost": {"max_iter": 3, "min_samples_leaf": 5},
    "features-set": {"width": 8, "least_steps": 3, "epochs": 16},
    "shallow": {"n_filters_time": 4, "n_filters_spat": 4},
    "two-branch": {"n_filters": 4},
    "usleep": {"depth": 2},
}  # fmt: skip
"""Parameters of small models."""


def shrunken(recipe):
    """Return a recipe that trains in a moment, otherwise as it is."""
    if not recipe.model:
        return recipe
    short = {"passes": 1, "batch_size": 24, "pass_epochs": 24}
    if recipe.model == "attnsleep":
        short["holdout"] = 0  # judging what is held out takes longer than the pass
    transfer = tuple(
        table | {k: v for k, v in short.items() if k in transfer_class(table["name"]).__struct_fields__}
        for table in recipe.transfer
    )
    network = issubclass(model_class(recipe.model), Network)
    return recipe.but(
        parameters=recipe.parameters | SMALL.get(recipe.model, {}),
        training=recipe.training | short if network else {},
        transfer=transfer,
    )


@pytest.mark.parametrize("name", [name for name in recipe_names() if load_recipe(name).model])
def test_every_recipe_from_training_to_prediction(name, tree, cache, tmp_path):
    recipe, data, resources = shrunken(load_recipe(name)), DataFolder(tree), Resources(cache)
    told = []
    folder = train(experiment(recipe, GROUP, data), tmp_path, replace(resources, log=told.append, resume=False))
    predictor, card = load_predictor(tmp_path, name, GROUP, resources)
    night = data.recordings(GROUP, "test")[0]
    p = predictor.predict_proba(night)
    assert p.shape == (night.n_epochs, 6)
    assert np.isfinite(p).all()
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-5)
    assert card.recipe.transfer == recipe.transfer
    assert train_if_missing(experiment(recipe, GROUP, data), tmp_path, resources)[1] is False
    network = issubclass(model_class(recipe.model), Network)
    assert bool(told) == network
    assert (folder / "history-seed0.csv").exists() == network
    if network:
        rows = list(csv.DictReader((folder / "history-seed0.csv").open()))
        assert [row["stage"] for row in rows] == [row["stage"] for row in told]
        assert {"pass", "train_loss", "valid_loss", "valid_score", "lr", "seconds", "kept"} <= set(rows[0])
    hidden = experiment(recipe, GROUP, data).uses_unlabelled
    assert ("unlabelled" in card.training) == hidden, "the card names all nights that trained"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[loss]\ngama = 1", r"unknown key of \[loss\] of recipe mine 'gama'; did you mean 'gamma'"),
        ("[training]\npasess = 1", r"unknown key of \[training\] of recipe mine 'pasess'; did you mean 'passes'"),
        ('[transfer]\nname = "finetun"', "unknown transfer 'finetun'; did you mean 'finetune'"),
        ('[transfer]\nname = "finetune"\nscop = "head"', "unknown key of transfer finetune 'scop'; did you mean"),
        ('[transfer]\nscope = "head"', r"\[transfer\]: name is None"),
        (
            '[[transfer]]\nname = "mixup"\n[[transfer]]\nname = "adban"',
            "unknown transfer 'adban'; did you mean 'adabn'",
        ),
        ("[parameters]\nn_conv_ch = 4", "unknown key of recipe mine 'n_conv_ch'; did you mean 'n_conv_chs'"),
        ('transfer = "finetune"', "transfer is 'finetune'; expected array, got str"),
        ("transfer = [1]", r"transfer\[0\] is 1; expected object, got int"),
        ("loss = 1", "loss is 1; expected object, got int"),
        ('[training]\nlr = "fast"', "recipe mine: training.lr is 'fast'; expected float, got str"),
        ('[transfer]\nname = "coral"', "recipe mine: transfer coral is for models on features"),
    ],
)
def test_a_wrong_recipe_of_a_network_is_one_line(tree, tmp_path, text, message):
    (tmp_path / "mine.toml").write_text(f'model = "chambon"\n{text}\n')
    with pytest.raises(BeetlError, match=message) as error:
        experiment(load_recipe(str(tmp_path / "mine.toml")), GROUP, tree)
    assert "\n" not in str(error.value)


def test_a_model_on_features_has_no_loss_or_training(tree, tmp_path):
    for table in ("loss", "training"):
        (tmp_path / "mine.toml").write_text(f'model = "features-logreg"\n[{table}]\n')
        experiment(load_recipe(str(tmp_path / "mine.toml")), GROUP, tree)
        (tmp_path / "mine.toml").write_text(f'model = "features-logreg"\n[{table}]\nlr = 1\n')
        with pytest.raises(BeetlError, match=rf"model features-logreg has no \[{table}\]; remove that table"):
            experiment(load_recipe(str(tmp_path / "mine.toml")), GROUP, tree)


def test_several_transfers(tree, tmp_path):
    (tmp_path / "mine.toml").write_text(
        'model = "chambon"\n[parameters]\napply_batch_norm = true\n[[transfer]]\nname = "mixup"\nfolds = 0\n'
        '[[transfer]]\nname = "finetune"\nfolds = 0\nscope = "head"\n[[transfer]]\nname = "adabn"\nstrength = 0.5\n'
    )
    recipe = shrunken(load_recipe(str(tmp_path / "mine.toml")))
    folder = train(experiment(recipe, GROUP, tree), tmp_path / "c", Resources())
    rows = list(csv.DictReader((folder / "history-seed0.csv").open()))
    assert [row["stage"] for row in rows] == ["source", "mixup", "finetune-head"]
    predictor, _ = load_predictor(tmp_path / "c", "mine", GROUP, Resources())
    assert [t.name for t in predictor.members[0].transfers] == ["mixup", "finetune", "adabn"]


@pytest.mark.parametrize(
    "changes",
    [
        {"transfer": ({"name": "finetune", "lr": 1e-3},)},
        {"transfer": ({"name": "mixup"},)},
        {"transfer": ()},
        {"loss": {"gamma": 1.0}},
        {"training": {"passes": 2}},
        {"parameters": {"n_conv_chs": 4}},
    ],
)
def test_whatever_a_recipe_sets_is_another_experiment(tree, changes):
    recipe, data = load_recipe("chambon-finetune"), DataFolder(tree)
    assert experiment(recipe, GROUP, data, **changes).key != experiment(recipe, GROUP, data).key


def test_a_changed_default_of_a_transfer_is_another_experiment(tree, monkeypatch):
    recipe, data = load_recipe("chambon-finetune"), DataFolder(tree)
    before = experiment(recipe, GROUP, data).key

    class Other(transfer_class("finetune"), frozen=True):
        lr: float = 7e-4

    monkeypatch.setitem(TRANSFERS._places, "finetune", Other)
    assert experiment(recipe, GROUP, data).key != before


def test_other_test_nights_are_another_experiment_where_they_train(tree, tmp_path):
    copy = shutil.copytree(tree, tmp_path / "tree")
    recipes = [load_recipe(name) for name in ("chambon-dann", "chambon-finetune")]
    before = [experiment(recipe, GROUP, copy).key for recipe in recipes]
    nights = sorted(r.path for r in DataFolder(copy).recordings(GROUP, "test"))
    nights[0].write_bytes(sorted(r.path for r in DataFolder(copy).recordings("80-95", "test"))[0].read_bytes())
    after = [experiment(recipe, GROUP, copy).key for recipe in recipes]
    assert (before[0] != after[0], before[1] != after[1]) == (True, False)
