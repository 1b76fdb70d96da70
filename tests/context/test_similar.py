"""Epochs hear the most similar ones of their night: a set operation that mends single errors and leaves the rest."""

import numpy as np
import pytest

from beetl_task1.context.similar import SimilarEpochs, nearest
from beetl_task1.data.recording import Recording, RecordingKey
from beetl_task1.ensemble import Ensemble, mean_of
from beetl_task1.errors import BeetlError
from beetl_task1.features import relative


@pytest.fixture
def night():
    """Three clear clusters of epochs, one rare; what is said of them is right on average and noisy."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 2, 5], [200, 150, 30]))
    F = rng.normal(size=(len(y), 4)) * 0.3 + np.eye(6)[y][:, [0, 2, 5, 1]] * 4
    logits = np.eye(6)[y] * 1.5 + rng.normal(size=(len(y), 6))
    p = np.exp(logits)
    return F, y, p / p.sum(axis=1, keepdims=True)


def agreed_by(similar, p, F):
    return similar.heard(p, similar.rows(relative(F)))


def right(p, y):
    return np.mean(p.argmax(axis=1) == y)


def test_similar_epochs_mend_single_errors(night):
    F, y, p = night
    agreed = agreed_by(SimilarEpochs(), p, F)
    assert right(agreed, y) > right(p, y) + 0.1
    np.testing.assert_allclose(agreed.sum(axis=1), 1)
    assert right(agreed[y == 5], 5) > right(p[y == 5], 5) + 0.1, "a rare stage must not be outvoted by frequent ones"


def test_order_of_epochs_does_not_matter(night):
    F, _, p = night
    order = np.random.default_rng(1).permutation(len(F))
    np.testing.assert_allclose(agreed_by(SimilarEpochs(), p[order], F[order]), agreed_by(SimilarEpochs(), p, F)[order])


def test_features_without_information_change_little(night):
    F, y, p = night
    noise = np.random.default_rng(2).normal(size=F.shape)
    changed = agreed_by(SimilarEpochs(), p, noise).argmax(axis=1) != p.argmax(axis=1)
    assert changed.mean() < 0.25
    assert right(agreed_by(SimilarEpochs(), p, noise), y) > right(p, y) - 0.08


@pytest.mark.parametrize("n", [0, 1, 9, 10, 40])
def test_short_nights_hear_at_most_a_tenth(night, n):
    F, _, p = night
    agreed = agreed_by(SimilarEpochs(), p[:n], F[:n])
    assert agreed.shape == (n, 6)
    assert np.isfinite(agreed).all()
    assert np.array_equal(agreed, p[:n]) == (n < 10)


def test_weight_nothing_changes_nothing(night):
    F, _, p = night
    np.testing.assert_allclose(agreed_by(SimilarEpochs(weight=0), p, F), p)


def test_an_epoch_does_not_hear_itself(night):
    F, _, _ = night
    rows = nearest(F, 5)
    assert rows.shape == (len(F), 5)
    assert not (rows == np.arange(len(F))[:, None]).any()


def test_a_channel_that_is_flat_does_not_break_it(night):
    F, _, p = night
    assert np.isfinite(agreed_by(SimilarEpochs(), p, np.zeros_like(F))).all()


def test_geometric_mean_is_led_by_who_rules_out():
    sure, unsure = np.array([[0.98, 0.02, 0, 0, 0, 0]]), np.array([[0.45, 0.55, 0, 0, 0, 0]])
    geometric = mean_of([sure, unsure], "geometric")
    expected = np.sqrt(sure[0, :2] * unsure[0, :2])
    np.testing.assert_allclose(geometric[0, :2], expected / expected.sum(), rtol=1e-4)
    assert not geometric[0, 2:].any(), "a stage that nobody learned stays impossible"
    np.testing.assert_allclose(mean_of([sure, unsure])[0], (sure + unsure)[0] / 2)


def test_no_member_forbids_a_stage_alone():
    never, likely = np.array([[1.0, 0, 0, 0, 0, 0]]), np.array([[0.1, 0.9, 0, 0, 0, 0]])
    assert mean_of([never, likely], "geometric")[0, 1] > 0


class Says:
    def __init__(self, p):
        self.p = p

    def predict_proba(self, recording):
        return self.p


def test_an_ensemble_hears_similar_epochs_after_the_mean(night):
    F, y, p = night
    recording = Recording.from_features(RecordingKey("65-79", 0, 1), F.astype(np.float32), y, 30.0 * np.arange(len(y)))
    plain = Ensemble([Says(p), Says(p[:, ::-1])], "geometric").predict_proba(recording)
    heard = Ensemble([Says(p), Says(p[:, ::-1])], "geometric", SimilarEpochs()).predict_proba(recording)
    np.testing.assert_allclose(heard, agreed_by(SimilarEpochs(), plain, F.astype(np.float32)))


def test_an_empty_ensemble_is_refused():
    with pytest.raises(BeetlError, match="at least one member"):
        Ensemble([])
