"""Probabilities keyed by recording, and their file, so that ensembles and decisions are cheap later steps.

The file is an ``.npz``: one array ``<group>/s<subject>r<session>`` of shape ``(n_epochs, 6)`` per recording, columns in
the order of :data:`beetl_task1.task.STAGES`, and ``meta``, a JSON text with whatever describes them.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import BeetlError
from ..task import N_OUTPUTS
from ..writing import whole_file
from .recording import RecordingKey

Probabilities = Mapping[RecordingKey, np.ndarray]


def check_probabilities(probabilities: Probabilities, name: str) -> None:
    """Refuse what are not probabilities.

    Parameters
    ----------
    probabilities : mapping of RecordingKey to array (n_epochs, 6)
        Rows sum to 1.
    name : str
        What the error calls them.

    Raises
    ------
    BeetlError
        On another shape, values outside 0..1, or rows that do not sum to 1 within 1e-3.
    """
    if not probabilities:
        raise BeetlError(f"{name}: holds no recording; expected one array per recording")
    for key, p in probabilities.items():
        if p.ndim != 2 or p.shape[1] != N_OUTPUTS or len(p) == 0 or p.dtype.kind != "f":
            raise BeetlError(
                f"{name}: {key} has shape {p.shape} and dtype {p.dtype}, expected floats (n_epochs, {N_OUTPUTS})"
            )
        if not np.isfinite(p).all() or p.min() < 0 or abs(p.sum(1) - 1).max() > 1e-3:
            raise BeetlError(f"{name}: {key} holds rows that are no probabilities; they lie in 0..1 and sum to 1")


def save_probabilities(path: Path, probabilities: Probabilities, meta: dict) -> None:
    """Write probabilities whole; the same content gives the same bytes.

    Parameters
    ----------
    path : path
        An ``.npz`` file.
    probabilities : mapping of RecordingKey to array (n_epochs, 6)
        Stored as float32, in order of the keys.
    meta : dict
        Stored as JSON.
    """
    arrays = {str(key): np.asarray(probabilities[key], dtype=np.float32) for key in sorted(probabilities)}
    with whole_file(path) as file:
        np.savez(file, meta=np.array(json.dumps(meta, sort_keys=True)), **arrays)


def load_probabilities(path: Path) -> tuple[dict[RecordingKey, np.ndarray], dict]:
    """Read probabilities and what describes them (an empty dict in files from elsewhere).

    Parameters
    ----------
    path : path
        An ``.npz`` file in the format above.

    Returns
    -------
    probabilities : dict of RecordingKey to numpy.ndarray (n_epochs, 6), float32
    meta : dict

    Raises
    ------
    BeetlError
        If the file is missing, damaged, or holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        meta = json.loads(str(arrays.pop("meta", "{}")))
    except Exception as error:  # zipfile, numpy and json each have their own
        raise BeetlError(f"{path}: not a readable file of probabilities ({error}); run predict again") from error
    probabilities = {RecordingKey.parse(name): array for name, array in arrays.items()}
    check_probabilities(probabilities, str(path))
    return probabilities, meta
