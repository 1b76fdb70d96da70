"""Partners of relative positioning."""

import numpy as np
import pytest
from tiny import night

from beetl_task1.data.recording import Recording
from beetl_task1.models.base import Resources
from beetl_task1.models.registry import make
from beetl_task1.models.signals import Rows, SignalStore


def partners(nights, rng, **parameters):
    """Return rows, the index of a batch and the rows that were drawn for it."""
    model = make("relative-positioning", parameters, seed=0, resources=Resources())
    rows = Rows(nights, ["source"] * len(nights), SignalStore(None), "night")
    drawn = []
    real = rows.signals
    rows.signals = lambda index: drawn.append(index) or real(index)
    index = rng.permutation(len(rows))[:31]
    X = model.pairs(rows, index, rng)
    assert X.shape == (62, 2, 3000)
    assert (drawn[0][:31] == index).all()
    return rows, index, drawn[0][31:]


def test_without_onsets_near_is_the_same_recording_and_far_another(rng):
    rows, index, partner = partners([night(s, r) for s in (0, 1) for r in (1, 2)], rng)
    same = rows.night[index] == rows.night[partner]
    assert same[:16].all()
    assert not same[16:].any()
    assert (partner != index).all()


def timed(subject, rng, n_epochs=60):
    plain = night(subject, n_epochs=n_epochs)
    return Recording.from_arrays(plain.key, plain.X, plain.y, onsets=30.0 * rng.permutation(n_epochs))


def test_with_onsets_near_and_far_are_times_in_one_recording(rng):
    rows, index, partner = partners([timed(0, rng), timed(1, rng)], rng)
    assert (rows.night[index] == rows.night[partner]).all()
    apart = np.abs(rows.onset[index] - rows.onset[partner])
    assert (apart[:16] <= 60).all()
    assert (apart[16:] >= 900).all()
    assert (partner != index).all()


def test_the_times_are_parameters(rng):
    rows, index, partner = partners([timed(0, rng), timed(1, rng)], rng, tau_pos=150, tau_neg=300)
    apart = np.abs(rows.onset[index] - rows.onset[partner])
    assert 60 < apart[:16].max() <= 150
    assert 300 <= apart[16:].min() < 900


def test_one_seed_one_draw():
    given = [night(0), night(1)]
    first, second = (partners(given, np.random.default_rng(3))[2] for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(("parameters", "name"), [({"tau_pos": -1}, "tau_pos"), ({"tau_neg": 10}, "tau_neg")])
def test_wrong_times(parameters, name):
    from beetl_task1.errors import BeetlError

    with pytest.raises(BeetlError, match=f"model relative-positioning: {name} is"):
        make("relative-positioning", parameters, seed=0, resources=Resources())


def test_stages_that_never_occur_get_no_probability():
    """The regression knows only what it saw; two stages, of which scikit-learn keeps one row, are a case of its own."""
    from tiny import relabelled

    for classes in (2, 3):
        source = [relabelled(n, n.y % classes) for n in (night(0), night(1))]
        training = {"passes": 1, "batch_size": 16, "holdout": 0}
        model = make("relative-positioning", {"training": training}, seed=0, resources=Resources())
        p = model.fit(source=source, target=[]).predict_proba(source[0])
        assert (p[:, classes:] < 1e-6).all()
        assert (p[:, :classes].argmax(1) == source[0].y).mean() > 1 / classes
