"""Which rows make the batches of a pass."""

import numpy as np
import pytest

from beetl_task1.errors import BeetlError
from beetl_task1.models.batches import Draw, n_batches, pass_batches
from beetl_task1.models.settings import Training


class Some:
    """Rows as far as drawing goes: four nights, the stages of which are unevenly frequent."""

    def __init__(self, sizes=(40, 30, 20, 10), roles=("source", "source", "target", "unlabelled")):
        self.night = np.repeat(np.arange(len(sizes)), sizes)
        self.role = np.repeat(np.array(roles), sizes)
        self.labelled = self.role != "unlabelled"
        rng = np.random.default_rng(1)
        self.y = np.where(self.labelled, rng.choice(6, sum(sizes), p=[0.5, 0.2, 0.1, 0.1, 0.05, 0.05]), 0)

    def __len__(self):
        return len(self.y)


def drawn(draw, rows=None, **training):
    return pass_batches(rows or Some(), draw, Training(**{"batch_size": 16, **training}), np.random.default_rng(0))


def test_a_pass_is_each_labelled_row_once():
    batches = drawn(Draw())
    assert [len(b) for b in batches] == [16] * 5 + [10]
    assert sorted(np.concatenate(batches)) == list(range(90))


def test_a_small_rest_is_left_out():
    assert [len(b) for b in drawn(Draw(), batch_size=28)] == [28, 28, 28]
    assert [len(b) for b in drawn(Draw(), batch_size=200)] == [90]


def test_a_pass_may_be_a_part():
    first, second = drawn(Draw(), pass_epochs=32), drawn(Draw(), pass_epochs=32)
    assert [len(b) for b in first] == [16, 16]
    assert len(set(np.concatenate(first))) == 32
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_shares_of_the_roles(share):
    rows = Some()
    batches = drawn(Draw({"source": share, "target": 1 - share}), rows)
    n_source = round(16 * share)
    assert len(batches) == 70 // n_source
    for batch in batches:
        roles = rows.role[batch].tolist()
        assert roles == ["source"] * n_source + ["target"] * (16 - n_source)
    of_source = np.concatenate(batches)[np.concatenate([rows.role[b] == "source" for b in batches])]
    assert len(set(of_source)) == len(of_source), "the leading role is not repeated"


def test_the_other_roles_begin_again():
    rows = Some()
    batches = np.concatenate(drawn(Draw({"source": 0.5, "unlabelled": 0.5}), rows))
    hidden = batches[rows.role[batches] == "unlabelled"]
    assert len(hidden) == 8 * 8
    counts = np.bincount(hidden, minlength=100)[90:]
    assert counts.max() - counts.min() <= 1


def test_balanced_sampling_has_equal_stages():
    rows = Some(sizes=(2000, 2000), roles=("source", "source"))
    batches = np.concatenate(drawn(Draw(), rows, sampling="balanced", batch_size=100))
    share = np.bincount(rows.y[batches], minlength=6) / len(batches)
    np.testing.assert_allclose(share, 1 / 6, atol=0.03)
    assert len(batches) == 4000
    by_role = np.concatenate(drawn(Draw({"source": 1.0}), rows, sampling="balanced", batch_size=100))
    np.testing.assert_allclose(np.bincount(rows.y[by_role], minlength=6) / len(by_role), 1 / 6, atol=0.03)


@pytest.mark.parametrize("per_recording", [4, 8])
def test_batches_recording_by_recording(per_recording):
    rows = Some()
    batches = drawn(Draw(per_recording=per_recording), rows)
    assert all(len(b) <= 16 for b in batches)
    for batch in batches:
        night = rows.night[batch]
        sizes = np.diff(np.flatnonzero(np.r_[True, night[1:] != night[:-1], True]))
        assert (sizes >= per_recording // 2).all(), "each group is large enough for statistics of its own"
    seen = np.concatenate(batches)
    assert len(set(seen)) == len(seen)
    assert len(seen) > 80
    assert len({tuple(np.unique(rows.night[b])) for b in batches}) > 2, "which recordings meet is drawn"


def test_number_of_batches():
    for draw in (Draw(), Draw({"source": 0.5, "target": 0.5}), Draw(per_recording=8)):
        assert n_batches(Some(), draw, Training(batch_size=16)) == len(drawn(draw))


@pytest.mark.parametrize("draw", [Draw({"source": 0.5, "target": 0.5}), Draw({"target": 1.0})])
def test_a_role_without_rows_is_one_line(draw):
    rows = Some(sizes=(40, 30), roles=("source", "source"))
    with pytest.raises(BeetlError, match="no epoch of the role target to draw from; give nights"):
        drawn(draw, rows)


def test_nothing_labelled_is_one_line():
    with pytest.raises(BeetlError, match="no labelled epoch to draw from"):
        drawn(Draw(), Some(sizes=(40,), roles=("unlabelled",)))
