"""Stage recordings with trained checkpoints."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..context import DEFAULT_TRANSITIONS, Transitions, classifier_prior, forward_backward
from ..data.files import Provenance
from ..data.recording import Recording, RecordingKey
from ..errors import BeetlError
from ..models.base import Predictor, Resources
from ..recipes.checkpoint import check_simulated, checkpoint_folder, load_predictor
from ..recipes.recipe import DEFAULT
from ..task import EPOCH_SECONDS, SFREQ, SOURCE_GROUP, TARGET_GROUPS
from .likeness import unlike_training
from .night import StagedNight
from .reading import read_epochs, recording_name
from .schemes import AASM, Scheme, get_scheme
from .scoring import around_sleep, compare, read_scoring
from .window import epochs_in_bed, sleep_period, widened

OWN = "a user's own"
_LONG_HOURS = 14
_PASSES = 3
_MUCH = 0.9
_AASM_TO_RK = np.array([0, 1, 2, 3, 5])
_SEGMENT = 200
_HIGHEST = 30.0


@dataclass(frozen=True)
class Options:
    """How to stage.

    Attributes
    ----------
    channels : sequence of str or None
        What to take for Fpz-Cz and Pz-Oz; see :func:`beetl_task1.staging.channels.find_channels`.
    unit : {"V", "mV", "uV"}
        Unit of the signal where the file names a wrong one.
    lights_off, lights_on : str or None
        Clock time, or seconds from the beginning; the statistics are of the time between.
    scheme : {"rk", "aasm"}
        Six stages, or five.
    transitions : Transitions or None
        The chain of stages that smooths; None leaves each epoch by itself.
    """

    channels: Sequence[str] | None = None
    unit: str = "V"
    lights_off: str | None = None
    lights_on: str | None = None
    scheme: str = "rk"
    transitions: Transitions | None = DEFAULT_TRANSITIONS


class Stager:
    """Stages recordings with one predictor.

    Not a medical device: for research only.

    Parameters
    ----------
    predictor : Predictor
        Trained.
    group : str
        The age group that it was trained for.
    options : Options
        How to stage.
    made_by : str
        What trained the predictor, for the records.
    warnings : sequence of str
        Joined to those of each night.
    """

    def __init__(
        self, predictor: Predictor, group: str, options: Options, made_by: str = "", warnings: Sequence[str] = ()
    ):
        self.predictor, self.group, self.options = predictor, group, options
        self.made_by, self.warnings = made_by, tuple(warnings)

    @classmethod
    def load(
        cls,
        checkpoints: str | Path,
        group: str,
        options: Options,
        *,
        recipe: str = DEFAULT,
        allow_simulated: bool = False,
        resources: Resources | None = None,
        warnings: Sequence[str] = (),
    ) -> "Stager":
        """Return a stager with the checkpoint of a recipe.

        Raises
        ------
        CheckpointError
            There is none for the group, it is damaged, or it was trained on simulated data and ``allow_simulated``
            is false.
        """
        get_scheme(options.scheme)
        predictor, card = load_predictor(Path(checkpoints), recipe, group, resources or Resources())
        folder = checkpoint_folder(Path(checkpoints), recipe, group)
        check_simulated(card, Provenance(OWN, {}), folder, allow_simulated=allow_simulated)
        made_by = f"{recipe} for {group}, trained on {card.data['description']}"
        return cls(predictor, group, options, made_by, warnings)

    def stage(self, recording, hypnogram: str | Path | None = None) -> StagedNight:
        """Stage one recording.

        Parameters
        ----------
        recording : path or mne.io.BaseRaw
            Any format that mne reads.
        hypnogram : path, optional
            A scorer's; see :func:`beetl_task1.staging.scoring.read_scoring`.

        Returns
        -------
        StagedNight

        Raises
        ------
        BeetlError
            The recording, the hypnogram or an option is not as it must be.
        """
        options, scheme = self.options, get_scheme(self.options.scheme)
        epochs = read_epochs(recording, options.channels, unit=options.unit)
        unlike = unlike_training(epochs) + self._whole_day(len(epochs.X))
        in_bed = epochs_in_bed(len(epochs.X), epochs.start, options.lights_off, options.lights_on)
        scored = None if hypnogram is None else read_scoring(hypnogram, len(epochs.X), epochs.start)
        given = widened(in_bed, len(epochs.X)) if options.lights_off and options.lights_on else None
        probabilities = self._probabilities(epochs.X, given)
        agreement = {}
        if scored is not None:
            stages = _as_rk(scheme, scheme.decide(probabilities))
            agreement = {
                "agreement": compare(stages, scheme, scored),
                "agreement_around_sleep": compare(stages, scheme, around_sleep(scored)),
            }
        return StagedNight(
            name=recording_name(recording), start=epochs.start,
            channels=tuple(map(str, epochs.montage.derivations)), probabilities=probabilities, scheme=scheme,
            in_bed=in_bed, made_by=self._made_by(), warnings=(*unlike, *self.warnings),
            spectrogram=_spectrogram(epochs.X[:, 0]), **agreement)  # fmt: skip

    def _whole_day(self, n_epochs: int) -> list[str]:
        hours = n_epochs * EPOCH_SECONDS / 3600
        if hours <= _LONG_HOURS or self.options.lights_off or self.options.lights_on:
            return []
        return [f"all {hours:.1f} h count as time in bed: give lights off and lights on for the statistics of a night"]

    def _made_by(self) -> str:
        chain = self.options.transitions
        return f"{self.made_by}; " + (f"smoothed with transitions of {chain.source}" if chain else "not smoothed")

    def _probabilities(self, X: np.ndarray, night: slice | None) -> np.ndarray:
        """Predict everything, then the night by itself, since the models compare an epoch with its night."""
        probabilities = self._predict(X)
        if night is not None:
            probabilities[night] = self._predict(X[night])
            return self._smooth(probabilities, night)
        night = slice(0, len(X))
        for _ in range(_PASSES):
            asleep = self._smooth(probabilities, night).argmax(axis=1) > 0
            found = sleep_period(asleep)
            if found == night or found.stop - found.start > _MUCH * len(X):
                break
            night = found
            probabilities[night] = self._predict(X[night])
        return self._smooth(probabilities, night)

    def _predict(self, X: np.ndarray) -> np.ndarray:
        return np.array(self.predictor.predict_proba(Recording.from_arrays(RecordingKey(self.group, 0, 1), X)))

    def _smooth(self, probabilities: np.ndarray, night: slice) -> np.ndarray:
        transitions = self.options.transitions
        if transitions is None:
            return probabilities
        return forward_backward(probabilities, transitions, classifier_prior(probabilities[night], transitions))


def group_for_age(age: float) -> tuple[str, str | None]:
    """Return the group whose models suit an age in years, and a warning where the age is outside all groups.

    Raises
    ------
    BeetlError
        Not an age.
    """
    if not 0 <= age <= 130:
        raise BeetlError(f"age {age:g}: expected years from 0 to 130")
    younger, older = TARGET_GROUPS
    if age >= 80:
        return older, f"age {age:g} is above all that the models were trained on (to 95)" if age >= 96 else None
    if age >= 65:
        return younger, None
    youngest = int(SOURCE_GROUP.split("-")[0])
    if age >= youngest:
        return younger, f"age {age:g}: the models are tuned to {younger}, though trained on {SOURCE_GROUP} too"
    return younger, f"age {age:g} is below all that the models were trained on (from {youngest})"


def _as_rk(scheme: Scheme, stages: np.ndarray) -> np.ndarray:
    return _AASM_TO_RK[stages] if scheme is AASM else stages


def _spectrogram(signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies (Hz) and, per epoch, decibel of 1 uV^2/Hz."""
    from scipy.signal import welch

    frequencies, power = welch(signal * 1e6, SFREQ, nperseg=_SEGMENT, axis=1)
    shown = (frequencies > 0) & (frequencies <= _HIGHEST)
    return frequencies[shown], 10 * np.log10(np.maximum(power[:, shown], 1e-6))
