"""From a recording in any format that mne reads to epochs as the models know them."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import mne
import numpy as np
from mne.io import BaseRaw

from ..data.recording import UNITS
from ..errors import DataError, unknown
from ..task import EPOCH_SECONDS, N_TIMES, SFREQ
from .channels import Derivation, Montage, find_channels

PathOrRaw: TypeAlias = str | Path | BaseRaw
HIGHPASS = 0.5
"""Hz; the amplifier of the training recordings had this high-pass, so recordings with more drift get it."""
_FINEST = 50_000
"""Sampling rates are taken as ratios of numbers up to this, within seconds over a day."""
_BY_CHANNEL = (".edf", ".bdf", ".gdf")
"""Formats whose readers can leave channels out, and so read each at its own rate and with its own filter settings."""
_NOT_EEG = (
    *("eog", "emg", "ecg", "ekg", "resp", "temp", "event", "marker", "airflow", "spo2", "sao2", "pulse", "chin", "leg"),
    *("snore", "position", "light", "status", "trigger"),
)


@dataclass(frozen=True)
class Epochs:
    """A recording cut into epochs, in order and without gaps.

    ``X`` (n_epochs, 2, 3000) is float32 in volts; ``start`` is when the recording began, where it says; rate and
    filters (Hz) are the recording's, before it was resampled.
    """

    X: np.ndarray
    montage: Montage
    start: datetime | None
    sfreq: float
    highpass: float
    lowpass: float


def read_epochs(recording: PathOrRaw, channels: Sequence[str] | None = None, *, unit: str = "V") -> Epochs:
    """Read a recording.

    One channel is in memory at a time, at its own sampling rate; resampled to 100 Hz, high-passed at 0.5 Hz if the
    recording's own high-pass is lower, and cut into epochs of 30 s from its beginning. What remains at the end is
    dropped.

    Parameters
    ----------
    recording, channels
        In any format that mne reads, and as in :func:`beetl_task1.staging.channels.find_channels`.
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
    name, raw = recording_name(recording), _open(recording)
    montage = find_channels(raw.ch_names, _eeg(raw), channels, name=name)
    start = raw.info["meas_date"]
    if start is not None:
        start += timedelta(seconds=raw.first_time)  # a FIF file may have been cropped
    raw = _only(raw, recording, montage)
    signals = {channel: _signal(raw, channel, name) * UNITS[unit] for channel in dict.fromkeys(montage.derivations)}
    n_epochs = min(map(len, signals.values())) // N_TIMES
    if n_epochs == 0:
        raise DataError(
            f"{name}: lasts {raw.n_times / raw.info['sfreq']:.0f} s, expected at least one epoch of "
            f"{EPOCH_SECONDS} s; give a longer recording"
        )
    cut = [signals[channel][: n_epochs * N_TIMES].reshape(n_epochs, N_TIMES) for channel in montage.derivations]
    X = np.stack(cut, axis=1, dtype=np.float32)
    return Epochs(X, montage, start, raw.info["sfreq"], raw.info["highpass"], raw.info["lowpass"])


def recording_name(recording: PathOrRaw) -> str:
    """Return what messages call a recording."""
    if isinstance(recording, str | Path):
        return str(recording)
    files = [str(file) for file in getattr(recording, "filenames", ()) if file]
    return files[0] if files else "recording in memory"


def _open(recording: PathOrRaw, **options: Any) -> BaseRaw:
    if isinstance(recording, BaseRaw):
        return recording
    path = Path(recording)
    if not path.exists():
        raise DataError(f"{recording}: no such file; give recordings that mne reads, such as .edf, .bdf, .vhdr or .fif")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return mne.io.read_raw(path, preload=False, verbose="ERROR", **options)
        except Exception as error:  # readers raise nearly anything on damaged files
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise DataError(
                f"{recording}: mne cannot read it ({reason}); give an intact recording in a format that mne reads"
            ) from error


def _eeg(raw: BaseRaw) -> list[str]:
    """Return the channels that may be EEG: those of that type, and not named as something else."""
    names = [raw.ch_names[i] for i in mne.pick_types(raw.info, eeg=True, exclude=())]
    return [name for name in names if not any(word in name.lower() for word in _NOT_EEG)]


def _only(raw: BaseRaw, recording: PathOrRaw, montage: Montage) -> BaseRaw:
    """Read again with nothing but the channels that are needed, where the format allows it."""
    names = [name for channel in montage.derivations for name in (channel.plus, channel.minus) if name]
    if isinstance(recording, str | Path) and Path(recording).suffix.lower() in _BY_CHANNEL:
        return _open(recording, include=list(dict.fromkeys(names)))
    return raw


def _signal(raw: BaseRaw, derivation: Derivation, name: str) -> np.ndarray:
    """Return one channel at 100 Hz, in the unit of the recording."""
    try:
        signal: np.ndarray = raw.get_data(picks=[derivation.plus])[0]
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
