"""Stage recordings with trained checkpoints."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mne
import numpy as np
from scipy.signal import welch

from .. import __version__
from ..context import DEFAULT_TRANSITIONS, Transitions, classifier_prior, forward_backward
from ..data.files import Provenance
from ..data.recording import Recording, RecordingKey
from ..errors import BeetlError, unknown
from ..hypnograms.schemes import get_scheme
from ..models.base import Predictor, Resources
from ..recipes.card import card_digest
from ..recipes.checkpoint import check_simulated, checkpoint_folder, load_predictor
from ..recipes.recipe import DEFAULT
from ..store import key_of
from ..task import EPOCH_SECONDS, SFREQ, SOURCE_GROUP, TARGET_GROUPS
from .reading import Epochs, PathOrRaw, recording_name
from .staged import StagedNight
from .statistics import read_scored
from .voters import VOTES, Voters
from .window import epochs_in_bed, seconds_from_start, sleep_period, widened

if TYPE_CHECKING:
    from .cohort import CohortNight

OWN = "a user's own"
_LONG_HOURS = 14
_SURE = 0.5
_ALIKE = 0.75
"""Share of the epochs on which pairs agree, below which they are said to differ."""
_ANY_START = datetime(2000, 1, 1, tzinfo=UTC)
_PASSES = 3
_MUCH = 0.9
_SEGMENT = 200
_HIGHEST = 30.0


@dataclass(frozen=True)
class Options:
    """How to stage.

    Attributes
    ----------
    channels : sequence of str, or of these, or None
        What stands for Fpz-Cz and Pz-Oz, as in :func:`beetl_task1.staging.reading.read_epochs`; several pairs vote.
    unit : {"V", "mV", "uV"}
        See there.
    vote : {"mean", "surest"}
        How pairs vote on an epoch, see :meth:`beetl_task1.staging.voters.Voters.decide`.
    lights_off, lights_on : str or None
        Clock time, or seconds from the beginning; the statistics are of the time between.
    scheme : {"rk", "aasm"}
        Six stages, or five.
    transitions : Transitions or None
        The chain of stages that smooths; None leaves each epoch by itself.
    stage_names : mapping or None
        What names in a scorer's hypnogram mean; see :func:`beetl_task1.hypnograms.names.read_stage_names`.

    Raises
    ------
    BeetlError
        A time is none, or channels are names and pairs of names at once.
    """

    channels: Sequence[str] | Sequence[Sequence[str]] | None = None
    unit: str = "V"
    lights_off: str | None = None
    lights_on: str | None = None
    scheme: str = "rk"
    transitions: Transitions | None = DEFAULT_TRANSITIONS
    stage_names: Mapping[str, str] | None = None
    vote: str = "mean"

    @property
    def pairs(self) -> list[Sequence[str] | None]:
        """What votes: each pair of channels, None for those of the training."""
        if not self.channels:
            return [None]
        pairs = [one for one in self.channels if not isinstance(one, str)]
        if pairs and len(pairs) < len(self.channels):
            both = ", ".join(map(str, self.channels))
            raise BeetlError(f"channels: expected names or pairs of names, got both: {both}; write only pairs")
        return [*pairs] or [[str(one) for one in self.channels]]

    def __post_init__(self) -> None:
        self.pairs  # noqa: B018  (says at once what is wrong with them)
        if self.vote not in VOTES:
            raise unknown("vote", self.vote, VOTES)
        for time in (self.lights_off, self.lights_on):
            if time is not None:
                seconds_from_start(time, _ANY_START)


@dataclass(frozen=True)
class Stager:
    """Stages recordings with one predictor that was trained for an age group.

    Not a medical device: for research only. ``made_by`` says what trained the predictor, for the account of a night;
    ``warnings`` are joined to those of each night; ``weights`` is the digest of the checkpoint, if it is of one.
    """

    predictor: Predictor
    group: str
    options: Options
    made_by: str = ""
    warnings: tuple[str, ...] = ()
    weights: str = ""

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
        return cls(predictor, group, options, made_by, weights=card_digest(card))

    @property
    def key(self) -> str | None:
        """Digest of all but the night that decides what is staged; None without a checkpoint."""
        decisive = (__version__, self.weights, self.group, self.warnings, repr(self.options))
        return key_of(*decisive) if self.weights else None

    def for_night(self, night: "CohortNight") -> "Stager":
        """Return it with the channels and lights that a night has for itself."""
        own = {name: getattr(night, name) for name in ("channels", "lights_off", "lights_on")}
        options = replace(self.options, **{name: value for name, value in own.items() if value is not None})
        return replace(self, options=options)

    def stage(self, recording: PathOrRaw, hypnogram: str | Path | None = None) -> StagedNight:
        """Stage one recording, and compare it with a scorer's hypnogram where there is one."""
        options, scheme = self.options, get_scheme(self.options.scheme)
        voters = Voters.read(recording, options.pairs, options.unit)
        epochs = voters.epochs[0]
        in_bed, outside = epochs_in_bed(epochs.onsets, epochs.start, options.lights_off, options.lights_on)
        scored = None if hypnogram is None else read_scored(
            hypnogram, len(epochs.X), epochs.start, onsets=epochs.onsets, names=options.stage_names)  # fmt: skip
        given = widened(in_bed, len(epochs.X)) if options.lights_off and options.lights_on else None
        probabilities = self._probabilities(voters, epochs.onsets, given)
        confidence = np.where(voters.unusable, 0.0, scheme.probabilities(probabilities).max(axis=1))
        warnings = (
            *voters.lines, *self._other_person(epochs), *outside, *_unsure(confidence[in_bed], voters.alike),
            *(scored.notes if scored else ()), *self._other_nights(len(epochs.X)), *self.warnings)  # fmt: skip
        return StagedNight(
            name=recording_name(recording), start=epochs.start, scheme=scheme, in_bed=in_bed,
            made_by=self._made_by(len(voters.epochs)), channels=voters.channels, probabilities=probabilities,
            warnings=warnings, spectrogram=_spectrogram(epochs.X[:, 0]), onsets=epochs.onsets, confidence=confidence,
            unusable=voters.unusable, artefact=voters.artefact, scored=scored,
            unlike_training=all(one.signal for one in voters.unlike)
            or any(line.startswith(("age ", "age:")) for line in warnings))  # fmt: skip

    def _other_person(self, epochs: Epochs) -> Iterator[str]:
        """Say it of a person whose age, by the header, is not that of the models."""
        age, (youngest, oldest) = epochs.age, map(int, self.group.split("-"))
        if age is not None and not youngest <= age < oldest + 1:
            yield f"age: the header tells of a person of {age:.0f} years, but the models are of {self.group}"

    def _other_nights(self, n_epochs: int) -> Iterator[str]:
        """Say what is unlike the nights that statistics and transitions are of."""
        hours, chain = n_epochs * EPOCH_SECONDS / 3600, self.options.transitions
        if hours > _LONG_HOURS and not (self.options.lights_off or self.options.lights_on):
            yield f"all {hours:.1f} h count as time in bed: give lights off and lights on for the statistics of a night"
        if chain is not None and chain.ages and self.group not in chain.ages:
            yield (
                f"transitions: counted in people of {', '.join(chain.ages)} years, but the night is of {self.group}, "
                f"and stages follow each other differently with age; learn others with --transitions, or pass "
                f"--no-smooth"
            )

    def _made_by(self, n_pairs: int) -> str:
        chain = self.options.transitions
        vote = f"; the {self.options.vote} of {n_pairs} pairs of channels" if n_pairs > 1 else ""
        return f"{self.made_by}{vote}; " + (f"smoothed with transitions of {chain.source}" if chain else "not smoothed")

    def _probabilities(self, voters: Voters, onsets: np.ndarray, night: slice | None) -> np.ndarray:
        """Predict everything, then the night by itself, since the models compare an epoch with its night."""
        n_epochs = len(onsets)
        probabilities, seen = self._predict(voters, slice(0, n_epochs)), slice(0, n_epochs)
        for _ in range(_PASSES if night is None else 1):
            found = night or sleep_period(self._smooth(probabilities, seen, onsets).argmax(axis=1) > 0)
            if night is None and (found == seen or found.stop - found.start > _MUCH * n_epochs):
                break
            seen = found
            probabilities[seen] = self._predict(voters, seen)
        return self._smooth(probabilities, seen, onsets)

    def _predict(self, voters: Voters, part: slice) -> np.ndarray:
        """Return what the pairs of channels say together of a part of the recording."""
        key = RecordingKey(self.group, 0, 1)
        said = [self.predictor.predict_proba(Recording.from_arrays(key, one.X[part])) for one in voters.epochs]
        return voters.decide(np.array(said), part, self.options.vote)

    def _smooth(self, probabilities: np.ndarray, night: slice, onsets: np.ndarray) -> np.ndarray:
        """Smooth each stretch without gaps by itself."""
        transitions = self.options.transitions
        if transitions is None:
            return probabilities
        prior = classifier_prior(probabilities[night], transitions)
        gaps = np.flatnonzero(np.diff(onsets) != EPOCH_SECONDS) + 1
        parts = np.split(probabilities, gaps)
        return np.concatenate([forward_backward(part, transitions, prior) for part in parts])


def stage(
    recording: PathOrRaw,
    *,
    checkpoints: str | Path,
    group: str,
    recipe: str = DEFAULT,
    allow_simulated: bool = False,
    hypnogram: str | Path | None = None,
    **options: Any,
) -> StagedNight:
    """Stage one recording in any format that mne reads; ``stage(...).annotations`` are its :class:`mne.Annotations`.

    With the recipe as :meth:`beetl_task1.staging.stager.Stager.load` finds it, and the options of
    :class:`beetl_task1.staging.stager.Options`; compared with a scorer's hypnogram where one is given.
    """
    stager = Stager.load(checkpoints, group, Options(**options), recipe=recipe, allow_simulated=allow_simulated)
    return stager.stage(recording, hypnogram)


def annotate(recording: PathOrRaw, **options: Any) -> mne.Annotations:
    """Return the stages of a recording as :class:`mne.Annotations`; takes what :func:`stage` takes."""
    return stage(recording, **options).annotations


def group_for_age(age: float) -> tuple[str, str | None]:
    """Return the group whose models suit an age in years, and a warning where the age is outside all groups."""
    if not 0 <= age <= 130:
        raise BeetlError(f"age {age:g}: expected years from 0 to 130")
    younger, older = TARGET_GROUPS
    youngest, warning = int(SOURCE_GROUP.split("-")[0]), None
    if age >= 96:
        warning = f"age {age:g} is above all that the models were trained on (to 95)"
    elif age < youngest:
        warning = f"age {age:g} is below all that the models were trained on (from {youngest})"
    elif age < 65:
        warning = f"age {age:g}: the models are tuned to {younger}, though trained on {SOURCE_GROUP} too"
    return older if age >= 80 else younger, warning


def _unsure(confidence: np.ndarray, alike: float) -> Iterator[str]:
    mean = float(confidence.mean())
    if mean < _SURE:
        yield f"confidence: the stages have a probability of {mean:.2f} on average: look at them before you use them"
    if alike < _ALIKE:
        yield f"derivations: the pairs of channels agree on {alike:.0%} of the epochs; look at each by itself"


def _spectrogram(signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies (Hz) and, per epoch, decibel of 1 uV^2/Hz."""
    frequencies, power = welch(signal * 1e6, SFREQ, nperseg=_SEGMENT, axis=1)
    shown = (frequencies > 0) & (frequencies <= _HIGHEST)
    return frequencies[shown], 10 * np.log10(np.maximum(power[:, shown], 1e-6))
