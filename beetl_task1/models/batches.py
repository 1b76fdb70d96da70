"""Which rows make the batches of a pass."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from msgspec.structs import replace

from ..errors import BeetlError
from ..task import N_OUTPUTS
from .settings import Training
from .signals import Rows


@dataclass(frozen=True)
class Draw:
    """How the batches of a stage are drawn.

    Each role has its share of the batch, and a pass is a pass over the first; without roles all labelled rows count
    alike. ``per_recording`` epochs of one recording are together in a batch, or 0 where batches mix all recordings.
    """

    roles: Mapping[str, float] = field(default_factory=dict)
    per_recording: int = 0


def pass_batches(rows: Rows, draw: Draw, training: Training, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the batches of a pass as indices of rows; a :class:`BeetlError` if there is nothing to draw from."""
    if not draw.roles:
        order = _order(rows, _some(np.flatnonzero(rows.labelled), "labelled epoch"), training, rng)
        if draw.per_recording:
            return _by_recording(rows.night, order, draw.per_recording, training.batch_size)
        return _chunks(order, training.batch_size)
    sizes = {role: max(1, round(share * training.batch_size)) for role, share in draw.roles.items()}
    whole = replace(training, pass_epochs=0)
    of_role = {role: _some(np.flatnonzero(rows.role == role), f"epoch of the role {role}") for role in sizes}
    orders = {role: _order(rows, of_role[role], whole, rng) for role in sizes}
    lead = next(iter(sizes))
    most = training.pass_epochs // training.batch_size if training.pass_epochs else len(rows)
    n_batches = max(1, min(most, len(orders[lead]) // sizes[lead]))
    streams = {role: _endless(rows.night, orders[role], draw.per_recording, rng) for role in sizes}
    return [
        np.concatenate([np.fromiter(streams[role], int, size) for role, size in sizes.items()])
        for _ in range(n_batches)
    ]


def n_batches(rows: Rows, draw: Draw, training: Training) -> int:
    """Return the number of batches of a pass."""
    return len(pass_batches(rows, draw, training, np.random.default_rng(0)))


def _some(index: np.ndarray, what: str) -> np.ndarray:
    """Refuse to draw from nothing."""
    if not len(index):
        raise BeetlError(f"no {what} to draw from; give nights of that kind, or remove the transfer that needs them")
    return index


def _order(rows: Rows, index: np.ndarray, training: Training, rng: np.random.Generator) -> np.ndarray:
    """Return rows in the order of a pass; a balanced draw repeats rows of rare stages."""
    size = min(len(index), training.pass_epochs or len(index))
    if training.sampling == "balanced" and rows.labelled[index].all():
        counts = np.bincount(rows.y[index], minlength=N_OUTPUTS)
        p = 1 / counts[rows.y[index]]
        return rng.choice(index, size, p=p / p.sum())
    return rng.permutation(index)[:size]


def _chunks(order: np.ndarray, size: int) -> list[np.ndarray]:
    """Cut into whole batches; a rest too small for its own statistics is left out, unless it is all there is."""
    chunks = [order[i : i + size] for i in range(0, len(order), size)]
    return chunks[:-1] if len(chunks) > 1 and len(chunks[-1]) < size // 2 else chunks


def _by_recording(night: np.ndarray, order: np.ndarray, per_recording: int, size: int) -> list[np.ndarray]:
    """Let each batch hold some recordings with ``per_recording`` epochs of each."""
    chunks = _of_one_recording(night, order, per_recording)
    together = max(1, size // per_recording)
    return [np.concatenate(chunks[i : i + together]) for i in range(0, len(chunks), together)]


def _of_one_recording(night: np.ndarray, order: np.ndarray, size: int) -> list[np.ndarray]:
    """Return chunks of rows of one recording each, in the order in which their first rows come."""
    of = night[order]
    chunks = [chunk for n in np.unique(of) for chunk in _chunks(order[of == n], size)]
    place = np.empty(len(night), int)
    place[order] = np.arange(len(order))
    return sorted(chunks, key=lambda chunk: place[chunk[0]])


def _endless(night: np.ndarray, order: np.ndarray, per_recording: int, rng: np.random.Generator) -> Iterator[int]:
    """Yield rows for ever, in a new order each time; ``per_recording`` of one recording follow each other."""
    while True:
        yield from np.concatenate(_of_one_recording(night, order, per_recording)) if per_recording else order
        order = rng.permutation(order)
