"""How often one stage follows another within 30 s."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..data.files import COMPETITION, DataFolder
from ..data.recording import Recording
from ..errors import DataError
from ..task import EPOCH_SECONDS, N_OUTPUTS

PSEUDO_COUNT = 1.0
"""Added to every count, so that no step is impossible."""


@dataclass(frozen=True)
class Transitions:
    """A chain of stages.

    Attributes
    ----------
    counts : numpy.ndarray (6, 6)
        How often the column's stage followed the row's, in the order of :data:`beetl_task1.task.STAGES`.
    source, ages : str, tuple of str
        Where they were counted, and the age groups of these people, such as ``"65-79"``; empty where not known.
    """

    counts: np.ndarray
    source: str
    ages: tuple[str, ...] = ()

    @property
    def matrix(self) -> np.ndarray:
        """Probabilities of the next stage, shape (6, 6); rows sum to 1, none is 0."""
        return normalised(np.asarray(self.counts) + PSEUDO_COUNT)

    @property
    def stationary(self) -> np.ndarray:
        """Shares of the stages in the long run, shape (6,)."""
        values, vectors = np.linalg.eig(self.matrix.T)
        return normalised(np.real(vectors[:, np.argmax(np.real(values))]))


def normalised(rows: np.ndarray) -> np.ndarray:
    """Return rows scaled to sum to 1."""
    return np.asarray(rows / rows.sum(axis=-1, keepdims=True))


DEFAULT_TRANSITIONS = Transitions(
    np.array(
        [
            [7720, 442, 48, 4, 0, 32],
            [177, 1821, 688, 2, 0, 116],
            [219, 344, 16175, 802, 14, 245],
            [28, 24, 730, 2145, 439, 4],
            [9, 6, 22, 416, 1880, 0],
            [93, 167, 136, 1, 0, 7320],
        ]
    ),
    "39 nights of 20 adults of 25 to 34 years, Wake cropped to 30 minutes around sleep "
    "(Sleep-EDF Expanded, PhysioNet, ODC-By 1.0)",
    ages=("25-34",),
)
"""Counted in published scorings. For staging one's own nights only: the competition's rules keep transitions from
elsewhere out of a submission."""


def count_transitions(stages: np.ndarray, onsets: np.ndarray | None = None) -> np.ndarray:
    """Count the steps from each epoch to the next, shape (6, 6); none from or to a negative stage (not scored).

    With onsets (n_epochs,) in seconds the rows may come in any order, and only steps of 30 s count. Without, they are
    in order and without gaps.
    """
    stages = np.asarray(stages)
    neighbours = np.ones(max(len(stages) - 1, 0), dtype=bool)
    if onsets is not None:
        order = np.argsort(onsets, kind="stable")
        stages = stages[order]
        neighbours = np.abs(np.diff(np.asarray(onsets)[order]) - EPOCH_SECONDS) < 0.5
    before, after = stages[:-1], stages[1:]
    kept = neighbours & (before >= 0) & (after >= 0)
    counts = np.zeros((N_OUTPUTS, N_OUTPUTS), dtype=np.int64)
    np.add.at(counts, (before[kept], after[kept]), 1)
    return counts


def learn_transitions(data: DataFolder, parts: Iterable[tuple[str, str]]) -> Transitions:
    """Count the steps in the labelled nights of a tree with ``order/<group>/s<i>r<j>.npy``, as ``build`` writes it.

    ``parts`` are groups and roles to count in, for instance ``("65-79", "target")``.

    Raises
    ------
    DataError
        The order is not there: the competition's epochs are shuffled, so no transitions can be learned from them.
    """
    parts = list(parts)
    recordings = [recording for group, role in parts for recording in data.recordings(group, role)]
    counts = sum((_steps_of(data, recording) for recording in recordings), np.zeros((N_OUTPUTS, N_OUTPUTS), np.int64))
    source = f"{len(recordings)} labelled nights of {data.path} ({data.provenance.describe()})"
    return Transitions(counts, source, tuple(dict.fromkeys(group for group, _ in parts)))


def _steps_of(data: DataFolder, recording: Recording) -> np.ndarray:
    key, stages = recording.key, recording.y
    path = data.path / "order" / key.group / f"s{key.subject}r{key.session}.npy"
    if stages is None:
        raise DataError(f"{recording.name}: transitions need labels, got a night without; take a labelled part")
    try:
        onsets: np.ndarray = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        why = "the competition's epochs are shuffled" if data.provenance.kind == COMPETITION else "the tree lacks it"
        raise DataError(
            f"{path}: expected the onsets of the rows, got none ({why}); take a tree that `build` wrote"
        ) from error
    if onsets.shape != stages.shape:
        raise DataError(f"{path}: expected {len(stages)} onsets, got shape {onsets.shape}; build the tree again")
    return count_transitions(stages, onsets)
