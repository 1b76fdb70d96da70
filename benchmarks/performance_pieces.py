"""The pieces of benchmarks/performance.py, each for a process of its own, which prints one line of JSON at its end."""

import contextlib
import importlib
import json
import pickle
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HEAVY = ("mne", "torch", "braindecode", "skada", "sklearn", "pandas", "matplotlib")
OURS = ("beetl_task1.submission.predict", "beetl_task1.recipes.experiment", "beetl_task1.features",
        "beetl_task1.models.features_boost", "beetl_task1.models.features_logreg", "sklearn.ensemble",
        "sklearn.linear_model", "sklearn.preprocessing", "skops.io")  # fmt: skip
BANDS = ((0.5, 4), (4, 8), (8, 12), (12, 16), (16, 30))
BATCH = 30


class Peak:
    """Peak of resident memory while a block runs, above what was resident when it began, in MB."""

    def __enter__(self) -> "Peak":
        Path("/proc/self/clear_refs").write_text("5")
        self._idle, self._began = _kb("VmRSS"), time.perf_counter()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds, self.mb = time.perf_counter() - self._began, (_kb("VmHWM") - self._idle) / 1024


def _kb(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))


def _test_nights(data: str, group: str) -> list:
    from beetl_task1.data.files import DataFolder

    return DataFolder(Path(data)).recordings(group, "test")


def _predict(data: str, group: str, checkpoints: str, jobs: str, work: str) -> None:
    from beetl_task1.data.files import DataFolder
    from beetl_task1.models.base import Resources
    from beetl_task1.recipes.experiment import Experiment
    from beetl_task1.recipes.recipe import load_recipe
    from beetl_task1.submission.predict import predict

    experiment = Experiment(load_recipe("default"), group, DataFolder(Path(data)))
    resources = Resources(Path(work) / "cache", int(jobs))
    predict(experiment, Path(checkpoints), Path(work) / "submissions", resources, allow_simulated=True)


def predict(data: str, group: str, checkpoints: str, jobs: str) -> dict:
    """Predict as the command does, from nothing kept."""
    import tempfile

    for module in OURS:
        importlib.import_module(module)
    with tempfile.TemporaryDirectory() as work, Peak() as peak:
        _predict(data, group, checkpoints, jobs, work)
    return {"mb": peak.mb, "heavy": [name for name in HEAVY if name in sys.modules]}


def kit(data: str, group: str, jobs: str) -> dict:
    """Predict as the start kit does: all files in one float64 array, window z-score, shallow network, batches of 30."""
    import numpy as np
    import torch
    from braindecode.models import ShallowFBCSPNet

    torch.set_num_threads(int(jobs))
    files = [night.path for night in _test_nights(data, group)]
    with Peak() as peak:
        X = np.concatenate([np.asarray(pickle.loads(path.read_bytes()), dtype=np.float64) for path in files])
        X = (X - X.mean(axis=2, keepdims=True)) / X.std(axis=2, keepdims=True)
        network = ShallowFBCSPNet(n_chans=2, n_outputs=6, n_times=3000, final_conv_length="auto").eval()
        labels = []
        with torch.no_grad():
            for i in range(0, len(X), BATCH):
                labels.append(network(torch.from_numpy(X[i : i + BATCH]).float()).argmax(dim=1).numpy())
        "\n".join(map(str, np.concatenate(labels)))
    return {"mb": peak.mb, "epochs": len(X)}


def loading(data: str, group: str) -> dict:
    """Return MB a second of each way in turn, the fastest of three passes each, as the disk's cache has the files."""
    import numpy as np

    files = [night.path for night in _test_nights(data, group)]
    size = sum(path.stat().st_size for path in files) / 1e6

    def bare():
        for path in files:
            with open(path, "rb") as file:
                pickle.load(file)

    def checked():
        for path in files:
            with open(path, "rb") as file:
                X = np.asarray(pickle.load(file), dtype=np.float32)
            if not np.isfinite(X).all():
                raise SystemExit(f"{path}: not finite")

    def ours():
        for night in _test_nights(data, group):
            night.X  # noqa: B018

    def rate(function):
        began = time.perf_counter()
        function()
        return size / (time.perf_counter() - began)

    rates = [[rate(function) for function in (ours, bare, checked)] for _ in range(3)]
    own, *others = map(max, zip(*rates, strict=True))
    return {
        "ours": own,
        "others": dict(
            zip(("`pickle.load`", "`pickle.load`, to 32 bits, and whether it is finite"), others, strict=True)
        ),
    }


def features(data: str, group: str, threads: str) -> dict:
    """Return features times epochs a second: ours, and band powers of both channels by mne and, where it is, YASA."""
    import mne
    import numpy as np

    from beetl_task1.features import extract, feature_names

    X, n = _test_nights(data, group)[0].X, int(threads)
    parts = np.array_split(X, n)

    def spectrum(part):
        return mne.time_frequency.psd_array_welch(
            part.astype(float), 100, fmin=0.5, fmax=30, n_fft=400, n_per_seg=400, n_overlap=200, verbose="ERROR"
        )

    def by_mne(part):
        power, f = spectrum(part)
        return np.stack([power[..., (f >= low) & (f < high)].sum(axis=-1) for low, high in BANDS], axis=-1)

    def by_yasa(part):
        import yasa

        bands = [(low, high, str(low)) for low, high in BANDS]
        return [yasa.bandpower(1e6 * epoch, sf=100, ch_names=["a", "b"], win_sec=4, bands=bands) for epoch in part]

    def rate(function, n_features):
        seconds = []
        with ThreadPoolExecutor(n) as pool:
            list(pool.map(function, [part[:8] for part in parts]))
            for _ in range(3):
                began = time.perf_counter()
                list(pool.map(function, parts))
                seconds.append(time.perf_counter() - began)
        return n_features * len(X) / min(seconds)

    others = {"mne's band powers": rate(by_mne, 2 * len(BANDS))}
    with contextlib.suppress(ImportError):
        others["YASA's band powers"] = rate(by_yasa, 2 * len(BANDS))
    return {"threads": n, "ours": rate(extract, len(feature_names())), "others": others}


def night(group: str, path: str) -> dict:
    """Write the EDF of a simulated night of 8 h, in order."""
    import datetime

    import edfio

    from beetl_task1.data.recording import RecordingKey
    from beetl_task1.simulate import simulate_night
    from beetl_task1.task import CHANNELS, SFREQ

    X = simulate_night(RecordingKey(group, 10, 1), n_epochs=960).X
    signals = [
        edfio.EdfSignal(1e6 * X[:, i].reshape(-1).astype(float), SFREQ, label=f"EEG {name}", physical_dimension="uV",
                        physical_range=(-1000, 1000))
        for i, name in enumerate(CHANNELS)
    ]  # fmt: skip
    began = edfio.Recording(startdate=datetime.date(2020, 1, 1))
    edfio.Edf(signals, recording=began, starttime=datetime.time(23), data_record_duration=30).write(path)
    return {}


def growth(name: str, folder: str, nights: str, size: str, group: str, checkpoints: str, jobs: str) -> dict:
    """Simulate so many nights of the source, or take the features of those that are there, or predict them from kept
    features; or train on them and all of the target, features included, or cross-validate the regression alone.
    """
    from beetl_task1.data.competition_files import recording_paths
    from beetl_task1.data.files import DataFolder
    from beetl_task1.data.recording import Recording
    from beetl_task1.features import prepare_features
    from beetl_task1.models.base import Resources
    from beetl_task1.parallel import each
    from beetl_task1.recipes.checkpoint import load_predictor
    from beetl_task1.recipes.experiment import Experiment
    from beetl_task1.recipes.recipe import load_recipe
    from beetl_task1.recipes.training import train
    from beetl_task1.simulate.competition import slots
    from beetl_task1.simulate.tree import write_slot
    from beetl_task1.store import Store
    from beetl_task1.validation.crossval import validate

    for module in OURS:
        importlib.import_module(module)
    out = Path(folder)
    wanted = [slot for slot in slots(size, 0) if slot.part.role == "source"][: int(nights)]
    there = [Recording(s.key, recording_paths(out, s.part, s.key.subject, s.key.session)["X"]) for s in wanted]
    options = {"seed": 0, "prior": "target", "border_evidence": "low"}
    resources = Resources(out / "cache", int(jobs))
    if name in ("train", "validate"):
        resources = Resources(out / f"cache-{name}", int(jobs))
        target = [slot for slot in slots(size, 0) if slot.part.role == "target"]
        list(each(write_slot, ((out, slot, options) for slot in target)))
        wanted += target
        recipe = load_recipe("default" if name == "train" else "features-logreg")
        experiment = Experiment(recipe, group, DataFolder(out, allow_partial=True))
    with Peak() as peak:
        if name == "simulate":
            list(each(write_slot, ((out, slot, options) for slot in wanted)))
        elif name == "train":
            train(experiment, out / "checkpoints", resources)
        elif name == "validate":
            validate(experiment, out / "checkpoints", resources)
        elif name == "features":
            prepare_features(there, Store(out / "cache"), int(jobs))
        else:
            predictor, card = load_predictor(Path(checkpoints), "default", group, resources)
            predictor.prepare(there)
            card.recipe.decision.decide({night.key: predictor.predict_proba(night) for night in there})
    return {"seconds": peak.seconds, "mb": peak.mb, "epochs": sum(slot.n_epochs for slot in wanted)}


def where(name: str, data: str, group: str, checkpoints: str) -> dict:
    """Return the functions with the most own time of a command, as shares of all; but for `predict`, of a demo."""
    import cProfile
    import pstats
    import tempfile

    from beetl_task1.data.files import DataFolder
    from beetl_task1.models.base import Resources
    from beetl_task1.recipes.experiment import Experiment
    from beetl_task1.recipes.recipe import load_recipe
    from beetl_task1.recipes.training import train
    from beetl_task1.simulate import simulate
    from beetl_task1.validation.crossval import validate

    for module in OURS:
        importlib.import_module(module)
    profile = cProfile.Profile()
    with tempfile.TemporaryDirectory() as work:
        if name == "predict":
            profile.runcall(_predict, data, group, checkpoints, "1", work)
        elif name == "simulate":
            profile.runcall(simulate, Path(work) / "data", size="demo")
        else:
            simulate(Path(work) / "data", size="demo")
            experiment = Experiment(load_recipe("default"), group, DataFolder(Path(work) / "data"))
            profile.runcall({"train": train, "validate": validate}[name], experiment, Path(work), Resources())
    found = pstats.Stats(profile)
    most = sorted(found.stats.items(), key=lambda item: -item[1][2])[:8]
    named = [(f"`{Path(file).stem}.{name}`" if file != "~" else f"`{name}`", own[2]) for (file, _, name), own in most]
    return {"functions": [(name.replace("|", "/"), taken / found.total_tt) for name, taken in named]}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
