"""Pairs of channels of one recording, which vote on its epochs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import DataError
from .reading import Epochs, PathOrRaw, read_epochs
from .unlike import Unlike, unlike_training

VOTES = ("mean", "surest")


@dataclass
class Voters:
    """What each pair of channels gives of a recording, and what is unlike the training in it.

    ``left`` are pairs that cannot be had, one line each.
    """

    epochs: list[Epochs] = field(default_factory=list)
    unlike: list[Unlike] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    alike: float = 1.0

    @classmethod
    def read(cls, recording: PathOrRaw, pairs: Sequence[Sequence[str] | None], unit: str) -> "Voters":
        """Return the pairs of a recording that can be read.

        Raises
        ------
        DataError
            None of them can.
        """
        found, errors = cls(), []
        for pair in pairs:
            try:
                epochs = read_epochs(recording, pair, unit=unit)
                found.unlike.append(unlike_training(epochs))
                found.epochs.append(epochs)
            except DataError as error:
                errors.append(error)
        if not found.epochs:
            raise errors[0]
        found.left = [f"left out of the vote: {error}" for error in errors]
        return found

    @property
    def unusable(self) -> np.ndarray:
        """Epochs that hold no EEG in any pair, or are marked as bad, (n_epochs,)."""
        return np.asarray(np.all([one.unusable for one in self.unlike], axis=0) | self.epochs[0].bad)

    @property
    def artefact(self) -> np.ndarray:
        """Other epochs in which no pair is clean, (n_epochs,)."""
        return np.asarray(~self._clean.any(axis=0) & ~self.unusable)

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of all pairs in order."""
        return tuple(str(one) for epochs in self.epochs for one in epochs.montage.derivations)

    @property
    def lines(self) -> list[str]:
        """What is unlike the training and what to know of the file, once each."""
        said = [*self.left, *(line for one in self.unlike for line in one.lines)]
        return list(dict.fromkeys([*said, *(line for one in self.epochs for line in one.notes)]))

    @property
    def unlike_training(self) -> bool:
        """Whether the signals of all pairs are."""
        return all(one.signal for one in self.unlike)

    @property
    def _clean(self) -> np.ndarray:
        return np.array([~(one.unusable | one.artefact) for one in self.unlike])

    def decide(self, said: np.ndarray, part: slice, vote: str) -> np.ndarray:
        """Return the probabilities (n_epochs, 6) of a part of the recording from those of all pairs, (n, n_epochs, 6).

        The mean, or those of the pair that is surest of its stage; pairs that are not clean in an epoch only where none
        is.
        """
        clean = self._clean[:, part]
        voting = np.where(clean.any(axis=0), clean, True)
        if vote == "surest":
            voting = np.arange(len(said))[:, None] == np.where(voting, said.max(axis=2), -1).argmax(axis=0)
        stages = said.argmax(axis=2)
        self.alike = float((stages == stages[0]).all(axis=0).mean())
        weights = np.broadcast_to(voting[..., None], said.shape)
        return np.asarray(np.average(said, axis=0, weights=weights))
