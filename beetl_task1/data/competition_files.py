"""Writes what the competition's folders hold: raw pickles ending in .npy, headers, truth and the order of rows."""

import pickle
from pathlib import Path

import numpy as np

from ..store import npy
from ..task import CHANNELS, SFREQ, Part
from ..writing import whole_file, write_text


def recording_paths(out: Path, part: Part, subject: int, session: int) -> dict[str, Path]:
    """Return the files of a recording: the signal ``X``, the labels ``y`` (only of a labelled part), the onsets."""
    name = f"s{subject}r{session}"
    stem = f"{part.prefixes[0]}{name}"
    paths = {"X": out / part.folder / f"{stem}X.npy", "onsets": out / "order" / part.group / f"{name}.npy"}
    return paths | ({"y": out / part.folder / f"{stem}y.npy"} if part.labelled else {})


def write_recording(paths: dict[str, Path], X: np.ndarray, y: np.ndarray, onsets: np.ndarray) -> None:
    """Write a recording to the paths of :func:`recording_paths`; labels are left out where there is no ``y``.

    ``X`` (n_epochs, 2, 3000) is in volts, ``y`` (n_epochs,) holds stages, ``onsets`` (n_epochs,) seconds from the
    beginning of the night.
    """
    _pickle(X, paths["X"])
    if "y" in paths:
        _pickle(y, paths["y"])
    with whole_file(paths["onsets"]) as file:
        file.write(npy(onsets))


def write_header(out: Path, part: Part) -> None:
    """Write the header that the competition has in two of its folders, with Sleep-EDF's filter settings."""
    import mne

    info = mne.create_info(list(CHANNELS), SFREQ, "eeg", verbose="ERROR")
    with info._unlock():
        info["highpass"], info["lowpass"] = 0.5, 100.0
    _pickle(info, out / part.folder / "headerInfo.npy")


def write_truth(out: Path, group: str, labels: np.ndarray) -> None:
    """Write the labels of a test set, one per line in the order of a submission."""
    write_text(out / "truth" / f"{group}.txt", "".join(f"{label}\n" for label in labels))


def _pickle(content: object, path: Path) -> None:
    with whole_file(path) as file:
        pickle.dump(content, file, protocol=4)
