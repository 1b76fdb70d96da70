"""Probabilities keyed by recording, and their file, so that ensembles and decisions are cheap later steps.

The file is an ``.npz``: one array ``<group>/s<subject>r<session>`` of shape ``(n_epochs, 6)`` per recording, columns in
the order of :data:`beetl_task1.task.STAGES`, and ``meta``, a JSON text with whatever describes them.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BeetlError
from ..task import N_OUTPUTS
from ..typed import json_of
from ..writing import whole_file
from .recording import RecordingKey
from .zips import open_zip

LARGEST = 100_000_000
"""Bytes of the largest file of probabilities that is read, unpacked: ten times those of the whole competition."""
Probabilities = Mapping[RecordingKey, np.ndarray]


def _check(probabilities: Probabilities, name: str) -> None:
    """Refuse another shape, values outside 0..1, and rows that do not sum to 1 within 1e-3."""
    if not probabilities:
        raise BeetlError(f"{name}: holds no recording; expected one array per recording")
    for key, p in probabilities.items():
        if p.ndim != 2 or p.shape[1] != N_OUTPUTS or len(p) == 0 or p.dtype.kind != "f":
            raise BeetlError(
                f"{name}: {key} has shape {p.shape} and dtype {p.dtype}, expected floats (n_epochs, {N_OUTPUTS})"
            )
        if not np.isfinite(p).all() or p.min() < 0 or abs(p.sum(1) - 1).max() > 1e-3:
            raise BeetlError(f"{name}: {key} holds rows that are no probabilities; they lie in 0..1 and sum to 1")


def save_probabilities(path: Path, probabilities: Probabilities, meta: dict[str, Any]) -> None:
    """Write probabilities whole, as float32 in order of the keys; the same content gives the same bytes."""
    arrays: dict[str, Any] = {str(key): np.asarray(probabilities[key], np.float32) for key in sorted(probabilities)}
    with whole_file(path) as file:
        np.savez(file, meta=np.array(json.dumps(meta, sort_keys=True)), **arrays)


def load_probabilities(path: Path) -> tuple[dict[RecordingKey, np.ndarray], dict[str, Any]]:
    """Read probabilities, float32, and what describes them (an empty dict in files from elsewhere).

    Raises
    ------
    BeetlError
        If the file is missing, damaged, or holds something else than probabilities: rows within 0..1 that sum to 1.
    """
    try:
        with open_zip(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST:
            raise ValueError(f"it unpacks to {size:,} bytes, at most {LARGEST:,} expected")
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        meta = json_of(str(arrays.pop("meta", "{}")).encode())
        if not isinstance(meta, dict) or not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise ValueError("it holds something else than arrays and a table of what describes them")
    except Exception as error:  # zipfile, numpy and json each have their own
        raise BeetlError(f"{path}: not a readable file of probabilities ({error}); run predict again") from error
    probabilities = {RecordingKey.parse(name): array for name, array in arrays.items()}
    _check(probabilities, str(path))
    return {key: np.ascontiguousarray(p, np.float32) for key, p in probabilities.items()}, meta
