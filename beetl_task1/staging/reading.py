"""From a recording in any format that mne reads to epochs as the models know them."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import mne
import numpy as np
from mne.io import BaseRaw
from scipy.signal import welch

from ..data.raw import Opened, doubled, open_raw
from ..data.recording import UNITS
from ..errors import DataError, one_line, unknown
from ..task import EPOCH_SECONDS, N_TIMES, SFREQ
from .channels import Derivation, Montage, find_channels
from .stretches import Stretch, marked_bad, stretches

PathOrRaw: TypeAlias = str | Path | BaseRaw
FLAT = 5e-7
"""V; what varies less than this within a second is no EEG."""
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
_KNOWN_UNITS = ("v", "mv", "uv", "μv", "µv", "\x83\xcav")
_NANO = 1e-9
_MAINS = ((49.0, 51.0), (59.0, 61.0))


@dataclass(frozen=True)
class Epochs:
    """A recording cut into epochs, in order.

    Attributes
    ----------
    X : numpy.ndarray (n_epochs, 2, 3000)
        float32, volts.
    start, birthday : datetime or None
        When the recording began, and the person was born, where it says.
    sfreq, highpass, lowpass : float
        Rate and filters (Hz) of the recording, before it was resampled.
    onsets : numpy.ndarray (n_epochs,)
        Seconds from the start; steps of 30 s but for gaps.
    bad : numpy.ndarray (n_epochs,)
        Whether an annotation calls the epoch bad.
    mains : tuple of float
        For each channel the share of its power at 50 and 60 Hz.
    flat : numpy.ndarray (n_epochs, 2)
        Whether a channel is a flat line in more than half of the epoch's seconds, before filters.
    unit : str
        As it was asked for.
    notes : tuple of str
        What a user should know of how it was read, one line each.
    """

    X: np.ndarray
    montage: Montage
    start: datetime | None
    sfreq: float
    highpass: float
    lowpass: float
    onsets: np.ndarray
    bad: np.ndarray
    flat: np.ndarray
    mains: tuple[float, ...] = (0.0, 0.0)
    birthday: datetime | None = None
    unit: str = "V"
    notes: tuple[str, ...] = ()

    @property
    def age(self) -> float | None:
        """Age in years that the header tells."""
        if self.birthday is None or self.start is None:
            return None
        years = (self.start - self.birthday).days / 365.25
        return years if 0 < years < 120 else None


def read_epochs(recording: PathOrRaw, channels: Sequence[str] | None = None, *, unit: str = "V") -> Epochs:
    """Read a recording.

    One channel is in memory at a time, at its own sampling rate; resampled to 100 Hz, high-passed at 0.5 Hz if the
    recording's own high-pass is lower, and cut into epochs of 30 s from its beginning, and from the end of each gap.
    What remains at the end is dropped.

    ``channels`` are as in :func:`beetl_task1.staging.channels.find_channels`. mne converts from the unit that the file
    names, so ``unit`` (V, mV or uV) is for channels whose unit the file does not name or, if it names all, for files
    that name a wrong one. What is not finite, or shorter than an epoch, is an error.
    """
    if unit not in UNITS:
        raise unknown("unit", unit, UNITS)
    name, path = recording_name(recording), None if isinstance(recording, BaseRaw) else Path(recording)
    whole = _open(recording)
    typed = [whole.raw.ch_names[i] for i in mne.pick_types(whole.raw.info, eeg=True, exclude=())]
    eeg = [one for one in typed if not any(word in one.lower() for word in _NOT_EEG)]
    montage = find_channels(whole.raw.ch_names, eeg, channels, name=name)
    names, opened = list(dict.fromkeys(one for both in montage.derivations for one in both.channels)), whole
    if path is not None and (whole.header is not None or path.suffix.lower() in _BY_CHANNEL):
        opened = _open(path, names)  # again, with nothing but the channels that are needed
    raw, factors = opened.raw, _factors(whole, names, unit)
    parts, notes = stretches(raw, path, opened.header)
    cuts = {one: [_cut(raw, one, factors, part, name) for part in parts] for one in montage.derivations}
    first, _ = both = [list(zip(*cuts[one], strict=True)) for one in montage.derivations]
    if not any(map(len, first[0] if first else ())):
        raise DataError(
            f"{name}: lasts {raw.n_times / raw.info['sfreq']:.0f} s, expected at least one epoch of "
            f"{EPOCH_SECONDS} s; give a longer recording"
        )
    pairs = zip(parts, first[0], strict=True)
    onsets = np.concatenate([part.onset + np.arange(len(cut)) * float(EPOCH_SECONDS) for part, cut in pairs])
    bad, marked = marked_bad(raw, onsets, path, opened.header)
    X = np.stack([np.concatenate(epochs) for epochs, _, _ in both], axis=1, dtype=np.float32)
    flat = np.stack([np.concatenate(still) for _, still, _ in both], axis=1)
    return Epochs(
        X, montage, _start(whole), raw.info["sfreq"], raw.info["highpass"], raw.info["lowpass"], onsets, bad, flat,
        tuple(max(shares) for _, _, shares in both), _birthday(whole), unit,
        (*_about_file(whole, names), *opened.warnings, *notes, *marked))  # fmt: skip


def recording_name(recording: PathOrRaw) -> str:
    """Return what messages call a recording."""
    if isinstance(recording, str | Path):
        return str(recording)
    files = [str(file) for file in getattr(recording, "filenames", ()) if file]
    return files[0] if files else "recording in memory"


def _open(recording: PathOrRaw, include: Sequence[str] = ()) -> Opened:
    if isinstance(recording, BaseRaw):
        return Opened(recording, None, ())
    path = Path(recording)
    if not path.exists():
        raise DataError(f"{recording}: no such file; give recordings that mne reads, such as .edf, .bdf, .vhdr or .fif")
    try:
        return open_raw(path, include)
    except Exception as error:  # readers raise nearly anything on damaged files
        reason = one_line(error)
        raise DataError(
            f"{recording}: mne cannot read it ({reason}); give an intact recording in a format that mne reads, "
            f"such as .edf, .bdf, .vhdr or .fif"
        ) from error


def _start(opened: Opened) -> datetime | None:
    """Return when a recording began, also where mne does not understand how its header writes it."""
    if opened.header is not None:
        return opened.header.start
    start: datetime | None = opened.raw.info["meas_date"]
    return None if start is None else start + timedelta(seconds=opened.raw.first_time)  # a FIF file may be cropped


def _birthday(opened: Opened) -> datetime | None:
    day = opened.header.birthday if opened.header else (opened.raw.info["subject_info"] or {}).get("birthday")
    if isinstance(day, tuple):
        day = datetime(*day[:3])
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)


def _factors(opened: Opened, names: Sequence[str], unit: str) -> dict[str, float]:
    """Return what makes volts of each channel as mne returns it."""
    header = opened.header
    if header is None:
        return dict.fromkeys(names, UNITS[unit])
    written = [u.lower() for label, u in zip(header.labels, header.units, strict=True) if "Annotations" not in label]
    units = dict(zip(opened.raw.ch_names, written, strict=False))
    asked = [name for name in names if units.get(name, "") not in (*_KNOWN_UNITS, "nv")] or names
    return {name: (_NANO if units.get(name) == "nv" else 1.0) * (UNITS[unit] if name in asked else 1.0)
            for name in names}  # fmt: skip


def _about_file(opened: Opened, names: Sequence[str]) -> Iterator[str]:
    """Say what of the header and the labels of a file a user should know."""
    header = opened.header
    if header is not None and header.cut:
        yield f"file: {header.cut}"
    if header is not None and 0 <= header.n_records < header.n_there:
        yield f"file: its header says {header.n_records} records, it holds {header.n_there}: all are taken"
    for label, same in doubled(opened.raw.ch_names).items():
        if used := [name for name in same if name in names]:
            yield f"label: {label} is there {len(same)} times; taken: {used[0]}"
    yield from (f"bad: the recording marks channel {name} as bad" for name in names if name in opened.raw.info["bads"])


def _cut(
    raw: BaseRaw, derivation: Derivation, factors: dict[str, float], part: Stretch, name: str
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the epochs (n, 3000) of a stretch at 100 Hz in volts, whether each is flat, and the mains' share."""
    plus, *minus = (_read(raw, channel, part, name) * factors[channel] for channel in derivation.channels)
    signal = np.subtract(plus, *minus) if minus else plus
    if not np.isfinite(signal).all():
        raise DataError(f"{name}: {derivation} holds NaN or infinite values; cut or fill them first")
    still, mains = _still(signal, raw.info["sfreq"]), _mains(signal, raw.info["sfreq"])
    signal = _as_trained(signal, raw)
    n_epochs = len(signal) // N_TIMES
    return signal[: n_epochs * N_TIMES].reshape(n_epochs, N_TIMES), still[:n_epochs], mains


def _still(signal: np.ndarray, sfreq: float) -> np.ndarray:
    """Return whether a signal hardly varies in most seconds of each epoch; the last may be no whole one."""
    edges = np.round(np.arange(0, len(signal) + 1e-6, sfreq)).astype(int)
    seconds = np.array([signal[a:b].std() for a, b in pairwise(edges)] or [1.0]) < FLAT
    padded = np.pad(seconds, (0, -len(seconds) % EPOCH_SECONDS), mode="edge").reshape(-1, EPOCH_SECONDS)
    return np.asarray(padded.mean(axis=1) > 0.5)


def _read(raw: BaseRaw, channel: str, part: Stretch, name: str) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            signal: np.ndarray = raw.get_data(picks=[channel], start=part.first, stop=part.stop, verbose="ERROR")[0]
        except Exception as error:  # readers raise nearly anything on damaged files
            raise DataError(f"{name}: mne cannot read {channel} ({error}); give an intact recording") from error
    return signal


def _as_trained(signal: np.ndarray, raw: BaseRaw) -> np.ndarray:
    """Return a signal at the rate and with the high-pass of the training."""
    sfreq = raw.info["sfreq"]
    if sfreq != SFREQ:
        ratio = Fraction(SFREQ / sfreq).limit_denominator(_FINEST)
        up, down = ratio.numerator, ratio.denominator
        signal = mne.filter.resample(signal, up=up, down=down, method="polyphase", verbose="ERROR")
    if raw.info["highpass"] < HIGHPASS and len(signal) > N_TIMES:
        signal = mne.filter.filter_data(signal, SFREQ, HIGHPASS, None, verbose="ERROR")
    return signal


def _mains(signal: np.ndarray, sfreq: float) -> float:
    """Return the share of a signal's power above 0.5 Hz that lies at 50 and 60 Hz."""
    if len(signal) < 4 * sfreq or sfreq < 2 * _MAINS[0][0]:
        return 0.0
    frequencies, power = welch(signal, sfreq, nperseg=round(4 * sfreq))
    band = np.any([(frequencies >= low) & (frequencies <= high) for low, high in _MAINS], axis=0)
    total = power[frequencies >= HIGHPASS].sum()
    return float(power[band].sum() / total) if total > 0 else 0.0
