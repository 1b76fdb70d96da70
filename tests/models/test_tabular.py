"""Models on features: weights of epochs, and nights that bring their own table."""

import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from sklearn.preprocessing import QuantileTransformer
from tiny import made, night, nights, relabelled, tiny

from beetl_task1.context.similar import SimilarEpochs
from beetl_task1.data.recording import Recording
from beetl_task1.ensemble import Ensemble, mean_of
from beetl_task1.errors import DataError
from beetl_task1.features import cache as features_cache
from beetl_task1.features import extract, relative, with_night
from beetl_task1.features.relative import rising
from beetl_task1.models import tabular
from beetl_task1.models.base import Resources
from beetl_task1.models.tabular import normal_scores

SOURCE = nights("25-64", (0, 1))
TARGET = [relabelled(n, (n.y + 1) % 6) for n in nights("65-79", (0, 1))]
"""Stages go by other names than in the source, so that one cannot learn from both."""


@pytest.mark.parametrize("name", ["features-logreg", "features-boost"])
def test_the_weight_of_the_target_decides_between_source_and_target(name, cache):
    few = {"min_samples_leaf": 5, "max_iter": 20} if name == "features-boost" else {}
    new = relabelled(night(7, group="65-79"), (night(7, group="65-79").y + 1) % 6)

    def right(weight):
        model = made(name, {"target_weight": weight, **few}).fit(source=SOURCE, target=TARGET)
        return (model.predict_proba(new).argmax(1) == new.y).mean()

    assert right(0.01) < 0.3
    assert right(100.0) > 0.7


@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_a_target_epoch_counts_as_often_as_its_weight_says(weight):
    """Before stages are balanced, a target epoch has ``weight`` times the weight of one of the source."""
    model = made("features-logreg", {"target_weight": weight, "balance": 0, "source_cap": 0})
    fitted = {}

    class Spy:
        def fit(self, X, y, weights):
            fitted.update(weights=weights)
            return self

    model.make_classifier = lambda n_columns: (Spy(), "weights")
    model.fit(source=SOURCE[:1], target=TARGET[:1])
    source, target = fitted["weights"][:24], fitted["weights"][24:]
    np.testing.assert_allclose(source, source[0])
    np.testing.assert_allclose(target, weight * source[0])
    assert fitted["weights"].mean() == pytest.approx(1)


def as_table(recording):
    return Recording.from_features(recording.key, extract(recording.X), recording.y)


@pytest.mark.parametrize("transfer", [[], [{"name": "coral"}]])
def test_nights_of_features_are_taken_as_they_are(transfer, tmp_path):
    plain, tables = (
        made("features-logreg", {}, transfer, resources=Resources(cache)) for cache in (None, tmp_path)
    )  # nothing to cache
    hidden = night(7)
    plain.fit(source=SOURCE, target=TARGET, unlabelled=[hidden])
    given = {"source": [as_table(n) for n in SOURCE], "target": [as_table(n) for n in TARGET]}
    tables.prepare([*given["source"], *given["target"]])
    tables.fit(**given, unlabelled=[as_table(hidden).without_labels()])
    np.testing.assert_array_equal(tables.predict_proba(as_table(hidden)), plain.predict_proba(hidden))
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_a_night_of_features_has_labels_and_a_fingerprint_but_no_signal():
    key, F = night(0).key, np.arange(12.0).reshape(4, 3)
    one = Recording.from_features(key, F, [0, 1, 2, 3], onsets=np.arange(4))
    assert (one.n_epochs, one.labelled, one.without_labels().labelled) == (4, True, False)
    assert one.features.dtype == np.float32
    assert one.fingerprint == one.without_labels().fingerprint != Recording.from_features(key, F + 1).fingerprint
    with pytest.raises(DataError, match="made from features, without a signal"):
        one.X  # noqa: B018
    with pytest.raises(DataError, match="without a signal"):
        tiny().fit(source=[one], target=[])
    with pytest.raises(DataError, match="3 labels for the 4 epochs"):
        Recording.from_features(key, F, [0, 1, 2])


@pytest.mark.parametrize("F", [np.zeros(3), np.zeros((0, 3)), np.full((2, 3), np.nan)])
def test_wrong_features_are_one_line(F):
    with pytest.raises(DataError, match="expected finite features of shape"):
        Recording.from_features(night(0).key, F)


_BYTES = """
import sys
import numpy as np
from sklearn.preprocessing import QuantileTransformer
from tiny import made, nights
filler = [object() for _ in range(int(sys.argv[2]))]
model = made(sys.argv[1], {}, seed=3).fit(source=nights("25-64"), target=nights("65-79"))
sys.stdout.buffer.write(model.to_bytes())
"""


@pytest.mark.parametrize("name", ["features-logreg", "features-boost"])
def test_the_same_model_has_the_same_bytes_in_every_process(name):
    """Addresses and times are not in them, and they are read as before."""
    runs = [
        subprocess.run([sys.executable, "-c", _BYTES, name, str(n)], capture_output=True, check=True,
                       env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": str(n)}).stdout
        for n in (1, 5000)
    ]  # fmt: skip
    assert runs[0] == runs[1]
    assert len(runs[0]) > 1000
    model, night = made(name, {}, seed=3), nights("65-79", subjects=[7])[0]
    loaded = model.from_bytes(runs[0]).predict_proba(night)
    fitted = made(name, {}, seed=3).fit(source=nights("25-64"), target=nights("65-79"))
    np.testing.assert_array_equal(loaded, fitted.predict_proba(night))
    assert model.to_bytes() == runs[0], "written again without training"


def test_models_on_features_import_neither_torch_nor_pandas_and_leave_them_to_others():
    code = (
        "import sys\n"
        "import beetl_task1.submission.predict\n"
        "from beetl_task1.models.registry import model_class\n"
        "[model_class(f'features-{name}') for name in ('boost', 'logreg', 'set')]\n"
        "found = {'torch', 'mne', 'braindecode', 'pandas'} & set(sys.modules)\n"
        "import pandas, torch\n"
        "from sklearn.datasets import load_iris\n"
        "whole = torch.ones(1) and len(load_iris(as_frame=True).frame)\n"
        "sys.exit(str(found) if found or not whole else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def ring(n, seed):
    """Stages by the distance from the middle: no line tells them apart."""
    rng = np.random.default_rng(seed)
    F = rng.normal(size=(n, 4))
    return F, (np.linalg.norm(F, axis=1) > 1.8).astype(int)


@pytest.mark.parametrize("columns", [4, 12])
def test_a_kernel_tells_apart_what_no_line_does(columns):
    """At a width that does not depend on the number of features."""
    (F, y), (new, truth) = ring(900, 0), ring(600, 1)
    F, new = (np.tile(X, columns // 4) for X in (F, new))
    right = {}
    for n_near in (0, 200):
        model = made("features-logreg", {"inputs": "normal", "kernel": n_near, "C": 1.0})
        classifier = model.fit_classifier(F, y, np.ones(len(y)), np.zeros(len(y), int))
        right[n_near] = (classifier.predict(new) == truth).mean()
        kernel = classifier.named_steps.get("nystroem")
        assert (kernel is None) == (n_near == 0)
        assert n_near == 0 or kernel.gamma == 0.25 / columns
    assert right[0] < 0.65
    assert right[200] > 0.9


def test_a_kernel_is_saved_and_read_back():
    model = made("features-logreg", {"inputs": "normal", "kernel": 20, "ranks": True}).fit(source=SOURCE, target=[])
    again = made("features-logreg", {"inputs": "normal", "kernel": 20, "ranks": True}).from_bytes(model.to_bytes())
    np.testing.assert_array_equal(again.predict_proba(night(9)), model.predict_proba(night(9)))


def scaled(recording, *factors):
    return Recording.from_arrays(recording.key, recording.X * np.array(factors, np.float32)[:, None], recording.y)


@pytest.mark.parametrize("name", ["features-logreg", "features-boost"])
@pytest.mark.parametrize("factors", [(10, 10), (0.1, 0.1), (30, 8)], ids=str)
def test_a_gain_beyond_all_that_trained_is_undone(name, factors):
    few = {"min_samples_leaf": 5, "max_iter": 20} if name == "features-boost" else {}
    model = made(name, few).fit(source=SOURCE, target=[])
    new = night(7)
    np.testing.assert_allclose(model.predict_proba(scaled(new, *factors)), model.predict_proba(new), atol=0.15)
    again = made(name, few).from_bytes(model.to_bytes())
    np.testing.assert_array_equal(
        again.predict_proba(scaled(new, *factors)), model.predict_proba(scaled(new, *factors))
    )


def test_a_gain_that_people_have_is_left_alone():
    model = made("features-logreg").fit(source=SOURCE, target=[])
    for factors in [(0.6, 0.6), (1.0, 1.0), (1.7, 1.7), (1, 0.01), (1, 0), (20, 1), (20, 0.01)]:
        given = scaled(night(7), *factors)
        assert model._at_usual_level(given, extract(given.X)) is given, (
            "people differ, and a channel that is lost alone stays lost"
        )
        assert np.isfinite(model.predict_proba(given)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal_scores_are_those_of_scikit_learn(dtype):
    """Columns with many equal values, at the ends as well, and of one value, and values beyond what trained."""
    rng = np.random.default_rng(0)
    columns = [
        rng.standard_normal(3000),
        rng.integers(0, 4, 3000),
        np.clip(rng.standard_normal(3000), -1, 1),
        np.ones(3000),
    ]
    X = np.stack(columns, axis=1).astype(dtype)
    known = QuantileTransformer(n_quantiles=200, output_distribution="normal", subsample=2000, random_state=0).fit(X)
    beyond = np.concatenate([X, 2 * X, -X, X + np.asarray(1e-8, dtype)])
    found = normal_scores(known, beyond)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, known.transform(beyond), atol=1e-6)
    np.testing.assert_array_equal(normal_scores(known, beyond, rising(beyond)), found)
    np.testing.assert_array_equal(normal_scores(known, beyond, rng.permuted(rising(beyond), axis=1)), found)


def test_boosted_trees_say_what_their_pipeline_says():
    model = made("features-boost", {"min_samples_leaf": 5, "max_iter": 10}).fit(source=SOURCE, target=TARGET)
    new = night(7)
    expected = model.classifier_.predict_proba(with_night(extract(new.X)))
    np.testing.assert_array_equal(model.predict_proba(new)[:, model.classifier_.classes_], expected)


def test_members_of_an_ensemble_describe_a_night_once(monkeypatch):
    """And nothing of it is held afterwards."""
    asked = Counter()
    for name in ("extract", "relative", "night_ranks"):
        plain = getattr(features_cache, name)
        monkeypatch.setattr(features_cache, name, lambda *given, n=name, f=plain: asked.update([n]) or f(*given))
    plain = tabular.normal_scores
    monkeypatch.setattr(tabular, "normal_scores", lambda *given: asked.update(["scores"]) or plain(*given))
    ranked = {"inputs": "normal", "ranks": True}
    members = [made("features-logreg", ranked | {"C": C}).fit(source=SOURCE, target=TARGET) for C in (0.1, 1.0)]
    alone = [member.predict_proba(night(7)) for member in members]
    asked.clear()
    new = night(7)
    found = Ensemble([Ensemble([member]) for member in members], similar=SimilarEpochs()).predict_proba(new)
    assert asked == {"extract": 1, "relative": 1, "night_ranks": 1, "scores": 1}
    np.testing.assert_array_equal(
        found, SimilarEpochs().heard(mean_of(alone), SimilarEpochs().rows(relative(extract(new.X))))
    )
    assert not features_cache._NIGHTS
