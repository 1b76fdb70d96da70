"""The competition's own people and cropping, and its nights found again in Sleep-EDF."""

import json
import pickle
import sys
from collections import defaultdict

import numpy as np
import pytest
from click.testing import CliRunner
from sleep_edf_files import write_pair
from test_sleep_edf import REAL, needs_real

from beetl_task1.cli.build import build as command
from beetl_task1.cli.inspect import inspect
from beetl_task1.data.files import DataFolder, check_people
from beetl_task1.errors import DataError
from beetl_task1.sleep_edf import counts_beside_competition, match, rebuild
from beetl_task1.sleep_edf.epochs import as_cropped
from beetl_task1.sleep_edf.splits import BEETL
from beetl_task1.sleep_edf.study import study_nights
from beetl_task1.task import PARTS

STAGES = "W1234R"
NIGHT = "W" * 70 + "1122M33?44RR" + "W" * 3 + "2" * 50 + "W" * 80


def stages_of(text):
    return np.array([STAGES.find(letter) for letter in text])


@pytest.mark.parametrize(
    ("text", "minutes", "kept"),
    [
        ("W" * 70 + "12" + "W" * 70, 30, (10, 131)),  # the last bout begins at 71
        ("W" * 70 + "1" + "2" * 90 + "W" * 70, 30, (10, 131)),  # and is cut where it is longer
        ("W" * 70 + "1" + "2" * 90 + "W" * 70, 20, (30, 111)),
        ("W" * 70 + "22M22" + "W" * 70, 30, (10, 133)),  # movement ends a bout
        ("W" * 10 + "2" + "W" * 100 + "3" + "W" * 100, 20, (0, 151)),  # a nap counts as well
        ("22" + "W" * 9, 30, (0, 11)),
        ("2" * 5, 1, (0, 2)),
        ("W" * 5, 20, (0, 5)),
    ],
)
def test_cropped_as_the_competition_did(text, minutes, kept):
    assert as_cropped(stages_of(text), minutes) == slice(*kept)


def test_everybody_has_one_seat():
    assert len(BEETL) == 71
    for part in PARTS:
        assert len(part.people) == len(part.subjects)
    assert BEETL[33] == ("65-79", "target", 0), "of 60 years, and yet in the older group"
    assert BEETL[70] == ("80-95", "test", 5)
    assert not {13, 36, 48, 52, 59, 73, 76} & set(BEETL)


def cropped_counts(lines):
    counts = defaultdict(lambda: np.zeros(7, dtype=int))
    for line in lines:
        record, text = line.split()[0], line.split()[-1]
        if (seat := BEETL.get(int(record[3:5]))) is not None:
            part = next(p for p in PARTS if (p.group, p.role) == seat[:2])
            stages = stages_of(text)
            counts[seat] += np.bincount(stages[as_cropped(stages, part.margin)] + 1, minlength=7)
    return counts


@needs_real
def test_real_hypnograms_give_the_published_counts():
    """To the epoch; the text at hand has movement as Wake, and the competition left that out."""
    counts = cropped_counts(
        line for line in (REAL / "sleep_edf_78/hypnograms.txt").read_text().splitlines() if not line.startswith("#")
    )
    source = sum(row for seat, row in counts.items() if seat.role == "source")
    assert len([seat for seat in counts if seat.role == "source"]) == 39
    assert source[1:].sum() == 90_634 == 90_545 + 89
    old = sum(row for seat, row in counts.items() if seat[:2] == ("80-95", "target"))
    assert len([seat for seat in counts if seat[:2] == ("80-95", "target")]) == 5
    assert old[1:].sum() == 16_570 == 16_568 + 2


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two young people, two of each older group's target, and one of each test set, 62 being 101 years old."""
    folder = tmp_path_factory.mktemp("edf")
    people = (0, 1, 33, 40, 60, 65, 51, 62, 48)
    names = sorted(night.name for night in study_nights().values() if night.subject in people)
    for seed, name in enumerate(names):
        write_pair(folder, name, NIGHT, past="WW??", seed=seed)
    return folder


@pytest.fixture(scope="module")
def built(study, tmp_path_factory):
    return rebuild(study, tmp_path_factory.mktemp("built") / "data", seed=5)


def test_the_competitions_people_under_its_numbers(built):
    places = {(p.key.group, p.role, p.key.subject): p.night.subject for p in built.assignment.places}
    assert places == {
        ("25-64", "source", 0): 0,
        ("25-64", "source", 1): 1,
        ("65-79", "target", 0): 33,
        ("65-79", "target", 1): 40,
        ("65-79", "test", 6): 51,
        ("80-95", "target", 0): 60,
        ("80-95", "target", 1): 65,
        ("80-95", "test", 6): 62,
    }
    left_out = " | ".join(built.assignment.left_out)
    assert "SC4481: not one of the competition's people" in left_out
    assert "SC470: 80-95 test s5 of the competition is not in" in left_out
    assert "SC400" not in left_out


def test_each_phase_has_its_own_cropping(built):
    counts = {(row["group"], row["role"]): row for row in counts_beside_competition(built)}
    long, short = (as_cropped(stages_of(NIGHT), minutes) for minutes in (30, 20))
    for group, kept in (("25-64", long), ("65-79", long), ("80-95", short)):
        scored = sum(letter in STAGES for letter in NIGHT[kept])
        role = "source" if group == "25-64" else "target"
        assert counts[group, role]["epochs"] == 4 * scored
    assert counts["65-79", "test"]["epochs"] > counts["80-95", "test"]["epochs"]
    marker = json.loads((built.out / "provenance.json").read_text())
    assert marker["split"] == "beetl"
    assert marker["note"].startswith("beetl rebuilt")
    assert "split beetl" in DataFolder(built.out).provenance.describe()


@pytest.fixture
def downloaded(built, tmp_path):
    """As if it came from figshare: no marker, rows in another order, no truth."""
    place = tmp_path / "downloaded"
    for part in PARTS:
        (place / part.folder).mkdir(parents=True)
        for signal in sorted((built.out / part.folder).glob("*X.npy")):
            X = pickle.loads(signal.read_bytes())
            order = np.random.default_rng(len(X)).permutation(len(X))
            (place / part.folder / signal.name).write_bytes(pickle.dumps(X[order]))
            labels = signal.with_name(signal.name.replace("X.npy", "y.npy"))
            if labels.exists():
                y = pickle.loads(labels.read_bytes())[order]
                (place / part.folder / labels.name).write_bytes(pickle.dumps(y))
    return place


def run(*options):
    return CliRunner().invoke(command, [str(option) for option in options], catch_exceptions=False)


@pytest.fixture
def whole(built, monkeypatch):
    """Let the competition have no other nights than these."""

    def keys(part):
        return sorted(p.key for p in built.assignment.places if (p.key.group, p.role) == (part.group, part.role))

    monkeypatch.setattr(sys.modules["beetl_task1.sleep_edf.match"], "competition_keys", keys)


def test_part_of_a_test_set_has_no_truth(study, downloaded, tmp_path):
    assert run("--sleep-edf", study, "--match", downloaded, "--out", tmp_path / "out", "--jobs", 1).exit_code == 0
    assert (tmp_path / "out/pairs.csv").exists()
    assert not (tmp_path / "out/truth").exists()


@pytest.mark.usefixtures("whole")
def test_every_night_finds_its_record(study, built, downloaded, tmp_path):
    out = tmp_path / "matched"
    done = run("--sleep-edf", study, "--match", downloaded, "--out", out, "--jobs", 1, "--json")
    told = json.loads(done.output)
    assert told["pairs"] == {str(p.key): p.night.name for p in built.assignment.places}
    assert (told["without_pair"], told["labels_that_differ"]) == ([], 0)
    for group, n in told["truth"].items():
        truth = np.loadtxt(out / f"truth/{group}.txt", dtype=int)
        assert len(truth) == n
        rows = 0
        for night in DataFolder(downloaded, allow_partial=True).recordings(group, "test"):
            name = f"s{night.key.subject}r{night.key.session}.npy"
            onsets, before = np.load(out / "order" / group / name), np.load(built.out / "order" / group / name)
            order = np.random.default_rng(len(before)).permutation(len(before))
            np.testing.assert_array_equal(onsets, before[order])
            assert (truth[rows : rows + len(onsets)] == stages_of(NIGHT)[(onsets / 30).astype(int)]).all()
            rows += len(onsets)
    assert set(told["truth"]) == {"65-79", "80-95"}
    lines = (out / "pairs.csv").read_text().splitlines()
    assert lines[0] == "group,role,subject,session,record,epochs,found,labels_that_differ"
    assert len(lines) == 1 + len(told["pairs"])


@pytest.mark.usefixtures("whole")
def test_a_night_from_elsewhere_is_named(study, downloaded, tmp_path, rng):
    path = downloaded / "LeaderboardSleep/testing/leaderboard_s6r2X.npy"
    X = pickle.loads(path.read_bytes())
    path.write_bytes(pickle.dumps(rng.normal(0, 2e-5, X.shape)))
    relabelled = downloaded / "SleepSource/training_s0r1y.npy"
    y = pickle.loads(relabelled.read_bytes())
    relabelled.write_bytes(pickle.dumps((y + (np.arange(len(y)) < 3)) % 6))
    done = run("--sleep-edf", study, "--match", downloaded, "--out", tmp_path / "out", "--jobs", 1)
    assert done.exit_code == 0
    assert "15 of 16 nights have their record" in done.output
    assert "without a record: 65-79/s6r2, at most 0 of" in " ".join(done.output.split())
    assert "3 labels of training nights differ" in done.output
    assert not (tmp_path / "out/truth/65-79.txt").exists(), "the truth of a test set is whole or not there"
    assert (tmp_path / "out/truth/80-95.txt").exists()


@pytest.mark.parametrize("given", [["--group", "65-79"], ["--seed", "0"], ["--split", "ages"]])
def test_what_matching_has_no_use_for_is_a_usage_error(study, downloaded, tmp_path, given):
    out = tmp_path / "out"
    done = run("--sleep-edf", study, "--match", downloaded, "--out", out, *given)
    assert done.exit_code == 2
    assert f"--match takes each night as it was downloaded, got {given[0]}; leave it out" in done.output
    assert not out.exists()


def test_faults_of_matching(study, downloaded, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("")
    with pytest.raises(DataError, match="expected an empty folder"):
        match(study, DataFolder(downloaded, allow_partial=True), tmp_path / "full")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no night of the competition; --match names its downloaded folders"):
        match(study, DataFolder(tmp_path / "empty"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_labels_of_test_people_do_not_train(study, built, tmp_path):
    """Neither as target nor as source; the tree of the competition's own people has none of them there."""
    from conftest import experiment

    by_age = rebuild(study, tmp_path / "ages", split="ages").out
    with pytest.raises(DataError, match=r"would train \(65-79/s2, SC451, 80-95/s1, SC462\); build it with"):
        experiment("features-logreg", "65-79", DataFolder(by_age)).nights  # noqa: B018
    opened = experiment("features-logreg", "65-79", DataFolder(by_age), rules="open")
    assert {night.key.subject for night in opened.nights.target} == {0, 1, 2}
    assert experiment("features-logreg", "80-95", DataFolder(built.out)).nights.target
    marker = json.loads((built.out / "provenance.json").read_text())
    marker["subjects"]["25-64/s0"]["sleep_edf_subject"] = 51
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "provenance.json").write_text(json.dumps(marker))
    with pytest.raises(DataError, match=r"25-64/s0, SC451"):
        check_people(DataFolder(copy).provenance, copy)


def test_inspect_tells_of_the_rules(study, built, tmp_path):
    by_age = rebuild(study, tmp_path / "ages", split="ages").out
    for data, rules in (
        (built.out, "rules: competition\n"),
        (by_age, "rules: open, since labels of people of the competition's test sets are here (65-79/s2, SC451, "),
    ):
        done = CliRunner().invoke(inspect, ["--data", str(data), "--jobs", "1", "--no-nights", "--allow-partial"])
        assert rules in done.output
    told = CliRunner().invoke(inspect, ["--data", str(by_age), "--jobs", "1", "--allow-partial", "--json"])
    assert json.loads(told.output)["rules"].endswith("train with --rules open")


def test_an_ensemble_passes_its_rules_on():
    from beetl_task1.recipes.recipe import load_recipe

    assert {member.rules for member in load_recipe("default").varied(rules="open").member_recipes()} == {"open"}
    assert {member.rules for member in load_recipe("default").member_recipes()} == {"competition"}
