"""Several scorers: agreement by pair and stage, consensus, Bland-Altman, and the command that shows them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.metrics import cohen_kappa_score
from test_stage import Level, write_edf

from beetl_task1.cli.statistics import statistics as command
from beetl_task1.errors import BeetlError
from beetl_task1.hypnograms.schemes import AASM, RK
from beetl_task1.staging import Options, Stager, stage_all
from beetl_task1.staging.scorers import Scorers, read_scorers
from beetl_task1.staging.statistics import all_statistics

NAMES = np.array(["W", "N1", "N2", "N3", "R", "?"])


def night(seed, n=200):
    """Return a night in runs of ten epochs that begins awake."""
    stages = np.repeat(np.random.default_rng(seed).integers(0, 5, n // 10), 10)
    stages[:15] = 0
    return stages


def changed(stages, share, seed):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(len(stages)) < share, rng.integers(0, 5, len(stages)), stages)


def three(n_nights=4):
    """Return three scorers, the last the worst, with epochs that the second left out."""
    found = {}
    for i in range(n_nights):
        truth = night(i)
        by = {"a": changed(truth, 0.05, 10 + i), "b": changed(truth, 0.1, 20 + i), "c": changed(truth, 0.4, 30 + i)}
        by["b"][50:60] = -1
        found[f"n{i}"] = by
    return Scorers(found, AASM)


def run(*arguments):
    done = CliRunner().invoke(command, [str(argument) for argument in arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def write(folder, nights, name="{}-hypnogram.txt"):
    folder.mkdir(parents=True)
    for key, stages in nights.items():
        (folder / name.format(key)).write_text("\n".join(NAMES[stages]))
    return folder


def test_agreement_by_hand():
    found = three()
    rows = found.agreement()
    assert rows.index.tolist() == ["a and b", "a and c", "b and c", *(f"{name} and the others" for name in "abc")]
    a, b = (np.concatenate([by[name] for by in found.nights.values()]) for name in "ab")
    both = b >= 0
    row = rows.loc["a and b"]
    assert (row["nights"], row["epochs"]) == (4, both.sum())
    assert row["accuracy"] == np.mean(a[both] == b[both])
    assert row["kappa"] == pytest.approx(cohen_kappa_score(a[both], b[both]))
    for i, stage in enumerate(AASM.short):
        assert row[f"kappa_{stage}"] == pytest.approx(cohen_kappa_score(a[both] == i, b[both] == i))
    assert rows.loc["a and b", "kappa"] > rows.loc["b and c", "kappa"]


def test_the_majority_decides_and_in_doubt_the_most_reliable():
    one = {"a": [0, 1, 2, 3, -1], "b": [0, 1, 4, 0, -1], "c": [0, 2, 1, -1, -1]}
    found = Scorers({"n": {name: np.array(stages) for name, stages in one.items()}}, AASM)
    assert found.consensus("n").tolist() == [0, 1, 2, 3, -1], "a agrees best with the others"
    assert found.consensus("n", without="a").tolist()[2] == 4, "b before c"
    four = {name: np.array([s, *[0, 1] * 9]) for name, s in zip("abcd", (1, 2, 2, 3), strict=True)}
    assert Scorers({"n": four}, AASM).consensus("n")[0] == 2, "two say more than the most reliable one"


def test_a_consensus_is_nearer_to_the_truth_than_most():
    found = three()
    right = {
        name: np.mean([np.mean(by[name] == night(i)) for i, by in enumerate(found.nights.values())]) for name in "abc"
    }
    consensus = np.mean([np.mean(found.consensus(key) == night(i)) for i, key in enumerate(found.nights)])
    assert consensus > sorted(right.values())[1]


def test_bland_and_altman_by_hand():
    found = three()
    rows = found.bland_altman()
    slept = {name: [all_statistics(by[name][by["b"] >= 0], AASM)["total_sleep_time"] for by in found.nights.values()]
             for name in "ac"}  # fmt: skip
    differences = np.subtract(slept["c"], slept["a"])
    row = rows.loc["a and c", "total_sleep_time"]
    assert row["nights"] == 4
    assert row["bias"] == pytest.approx(differences.mean())
    assert row["sd"] == pytest.approx(differences.std(ddof=1))
    assert (row["lower"], row["upper"]) == (
        pytest.approx(differences.mean() - 1.96 * differences.std(ddof=1)),
        pytest.approx(differences.mean() + 1.96 * differences.std(ddof=1)),
    )
    assert row["bias_high"] - row["bias"] == pytest.approx(3.182446 * differences.std(ddof=1) / 2, rel=1e-5)
    assert row["mean"] == pytest.approx(np.mean([slept["a"], slept["c"]]))
    assert (rows.xs("time_in_bed", level="measure")["sd"] == 0).all(), "the same epochs of all"
    assert three(2).bland_altman()["bias"].isna().all(), "two nights have no limits"


def test_a_shift_is_the_bias():
    nights = {f"n{i}": {"a": night(i), "b": np.r_[night(i)[4:], np.zeros(4, dtype=int)]} for i in range(5)}
    row = Scorers(nights, AASM).bland_altman().loc["a and b", "sleep_onset_latency"]
    assert (row["bias"], row["sd"]) == (-2.0, 0.0)


def test_folders_are_paired_by_name(tmp_path):
    nights = three().nights
    a = write(tmp_path / "lab/a", {key: by["a"] for key, by in nights.items()})
    b = write(tmp_path / "lab/b", {key: by["b"] for key, by in list(nights.items())[1:]}, "{}_scored.csv")
    (b / "n9_scored.csv").write_text("W\nN2\n")
    found = read_scorers([a, b])
    assert list(found.nights) == ["n1", "n2", "n3"]
    assert found.names == ["a", "b"]
    assert found.notes[0] == "2 files have no partner of their name, and are left out"
    for key, by in found.nights.items():
        assert {name: stages.tolist() for name, stages in by.items()} == {n: nights[key][n].tolist() for n in "ab"}
    of_pattern = read_scorers([f"{a}/*.txt", b])
    assert (of_pattern.nights.keys(), of_pattern.names) == (found.nights.keys(), ["a", "b"])


def test_files_are_scorers_of_one_night_on_the_clock(tmp_path):
    (tmp_path / "a.csv").write_text("onset,stage\n" + "".join(f"{30 * i},{NAMES[s]}\n" for i, s in enumerate(night(0))))
    (tmp_path / "b.txt").write_text("\n".join(["W", "S1", "S2", "S3", "REM"][s] for s in night(0)))
    found = read_scorers([tmp_path / "a.csv", tmp_path / "b.txt"])
    assert (list(found.nights), found.names, found.scheme) == (["night"], ["a.csv", "b.txt"], AASM)
    assert found.agreement().loc["a.csv and b.txt", "kappa"] == 1


def test_six_stages_where_all_have_six(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text("\n".join(["W", "S1", "S2", "S3", "S4", "REM"] * 4))
    found = read_scorers([tmp_path / "a.txt", tmp_path / "b.txt"])
    assert (found.scheme, found.agreement()["kappa_S4"].tolist()) == (RK, [1.0])


@pytest.mark.parametrize(("given", "message"), [
    (["a"], "expected two scorers or more"), (["a", "c.txt"], "only files or only folders"),
    (["a", "other"], "no night is there from all: n0"), (["a", "a"], "is given twice"),
    (["a", "empty"], "nothing of that kind"), (["c.txt", "none.txt"], "no such file")])  # fmt: skip
def test_mistakes(tmp_path, given, message):
    write(tmp_path / "a", {"n0": night(0)})
    write(tmp_path / "other", {"x": night(0)})
    (tmp_path / "empty").mkdir()
    (tmp_path / "c.txt").write_text("W\nN2\n")
    with pytest.raises(BeetlError, match=message):
        read_scorers([tmp_path / one for one in given])


@pytest.fixture
def folders(tmp_path):
    nights = three().nights
    return [write(tmp_path / name, {key: by[name] for key, by in nights.items()}) for name in "abc"]


def test_the_command_compares(folders, tmp_path):
    out = tmp_path / "out"
    done = run("--compare", *folders, "--out", out)
    assert "a and the others" in done.stdout
    assert "a and c: total_sleep_time" in done.stdout
    assert sorted(path.name for path in out.iterdir()) == [
        "agreement.csv", "bland-altman.csv", "bland-altman.png", *(f"consensus-n{i}.csv" for i in range(4)),
        "statistics.csv"]  # fmt: skip
    table = pd.read_csv(out / "bland-altman.csv", index_col=[0, 1])
    expected = three().bland_altman()
    pd.testing.assert_frame_equal(table, expected, check_index_type=False, check_dtype=False, rtol=1e-5)
    stages = pd.read_csv(out / "consensus-n0.csv")["stage"].tolist()
    assert stages == NAMES[three().consensus("n0")].tolist()
    values = json.loads(run("--compare", *folders, "--json").stdout)
    assert values["scorers"] == ["a", "b", "c"]
    assert {row["pair"] for row in values["agreement"]} == set(expected.index.levels[0]) | {
        f"{n} and the others" for n in "abc"
    }
    with pytest.raises(BeetlError, match="expected a new or empty folder"):
        run("--compare", *folders, "--out", out)
    with pytest.raises(BeetlError, match="leave --lights-off and --lights-on out"):
        run("--compare", *folders, "--lights-off", "10")


def test_the_command_takes_folders_and_names_what_failed(folders, tmp_path):
    (folders[0] / "bad.txt").write_text("W\nDozing\n")
    with pytest.raises(BeetlError, match=r"bad\.txt"):
        run(folders[0], "--out", tmp_path / "out")
    assert not (tmp_path / "out/statistics.csv").exists(), "so that the next try may write there"
    (folders[0] / "bad.txt").unlink()
    run(folders[0], "--out", tmp_path / "out")
    rows = pd.read_csv(tmp_path / "out/statistics.csv", index_col=0)
    assert len(rows) == 4
    first = all_statistics(three().nights["n0"]["a"], AASM)
    assert rows.loc[str(folders[0] / "n0-hypnogram.txt"), "total_sleep_time"] == first["total_sleep_time"]
    values = json.loads(run(f"{folders[1]}/*.txt", f"{folders[2]}/n0*", "--json").stdout)
    assert (len(values["hypnograms"]), values["failures"]) == (5, [])
    many = run(*folders[1:]).stdout
    assert "statistics of 8 nights" in many
    assert "SD" in many


def test_real_scorers_agree_as_published(shared_data):
    """Guillot et al. 2020: five scorers each of 25 healthy sleepers."""
    with np.load(shared_data / "dod_scorers.npz") as file:
        nights = {}
        for key in file.files:
            data, record, scorer = key.split("__")
            if data == "dodh" and scorer.startswith("scorer"):
                nights.setdefault(record, {})[scorer] = file[key].astype(int)
    length = {record: max(map(len, by.values())) for record, by in nights.items()}
    nights = {record: {name: np.pad(y, (0, length[record] - len(y)), constant_values=-1) for name, y in by.items()}
              for record, by in nights.items()}  # fmt: skip
    found = Scorers(nights, AASM)
    rows = found.agreement()
    assert len(found.nights) == 25
    assert rows["accuracy"].iloc[:10].mean() == pytest.approx(0.786, abs=0.01)
    others = rows["accuracy"].iloc[10:]
    assert others.mean() > rows["accuracy"].iloc[:10].mean(), "a consensus is nearer than another scorer"


def test_nights_of_one_name_are_told_apart_by_their_folders(tmp_path):
    for who in ("a", "b"):
        for person, stage in (("p1", "W"), ("p2", "N2")):
            folder = tmp_path / who / person
            folder.mkdir(parents=True)
            (folder / "hyp.txt").write_text("\n".join([stage] * 20 + ["R"] * 5))
    found = read_scorers([tmp_path / "a", tmp_path / "b"])
    assert set(found.nights) == {"p1_hyp", "p2_hyp"}
    assert (found.nights["p2_hyp"]["a"] == found.nights["p2_hyp"]["b"]).all()
    assert not (found.nights["p1_hyp"]["a"] == found.nights["p2_hyp"]["a"]).all()


def test_what_stage_wrote_is_one_scoring_a_night(tmp_path):
    for who in ("scorer", "staged"):
        (tmp_path / who).mkdir()
    (tmp_path / "scorer/night.txt").write_text("\n".join(["W"] * 10 + ["N2"] * 20))
    (tmp_path / "staged/night-hypnogram.txt").write_text("\n".join(["W"] * 10 + ["N2"] * 20))
    (tmp_path / "staged/night-hypnogram.txt").rename(tmp_path / "staged/night-hypnogram.edf")
    for name in ("night.csv", "night.json", "README.txt", "summary.csv"):
        (tmp_path / "staged" / name).write_text("{}")
    from beetl_task1.hypnograms.formats import is_hypnogram

    assert [path.name for path in sorted((tmp_path / "staged").iterdir()) if is_hypnogram(path)] == []
    assert is_hypnogram(tmp_path / "scorer/night.txt")


def test_a_pattern_of_tables_that_stage_wrote(tmp_path):
    path = write_edf(tmp_path / "night.edf")
    stage_all(Stager(Level(), "65-79", Options()), [path], tmp_path / "staged")
    by_table, by_edf = (
        json.loads(run(f"{tmp_path}/staged/{pattern}", "--json").stdout)["hypnograms"] for pattern in ("*.csv", "*")
    )
    assert [list(map(Path, found)) for found in (by_table, by_edf)] == [
        [tmp_path / "staged/night.csv"], [tmp_path / "staged/night-hypnogram.edf"]]  # fmt: skip
    one, other = (next(iter(found.values()))["statistics"] for found in (by_table, by_edf))
    assert one == other


@pytest.mark.parametrize("onset", ["1e12", "5e9"])
def test_an_onset_beyond_all_nights_is_one_line(tmp_path, onset):
    for who in ("a", "b"):
        (tmp_path / f"{who}.csv").write_text(f"onset,duration,stage\n0,30,W\n{onset},30,N2\n")
    with pytest.raises(BeetlError, match="more than 14 days"):
        read_scorers([tmp_path / "a.csv", tmp_path / "b.csv"])
