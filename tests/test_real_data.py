"""Real recordings and labels through the road, where they are at hand."""

import numpy as np
import pytest
from conftest import dump, experiment

from beetl_task1.data.files import DataFolder
from beetl_task1.errors import BeetlError
from beetl_task1.models.base import Resources
from beetl_task1.recipes.training import train
from beetl_task1.scoring import leaderboard_score
from beetl_task1.submission.answer import read_answer
from beetl_task1.submission.package import package, package_labels
from beetl_task1.submission.predict import predict
from beetl_task1.task import CHANNELS, part


@pytest.fixture
def real_night(shared_data):
    """Return ten real epochs in volts, from the very recordings that the competition was made from."""
    import mne

    raw = mne.io.read_raw_edf(shared_data / "sleep_edf_sc4001" / "short_psg.edf", verbose="error")
    signal = raw.get_data(picks=[f"EEG {name}" for name in CHANNELS])
    return signal.reshape(2, -1, 3000).transpose(1, 0, 2).copy()


def test_a_real_night_goes_through_predict_and_package(real_night, tree, cache, tmp_path):
    assert real_night.shape == (10, 2, 3000)
    dump(tmp_path / "data/LeaderboardSleep/testing/leaderboard_s6r1X.npy", real_night)
    train(
        experiment("features-logreg", "65-79", tree),
        tmp_path / "checkpoints",
        Resources(cache),
    )
    data = DataFolder(tmp_path / "data", allow_partial=True)
    places = tmp_path / "checkpoints", tmp_path / "submissions", Resources(cache)
    folder = predict(experiment("features-logreg", "65-79", data), *places, allow_simulated=True)
    account = package("features-logreg", "65-79", data, tmp_path / "submissions").account
    assert account["partial"] is True
    assert account["data"] == "competition files"
    assert account["trained_on"].startswith("simulated")
    assert len(read_answer(folder / "answer.zip")) == 10


def test_real_microvolts_are_refused(real_night, tmp_path):
    dump(tmp_path / "LeaderboardSleep/testing/leaderboard_s6r1X.npy", real_night * 1e6)
    recording = DataFolder(tmp_path, allow_partial=True).recordings("65-79", "test")[0]
    with pytest.raises(BeetlError, match="--unit uV"):
        recording.X  # noqa: B018
    converted = DataFolder(tmp_path, allow_partial=True, unit="uV").recordings("65-79", "test")[0]
    np.testing.assert_allclose(converted.X, real_night, rtol=1e-5, atol=1e-12)


@pytest.mark.slow
def test_the_kits_example_labels_pack_for_80_95(shared_data, tmp_path):
    """At full size: 25,756 rows over 18 recordings."""
    wanted = part("80-95", "test")
    keys = [(s, r) for s in wanted.subjects for r in (1, 2)]
    rows = np.diff(np.linspace(0, wanted.n_epochs, len(keys) + 1).astype(int))
    rng = np.random.default_rng(0)
    for (subject, session), n in zip(keys, rows, strict=True):
        signal = np.broadcast_to(rng.normal(scale=2e-5, size=(1, 2, 3000)).astype(np.float32), (n, 2, 3000))
        dump(tmp_path / f"data/{wanted.folder}/testing_s{subject}r{session}X.npy", np.ascontiguousarray(signal))
    labels = shared_data / "final_pred_sleep_label_example.txt"
    result = package_labels(labels, "80-95", DataFolder(tmp_path / "data"), tmp_path / "submissions")
    assert result.account["n_rows"] == 25_756
    assert result.account["partial"] is False
    packed = read_answer(result.zip_path)
    np.testing.assert_array_equal(packed, np.loadtxt(labels, dtype=int))
    assert leaderboard_score(packed, packed) == 100
