"""The estimator over features: as scikit-learn wants it, and the very models of the recipes where nights are known."""

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks
from tiny import made, nights

from beetl_task1.errors import BeetlError
from beetl_task1.features import extract
from beetl_task1.models.estimator import SleepStageClassifier

SMALL = {"min_samples_leaf": 3, "max_iter": 10}
NAMES = ["W", "S1", "S2", "S3", "S4", "REM"]


@parametrize_with_checks(
    [
        SleepStageClassifier(),
        SleepStageClassifier(parameters={"inputs": "normal", "ranks": True}),
        SleepStageClassifier("features-boost", SMALL),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def table(n_groups=6, n=60, seed=0):
    """Return two features that tell stages apart within a night, but are shifted and scaled from night to night."""
    rng = np.random.default_rng(seed)
    y, groups = np.tile(np.arange(3), n_groups * n // 3), np.repeat(np.arange(n_groups), n)
    X = np.stack([y, y == 1], axis=1) + rng.normal(scale=0.15, size=(len(y), 2))
    return X * rng.uniform(1, 4, (n_groups, 2))[groups] + rng.normal(scale=20, size=(n_groups, 2))[groups], y, groups


@pytest.mark.parametrize(("model", "more"), [("features-logreg", {"C": 10.0}), ("features-boost", SMALL)])
def test_relative_to_the_night_a_new_night_is_known(model, more):
    X, y, groups = table()
    known, new = groups < 5, groups == 5
    with_nights = SleepStageClassifier(model, more).fit(X[known], y[known], groups=groups[known])
    without = SleepStageClassifier(model, more).fit(X[known], y[known])
    assert (with_nights.predict(X[new]) == y[new]).mean() > 0.9
    assert with_nights.score(X[known], y[known], groups=groups[known]) > 0.9
    assert (without.predict(X[new]) == y[new]).mean() < 0.6


@pytest.mark.parametrize(
    ("model", "values"),
    [
        ("features-logreg", {}),
        ("features-logreg", {"inputs": "normal", "ranks": True, "balance": 1.0}),
        ("features-boost", SMALL),
    ],
)
def test_it_says_what_the_model_of_the_recipe_says(model, values):
    train, new = nights("65-79", (0, 1)), nights("65-79", (2,))
    ours = made(model, {**values, "source_cap": 0}).fit(source=[], target=train)
    X, y = np.concatenate([extract(n.X) for n in train]), np.concatenate([n.y for n in train])
    groups = np.repeat([str(n.key) for n in train], [n.n_epochs for n in train])
    found = SleepStageClassifier(model, values).fit(X, y, groups=groups)
    for night in new:
        np.testing.assert_allclose(found.predict_proba(extract(night.X)), ours.predict_proba(night), atol=1e-5)


def test_labels_and_groups_may_be_texts_and_rows_in_any_order():
    X, y, groups = table()
    named, nights_ = np.array(NAMES)[y], np.array(["a", "b", "c", "d", "e", "f"])[groups]
    found = SleepStageClassifier(parameters={"C": 10.0}).fit(X, named, groups=nights_)
    assert list(found.classes_) == ["S1", "S2", "W"]
    order = np.random.default_rng(1).permutation(len(y))
    np.testing.assert_allclose(
        found.predict_proba(X[order], groups=nights_[order]), found.predict_proba(X, groups=nights_)[order], atol=1e-6
    )


def test_pipelines_and_searches_take_it():
    X, y, groups = table()
    pipe = make_pipeline(PCA(2), SleepStageClassifier()).fit(X, y, sleepstageclassifier__groups=groups)
    assert (pipe.predict(X, groups=groups) == y).mean() > 0.6
    with sklearn.config_context(enable_metadata_routing=True):
        asked = SleepStageClassifier().set_fit_request(groups=True).set_score_request(groups=True)
        found = cross_validate(asked, X, y, cv=LeaveOneGroupOut(), params={"groups": groups})
        assert found["test_score"].min() > 0.8
        asked = asked.set_params(model="features-boost")
        tried = [SMALL, SMALL | {"min_samples_leaf": 1000}]  # the second cannot split
        search = GridSearchCV(asked, {"parameters": tried}, cv=LeaveOneGroupOut())
        assert search.fit(X, y, groups=groups).best_params_ == {"parameters": SMALL}
    assert clone(SleepStageClassifier("features-boost", SMALL)).get_params()["parameters"] == SMALL


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": "features-bost"}, "did you mean 'features-boost'"),
        ({"model": "chambon"}, "choose one of|did you mean"),
        ({"parameters": {"input": "normal"}}, "did you mean 'inputs'"),
        ({"parameters": {"C": -1.0}}, "C"),
        ({"parameters": {"target_weight": 2.0}}, "rows have no role"),
    ],
)
def test_what_is_not_known_is_said(given, message):
    X, y, _ = table()
    with pytest.raises(BeetlError, match=message):
        SleepStageClassifier(**given).fit(X, y)


def test_groups_must_be_one_per_row_and_known_to_fit():
    X, y, groups = table()
    with pytest.raises(ValueError, match="inconsistent"):
        SleepStageClassifier().fit(X, y, groups=groups[1:])
    with pytest.raises(ValueError, match="fit with groups"):
        SleepStageClassifier().fit(X, y).predict(X, groups=groups)
