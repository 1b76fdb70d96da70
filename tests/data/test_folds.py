"""Folds: both nights of a subject on one side, and no leak passes."""

import json

import pytest

from beetl_task1.data.files import DataFolder
from beetl_task1.data.folds import Fold, leave_one_subject_out, load_folds, save_folds
from beetl_task1.errors import BeetlError


def test_both_nights_are_held_out_together(tree):
    target = DataFolder(tree).recordings("65-79", "target")
    folds = leave_one_subject_out(target)
    assert [fold.held_out for fold in folds] == [(0,), (1,), (2,)]
    for fold in folds:
        train, held_out = ([r for r in target if r.key.subject in side] for side in (fold.train, fold.held_out))
        assert {r.key.subject for r in held_out} == set(fold.held_out)
        assert len(held_out) == 2
        assert len(train) == 4
        assert not {r.key.subject for r in train} & {r.key.subject for r in held_out}


def test_a_leak_is_refused():
    with pytest.raises(BeetlError, match=r"subjects \[1\] are on both sides"):
        Fold("65-79", (0, 1), (1, 2))


def test_a_leak_in_the_file_is_refused(tmp_path):
    path = tmp_path / "folds.json"
    save_folds([Fold("65-79", (1, 2), (0,)), Fold("65-79", (0, 2), (1,))], path)
    assert load_folds(path)[1].held_out == (1,)
    rows = json.loads(path.read_text())
    rows[0]["train"].append(0)
    path.write_text(json.dumps(rows))
    with pytest.raises(BeetlError, match="both sides"):
        load_folds(path)
    path.write_text(json.dumps([rows[1], rows[1]]))
    with pytest.raises(BeetlError, match="held out twice"):
        load_folds(path)
    path.write_text("[{}]")
    with pytest.raises(BeetlError, match="not a file of folds"):
        load_folds(path)
    path.write_text('[{"group": "65-79", "train": [1, "2"], "held_out": [0]}]')
    with pytest.raises(BeetlError, match=r"not a file of folds \(Expected `int`, got `str` .*train.*\); remove it"):
        load_folds(path)


def test_one_subject_or_two_groups_cannot_be_split(tree):
    data = DataFolder(tree)
    target = data.recordings("65-79", "target")
    with pytest.raises(BeetlError, match="at least two"):
        leave_one_subject_out(target[:2])
    with pytest.raises(BeetlError, match="one group"):
        leave_one_subject_out(target + data.recordings("80-95", "target"))
