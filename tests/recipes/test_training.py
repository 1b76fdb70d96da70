"""Training, reloading, and what is refused."""

import json
import shutil

import msgspec
import numpy as np
import pytest
from conftest import experiment, write_tree

from beetl_task1.data.files import DataFolder, Provenance
from beetl_task1.decision import BalancedDecision
from beetl_task1.ensemble import Ensemble
from beetl_task1.errors import BeetlError, CheckpointError
from beetl_task1.models.base import Resources
from beetl_task1.models.features_logreg import FeaturesLogreg
from beetl_task1.models.registry import MODELS
from beetl_task1.recipes import training
from beetl_task1.recipes.checkpoint import (
    _digest,
    check_recipe,
    check_rules,
    check_simulated,
    load_card,
    load_predictor,
)
from beetl_task1.recipes.experiment import Experiment
from beetl_task1.recipes.recipe import load_recipe
from beetl_task1.submission.predict import predict
from beetl_task1.validation.crossval import validate


@pytest.fixture(scope="module")
def trained(tree, cache, tmp_path_factory):
    checkpoints = tmp_path_factory.mktemp("checkpoints")
    training.train(experiment("features-logreg", "80-95", tree), checkpoints, Resources(cache))
    return checkpoints


def test_card_says_what_made_it(trained, tree):
    card = load_card(trained / "features-logreg" / "80-95")
    assert card.data["kind"] == "simulated"
    assert card.recipe.name == "features-logreg"
    groups = {key.split("/")[0] for key in card.training["source"]}
    assert groups == ({"25-64", "65-79"} if card.recipe.younger_target else {"25-64"})
    assert set(card.training["target"]) == {f"80-95/s{s}r{r}" for s in (0, 1) for r in (1, 2)}
    assert {"numpy", "scikit-learn", "features", "beetl-task1"} <= set(card.versions)


def test_younger_target_is_a_switch(tree):
    data = DataFolder(tree)
    for group, younger_target, groups in (
        ("80-95", True, {"25-64", "65-79"}),
        ("80-95", False, {"25-64"}),
        ("65-79", True, {"25-64"}),
    ):
        recipe = load_recipe("features-logreg").but(younger_target=younger_target)
        assert {r.key.group for r in Experiment(recipe, group, data).nights.source} == groups


def test_reloaded_predictor_gives_the_same(trained, tree, cache):
    data = DataFolder(tree)
    night = data.recordings("80-95", "test")[0]
    resources = Resources(cache)
    given = experiment("features-logreg", "80-95", data)
    nights = given.nights
    fitted = Ensemble(given.models(resources)).fit(source=nights.source, target=nights.target)
    loaded, _ = load_predictor(trained, "features-logreg", "80-95", resources)
    np.testing.assert_allclose(loaded.predict_proba(night), fitted.predict_proba(night), atol=1e-12)


def test_the_same_experiment_is_not_trained_twice(trained, tree, cache):
    recipe, data, resources = load_recipe("features-logreg"), DataFolder(tree), Resources(cache)
    assert training.train_if_missing(experiment(recipe, "80-95", data), trained, resources)[1] is False
    assert Experiment(recipe.varied(seed=4), "80-95", data).key != experiment(recipe, "80-95", data).key


def test_changed_labels_make_another_experiment(tree, tmp_path):
    copy = shutil.copytree(tree, tmp_path / "tree")
    recipe = load_recipe("features-logreg")
    before = experiment(recipe, "80-95", copy).key
    folder = copy / "finalSleep" / "sleep_target"
    (folder / "testing_s0r1y.npy").write_bytes((folder / "testing_s1r1y.npy").read_bytes())
    assert experiment(recipe, "80-95", copy).key != before


def _edited_card(trained, tmp_path, **changes):
    shutil.copytree(trained, tmp_path / "c")
    path = tmp_path / "c" / "features-logreg" / "80-95" / "card.json"
    card = json.loads(path.read_text())
    card |= {k: card[k] | v if isinstance(v, dict) else v for k, v in changes.items()}
    card.pop("digest")
    path.write_text(json.dumps(card | {"digest": _digest(card)}))
    return tmp_path / "c"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"group": "65-79"}, "is of features-logreg for 65-79; expected features-logreg for 80-95"),
        ({"recipe": {"name": "other"}}, "is of other"),
        ({"versions": {"features": "0"}}, "trained with version 0 of the features"),
    ],
)
def test_a_foreign_checkpoint_is_refused(trained, tmp_path, changes, message):
    with pytest.raises(CheckpointError, match=message):
        load_predictor(_edited_card(trained, tmp_path, **changes), "features-logreg", "80-95", Resources())


def test_simulated_weights_refuse_real_data(trained):
    card = load_card(trained / "features-logreg" / "80-95")
    for kind in ("competition", "open"):
        with pytest.raises(CheckpointError, match=r"trained on simulated data.*--allow-simulated"):
            check_simulated(card, Provenance(kind, {}), trained, allow_simulated=False)
        check_simulated(card, Provenance(kind, {}), trained, allow_simulated=True)
    check_simulated(card, Provenance("simulated", {}), trained, allow_simulated=False)


def test_weights_of_open_rules_refuse_the_competition(trained):
    card = load_card(trained / "features-logreg" / "80-95")
    opened, recipe = msgspec.structs.replace(card, recipe=card.recipe.but(rules="open")), card.recipe
    for kind in ("competition", "open"):
        with pytest.raises(CheckpointError, match=r"trained under --rules open.*train it again without"):
            check_rules(opened, recipe, Provenance(kind, {}), trained)
        check_rules(opened, recipe.but(rules="open"), Provenance(kind, {}), trained)
        check_rules(card, recipe, Provenance(kind, {}), trained)


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def ensemble(tree, cache, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ensemble")
    training.train(experiment("features-mean", "65-79", tree), folder, Resources(cache))
    return folder


def test_training_again_with_the_same_settings_gives_the_same_bytes(ensemble, tree, cache, tmp_path):
    folder = shutil.copytree(ensemble, tmp_path / "again")
    for name in ("features-logreg", "features-boost", "features-mean"):
        training.train(experiment(name, "65-79", tree), folder, Resources(cache))
    assert files_of(folder) == files_of(ensemble)


@pytest.mark.parametrize("change", ["trained again", "trained on other data", "gone", "weights gone", "damaged"])
def test_an_ensemble_keeps_what_it_needs_of_its_members(ensemble, tree, cache, tmp_path, change):
    folder, data, resources = shutil.copytree(ensemble, tmp_path / "c"), DataFolder(tree), Resources(cache)
    loaded, card = load_predictor(folder, "features-mean", "65-79", resources)
    assert set(card.members) == {"features-logreg", "features-boost"}
    night = data.recordings("65-79", "test")[0]
    parts = [load_predictor(folder, name, "65-79", resources)[0].predict_proba(night) for name in card.members]
    expected = loaded.predict_proba(night)
    np.testing.assert_allclose(expected, np.mean(parts, axis=0))
    member = folder / "features-logreg" / "65-79"
    if change.startswith("trained"):
        other = tree if change == "trained again" else write_tree(tmp_path / "other", seed=1)
        training.train(experiment("features-logreg", "65-79", other), folder, resources)
    elif change == "gone":
        shutil.rmtree(folder / "features-logreg")
    elif change == "weights gone":
        next(member.glob("*.weights")).unlink()
    else:
        (member / "card.json").write_text("{")
    again, _ = load_predictor(folder, "features-mean", "65-79", resources)
    np.testing.assert_array_equal(again.predict_proba(night), expected)
    before = files_of(folder)
    assert training.train_if_missing(experiment("features-mean", "65-79", data), folder, resources)[1] is False
    assert files_of(folder) == before


@pytest.mark.parametrize("change", ["weights gone", "weights changed", "card gone", "card of another"])
@pytest.mark.parametrize("name", ["features-mean", "features-logreg"])
def test_what_is_not_whole_is_trained_again(ensemble, tree, cache, tmp_path, change, name):
    """Of a single model, or of the copies that an ensemble keeps."""
    folder, resources = shutil.copytree(ensemble, tmp_path / "c"), Resources(cache)
    place = folder / name / "65-79"
    copies = sorted((place / "members").glob("*")) if name == "features-mean" else [place]
    if change == "weights gone":
        next(copies[0].glob("*.weights")).unlink()
    elif change == "weights changed":
        next(copies[0].glob("*.weights")).write_bytes(b"other")
    elif change == "card gone":
        (copies[0] / "card.json").unlink()
    elif name == "features-mean":
        (copies[0] / "card.json").write_bytes((copies[1] / "card.json").read_bytes())
    else:
        (copies[0] / "card.json").write_text("[]")
    with pytest.raises(CheckpointError, match=r"train again|make it with: beetl-task1 train --group"):
        load_predictor(folder, name, "65-79", resources)
    assert training.train_if_missing(experiment(name, "65-79", tree), folder, resources)[1] is True
    assert files_of(folder) == files_of(ensemble)


def test_files_of_others_in_a_checkpoint_stay(ensemble, tree, cache, tmp_path):
    folder = shutil.copytree(ensemble, tmp_path / "c")
    mine = [folder / "features-logreg" / "65-79" / name for name in ("mine.weights", "history-notes.csv")]
    mine.append(folder / "features-mean" / "65-79" / "members" / "notes.txt")
    for path in mine:
        path.write_text("mine")
    for name in ("features-logreg", "features-mean"):
        training.train(experiment(name, "65-79", tree), folder, Resources(cache))
    assert [path.read_text() for path in mine] == ["mine"] * 3


def test_a_lost_member_is_trained_again(tree, cache, tmp_path):
    data, resources, recipe = DataFolder(tree), Resources(cache), load_recipe("features-mean")
    training.train(experiment(recipe, "65-79", data), tmp_path, resources)
    shutil.rmtree(tmp_path / "features-logreg")
    training.train_if_missing(experiment(recipe, "65-79", data), tmp_path, resources)
    load_predictor(tmp_path, "features-mean", "65-79", resources)
    assert training.train_if_missing(experiment(recipe, "65-79", data), tmp_path, resources)[1] is False


def test_a_recipe_that_changed_since_training(trained):
    card = load_card(trained / "features-logreg" / "80-95")
    recipe = load_recipe("features-logreg")
    check_recipe(card, recipe.varied(seed=3, younger_target=False), trained)
    for changes in ({"parameters": {"C": 3.0}}, {"decision": BalancedDecision(strength=0.0)}):
        with pytest.raises(CheckpointError, match=f"has changed since training .{next(iter(changes))}"):
            check_recipe(card, recipe.but(**changes), trained)


def test_a_parameter_out_of_range_is_one_line(tree, cache, tmp_path):
    recipe = load_recipe("features-boost").but(parameters={"max_bins": 300})
    with pytest.raises(BeetlError, match=r"'max_bins' parameter .*; check \[parameters\]"):
        training.train(experiment(recipe, "65-79", tree), tmp_path, Resources(cache))


def test_changed_defaults_of_a_model_make_another_experiment(trained, tree, monkeypatch, cache):
    """The checkpoint is rebuilt with the parameters that it was trained with."""
    recipe, data = load_recipe("features-logreg"), DataFolder(tree)
    before = experiment(recipe, "80-95", data).key
    then = load_card(trained / "features-logreg" / "80-95").parameters["C"]

    class Other(FeaturesLogreg):
        class Settings(FeaturesLogreg.Settings, frozen=True):
            C: float = 7.0

    monkeypatch.setitem(MODELS._places, "features-logreg", Other)
    assert experiment(recipe, "80-95", data).key != before
    loaded, _ = load_predictor(trained, "features-logreg", "80-95", Resources(cache))
    assert then == loaded.members[0].settings.C


def test_the_unit_of_the_signals_is_part_of_the_experiment(tree):
    """Weights that were trained with signals read as mV are not current for V."""
    recipe = load_recipe("features-logreg")
    assert Experiment(recipe, "65-79", DataFolder(tree, unit="mV")).key != experiment(recipe, "65-79", tree).key


def test_an_ensemble_of_two_seeds_trains_both(tree, cache, tmp_path):
    two = load_recipe("features-mean").but(seeds=(0, 1), members=("features-logreg",))
    training.train(Experiment(two, "65-79", DataFolder(tree)), tmp_path, Resources(cache))
    assert load_card(tmp_path / "features-logreg" / "65-79").recipe.seeds == (0, 1)
    assert len(load_predictor(tmp_path, "features-mean", "65-79", Resources(cache))[0].members[0].members) == 2


def test_a_folder_that_takes_no_checkpoint_is_refused_before_any_night_is_read(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "data").mkdir()
    given = experiment("features-logreg", "65-79", tmp_path / "data")
    for work in (training.train, validate):
        with pytest.raises(BeetlError, match="cannot be written to"):
            work(given, tmp_path / "file", Resources())
    with pytest.raises(BeetlError, match="cannot be written to"):
        predict(given, tmp_path, tmp_path / "file" / "below", Resources())


def test_an_ensemble_of_ones_own_recipes_needs_no_file_once_trained(tree, cache, tmp_path):
    stiff, both = tmp_path / "stiff.toml", tmp_path / "both.toml"
    stiff.write_text('model = "features-logreg"\n[parameters]\nC = 0.01\n')
    both.write_text('members = ["features-logreg", "stiff.toml"]\n')
    recipe = load_recipe(str(both))
    training.train(Experiment(recipe, "65-79", DataFolder(tree)), tmp_path / "c", Resources(cache))
    stiff.write_text('model = "features-logreg"\n[parameters]\nC = 0.02\n')
    with pytest.raises(CheckpointError, match=r"the recipe has changed since training \(own\)"):
        check_recipe(load_card(tmp_path / "c" / "both" / "65-79"), load_recipe(str(both)), tmp_path)
    stiff.unlink()
    predictor, card = load_predictor(tmp_path / "c", "both", "65-79", Resources(cache))
    assert card.recipe == recipe
    [night, *_] = DataFolder(tree).recordings("65-79", "test")
    parts = [
        load_predictor(tmp_path / "c", name, "65-79", Resources(cache))[0] for name in ("features-logreg", "stiff")
    ]
    np.testing.assert_allclose(
        predictor.predict_proba(night), np.mean([part.predict_proba(night) for part in parts], axis=0), atol=1e-6
    )
    assert not np.allclose(parts[0].predict_proba(night), parts[1].predict_proba(night), atol=1e-3)
