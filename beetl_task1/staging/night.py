"""One staged night: probabilities, stages, statistics, and how it compares with a scorer."""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from ..task import EPOCH_SECONDS
from .schemes import Scheme
from .scoring import Agreement
from .statistics import sleep_statistics


@dataclass(frozen=True)
class StagedNight:
    """What the models say of a recording.

    Attributes
    ----------
    name : str
        The recording.
    start : datetime or None
        When it began.
    channels : tuple of str
        What stood for Fpz-Cz and Pz-Oz.
    probabilities : numpy.ndarray (n_epochs, 6)
        Of the six R&K stages, in order.
    scheme : Scheme
        Names of the stages.
    in_bed : slice
        Epochs between lights off and lights on.
    made_by : str
        Recipe, group, training data and transitions.
    warnings : tuple of str
        What is unlike the training, one line each.
    spectrogram : tuple of numpy.ndarray
        Frequencies (n_freqs,) in Hz, and decibel of 1 uV^2/Hz (n_epochs, n_freqs) of the first channel.
    agreement, agreement_around_sleep : Agreement or None
        With a scorer: over all scored epochs, and without Wake more than 30 minutes from sleep.
    """

    name: str
    start: datetime | None
    channels: tuple[str, ...]
    probabilities: np.ndarray
    scheme: Scheme
    in_bed: slice
    made_by: str
    warnings: tuple[str, ...]
    spectrogram: tuple[np.ndarray, np.ndarray] = field(repr=False)
    agreement: Agreement | None = None
    agreement_around_sleep: Agreement | None = None

    @property
    def stages(self) -> np.ndarray:
        """Most probable stage of each epoch, indices into ``scheme.stages``, shape (n_epochs,)."""
        return self.scheme.decide(self.probabilities)

    @property
    def onsets(self) -> np.ndarray:
        """Seconds from the beginning of the recording, shape (n_epochs,)."""
        return np.arange(len(self.probabilities)) * float(EPOCH_SECONDS)

    @property
    def statistics(self) -> dict[str, float | None]:
        """See :func:`beetl_task1.staging.statistics.sleep_statistics`."""
        return sleep_statistics(self.stages[self.in_bed], self.scheme)

    @property
    def annotations(self):
        """The stages as :class:`mne.Annotations`, one per epoch, to be set on the recording."""
        import mne

        names = [self.scheme.annotations[stage] for stage in self.stages]
        return mne.Annotations(self.onsets, [float(EPOCH_SECONDS)] * len(names), names, orig_time=self.start)
