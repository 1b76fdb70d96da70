"""The six calls from Python: README's lines and the notebook run as they stand, and results show themselves."""

import datetime
import json
import re
import subprocess
import sys
from pathlib import Path

import edfio
import numpy as np
import pytest
from conftest import STAGE_FREQUENCIES, write_tree
from matplotlib.figure import Figure

import beetl_task1
from beetl_task1 import load, predict, score, stage, train, validate
from beetl_task1.errors import BeetlError
from beetl_task1.models.base import Resources

ROOT = Path(__file__).parents[1]
STAGES = np.repeat([0, 1, 2, 3, 4, 3, 2, 5, 2, 5, 0], [12, 4, 20, 10, 10, 4, 10, 12, 10, 12, 6])


def of_readme():
    [code] = re.findall(r"^## Five lines of Python\n+```python\n(.+?)```", README, re.MULTILINE | re.DOTALL)
    return code


def of_notebook():
    cells = json.loads((ROOT / "docs" / "five-lines.ipynb").read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


README = (ROOT / "README.md").read_text(encoding="utf-8")


def write_night(path):
    rng, t = np.random.default_rng(0), np.arange(len(STAGES) * 3000) / 100
    wave = np.sin(2 * np.pi * np.cumsum(np.repeat(np.array(STAGE_FREQUENCIES)[STAGES], 3000)) / 100)
    signals = [
        edfio.EdfSignal(20 * wave + rng.normal(scale=10, size=len(t)), 100, label=name, physical_dimension="uV")
        for name in ("EEG Fpz-Cz", "EEG Pz-Oz")
    ]
    edfio.Edf(signals, starttime=datetime.time(22, 30), data_record_duration=30).write(path)


@pytest.fixture(scope="module")
def place(tmp_path_factory, cache):
    """Return a folder as README's reader has it: ``data`` of real people by its marker, and a night."""
    folder = tmp_path_factory.mktemp("five")
    (write_tree(folder / "data", marked=False) / "provenance.json").write_text("{}")
    write_night(folder / "night.edf")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("BEETL_CACHE", str(cache))
        patch.setenv("BEETL_JOBS", "1")
        for name in ("BEETL_CHECKPOINTS", "BEETL_SUBMISSIONS"):
            patch.delenv(name, raising=False)
        yield folder


@pytest.mark.parametrize("code", [of_readme(), of_notebook()], ids=["README", "notebook"])
def test_the_lines_run_as_they_stand(place, code):
    names = {}
    exec(compile(code, "lines", "exec"), names)
    assert (place / "checkpoints/default/80-95/card.json").exists()
    assert (place / "submissions/default-80-95/answer.txt").exists()
    assert {"load", "train", "validate", "predict", "score", "stage"} <= set(names)


def test_readme_has_five_lines_and_an_import():
    assert len([line for line in of_readme().splitlines() if line.strip()]) == 6


@pytest.fixture(scope="module")
def trained(place):
    """Return the data with `features-logreg` trained on it."""
    data = load("data")
    assert train(data, "65-79", "features-logreg") == Path("checkpoints/features-logreg/65-79")
    return data


def test_a_validation_shows_scores_of_subjects_and_confusion(trained):
    found = validate(trained, "65-79", "features-logreg")
    frame = found.to_frame()
    assert list(frame.index) == ["s0", "s1", "s2", "pooled"]
    assert frame.loc["pooled", "score"] == pytest.approx(found.summary["score"])
    assert frame.loc["s1", "recall_S4"] == found.card().subjects[1].recall["S4"]
    assert frame["epochs"].tolist() == [48, 48, 48, 144]
    assert isinstance(found.plot(), Figure)
    page = found._repr_html_()
    assert all(words in page for words in ("features-logreg on 65-79", "recall_REM", "<th>truth</th>", "interval"))


def test_a_prediction_is_scored_as_its_file_and_as_arrays(trained):
    found = predict(trained, "65-79", "features-logreg")
    frame, truth = found.to_frame(), "data/truth/65-79.txt"
    assert list(found.probabilities) == list(found.labels) == sorted(found.labels)
    assert len(frame) == 96
    assert [str(key) for key in found.labels] == list(dict.fromkeys(frame["recording"]))
    labels = np.concatenate(list(found.labels.values()))
    np.testing.assert_array_equal(labels, np.loadtxt(found.answer))
    scores = [score(found, truth).score, score(str(found.answer), truth).score]
    scores += [score(labels, np.loadtxt(truth)).score, score(labels.tolist(), truth).score]
    assert len(set(scores)) == 1
    assert isinstance(found.plot(), Figure)
    assert isinstance(score(labels, truth).plot(), Figure)
    assert "65-79/s10r2" in found._repr_html_()
    assert "answer" in score(labels, truth)._repr_html_()


def test_a_night_shows_its_hypnogram(trained, tmp_path):
    night = stage("night.edf", "65-79", "features-logreg", lights_off="22:32")
    frame = night.to_frame()
    assert len(frame) == len(STAGES)
    assert frame["clock"].iloc[2] == "22:31:00"
    assert np.mean(frame["stage"] == [night.scheme.short[k] for k in STAGES]) > 0.9
    assert isinstance(night.plot(), Figure)
    page = night._repr_html_()
    assert "data:image/png;base64," in page
    assert "total_sleep_time" in page


def test_text_from_elsewhere_is_escaped(place):
    card = score(np.array([0, 1]), np.array([0, 1]))
    page = type(card)(**{f: getattr(card, f) for f in card.__struct_fields__} | {"name": "<b>x"})._repr_html_()
    assert "<b>x" not in page


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: load("no/such"), "no such folder"),
        (lambda: train("data", "70-80", "features-logreg"), "did you mean '65-79'"),
        (lambda: train("data", "65-97", "features-logreg"), "did you mean '65-79'"),
        (lambda: train("data", "65-79", "feature-logreg"), "did you mean 'features-logreg'"),
        (lambda: train("data", "65-79", "features-logreg", seed=-1), "seed"),
        (lambda: train("data", "65-79", "features-logreg", seed=99999999999999), "seed"),
        (lambda: validate("data", "65", "features-logreg"), "did you mean '65-79'"),
        (lambda: predict("data", "80-95", "eegnet", checkpoints="none"), "no checkpoint there"),
        (lambda: score("no.txt", "no.txt"), "cannot be read"),
        (lambda: score(np.array([0, 7]), np.array([0, 1])), "0 to 5"),
        (lambda: score(np.array([0, 1]), np.array([0, 1, 2])), "2 labels for 3"),
        (lambda: stage("night.edf", "old"), "choose one of: 65-79, 80-95"),
        (lambda: stage("night.edf", "65-79", light_off="23:00"), "did you mean 'lights_off'"),
    ],
)  # fmt: skip
def test_what_can_be_mended_is_said_in_one_line(place, call, message):
    with pytest.raises(BeetlError, match=message) as raised:
        call()
    assert "\n" not in str(raised.value)


def test_folders_are_those_of_the_environment(place, tmp_path, monkeypatch):
    monkeypatch.setenv("BEETL_CHECKPOINTS", str(tmp_path))
    path = train("data", "65-79", "features-logreg", resources=Resources())
    assert path == tmp_path / "features-logreg" / "65-79"


def test_the_package_imports_nothing_until_it_is_asked():
    code = "import sys, beetl_task1; sys.exit(str({m for m in sys.modules if m.startswith('beetl_task1.')} or 0))"
    heavy = "import sys; from beetl_task1 import score; sys.exit(str({'torch', 'mne', 'braindecode'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr.strip() == "0"
    assert subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True).stderr.strip() == "set()"
    assert {*beetl_task1.__all__} <= {*dir(beetl_task1)}
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        beetl_task1.lode  # noqa: B018
