"""Windows of relative positioning."""

import numpy as np
import pytest
from tiny import made, night, nights, relabelled

from beetl_task1.data.recording import Recording
from beetl_task1.errors import BeetlError
from beetl_task1.models.signals import Rows
from beetl_task1.store import Store

N = 31
QUICK = {"passes": 1, "batch_size": 16, "holdout": 0}


def drawn(given, rng, **parameters):
    """Return rows, the index of a batch, and the row and the first sample of either window of each pair.

    The signals say of each sample which it is.
    """
    model = made("relative-positioning", parameters)
    rows = Rows(given, ["source"] * len(given), Store(None), "night")
    samples = np.arange(3000)
    rows.signals = lambda index: np.stack([np.stack([np.full(3000, float(i)), samples]) for i in index])
    index = rng.permutation(len(rows))[:N]
    X = model.pairs(rows, index, rng)
    length = round(100 * model.settings.window)
    assert X.shape == (2 * N, 2, length)
    assert (np.diff(X[:, 1], axis=1) == 1).all(), "a window is one piece"
    row, start = X[:, 0, 0].astype(int), X[:, 1, 0].astype(int)
    assert (row[:N] == index).all()
    return rows, (row[:N], row[N:]), (start[:N], start[N:])


@pytest.mark.parametrize("window", [5.0, 6.0, 7.3, 10.0])
def test_without_onsets_near_is_one_epoch_and_far_another_of_the_night(window, rng):
    rows, (first, second), (one, two) = drawn([night(s, r) for s in (0, 1) for r in (1, 2)], rng, window=window)
    near = np.arange(N) < 16
    assert (first[near] == second[near]).all()
    assert (np.abs(one - two)[near] >= 100 * window).all(), "windows of one epoch do not overlap"
    assert (first[~near] != second[~near]).all()
    assert (rows.night[first] == rows.night[second]).all()


def timed(subject, rng, n_epochs=60):
    plain = night(subject, n_epochs=n_epochs)
    return Recording.from_arrays(plain.key, plain.X, plain.y, onsets=30.0 * rng.permutation(n_epochs))


def test_with_onsets_near_and_far_are_times_in_one_recording(rng):
    rows, (first, second), _ = drawn([timed(0, rng), timed(1, rng)], rng)
    assert (rows.night[first] == rows.night[second]).all()
    apart = np.abs(rows.onset[first] - rows.onset[second])
    assert (apart[:16] <= 60).all()
    assert (apart[16:] >= 900).all()
    assert (first != second).all()


def test_the_times_are_parameters(rng):
    rows, (first, second), _ = drawn([timed(0, rng), timed(1, rng)], rng, tau_pos=150, tau_neg=300)
    apart = np.abs(rows.onset[first] - rows.onset[second])
    assert 60 < apart[:16].max() <= 150
    assert 300 <= apart[16:].min() < 900


def test_a_night_too_short_for_far_pairs_gives_its_farthest(rng):
    rows, (first, second), _ = drawn([timed(0, rng, n_epochs=24), timed(1, rng, n_epochs=24)], rng)
    for row, other in zip(first[16:], second[16:], strict=True):
        here = rows.night == rows.night[row]
        assert abs(rows.onset[other] - rows.onset[row]) == np.abs(rows.onset[here] - rows.onset[row]).max()


def test_a_night_of_one_epoch_is_one_line(rng):
    with pytest.raises(BeetlError, match="needs recordings of two epochs or more"):
        drawn([night(s, n_epochs=1) for s in range(40)], rng)


def test_one_seed_one_draw():
    given = [night(0), night(1)]
    first, second = (drawn(given, np.random.default_rng(3))[1:] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_an_epoch_is_the_mean_of_its_windows():
    import torch

    model = made("relative-positioning", {"window": 7.0})
    module = model.fresh_module().eval()
    X = torch.randn(3, 2, 3000)
    with torch.no_grad():
        whole = model.features_and_logits(module, X)[0]
        parts = [model.features_and_logits(module, X[:, :, at : at + 700])[0] for at in range(0, 2800, 700)]
    torch.testing.assert_close(whole, torch.stack(parts).mean(0))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"tau_pos": -1}, "tau_pos is -1"),
        ({"tau_neg": 10}, "model relative-positioning: tau_neg is 10; expected at least tau_pos .60."),
        ({"window": 20}, "window is 20; expected float <= 15"),
        ({"loss": {"name": "focal"}}, "of .loss. only weights and balance count"),
    ],
)
def test_wrong_settings_are_one_line(parameters, message):
    with pytest.raises(BeetlError, match=message):
        made("relative-positioning", parameters)


def test_stages_that_never_occur_get_no_probability():
    """The regression knows only what it saw; two stages, of which scikit-learn keeps one row, are a case of its own."""
    for classes in (2, 3):
        source = [relabelled(n, n.y % classes) for n in (night(0), night(1))]
        p = made("relative-positioning", {"training": QUICK}).fit(source=source, target=[]).predict_proba(source[0])
        assert (p[:, classes:] < 1e-6).all()
        assert (p[:, :classes].argmax(1) == source[0].y).mean() > 1 / classes


def test_the_pretext_holds_for_people_who_did_not_train():
    """Chance is 50 %; epochs of this kind of night differ by stage."""
    training = {"passes": 6, "batch_size": 32, "holdout": 0.34, "lr": 5e-3}
    network = made("relative-positioning", {"training": training}).fit(source=nights("25-64"), target=[])
    rows = [row for row in network.history_ if row["kept"]]
    assert [row["stage"] for row in rows] == ["pretext"]
    assert rows[0]["valid_score"] > 60


def test_without_passes_the_embedder_is_untrained():
    network = made("relative-positioning", {"training": QUICK | {"passes": 0}})
    untrained = network.fresh_module().state_dict()
    network.fit(source=nights("25-64", (0, 1)), target=[])
    assert network.history_ == []
    for name, tensor in network.module_.state_dict().items():
        assert (tensor == untrained[name]).all() == (not name.startswith("final_layer"))
