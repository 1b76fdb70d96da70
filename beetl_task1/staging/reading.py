"""From a recording in any format that mne reads to epochs as the models know them."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..data.recording import UNITS
from ..errors import DataError, unknown
from ..task import EPOCH_SECONDS, N_CHANS, N_TIMES, SFREQ
from .channels import Derivation, Montage, find_channels

HIGHPASS = 0.5
"""Hz; the amplifier of the training recordings had this high-pass, so recordings with more drift get it."""
_FINEST = 50_000
"""Sampling rates are taken as ratios of numbers up to this, within seconds over a day."""
_BY_CHANNEL = (".edf", ".bdf", ".gdf")
"""Formats whose readers can leave channels out, and so read each at its own rate and with its own filter settings."""


@dataclass(frozen=True)
class Epochs:
    """A recording cut into epochs, in order and without gaps.

    Attributes
    ----------
    X : numpy.ndarray (n_epochs, 2, 3000), float32
        Volts.
    montage : Montage
        How the two channels were made.
    start : datetime or None
        When the recording began, where it says.
    sfreq, highpass, lowpass : float
        Of the recording, in Hz, before it was resampled.
    """

    X: np.ndarray
    montage: Montage
    start: datetime | None
    sfreq: float
    highpass: float
    lowpass: float

    @property
    def onsets(self) -> np.ndarray:
        """Seconds from the beginning, shape (n_epochs,)."""
        return np.arange(len(self.X)) * float(EPOCH_SECONDS)


def read_epochs(recording, channels: Sequence[str] | None = None, *, unit: str = "V") -> Epochs:
    """Read a recording.

    One channel is in memory at a time, at its own sampling rate; resampled to 100 Hz, high-passed at 0.5 Hz if the
    recording's own high-pass is lower, and cut into epochs of 30 s from its beginning. What remains at the end is
    dropped.

    Parameters
    ----------
    recording : path or mne.io.BaseRaw
        Any format that mne reads.
    channels : sequence of str, optional
        See :func:`beetl_task1.staging.channels.find_channels`.
    unit : {"V", "mV", "uV"}
        Unit of the signal, as mne returns it. mne converts from the unit that the file names, so this is only for
        files that name a wrong one or none.

    Raises
    ------
    DataError
        The recording cannot be read, lacks a channel, is shorter than an epoch or not finite.
    """
    if unit not in UNITS:
        raise unknown("unit", unit, UNITS)
    raw, name = _open(recording)
    eeg = [raw.ch_names[i] for i in _eeg(raw)]
    montage = find_channels(raw.ch_names, eeg, channels, name=name)
    start = raw.info["meas_date"]
    if start is not None:
        start += timedelta(seconds=raw.first_time)  # a FIF file may have been cropped
    raw = _only(raw, recording, montage)
    signals = {}
    for derivation in montage.derivations:
        if derivation not in signals:
            signals[derivation] = _signal(raw, derivation, name) * UNITS[unit]
    n_epochs = min(len(signal) for signal in signals.values()) // N_TIMES
    if n_epochs == 0:
        raise DataError(
            f"{name}: lasts {raw.n_times / raw.info['sfreq']:.0f} s, expected at least one epoch of "
            f"{EPOCH_SECONDS} s; give a longer recording"
        )
    X = np.empty((n_epochs, N_CHANS, N_TIMES), dtype=np.float32)
    for i, derivation in enumerate(montage.derivations):
        X[:, i] = signals[derivation][: n_epochs * N_TIMES].reshape(n_epochs, N_TIMES)
    return Epochs(X, montage, start, raw.info["sfreq"], raw.info["highpass"], raw.info["lowpass"])


def recording_name(recording) -> str:
    """Return what messages call a recording."""
    if isinstance(recording, str | Path):
        return str(recording)
    files = [str(file) for file in getattr(recording, "filenames", ()) if file]
    return files[0] if files else "recording in memory"


def _open(recording, **options):
    """Return an opened mne recording and its name."""
    import mne

    name = recording_name(recording)
    if isinstance(recording, mne.io.BaseRaw):
        return recording, name
    path = Path(recording)
    if not path.exists():
        raise DataError(f"{name}: no such file; give recordings that mne reads, such as .edf, .bdf, .vhdr or .fif")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return mne.io.read_raw(path, preload=False, verbose="ERROR", **options), name
        except Exception as error:  # readers raise nearly anything on damaged files
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise DataError(
                f"{name}: mne cannot read it ({reason}); give an intact recording in a format that mne reads"
            ) from error


def _eeg(raw) -> list[int]:
    """Return the channels that may be EEG: those of that type, and not named as something else."""
    import mne

    other = (
        "eog",
        "emg",
        "ecg",
        "ekg",
        "resp",
        "temp",
        "event",
        "marker",
        "airflow",
        "spo2",
        "sao2",
        "pulse",
        "chin",
        "leg",
        "snore",
        "position",
        "light",
        "status",
        "trigger",
    )
    picks = mne.pick_types(raw.info, eeg=True, exclude=())
    return [i for i in picks if not any(word in raw.ch_names[i].lower() for word in other)]


def _only(raw, recording, montage: Montage):
    """Read again with nothing but the channels that are needed, where the format allows it."""
    names = list(
        dict.fromkeys(
            part for derivation in montage.derivations for part in (derivation.plus, derivation.minus) if part
        )
    )
    if isinstance(recording, str | Path) and Path(recording).suffix.lower() in _BY_CHANNEL:
        return _open(recording, include=names)[0]
    return raw


def _signal(raw, derivation: Derivation, name: str) -> np.ndarray:
    """Return one channel at 100 Hz, in the unit of the recording."""
    import mne

    try:
        signal = raw.get_data(picks=[derivation.plus])[0]
        if derivation.minus:
            signal -= raw.get_data(picks=[derivation.minus])[0]
    except Exception as error:  # readers raise nearly anything on damaged files
        raise DataError(f"{name}: mne cannot read {derivation} ({error}); give an intact recording") from error
    if not np.isfinite(signal).all():
        raise DataError(f"{name}: {derivation} holds NaN or infinite values; cut or fill them first")
    sfreq = raw.info["sfreq"]
    if sfreq != SFREQ:
        ratio = Fraction(SFREQ / sfreq).limit_denominator(_FINEST)
        up, down = ratio.numerator, ratio.denominator
        signal = mne.filter.resample(signal, up=up, down=down, method="polyphase", verbose="ERROR")
    if raw.info["highpass"] < HIGHPASS and len(signal) > N_TIMES:
        signal = mne.filter.filter_data(signal, SFREQ, HIGHPASS, None, verbose="ERROR")
    return signal
