"""The audit names every damage that is made to a tree, and none in a sound one."""

import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from beetl_task1.audit import audit, judge_order, label_agreement
from beetl_task1.audit.across import findings_across
from beetl_task1.audit.findings import NightRow
from beetl_task1.audit.night import Examined, Signal
from beetl_task1.data.files import DataFolder
from beetl_task1.data.recording import RecordingKey
from beetl_task1.task import PARTS

REAL = Path(__file__).parents[3] / "shared" / "data"
N_EPOCHS = 32
SUBJECTS = {
    "25-64 source": [0, 1],
    "65-79 target": [0, 1],
    "65-79 test": [6],
    "80-95 target": [0],
    "80-95 test": [5],
}


def night(rng: np.random.Generator, n_epochs: int = N_EPOCHS) -> np.ndarray:
    """Return a continuous signal (an autoregression, some 20 uV) cut into epochs in order."""
    from scipy.signal import lfilter

    noise = rng.normal(size=(2, n_epochs * 3000))
    signal = lfilter([1], [1, -1.7, 0.75], noise, axis=1)
    signal *= 2e-5 / signal.std()
    return np.ascontiguousarray(signal.reshape(2, n_epochs, 3000).transpose(1, 0, 2), dtype=np.float32)


def dump(path, array) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(pickle.dumps(array, protocol=3))


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A small sound tree with shuffled nights; the marker says what must be there."""
    root = tmp_path_factory.mktemp("audit") / "tree"
    rng = np.random.default_rng(3)
    counts = {}
    for part in PARTS:
        name = f"{part.group} {part.role}"
        folder = root / part.folder
        folder.mkdir(parents=True)
        for subject in SUBJECTS[name]:
            for session in (1, 2):
                stem = folder / f"{part.prefixes[0]}s{subject}r{session}"
                dump(stem.with_name(stem.name + "X.npy"), night(rng)[rng.permutation(N_EPOCHS)])
                if part.labelled:
                    dump(stem.with_name(stem.name + "y.npy"), rng.integers(0, 6, N_EPOCHS))
        nights = 2 * len(SUBJECTS[name])
        counts[part.folder] = {"recordings": nights, "epochs": nights * N_EPOCHS}
    (root / "simulation.json").write_text(json.dumps({"size": "hand-made", "counts": counts}))
    return root


@pytest.fixture
def tree(sound, tmp_path):
    """A copy that may be damaged; its files are links until they are written anew."""
    return shutil.copytree(sound, tmp_path / "tree", copy_function=os.link)


TEST_NIGHT = "LeaderboardSleep/testing/leaderboard_s6r1X.npy"
TARGET = "LeaderboardSleep/sleep_target/leaderboard_s1r2"


def found(tree, code: str) -> list:
    return [finding for finding in audit(DataFolder(tree)).findings if finding.code == code]


def change(tree, name: str, edit) -> None:
    path = tree / name
    with open(path, "rb") as file:
        array = pickle.load(file)
    dump(path, edit(array))


def test_sound_tree(sound):
    result = audit(DataFolder(sound))
    assert result.ok, result.errors
    assert not [f for f in result.findings if f.severity == "warning"]
    assert [(row.found, row.expected, row.n_epochs) for row in result.parts] == [
        (2 * len(s), 2 * len(s), 2 * N_EPOCHS * len(s)) for s in SUBJECTS.values()
    ]
    assert {row.order.verdict for row in result.nights} == {"shuffled"}
    assert sum(result.parts[1].counts) == 4 * N_EPOCHS
    assert result.parts[2].counts is None
    json.dumps(result.to_dict(), allow_nan=False)


def put(row: int, channel: int, value: float):
    def edit(X):
        X[row, channel] = value
        return X

    return edit


def repeat_rows(X):
    X[5:8] = X[20:23]
    return X


def clip(X):
    return np.clip(X, -3e-5, 3e-5)


def flat_channel(X):
    X[:, 1] = 0
    return X


class Malicious:
    def __reduce__(self):
        return os.system, ("touch never",)


DAMAGES = {
    "NaN in one epoch": (TEST_NIGHT, put(3, 0, np.nan), "non-finite", "error"),
    "infinite value": (TEST_NIGHT, put(3, 1, np.inf), "non-finite", "error"),
    "microvolts": (TEST_NIGHT, lambda X: X * 1e6, "unit", "error"),
    "kilovolts": (TEST_NIGHT, lambda X: X * 1e-3, "unit", "error"),
    "one channel": (TEST_NIGHT, lambda X: X[:, :1], "shape", "error"),
    "integers": (TEST_NIGHT, lambda X: (X * 1e6).astype(int), "dtype", "error"),
    "no epoch": (TEST_NIGHT, lambda X: X[:0], "empty", "error"),
    "short": (TEST_NIGHT, lambda X: X[:-1], "short", "error"),
    "short night": (TARGET + "X.npy", lambda X: X[:10], "short", "error"),
    "repeated epochs": (TEST_NIGHT, repeat_rows, "duplicate-epochs", "error"),
    "dead channel": (TEST_NIGHT, flat_channel, "dead-channel", "error"),
    "lost electrode": (TEST_NIGHT, put(slice(10, 16), 0, 1e-5), "flat", "warning"),
    "clipped": (TEST_NIGHT, clip, "clipped", "warning"),
    "loud night": (
        TEST_NIGHT,
        lambda X: X * np.where(np.arange(N_EPOCHS) < 3, 20, 1)[:, None, None],
        "wild",
        "warning",
    ),
    "label 6": (TARGET + "y.npy", lambda y: np.where(np.arange(len(y)) == 4, 6, y), "labels", "error"),
    "negative label": (TARGET + "y.npy", lambda y: np.where(np.arange(len(y)) == 4, -1, y), "labels", "error"),
    "fewer labels": (TARGET + "y.npy", lambda y: y[:-1], "labels", "error"),
    "one stage only": (TARGET + "y.npy", lambda y: np.zeros_like(y), "labels", "warning"),
    "a list": (TEST_NIGHT, lambda X: [1, 2], "unreadable", "error"),
    "code in a pickle": (TEST_NIGHT, lambda X: Malicious(), "refused-pickle", "error"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_array(tree, damage):
    name, edit, code, severity = DAMAGES[damage]
    change(tree, name, edit)
    result = audit(DataFolder(tree))
    findings = [finding for finding in result.findings if finding.code == code]
    assert findings, result.findings
    assert {f.severity for f in findings} == {severity}
    assert any(f.where.endswith(name) or code == "short" for f in findings)
    assert all("\n" not in f.message for f in findings)
    assert result.ok == (severity != "error")


def test_the_rest_is_examined_when_one_night_is_broken(tree):
    (tree / TEST_NIGHT).unlink()
    (tree / TEST_NIGHT).touch()
    result = audit(DataFolder(tree))
    assert [f.code for f in result.errors] == ["empty", "short"]
    assert sum(row.n_epochs > 0 for row in result.nights) == len(result.nights) - 1


def test_cut_short_file(tree):
    content = (tree / TEST_NIGHT).read_bytes()
    (tree / TEST_NIGHT).unlink()
    (tree / TEST_NIGHT).write_bytes(content[: len(content) // 2])
    assert found(tree, "unreadable")[0].where.endswith(TEST_NIGHT)


def test_missing_files(tree):
    (tree / TEST_NIGHT).unlink()
    (tree / (TARGET + "y.npy")).unlink()
    (tree / "LeaderboardSleep/sleep_target/leaderboard_s0r1X.npy").unlink()
    codes = [f.code for f in audit(DataFolder(tree)).errors]
    assert {"missing", "missing-labels", "missing-signal"} <= set(codes)
    assert "65-79/s6r1" in found(tree, "missing")[1].message


def test_allow_partial_turns_missing_nights_into_warnings(tree):
    (tree / TEST_NIGHT).unlink()
    result = audit(DataFolder(tree, allow_partial=True))
    assert result.ok
    assert [f.severity for f in result.findings if f.code == "missing"] == ["warning"]


def test_missing_part_and_missing_group(tree):
    shutil.rmtree(tree / "finalSleep")
    result = audit(DataFolder(tree))
    assert result.ok
    assert sum(f.code == "missing" for f in result.findings) == 2
    assert not audit(DataFolder(tree), groups=["80-95"]).ok
    shutil.rmtree(tree / "LeaderboardSleep/testing")
    assert not audit(DataFolder(tree)).ok


def test_same_night_under_two_names(tree):
    (tree / TEST_NIGHT.replace("r1X", "r2X")).unlink()
    shutil.copy(tree / TEST_NIGHT, tree / TEST_NIGHT.replace("r1X", "r2X"))
    finding = found(tree, "duplicate-night")[0]
    assert finding.where.endswith("s6r2X.npy")
    assert "65-79/s6r1" in finding.message


def test_test_night_that_holds_target_epochs(tree):
    with open(tree / (TARGET + "X.npy"), "rb") as file:
        other = pickle.load(file)
    change(tree, TEST_NIGHT, lambda X: np.concatenate([X[:-4], other[:4]]))
    finding = found(tree, "duplicate-epochs")[0]
    assert "4 epochs are the same" in finding.message
    assert "(target" in finding.message


def test_same_key_twice(tree):
    nested = tree / "LeaderboardSleep" / "LeaderboardSleep" / "testing"
    nested.mkdir(parents=True)
    shutil.copy(tree / TEST_NIGHT, nested)
    assert found(tree, "duplicate-name")


def test_strangers_surplus_and_header(tree):
    folder = tree / "LeaderboardSleep/testing"
    shutil.copy(tree / TEST_NIGHT, folder / "notes.npy")
    dump(folder / "leaderboard_s9r1X.npy", night(np.random.default_rng(99)))
    (folder / "headerInfo.npy").write_bytes(b"not a pickle")
    codes = {f.code: f.severity for f in audit(DataFolder(tree)).findings}
    assert codes["unknown-file"] == "warning"
    assert codes["surplus"] == "error"
    assert codes["header"] == "warning"


def test_odd_gain(tree):
    change(tree, TEST_NIGHT, lambda X: X * 8)
    change(tree, "LeaderboardSleep/testing/leaderboard_s6r2X.npy", lambda X: X / 1.2)
    codes = [f.code for f in audit(DataFolder(tree)).findings]
    assert "gain" not in codes, "two nights alone do not tell which one is odd"
    change(tree, TARGET + "X.npy", lambda X: X * 8)
    assert found(tree, "gain")[0].where.endswith("s1r2X.npy")


def test_order_of_an_intact_and_a_shuffled_night():
    rng = np.random.default_rng(5)
    X = night(rng, 200)
    y = np.repeat([0, 2, 5, 2], 50)
    intact = judge_order(X, y)
    assert intact.verdict == "in order"
    assert intact.forecast_wins > 0.8
    assert intact.forecast_p < 1e-6
    mixed = rng.permutation(200)
    shuffled = judge_order(X[mixed], y[mixed])
    assert shuffled.verdict == "shuffled"
    assert abs(shuffled.forecast_wins - 0.5) < 0.12
    assert judge_order(X[mixed], None).verdict == "shuffled"
    assert judge_order(X[:10], y[:10]).verdict == "too few epochs"
    third = np.concatenate([np.arange(60), 60 + rng.permutation(140)])
    assert judge_order(X[third], None).verdict == "partly in order"


@pytest.mark.skipif(not REAL.is_dir(), reason="real recordings are not at ../shared/data")
def test_order_of_real_recordings():
    mne = pytest.importorskip("mne")
    raw = mne.io.read_raw_edf(REAL / "sleep_edf_sc4001" / "short_psg.edf", verbose="error")
    X = raw.get_data(picks=["EEG Fpz-Cz", "EEG Pz-Oz"]).reshape(2, 60, 500).transpose(1, 0, 2)
    assert judge_order(X, None).verdict == "in order"
    assert judge_order(X[np.random.default_rng(0).permutation(60)], None).verdict == "shuffled"


def test_order_shuffled_within_blocks():
    rng = np.random.default_rng(6)
    y = np.repeat([0, 2, 5, 4, 1, 3], 100)
    X = night(rng, 600)
    rows = np.concatenate([i + rng.permutation(100) for i in range(0, 600, 100)])
    y[rng.random(600) < 0.5] = 2
    assert judge_order(X[rows], y[rows]).verdict == "shuffled in blocks"


def test_shuffled_nights_are_rarely_called_ordered():
    rng = np.random.default_rng(7)
    loud = np.where(np.arange(120) < 40, 5, 1)[:, None, None]
    verdicts = []
    for _ in range(20):
        X = (night(rng, 120) * loud)[rng.permutation(120)]
        verdicts.append(judge_order(X, None).verdict)
    assert verdicts == ["shuffled"] * 20


def test_label_agreement_against_permutations():
    rng = np.random.default_rng(8)
    y = rng.choice(6, 150, p=[0.4, 0.1, 0.3, 0.1, 0.05, 0.05])
    shares = [np.mean(p[1:] == p[:-1]) for p in (rng.permutation(y) for _ in range(4000))]
    result = label_agreement(y)
    pairs = [(y[i] == y[j]) for i in range(150) for j in range(150) if i != j]
    assert result["anywhere"] == pytest.approx(np.mean(pairs))
    assert np.mean(shares) == pytest.approx(result["anywhere"], abs=3e-3)
    expected_z = (result["neighbours"] - np.mean(shares)) / np.std(shares)
    assert result["neighbours_z"] == pytest.approx(expected_z, abs=0.15)
    assert result["neighbours"] == np.mean(y[1:] == y[:-1])


def test_spectrum_and_shift_of_a_louder_target(tree):
    for name in (TARGET + "X.npy", TARGET.replace("s1r2", "s1r1") + "X.npy"):
        change(tree, name, lambda X: X * 2)
    result = audit(DataFolder(tree))
    target = next(s for s in result.shifts if (s.group, s.role) == ("65-79", "target"))
    assert target.outside["s1"] == 1
    assert all(value > 0 for value in target.difference.values())
    source, loud = result.spectra[0], result.spectra[1]
    gain = np.array(loud.power_db["all"]) - np.array(source.power_db["all"])
    assert np.median(gain) == pytest.approx(20 * np.log10(2) / 2, abs=0.3)


def test_total_power_of_the_spectrum_is_the_variance(sound):
    result = audit(DataFolder(sound), groups=["65-79"])
    spectra, row = result.spectra[0], result.nights[0]
    step = spectra.frequencies[1] - spectra.frequencies[0]
    power = (10 ** (np.array(spectra.power_db["all"][0]) / 10)).sum() * step
    assert np.sqrt(power) == pytest.approx(row.std_uv[0], rel=0.1)


def test_many_processes_find_the_same(sound):
    assert audit(DataFolder(sound), jobs=2).to_dict() == audit(DataFolder(sound)).to_dict()


def test_progress(sound):
    calls = []
    audit(DataFolder(sound), groups=["65-79"], progress=lambda *call: calls.append(call))
    assert calls[-1][:2] == (10, 10)
    assert calls[0][2] == "25-64/s0r1"


def test_a_tree_in_volts_that_is_read_in_microvolts(tree):
    """The kind of an error is its code, whatever the message says."""
    result = audit(DataFolder(tree, unit="uV"), groups=["65-79"])
    unread = [finding for finding in result.errors if finding.where.endswith("X.npy")]
    assert len(unread) == len(result.nights)
    assert {finding.code for finding in unread} == {"unit"}
    assert "name the right unit with --unit V, mV or uV" in unread[0].message


def test_an_empty_folder(tmp_path):
    result = audit(DataFolder(tmp_path))
    assert not result.nights
    assert {finding.code for finding in result.errors} == {"missing"}


def test_epochs_that_differ_in_the_last_bit_of_their_digest_are_no_repeats():
    digests = [np.array([2**60 + 1, 2**61 + 1], np.uint64), np.array([2**60 + 2, 2**61 + 1], np.uint64)]
    rows = [
        NightRow(RecordingKey("65-79", subject, 1), "test", f"s{subject}", 2, std_uv=(20, 20)) for subject in (6, 7)
    ]
    nights = [
        Examined(row, [], Signal(d, np.empty((0, 12)), np.empty(0))) for row, d in zip(rows, digests, strict=True)
    ]
    found = [f for f in findings_across({PARTS[2]: nights}, []) if f.code == "duplicate-epochs"]
    assert len(found) == 1
    assert found[0].message.startswith("1 epochs are the same")


def test_a_tree_in_microvolts_that_says_so(tree):
    for path in tree.rglob("*X.npy"):
        change(tree, str(path.relative_to(tree)), lambda X: X * 1e6)
    assert not audit(DataFolder(tree)).ok
    converted = audit(DataFolder(tree, unit="uV"))
    assert converted.ok
    assert 5 < converted.nights[0].std_uv[0] < 50
