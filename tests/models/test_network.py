"""Training of networks: what is kept, what goes on where it was killed, what never trains."""

import random
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import load
from tiny import made, night, nights, relabelled, tiny

from beetl_task1.data.recording import Recording
from beetl_task1.errors import BeetlError
from beetl_task1.models import network as networks
from beetl_task1.models import training as loop
from beetl_task1.models.base import Resources
from beetl_task1.models.inner import Choice, choose, inner_folds, inner_split
from beetl_task1.models.modules import find_device, pack
from beetl_task1.models.network import _Work
from beetl_task1.models.settings import Training
from beetl_task1.models.stage import Stage
from beetl_task1.models.torch_model import NetworkTransfer
from beetl_task1.models.training import STATES

FEW = {"passes": 3, "batch_size": 16, "lr": 1e-2}


class KillInPass(NetworkTransfer, frozen=True):
    """Breaks the source stage off in the middle of a pass."""

    name = "kill"
    in_source = True
    steps: ClassVar[list[int]] = []
    after: ClassVar[int] = 9

    def shaped(self, stage):
        def objective(step):
            self.steps.append(1)
            if len(self.steps) == self.after:
                raise KeyboardInterrupt
            return stage.objective(step)

        return replace(stage, objective=objective)


def fit(transfers=(), *, seed=0, resources=None, source=None, target=None, unlabelled=(), loss=None, **training):
    """Train the tiny network; ``transfers`` are tables of a recipe, or transfers."""
    network = tiny(transfers, seed=seed, resources=resources, training=training, loss=loss or {})
    return network.fit(
        source=nights("25-64") if source is None else source,
        target=nights("65-79") if target is None else target,
        unlabelled=unlabelled,
    )


def history(network):
    """Return the history but for what a clock says."""
    return [{k: v for k, v in row.items() if k != "seconds"} for row in network.history_]


def kill_after(stage, number, fold=None):
    """Return a log that breaks off after a pass, of the first inner fold or of the one given."""

    def log(row):
        if (row["stage"], row["pass"]) == (stage, number) and fold in (None, row["fold"]):
            raise KeyboardInterrupt

    return log


def states(folder):
    """Return the files of trainings that go on."""
    return [path for path in (folder / STATES).glob("*") if path.is_file()]


KILLED = {
    "one-cycle": ("source", 2, (), {"passes": 4}),
    "no holdout": ("source", 1, (), {"holdout": 0}),
    "cosine, balanced": ("source", 1, (), {"schedule": "cosine", "sampling": "balanced"}),
    "patience": ("source", 1, (), {"patience": 2, "lr": 10.0, "passes": 6, "schedule": "constant"}),
    "part of the epochs": ("source", 1, (), {"pass_epochs": 40}),
    "latent alignment": (
        "source", 2, [{"name": "latent-alignment", "per_recording": 8}],
        {"sampling": "balanced", "pass_epochs": 50, "batch_size": 8, "passes": 4},
    ),
    "finetune": ("finetune-all", 2, [{"name": "finetune", **FEW}], {"passes": 1}),
    "layers": ("finetune-all", 1, [{"name": "finetune", **FEW, "layer_decay": 0.5, "pull": 0.1}], {"passes": 1}),
    "head": ("finetune-head", 1, [{"name": "finetune", **FEW, "scope": "head"}], {"passes": 1}),
    "mixup": ("mixup", 1, [{"name": "mixup", **FEW}], {"passes": 1}),
    "dann": ("dann", 2, [{"name": "dann", **FEW, "weight": 1.0}], {"passes": 1}),
    "self-training": ("self-training-2", 1, [{"name": "self-training", **FEW, "passes": 2, "sure": 0}], {"passes": 1}),
}  # fmt: skip


def shifted(group, subjects=(0, 1, 2)):
    """Return nights whose stages go by other names than in the source, so that there is something to learn."""
    return [relabelled(n, (n.y + 1) % 6) for n in nights(group, subjects)]


@pytest.mark.parametrize("case", KILLED)
def test_a_killed_training_ends_as_an_unbroken_one(case, tmp_path):
    stage, number, transfer, training = KILLED[case]
    given = dict(transfers=transfer, unlabelled=nights("65-79", (6,), labelled=False), **training)
    unbroken = fit(**given)
    with pytest.raises(KeyboardInterrupt):
        fit(resources=Resources(tmp_path, log=kill_after(stage, number)), **given)
    assert states(tmp_path)
    rows = []
    resumed = fit(resources=Resources(tmp_path, log=rows.append), **given)
    assert [c.losses for c in resumed.choices_] == [c.losses for c in unbroken.choices_]
    assert next(row["pass"] for row in rows if row["stage"] == stage) == number + 1, "what was done is not done again"
    assert all(row["stage"] != "source" for row in rows if stage != "source")
    assert history(resumed) == history(unbroken)
    assert resumed.to_bytes() == unbroken.to_bytes()
    assert not states(tmp_path)


@pytest.mark.parametrize("fold", [0, 2])
def test_killed_in_a_later_fold_or_after_the_choice(fold, tmp_path):
    given = dict(transfers=[{"name": "dann", **FEW}], target=shifted("65-79"), passes=2)
    unbroken = fit(**given)
    with pytest.raises(KeyboardInterrupt):
        fit(resources=Resources(tmp_path, log=kill_after("dann", 1, fold)), **given)
    rows = []
    resumed = fit(resources=Resources(tmp_path, log=rows.append), **given)
    assert (rows[0]["stage"], rows[0]["fold"], rows[0]["pass"]) == ("dann", fold, 2), "folds that ended are read"
    assert history(resumed) == history(unbroken)
    assert resumed.to_bytes() == unbroken.to_bytes()


def test_killed_within_a_pass(tmp_path):
    KillInPass.steps.clear()
    with pytest.raises(KeyboardInterrupt):
        fit([KillInPass()], resources=Resources(tmp_path))
    rows = []
    resumed = fit([KillInPass()], resources=Resources(tmp_path, log=rows.append))
    assert rows[0]["pass"] == 2
    assert resumed.to_bytes() == fit().to_bytes()


def killed(tmp_path, **given):
    with pytest.raises(KeyboardInterrupt):
        fit(resources=Resources(tmp_path, log=kill_after("source", 1)), **given)
    return states(tmp_path)[0]


def passes_done(resources, **given):
    rows = []
    network = fit(resources=replace(resources, log=rows.append), **given)
    return network, [row["pass"] for row in rows]


def test_without_resume_it_begins_anew(tmp_path):
    killed(tmp_path)
    network, done = passes_done(Resources(tmp_path, resume=False))
    assert done == [1, 2, 3]
    assert network.to_bytes() == fit().to_bytes()


@pytest.mark.parametrize(
    "given", [{"seed": 1}, {"lr": 2e-2}, {"loss": {"balance": 1.0}}, {"source": nights("25-64")[:4]}]
)
def test_a_killed_run_of_another_training_is_not_taken_up(given, tmp_path):
    killed(tmp_path)
    network, done = passes_done(Resources(tmp_path), **given)
    assert done == [1, 2, 3]
    assert network.to_bytes() == fit(**given).to_bytes()


def foreign(path):
    """Put the state of another training in its place."""
    other = path.parents[1] / "other"
    other.mkdir()
    path.write_bytes(killed(other, seed=1).read_bytes())


def cut(path):
    path.write_bytes(path.read_bytes()[:-200])


@pytest.mark.parametrize("damage", [foreign, cut, lambda path: path.write_bytes(b"")])
def test_a_state_of_another_key_or_a_damaged_one_is_not_taken_up(damage, tmp_path):
    damage(killed(tmp_path))
    network, done = passes_done(Resources(tmp_path))
    assert done == [1, 2, 3]
    assert network.to_bytes() == fit().to_bytes()


def test_a_finished_source_stage_is_read(tmp_path):
    first, done = passes_done(Resources(tmp_path))
    again, none = passes_done(Resources(tmp_path))
    assert (done, none) == ([1, 2, 3], [])
    assert again.to_bytes() == first.to_bytes()
    assert again.history_ == first.history_
    tuned, done = passes_done(Resources(tmp_path), transfers=[{"name": "finetune", **FEW}])
    assert done[:9] == [1, 2, 3] * 3, "the source stage is that of all transfers"
    assert {row["stage"] for row in tuned.history_} == {"source", "finetune-all"}
    assert passes_done(Resources(tmp_path, resume=False))[1] == [1, 2, 3]
    assert passes_done(Resources(tmp_path), seed=1)[1] == [1, 2, 3]


def of_another(path):
    path.write_bytes(b"[]\n" + pack(torch.nn.Linear(2, 2), "Tiny"))


@pytest.mark.parametrize("damage", [cut, of_another, lambda path: path.write_bytes(b"")])
def test_a_damaged_source_stage_is_trained_anew(damage, tmp_path):
    first = fit(resources=Resources(tmp_path))
    damage(next((tmp_path / "networks").iterdir()))
    again, done = passes_done(Resources(tmp_path))
    assert done == [1, 2, 3]
    assert again.to_bytes() == first.to_bytes()
    assert passes_done(Resources(tmp_path))[1] == [], "and is whole again"


def test_onsets_belong_to_the_key_of_a_stage():
    """The pretext of relative positioning draws by onsets."""
    network = tiny()
    network.module_ = network.fresh_module()
    plain = night(0)
    timed = Recording.from_arrays(plain.key, plain.X, plain.y, onsets=30.0 * np.arange(24))
    keys = [network._key(_Work(Stage("source", Training()), {"source": [n]}, [], 1)) for n in (plain, timed)]
    assert keys[0] != keys[1]


def test_global_generators_are_left_alone():
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    network = fit([{"name": "dann", **FEW}], unlabelled=nights("65-79", (6,), labelled=False))
    network.predict_proba(night(9))
    tiny().from_bytes(network.to_bytes())
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state()[1]).all()  # noqa: NPY002
    assert before[2] == random.getstate()


def test_global_generators_decide_nothing():
    torch.manual_seed(1)
    first = fit()
    torch.manual_seed(2)
    assert fit().to_bytes() == first.to_bytes()


def test_threads_are_put_back():
    before = torch.get_num_threads()
    fit(resources=Resources(jobs=2)).predict_proba(night(9))
    assert torch.get_num_threads() == before


def test_seed():
    one, same, other = fit(), fit(), fit(seed=1)
    assert one.to_bytes() == same.to_bytes() != other.to_bytes()
    assert history(one) == history(same)


@pytest.mark.parametrize("share", [0.1, 0.34, 0.5])
@pytest.mark.parametrize("seed", range(5))
def test_inner_split_by_subject(share, seed):
    given = nights("25-64", range(6)) + nights("65-79", (0, 1))
    train, held_out = inner_split(given, share, seed)
    sides = [{(n.key.group, n.key.subject) for n in side} for side in (train, held_out)]
    assert not sides[0] & sides[1]
    assert len(sides[1]) == max(1, round(share * 8))
    assert {n.key for n in train} | {n.key for n in held_out} == {n.key for n in given}
    again = inner_split(given[::-1], share, seed)[1]
    assert {n.key for n in again} == {n.key for n in held_out}, "a function of the seed, not of the order"


def test_inner_split_draws_by_the_seed_and_spares_the_few():
    given = nights("25-64", range(6))
    assert len({tuple(n.key for n in inner_split(given, 0.1, seed)[1]) for seed in range(20)}) > 2
    assert inner_split(given, 0, 0) == (given, [])
    assert inner_split(given[:4], 0.5, 0) == (given[:4], [])


def test_held_out_subjects_never_train(monkeypatch):
    seen = []

    class Spied(networks.Rows):
        def __init__(self, *args):
            super().__init__(*args)
            seen.append(set())

        def signals(self, index):
            seen[-1] |= {self.keys[n] for n in self.night[index]}
            return super().signals(index)

    monkeypatch.setattr(networks, "Rows", Spied)
    source, target = nights("25-64"), shifted("65-79")
    fit([{"name": "finetune", **FEW}], source=source, target=target)
    assert seen[0] == {n.key for n in inner_split(source, 0.34, 0)[0]}
    folds = inner_folds(target, 3, 0)
    assert [len(held_out) for _, held_out in folds] == [2, 2, 2]
    assert seen[1:4] == [{n.key for n in train} for train, _ in folds]
    assert seen[4] == {n.key for n in target}, "after the choice all of them train"


def test_held_out_labels_change_nothing_of_a_pass(rng):
    source = nights("25-64")
    out = {n.key for n in inner_split(source, 0.34, 0)[1]}
    other = [relabelled(n, rng.permutation(n.y)) if n.key in out else n for n in source]
    one, two = fit(source=source), fit(source=other)
    assert [r["train_loss"] for r in one.history_] == [r["train_loss"] for r in two.history_]
    assert [r["valid_loss"] for r in one.history_] != [r["valid_loss"] for r in two.history_]


def test_the_pass_of_the_lowest_held_out_loss_is_kept(rng):
    """Labels of the other subjects are noise, so that longer training is no better."""
    source = nights("25-64")
    out = {n.key for n in inner_split(source, 0.34, 0)[1]}
    half = np.arange(24) >= 8
    noisy = [n if n.key in out else relabelled(n, np.where(half, rng.permutation(n.y), n.y)) for n in source]
    for lr in (0.2, 0.5, 1.0):  # sums round otherwise with another torch
        network = fit(source=noisy, passes=6, lr=lr, schedule="constant", target=[])
        losses = [row["valid_loss"] for row in network.history_]
        best = int(np.argmin(losses))
        if 0 < best < 5:
            break
    assert 0 < best < 5, "or this test tests nothing"
    assert [row["kept"] for row in network.history_] == [k == best for k in range(6)]
    shorter = fit(source=noisy, passes=best + 1, lr=lr, schedule="constant", target=[])
    assert network.to_bytes() == shorter.to_bytes()
    judged = network.judge([inner_split(noisy, 0.34, 0)[1]], ())(network.module_)
    assert judged[0] == pytest.approx(losses[best])


def test_a_stage_that_only_hurts_is_undone():
    before = fit(passes=6)
    hurt = [{"name": "finetune", **FEW, "lr": 10.0}]
    network = fit(hurt, passes=6)
    rows = [row for row in network.history_ if row["stage"] == "finetune-all"]
    assert [row["fold"] for row in rows] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert not any(row["kept"] for row in rows)
    assert network.to_bytes() == before.to_bytes()
    assert [choice.passes for choice in network.choices_] == [0]
    assert str(network.choices_[0]).startswith("finetune-all: undone (held-out loss ")


def test_a_stage_that_helps_is_kept_and_runs_on_all_subjects():
    target = shifted("65-79")
    table = {"name": "finetune", **FEW, "passes": 2}
    network = fit([table], target=target)
    (choice,) = network.choices_
    assert choice.passes == 2
    assert choice.losses[2] == min(choice.losses) < choice.losses[0]
    assert str(choice).startswith("finetune-all: 2 of 2 passes kept (held-out loss ")
    rows = [row for row in network.history_ if row["stage"] == "finetune-all" and not row["fold"]]
    assert [row["kept"] for row in rows] == [False, True]
    plain = fit([table | {"folds": 0}], target=target)
    assert network.to_bytes() == plain.to_bytes() != fit(target=target).to_bytes()
    assert plain.choices_ == []


def test_what_trains_beside_the_network_begins_anew_in_each_fold(monkeypatch):
    """The discriminator of DANN is trained in the inner folds, and must not bring that into the stage itself."""
    target, table = shifted("65-79"), {"name": "dann", **FEW, "passes": 2, "weight": 1.0}
    monkeypatch.setattr(networks, "choose", lambda *args: replace(choose(*args), passes=2))
    chosen = fit([table], target=target)
    plain = fit([table | {"folds": 0}], target=target)
    assert {row["fold"] for row in chosen.history_ if row["stage"] == "dann"} == {0, 1, 2, 3}
    assert chosen.to_bytes() == plain.to_bytes()


def test_a_choice_of_fewer_passes_is_the_same_schedule_cut_short(monkeypatch):
    target = shifted("65-79")
    monkeypatch.setattr(networks, "choose", lambda stage, folds, losses_of: Choice(stage, 2, (3.0, 2.0, 1.0, 2.0)))
    chosen = fit([{"name": "finetune", **FEW}], target=target)
    monkeypatch.undo()
    whole = fit([{"name": "finetune", **FEW, "folds": 0}], target=target)
    rows = [[r for r in history(n) if r["stage"] == "finetune-all"] for n in (chosen, whole)]
    assert [row["train_loss"] for row in rows[0]] == [row["train_loss"] for row in rows[1]][:2]
    assert [row["lr"] for row in rows[0]] == [row["lr"] for row in rows[1]][:2]
    assert [row["kept"] for row in rows[0]] == [False, True]


def test_the_choice_rests_on_all_subjects():
    """Two subjects gain and one loses: whoever is asked alone, the mean over them decides."""
    target, losses = nights("65-79"), {0: [1.0, 0.6], 1: [1.0, 1.3], 2: [1.0, 0.7]}
    for seed in range(5):
        asked = []

        def losses_of(number, train, held_out, asked=asked):
            (subject,) = {night.key.subject for night in held_out}
            assert {night.key.subject for night in train} == {0, 1, 2} - {subject}
            asked.append(subject)
            return losses[subject]

        choice = choose("finetune", inner_folds(target, 3, seed), losses_of)
        assert sorted(asked) == [0, 1, 2]
        assert choice.passes == 1
        assert choice.losses == pytest.approx((1.0, 2.6 / 3))


def test_the_choice_of_a_training_is_the_mean_over_its_folds():
    target = [*shifted("65-79", (0, 1)), *nights("65-79", (2,))]
    network = fit([{"name": "finetune", **FEW}], target=target)
    losses = {(row["fold"], row["pass"]): row["valid_loss"] for row in network.history_ if row["fold"]}
    (choice,) = network.choices_
    means = [np.mean([losses[fold, number] for fold in (1, 2, 3)]) for number in (1, 2, 3)]
    assert choice.losses[1:] == pytest.approx(means)
    assert choice.passes == int(np.argmin([choice.losses[0], *means]))
    assert len({losses[fold, 1] for fold in (1, 2, 3)}) == 3


def test_each_subject_counts_alike():
    folds = inner_folds(nights("65-79"), 2, 0)
    assert [len(held_out) for _, held_out in folds] == [4, 2]
    choice = choose("finetune", folds, lambda number, train, held_out: [[1.0, 0.9], [1.0, 1.1]][number - 1])
    assert choice.losses == pytest.approx((1.0, (2 * 0.9 + 1.1) / 3))
    assert choice.passes == 1


def test_passes_that_a_fold_did_not_reach_are_not_chosen():
    folds = inner_folds(nights("65-79"), 3, 0)
    choice = choose("finetune", folds, lambda number, *_: [3.0, 2.5, 2.0, 1.0][: 4 - (number == 2)])
    assert (choice.passes, len(choice.losses)) == (2, 3)
    assert choose("finetune", folds, lambda *_: [1.0, 1.0, 2.0]).passes == 0, "of equals, the fewest"


@pytest.mark.parametrize(("n_folds", "sizes"), [(0, []), (2, [3, 3]), (4, [2, 2, 1, 1]), (9, [1] * 6)])
@pytest.mark.parametrize("seed", range(3))
def test_inner_folds_by_subject(n_folds, sizes, seed):
    given = nights("25-64", range(4)) + nights("65-79", (0, 1))
    folds = inner_folds(given, n_folds, seed)
    sides = [[{n.key[:2] for n in side} for side in fold] for fold in folds]
    assert [len(held_out) for _, held_out in sides] == sizes
    assert all(not train & held_out and len(train | held_out) == 6 for train, held_out in sides)
    assert sum(sizes) == len(set().union(*(held_out for _, held_out in sides)))
    again = inner_folds(given[::-1], n_folds, seed)
    assert [{n.key for n in out} for _, out in again] == [{n.key for n in out} for _, out in folds]


@pytest.mark.parametrize("given", [{"folds": 0}, {"target": shifted("65-79", (0,))}])
def test_without_a_choice_the_last_pass_is_kept(given):
    network = fit([{"name": "finetune", **FEW, "lr": 10.0, "folds": given.get("folds", 3)}],
                  target=given.get("target"))  # fmt: skip
    rows = [row for row in network.history_ if row["stage"] == "finetune-all"]
    assert [row["kept"] for row in rows] == [False, False, True]
    assert network.choices_ == []


def test_a_judge_weighs_stages_and_groups_alike():
    """Each group's loss is the mean over its stages of the mean over their epochs."""
    network = fit(passes=1, target=[])
    groups = [[relabelled(night(7), np.minimum(night(7).y, 1 + np.arange(24) % 2))], [night(8), night(8, 2)]]
    expected, plain = [], []
    for group in groups:
        y = np.concatenate([n.y for n in group])
        nll = -np.log(np.concatenate([network.predict_proba(n) for n in group])[np.arange(len(y)), y])
        expected.append(np.mean([nll[y == stage].mean() for stage in np.unique(y)]))
        plain.append(nll.mean())
    loss, score = network.judge(groups, ())(network.module_)
    assert loss == pytest.approx(np.mean(expected))
    assert abs(expected[0] - plain[0]) > 0.01, "or this test tests nothing"
    assert 0 <= score <= 100


def test_the_last_pass_is_kept_where_nothing_is_held_out():
    network = fit(holdout=0)
    assert [row["kept"] for row in network.history_] == [False, False, True]
    assert {row["valid_loss"] for row in network.history_} == {None}


def test_no_passes():
    network = fit(passes=0)
    assert network.history_ == []
    assert network.to_bytes() == pack(tiny().fresh_module(), "Tiny")


def test_patience_stops():
    network = fit(passes=30, patience=2, lr=1.0, schedule="constant")
    losses = [row["valid_loss"] for row in network.history_]
    assert len(losses) < 30
    best = int(np.argmin(losses))
    assert len(losses) == best + 3 or not any(row["kept"] for row in network.history_)


class Broken(NetworkTransfer, frozen=True):
    in_source = True

    def shaped(self, stage):
        return replace(stage, objective=lambda step: stage.objective(step) * float("nan"))


def test_a_loss_that_is_not_finite_is_one_line():
    with pytest.raises(BeetlError, match=r"stage source: the loss is not finite in pass 1; lower lr") as error:
        fit([Broken()])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("device", ["cuda", "mps", "tpu"])
def test_a_device_that_is_not_there_is_one_line(device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(BeetlError, match=f"device {device}: not there; use --device cpu"):
        fit(resources=Resources(device=device))
    assert find_device("auto").type == "cpu"


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("one-cycle", {0: 1 / 25, 29: 1.0, 64: 0.5, 99: 4e-6}),
        ("cosine", {0: 1.0, 50: 0.5, 99: 2.5e-4}),
        ("constant", {0: 1.0, 50: 1.0, 99: 1.0}),
    ],
)
def test_rate_by_step(schedule, expected):
    parameters = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    optimizer = torch.optim.AdamW([{"params": p, "lr": lr} for p, lr in zip(parameters, (1e-2, 1e-3), strict=True)])
    course, rates = loop._schedule(optimizer, schedule, 100), []
    for _ in range(100):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        course.step()
    for step, factor in expected.items():
        assert rates[step] == pytest.approx([1e-2 * factor, 1e-3 * factor], rel=0.02)


def test_progress_is_told_batch_by_batch_and_while_nights_are_judged():
    """Two held-out nights are looked at before the first pass and at the end of each; the bar never goes back."""
    told = []
    fit(resources=Resources(progress=lambda *args: told.append(args)), passes=2, target=[])
    totals = {total for _, total, _ in told}
    assert [done for done, _, _ in told] == list(range(1, len(told) + 1))
    assert totals == {len(told)}
    judged = [i for i, (_, _, text) in enumerate(told) if "held-out nights" in text]
    batches = [i for i, (_, _, text) in enumerate(told) if ": loss " in text]
    assert len(batches) == 12
    assert (len(judged), judged[:2], judged[-2:]) == (6, [0, 1], [len(told) - 2, len(told) - 1])
    assert told[0][2] == "seed 0, source, pass 1 of 2: held-out nights, 1 of 2"
    assert told[2][2].startswith("seed 0, source, pass 1 of 2: loss ")
    assert ", held out " in told[-1][2]


def test_a_branch_goes_on_by_itself_and_copies_no_recording():
    class Holder:
        """Whoever waits for a training, with recordings in its hands."""

        def __init__(self):
            self.recordings = nights("25-64")

        def told(self, done, total, text):
            pass

        def __deepcopy__(self, memo):
            raise AssertionError("recordings are copied")

    resources = Resources(progress=Holder().told)
    network = tiny([{"name": "finetune", **FEW, "folds": 0}], resources=resources).fit_source(source=nights("25-64"))
    before, rows = network.to_bytes(), list(network.history_)
    branch = network.branched().fit_target(source=nights("25-64"), target=shifted("65-79"))
    assert branch.resources is resources
    assert (network.to_bytes(), network.history_) == (before, rows)
    assert branch.history_[: len(rows)] == rows
    assert branch.to_bytes() != before
    assert branch.to_bytes() == fit([{"name": "finetune", **FEW, "folds": 0}], target=shifted("65-79")).to_bytes()


def test_settings_of_the_loss_reach_the_training():
    plain = fit().to_bytes()
    for loss in ({"vat": 1.0}, {"name": "focal"}, {"weights": "none"}, {"label_smoothing": 0.1}, {"adjustment": 1.0}):
        noisy = {"source": [relabelled(n, np.minimum(n.y, 2)) for n in nights("25-64")]} if "weights" in loss else {}
        reference = fit(**noisy).to_bytes() if noisy else plain
        assert fit(loss=loss, **noisy).to_bytes() != reference, loss


def test_vat_reaches_every_stage():
    for transfer in ({"name": "finetune"}, {"name": "mixup"}, {"name": "dann"}, {"name": "self-training", "sure": 1.0}):
        given = dict(passes=0, holdout=0, unlabelled=nights("65-79", (6,), labelled=False))
        stages = [{**transfer, "passes": 1, "batch_size": 16, "folds": 0}]
        without = fit(stages, **given)
        assert fit(stages, loss={"vat": 1.0}, **given).to_bytes() != without.to_bytes(), transfer


def test_gradients_are_clipped():
    free, clipped = fit(clip=0, passes=1, holdout=0), fit(clip=1e-3, passes=1, holdout=0)
    assert free.to_bytes() != clipped.to_bytes()


def test_weights_are_those_of_the_module():
    network = fit()
    tensors = load(network.to_bytes())
    assert {"conv.weight", "norm.running_mean", "final_layer.bias"} <= set(tensors)


def test_the_source_takes_the_place_of_what_is_missing():
    target = nights("65-79")
    assert fit(source=[], target=target).to_bytes() == fit(source=target, target=[]).to_bytes()


def test_a_kept_stage_does_not_depend_on_who_made_it(tmp_path):
    """AdaBN changes what is predicted of held-out nights, and must not choose the pass that other recipes share."""

    def weights(cache, *names):
        settings = {"training": {"batch_size": 16, "passes": 3, "lr": 1e-2, "holdout": 0.34}}
        network = made("chambon", settings, [{"name": name} for name in names], resources=Resources(cache))
        return network.fit_source(source=nights("25-64")).to_bytes()

    plain = weights(tmp_path / "one")
    assert weights(tmp_path / "two", "adabn") == plain == weights(tmp_path / "one", "adabn")
