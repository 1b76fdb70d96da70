"""Cohorts: files, folders, patterns and tables in; one summary that grows, failures named, and nothing done twice."""

import csv
import os
import shutil
from pathlib import Path

import edfio
import pytest
from click.testing import CliRunner
from conftest import experiment
from test_stage import STAGES, write_edf

from beetl_task1.cli.stage import stage as command
from beetl_task1.errors import BeetlError
from beetl_task1.models.base import Resources
from beetl_task1.recipes.training import train
from beetl_task1.staging import ByAge, CohortNight, Options, Stager, find_nights, stage_all
from beetl_task1.staging.cohort import paired


@pytest.fixture(scope="module")
def checkpoints(tree, cache, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    for group in ("65-79", "80-95"):
        train(experiment("features-logreg", group, tree), folder, Resources(cache=cache))
    return folder


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return write_edf(tmp_path_factory.mktemp("recording") / "night.edf")


@pytest.fixture
def cohort(tmp_path, recording):
    """Return a folder as laboratories have them: recordings here and there, a scoring, and what is none of both."""
    folder = tmp_path / "lab"
    for name in ("p1/a.edf", "p1/b.EDF", "p2/deep/c.rec"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(recording, folder / name)
    annotations = [edfio.EdfAnnotation(i * 30, 30, f"Sleep stage {'W1234R'[s]}") for i, s in enumerate(STAGES)]
    edfio.Edf([], annotations=annotations).write(folder / "p1/a-scored.edf")
    (folder / "p1/notes.txt").write_text("slept well")
    (folder / ".hidden").mkdir()
    shutil.copy(recording, folder / ".hidden/d.edf")
    return folder


def names(nights):
    return [Path(night.recording).name for night in nights[0]]


def run(checkpoints, *arguments):
    known = ("--checkpoints", checkpoints, "--recipe", "features-logreg", "--allow-simulated", "--jobs", 1)
    return CliRunner().invoke(command, [str(argument) for argument in (*arguments, *known)])


def rows_of(out):
    return {row["recording"]: row for row in csv.DictReader((out / "summary.csv").open())}


def test_folders_and_patterns(cohort):
    assert names(find_nights([cohort])) == ["a.edf", "b.EDF", "c.rec"], "no scoring, no text, nothing hidden"
    assert names(find_nights([f"{cohort}/p1/*.edf"])) == ["a.edf"]
    assert names(find_nights([f"{cohort}/**/*.rec", cohort])) == ["c.rec", "a.edf", "b.EDF"], "each once"
    for nothing in (f"{cohort}/*.bdf", cohort / "p1" / ".." / ".hidden" / ".." / "p2" / "none*"):
        with pytest.raises(BeetlError, match="nothing of that kind is there"):
            find_nights([nothing])
    (cohort / "p2/broken.edf").write_bytes(b"0       " + b" " * 248)
    assert names(find_nights([cohort / "p2"])) == ["broken.edf", "c.rec"], "it fails by name, not in silence"
    (cohort / "a[1].edf").write_bytes(b"")
    assert names(find_nights([cohort / "a[1].edf"])) == ["a[1].edf"], "a name that is there is no pattern"


@pytest.mark.parametrize("text", [
    "recording,age,lights_off,lights_on,channels,hypnogram\n{}\n".format(
        'p1/a.edf,70,22:35,23:20,"EEG Fpz-Cz,EEG Pz-Oz",p1/a-scored.edf\np1/b.EDF,85,,,,'),
    "File;Age (years);Lights off;Lights on;Channels;Scoring\n"
    "p1/a.edf;70,0;22:35;23:20;EEG Fpz-Cz,EEG Pz-Oz;p1/a-scored.edf\np1/b.EDF;85;n/a;;;\n",
    "sep=\t\nhypnogram\tage\tlights\tpath\tchannels\np1/a-scored.edf\t70\t22:35 - 23:20\tp1/a.edf\t"
    "EEG Fpz-Cz;EEG Pz-Oz\n\t85\t\tp1/b.EDF\t\n",
], ids=["CSV", "spreadsheet", "TSV"])  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
def test_tables(cohort, text, encoding):
    (cohort / "cohort.csv").write_text(text, encoding=encoding)
    nights, notes = find_nights([cohort / "cohort.csv"])
    assert notes == []
    assert nights == [
        CohortNight(
            cohort / "p1/a.edf", cohort / "p1/a-scored.edf", 70.0, (("EEG Fpz-Cz", "EEG Pz-Oz"),), "22:35", "23:20"
        ),
        CohortNight(cohort / "p1/b.EDF", age=85.0),
    ]


def test_a_pattern_of_tables(cohort):
    (cohort / "1.csv").write_text("recording,age\np1/a.edf,70\n")
    (cohort / "2.csv").write_text("recording,sex\np2/deep/c.rec,f\np1/a.edf,f\n")
    nights, notes = find_nights([f"{cohort}/*.csv", f"{cohort}/p1/*.EDF"])
    assert [(Path(night.recording).name, night.age) for night in nights] == [
        ("a.edf", 70.0), ("c.rec", None), ("a.edf", None), ("b.EDF", None)]  # fmt: skip
    assert notes == [f"{cohort / '2.csv'}: the column 'sex' is not used"]
    with pytest.raises(BeetlError, match="nothing of that kind is there"):
        find_nights([f"{cohort}/*.tsv"])


@pytest.mark.parametrize(("text", "message"), [
    ("name,age\na,70\n", "expected a column recording, got name, age"),
    ("recording,age\np1/a.edf,old\n", "row 2: age 'old': expected years"),
    ("recording,age\np1/a.edf,70\np1/b.EDF,700\n", "row 3: age 700: expected years"),
    ("recording,lights_off\np1/a.edf,late\n", "row 2: time 'late': expected a clock time"),
    ("recording,lights\np1/a.edf,23:10\n", "row 2: lights '23:10': expected both times"),
    ("recording,age\n", "names no recording"),
    (",age\nx,1\n", "expected a column recording"), ("recording,age\n,70\n", "row 2: names no recording"),
])  # fmt: skip
def test_faults_of_tables(cohort, text, message):
    (cohort / "c.csv").write_text(text)
    with pytest.raises(BeetlError, match=message):
        find_nights([cohort / "c.csv"])


def test_columns_that_are_not_used_are_named(cohort):
    (cohort / "c.csv").write_text("recording,sex,chanels\np1/a.edf,f,C3\n")
    (cohort / "c.xlsx").write_bytes(b"PK")
    notes = " | ".join(find_nights([cohort / "c.csv"])[1])
    assert "the column 'sex' is not used |" in notes
    assert "'chanels' is not used; did you mean 'channels'?" in notes
    with pytest.raises(BeetlError, match="save it as CSV"):
        find_nights([cohort / "c.xlsx"])


def test_a_table_is_staged_each_night_as_its_row_says(checkpoints, cohort, tmp_path):
    (cohort / "c.csv").write_text(
        "recording,age,lights_off,hypnogram\np1/a.edf,70,22:35,p1/a-scored.edf\np1/b.EDF,85,,\nnone.edf,70,,\n"
    )
    done = run(checkpoints, cohort / "c.csv", "--out", tmp_path / "out")
    assert isinstance(done.exception, BeetlError)
    assert "1 of 3 nights could not be staged" in str(done.exception)
    assert "failed: " in done.stderr
    rows = rows_of(tmp_path / "out")
    assert list(rows) == ["a", "b", "none"]
    assert [rows[name]["time_in_bed"] for name in rows] == [f"{len(STAGES) / 2 - 5:g}", f"{len(STAGES) / 2:g}", ""]
    assert (float(rows["a"]["accuracy"]) > 0.9, rows["b"]["accuracy"]) == (True, "")
    assert "no such file" in rows["none"]["failed"]
    assert "80-95" in (tmp_path / "out/b.json").read_text()
    assert "65-79" in (tmp_path / "out/a.json").read_text()


def test_nights_without_an_age_need_a_group(checkpoints, cohort, tmp_path):
    (cohort / "c.csv").write_text("recording,age\np1/a.edf,70\np1/b.EDF,\n")
    done = run(checkpoints, cohort / "c.csv", "--out", tmp_path / "out")
    assert "b.EDF: expected either --group or --age, or a column age" in str(done.exception)
    assert not (tmp_path / "out").exists(), "said before any work"
    assert run(checkpoints, cohort / "c.csv", "--out", tmp_path / "out", "--age", 83).exit_code == 0


class Counting(Stager):
    """Counts what is staged."""

    done: list = []  # noqa: RUF012

    def stage(self, recording, hypnogram=None):
        self.done.append(Path(recording).name)
        return super().stage(recording, hypnogram)


@pytest.fixture
def counting(checkpoints):
    Counting.done = []
    load = {"recipe": "features-logreg", "allow_simulated": True}
    return lambda group="65-79", **options: Counting.load(checkpoints, group, Options(**options), **load)


def test_what_was_staged_is_not_staged_again(counting, cohort, tmp_path):
    out, nights = tmp_path / "out", find_nights([cohort / "p1"])[0]
    stage_all(counting(), nights[:1], out)
    before = (out / "a.csv").stat().st_mtime_ns
    (out / "summary.csv").unlink()
    batch = stage_all(counting(), nights, out)
    assert (Counting.done, batch.kept) == (["a.edf", "b.EDF"], ["a"])
    assert (out / "a.csv").stat().st_mtime_ns == before
    assert list(rows_of(out)) == ["a", "b"], "a lost summary is made again"
    assert batch.accounts["a"]["statistics"] == batch.accounts["b"]["statistics"]
    stage_all(counting(), nights, out, resume=False)
    assert Counting.done[2:] == ["a.edf", "b.EDF"]


@pytest.mark.parametrize("change", ["scheme", "lights", "weights", "recording", "hypnogram", "lost", "killed"])
def test_what_changed_is_staged_again(counting, cohort, tmp_path, change):
    out, path, scored = tmp_path / "out", cohort / "p1/a.edf", tmp_path / "h.txt"
    scored.write_text("W\n" * len(STAGES))
    night = CohortNight(path, scored)
    stage_all(counting(), [night], out)
    again = {"scheme": {"scheme": "aasm"}, "weights": {"group": "80-95"}}.get(change, {})
    if change == "lights":
        night = CohortNight(path, scored, lights_off="22:40")
    elif change == "recording":
        os.utime(path, ns=(0, 0))
    elif change == "hypnogram":
        scored.write_text("N2\n" * len(STAGES))
    elif change == "lost":
        (out / "a.png").unlink()
    elif change == "killed":  # the account is written first
        table = (out / "a.csv").read_bytes()
        stage_all(counting(scheme="aasm"), [night], out)
        (out / "a.csv").write_bytes(table)
        again, Counting.done = {"scheme": "aasm"}, ["a.edf"]
    assert stage_all(counting(**again), [night], out).kept == []
    assert Counting.done == ["a.edf"] * 2
    assert stage_all(counting(**again), [night], out).kept == ["a"]


def test_the_numbers_of_a_night_stay_when_it_fails_later(counting, cohort, tmp_path):
    out, path = tmp_path / "out", cohort / "p1/a.edf"
    stage_all(counting(), [path], out)
    batch = stage_all(counting(), [CohortNight(path, channels=(("C3", "C4"),))], out)
    row = rows_of(out)["a"]
    assert (row["time_in_bed"], "it lacks C3 and C4" in row["failed"]) == (f"{len(STAGES) / 2:g}", True)
    assert list(batch.failures) == ["a"]
    stage_all(counting(), [path], out)
    assert rows_of(out)["a"]["failed"] == ""


def test_the_summary_grows_with_each_night(counting, cohort, tmp_path):
    """So a batch that is killed has lost nothing."""
    seen = []
    stage_all(counting(), find_nights([cohort])[0], tmp_path / "out",
              progress=lambda done, total, name: seen.append(list(rows_of(tmp_path / "out"))))  # fmt: skip
    assert seen == [["a"], ["a", "b"], ["a", "b", "c"]]


def test_a_stager_for_each_group_is_loaded_once(counting):
    loaded = []
    by_age = ByAge(lambda group: loaded.append(group) or counting(group), "65-79", ("said",))
    found = [by_age.for_night(CohortNight("x", age=age)) for age in (None, 70, 85, 99, 84)]
    assert loaded == ["65-79", "80-95"]
    assert [stager.group for stager in found] == ["65-79", "65-79", "80-95", "80-95", "80-95"]
    assert found[0].warnings == ("said",)
    assert [bool(stager.warnings) for stager in found[1:]] == [False, False, True, False]
    assert all(stager.key for stager in found)


def test_scorings_of_a_folder_find_their_recordings(cohort, tmp_path):
    (tmp_path / "scored").mkdir()
    for name in ("a-hypnogram.txt", "c_scored.csv", "other.txt"):
        (tmp_path / "scored" / name).write_text("W\nN2\n")
    for given in (tmp_path / "scored", f"{tmp_path}/scored/*"):
        nights, notes = find_nights([cohort], [given])
        assert [night.hypnogram and night.hypnogram.name for night in nights] == [
            "a-hypnogram.txt",
            None,
            "c_scored.csv",
        ]
        assert notes == [f"{given}: 1 of 3 nights have no scoring of their name"]


def test_a_folder_is_staged_into_itself(counting, cohort):
    """What was written there is no recording, so that it is not staged the next time."""
    nights = find_nights([cohort / "p1"])[0]
    assert not stage_all(counting(), nights, cohort / "p1", also=["bids", "svg"]).failures
    assert find_nights([cohort / "p1"])[0] == nights
    assert stage_all(counting(), nights, cohort / "p1").kept == ["a", "b"]


def touched(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("W\nW\n")
    return [folder / name for name in names]


@pytest.mark.parametrize(
    ("recordings", "scorings", "pairs"),
    [
        (["p1/night.edf", "p2/night.edf"], ["s/p2/night.txt", "s/p1/night.txt"], [1, 0]),
        (["a/psg.edf", "b/psg.edf"], ["a/hypnogram.txt", "b/hypnogram.txt"], [0, 1]),
        (["SC4001E0-PSG.edf", "SC4002E0-PSG.edf"], ["SC4002EC-Hypnogram.edf", "SC4001EC-Hypnogram.edf"], [1, 0]),
        (["p1/night.edf", "p2/other.edf"], ["s/night-scored.csv"], [0, None]),
        (["p1/night.edf", "p2/night.edf"], ["s/night.txt"], [None, None]),
    ],
)
def test_no_recording_gets_the_scoring_of_another(tmp_path, recordings, scorings, pairs):
    given = touched(tmp_path, *scorings)
    found = paired([tmp_path / name for name in recordings], given)
    assert found == [None if i is None else given[i] for i in pairs]


def test_a_scoring_that_may_be_of_two_is_refused(tmp_path):
    given = touched(tmp_path, "s/x/night.txt", "s/y/night.txt")
    with pytest.raises(BeetlError, match=r"night.edf: .*x/night.txt and .*y/night.txt may both be its scoring"):
        paired([tmp_path / "p/night.edf"], given)


def test_a_scoring_named_in_a_table_stays(tmp_path, recording):
    shutil.copy(recording, tmp_path / "night.edf")
    touched(tmp_path, "mine.txt", "others/night.txt")
    (tmp_path / "t.csv").write_text("recording,hypnogram\nnight.edf,mine.txt\n")
    [night], _ = find_nights([tmp_path / "t.csv"], [tmp_path / "others"])
    assert night.hypnogram == tmp_path / "mine.txt"


def test_a_cell_without_end_is_one_line(tmp_path):
    (tmp_path / "t.csv").write_text("recording\n" + 200_000 * "a" + "\n")
    with pytest.raises(BeetlError, match=r"t.csv: cannot be read as a table \(field larger than field limit"):
        find_nights([tmp_path / "t.csv"])


def test_a_scoring_that_is_missing_fails_alone(checkpoints, tmp_path, recording):
    shutil.copy(recording, tmp_path / "a.edf")
    shutil.copy(recording, tmp_path / "b.edf")
    (tmp_path / "t.csv").write_text("recording,hypnogram\na.edf,gone.txt\nb.edf,\n")
    done = run(checkpoints, tmp_path / "t.csv", "--group", "65-79", "--out", tmp_path / "out")
    assert done.exit_code == 1
    rows = rows_of(tmp_path / "out")
    assert "gone.txt: no such file" in rows["a"]["failed"]
    assert not rows["b"]["failed"]


def test_rows_are_those_of_the_file(tmp_path):
    (tmp_path / "t.csv").write_text("\nrecording,age\n\n\na.edf,old\n")
    with pytest.raises(BeetlError, match="row 5: age 'old'"):
        find_nights([tmp_path / "t.csv"])


def test_two_columns_of_one_meaning_are_refused(tmp_path):
    (tmp_path / "t.csv").write_text("file,path\na.edf,b.edf\n")
    with pytest.raises(BeetlError, match="the columns file, path all mean recording; leave one of them"):
        find_nights([tmp_path / "t.csv"])


def test_a_night_keeps_its_name_when_others_join(checkpoints, tmp_path, recording):
    for person in ("p1", "p2"):
        (tmp_path / person).mkdir()
        shutil.copy(recording, tmp_path / person / "night.edf")
    run(checkpoints, tmp_path / "p1", "--group", "65-79", "--out", tmp_path / "out")
    done = run(checkpoints, tmp_path / "p1", tmp_path / "p2", "--group", "65-79", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert set(rows_of(tmp_path / "out")) == {"night", "p2_night"}
