"""Find or derive the two bipolar channels in a recording of any montage."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..data.raw import doubled
from ..errors import DataError
from ..task import CHANNELS

_NOISE = re.compile(r"^(EEG|POL)[\s_:-]+|[\s_]+$", re.IGNORECASE)
_REFERENCE = re.compile(r"[-_:/\s](REF|LE|AVG|AVE|A1|A2|M1|M2|A1A2|M1M2|A1\+A2|M1\+M2|REF1|G2)$", re.IGNORECASE)
_SAME = {"M1": "A1", "M2": "A2", "AVE": "AVG", "M1M2": "LE", "A1A2": "LE", "A1+A2": "LE", "M1+M2": "LE"}
"""References under other names."""
_FRONTAL = ("F4", "F3", "Fpz", "Fp2", "Fp1", "Fz", "C4", "C3", "Cz")
_OCCIPITAL = ("O2", "O1", "Oz", "Pz", "P4", "P3", "C4", "C3", "Cz")


@dataclass(frozen=True)
class Derivation:
    """One channel of the model: a channel of the recording, less another where there is a second one."""

    plus: str
    minus: str | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of the recording that it is made of."""
        return (self.plus,) if self.minus is None else (self.plus, self.minus)

    def __str__(self) -> str:
        return " minus ".join(self.channels)


@dataclass(frozen=True)
class Montage:
    """What is taken for Fpz-Cz and Pz-Oz, and warnings about what is unlike the training in that."""

    derivations: tuple[Derivation, Derivation]
    warnings: tuple[str, ...] = ()


def find_channels(
    there: Sequence[str], eeg: Sequence[str], wanted: Sequence[str] | None = None, *, name: str = "recording"
) -> Montage:
    """Choose the channels of a recording.

    Names are compared without case, a leading ``EEG``, a common reference at the end, and the number that mne gives to
    labels that are there twice. A channel that is not there is derived, where both its electrodes are; of several
    that measure an electrode, those with one reference.

    ``there`` are all channels, ``eeg`` those of type EEG: if nothing is asked for, a single one is taken for both, with
    a warning. ``wanted`` stand for Fpz-Cz and Pz-Oz: channels, or differences such as ``"C3-M2"``; one alone is taken
    for both. Errors call the recording by its ``name``, and list what there is.
    """
    asked = tuple(wanted or CHANNELS)
    if not 1 <= len(asked) <= len(CHANNELS):
        raise DataError(
            f"--channels: expected two names, for Fpz-Cz and Pz-Oz, got {', '.join(asked)}; give "
            f'--channels "Fpz-Cz,Pz-Oz"'
        )
    pair, why = [one for channel in asked if (one := _find(channel, there))], ""
    if len(pair) == len(asked) == 1:
        why = f"{pair[0]} alone was asked for"
    elif len(pair) < len(asked) and wanted is None and len(eeg) == 1:
        pair, why = [Derivation(eeg[0])], f"{eeg[0]} is its only EEG channel"
    if why:
        lacking = " and ".join(channel for channel in CHANNELS if _find(channel, there) != pair[0])
        text = f"missing channel: lacks {lacking} ({why}); it stands in for both, expect worse staging"
        return Montage((pair[0], pair[0]), (text,))
    if len(pair) == len(asked):
        others = [both for both in zip(asked, CHANNELS, strict=True) if _bare(both[0]) != _bare(both[1])]
        said = [f"other montage: {a} stands in for {b}, which the models were trained on" for a, b in others]
        return Montage((pair[0], pair[1]), (*said, *(line for one in pair for line in _references(one))))
    missing = " and ".join(channel for channel in asked if _find(channel, there) is None)
    raise DataError(
        f"{name}: expected channels {', '.join(asked)}, got {' '.join(', '.join(there).split()) or 'none'}; it lacks "
        f'{missing}: name the nearest two with --channels "{_nearest(there) or "A,B"}" (A-B subtracts B from A), or a '
        f"single one"
    )


def _find(channel: str, there: Sequence[str]) -> Derivation | None:
    """Return how to make a channel, or None; an exact name wins over one that is alike, that over a difference."""
    if channel in there:
        return Derivation(channel)
    twins = {name: label for label, same in doubled(there).items() for name in same}
    alike = [name for name in there if _bare(twins.get(name, name)) == _bare(channel)]
    if alike:
        return Derivation(alike[0])
    bare = _NOISE.sub("", channel)
    for hyphen in re.finditer("-", bare):
        plus = _electrodes(bare[: hyphen.start()], there, twins)
        minus = _electrodes(bare[hyphen.end() :], there, twins)
        pairs = [Derivation(one, other) for one in plus for other in minus]
        if pairs:
            return min(pairs, key=lambda pair: len(_references(pair, twins)))
    return None


def _electrodes(name: str, there: Sequence[str], twins: Mapping[str, str]) -> list[str]:
    """Return the channels that measure an electrode against a reference."""
    labels = {channel: twins.get(channel, channel) for channel in there}
    alone = {channel: (_bare(label), _bare(_REFERENCE.sub("", label))) for channel, label in labels.items()}
    return [channel for channel, names in alone.items() if _bare(name) in names]


def _references(pair: Derivation, twins: Mapping[str, str] | None = None) -> list[str]:
    """Return what to say of a difference of two channels that have unlike references."""
    if pair.minus is None:
        return []
    labels = [(twins or {}).get(name, name) for name in (pair.plus, pair.minus)]
    found = [_REFERENCE.search(label) for label in labels]
    one, other = (_SAME.get(match[1].upper(), match[1].upper()) if match else "" for match in found)
    if one == other:
        return []
    return [
        f"reference: {pair} have unlike references ({one or 'not named'} and {other or 'not named'}), so the "
        f"difference holds what lies between these too; name a channel with --channels"
    ]


def _bare(name: str) -> str:
    """Return a name without what is written in many ways; the mastoids are A1 and A2."""
    return re.sub(r"\bm([12])\b", r"a\1", re.sub(r"[\s_.]", "", _NOISE.sub("", name)).lower())


def _nearest(there: Sequence[str]) -> str | None:
    """Return the two channels, or what might stand for them: a frontal and an occipital one against a mastoid."""
    if all(_find(channel, there) for channel in CHANNELS):
        return ",".join(CHANNELS)
    front = _against(_FRONTAL, there)
    back = _against(_OCCIPITAL, [name for name in there if front is None or not front.startswith(name)])
    return f"{front},{back}" if front and back else None


def _against(electrodes: Sequence[str], there: Sequence[str]) -> str | None:
    for electrode in electrodes:
        mastoids = ("M1", "M2") if electrode[-1] in "2468" else ("M2", "M1")
        for mastoid in mastoids:
            if (found := _find(f"{electrode}-{mastoid}", there)) and not _references(found):
                return f"{electrode}-{mastoid}" if found.minus else found.plus
        alone = _electrodes(electrode, there, {})
        if alone:
            return alone[0]
    return None
