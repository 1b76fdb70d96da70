"""What only shows across nights: repeats, totals, odd gains, mean spectra, and how far each part is from the source."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy.stats import wasserstein_distance

from ..data.files import DataFolder
from ..task import N_OUTPUTS, STAGES, Part
from .findings import ERROR, IN_ORDER, INFO, PARTLY, WARNING, Finding, PartRow, Shift, Spectra
from .inventory import expected_counts
from .night import MEASURES, Examined, frequencies

ODD_GAIN = 4
"""Times the part's usual amplitude that make a night's gain odd."""


def repeats_across(nights: Sequence[Examined]) -> list[Finding]:
    """Return one finding per pair of nights that share epochs."""
    read = [night for night in nights if night.digests is not None]
    if not read:
        return []
    digests = np.concatenate([np.unique(night.digests) for night in read])
    owner = np.repeat(np.arange(len(read)), [len(np.unique(night.digests)) for night in read])
    order = np.lexsort((owner, digests))
    digests, owner = digests[order], owner[order]
    same = (digests[1:] == digests[:-1]) & (digests[1:] != 0)
    pairs = Counter(zip(owner[:-1][same].tolist(), owner[1:][same].tolist(), strict=True))
    return [_repeat(read[a], read[b], n) for (a, b), n in sorted(pairs.items())]


def _repeat(first: Examined, second: Examined, n: int) -> Finding:
    whole = n >= 0.9 * min(first.row.n_epochs, second.row.n_epochs)
    what = "the same night twice" if whole else f"{n} epochs are the same"
    message = f"{what}: {second.row.key} ({second.row.role}) and {first.row.key} ({first.row.role}, {first.row.path})"
    code = "duplicate-night" if whole else "duplicate-epochs"
    return Finding(ERROR, code, second.row.path, f"{message}; take both from the download")


def odd_gains(nights: Sequence[Examined]) -> list[Finding]:
    """Return warnings on nights far louder or quieter than the other nights of their part, where there are three."""
    findings = []
    for rows in _by_part(nights).values():
        stds = {night.row.path: max(night.row.std_uv) for night in rows if night.row.n_epochs}
        usual = np.median(list(stds.values())) if len(stds) > 2 else 0
        for path, std in stds.items():
            if usual > 0 and not usual / ODD_GAIN <= std <= usual * ODD_GAIN:
                message = f"a typical epoch varies by {std:.3g} uV where its part's nights have {usual:.3g} uV"
                findings.append(Finding(WARNING, "gain", path, message))
    return findings


def part_row(folder: DataFolder, part: Part, nights: Sequence[Examined]) -> PartRow:
    """Return the summary of a part's nights."""
    rows = [night.row for night in nights if (night.row.key.group, night.row.role) == (part.group, part.role)]
    counts = [row.counts for row in rows if row.counts]
    recordings, epochs = expected_counts(folder, part)
    return PartRow(
        group=part.group,
        role=part.role,
        found=len(rows),
        expected=len(rows) if recordings is None else recordings,
        n_epochs=sum(row.n_epochs for row in rows),
        expected_epochs=epochs,
        counts=tuple(int(n) for n in np.sum(counts, axis=0)) if counts else None,
        orders=dict(Counter(row.order.verdict for row in rows if row.order)),
    )


def totals(folder: DataFolder, parts: Sequence[PartRow]) -> list[Finding]:
    """Return findings on parts that have all recordings but not the number of epochs that they should have."""
    findings = []
    for row in parts:
        complete = row.found == row.expected and row.expected_epochs is not None
        if complete and row.n_epochs != row.expected_epochs:
            what = "short" if row.n_epochs < row.expected_epochs else "long"
            message = (
                f"{row.group} {row.role} is {what}: {row.n_epochs:,} readable epochs in its {row.found} recordings, "
                f"expected {row.expected_epochs:,}; fetch the part again"
            )
            findings.append(Finding(ERROR, what, f"{row.group} {row.role}", message))
    return findings


def short_nights(nights: Sequence[Examined]) -> list[Finding]:
    """Return warnings on nights of less than a third of their part's usual length."""
    findings = []
    for rows in _by_part(nights).values():
        lengths = [night.row.n_epochs for night in rows if night.row.n_epochs]
        usual = np.median(lengths) if lengths else 0
        for night in rows:
            if 0 < night.row.n_epochs < usual / 3:
                message = f"{night.row.n_epochs} epochs where the part's nights have {usual:.0f}; cut short?"
                findings.append(Finding(WARNING, "short-night", night.row.path, message))
    return findings


def absent_stages(nights: Sequence[Examined]) -> list[Finding]:
    """Return a note for each labelled subject that lacks a stage."""
    counts: dict[tuple[str, int, str], np.ndarray] = {}
    for night in nights:
        if night.row.counts:
            who = (night.row.key.group, night.row.key.subject, night.row.role)
            counts[who] = counts.get(who, np.zeros(N_OUTPUTS, int)) + night.row.counts
    findings = []
    for (group, subject, role), total in counts.items():
        lacking = [STAGES[k] for k in np.flatnonzero(total == 0)]
        if lacking:
            message = f"subject {subject} of {group} {role} has no {', '.join(lacking)}; scored over the stages present"
            findings.append(Finding(INFO, "absent-stage", f"{group}/s{subject}", message))
    return findings


def kept_order(nights: Sequence[Examined]) -> list[Finding]:
    """Return one note per part in which nights keep the order of time."""
    findings = []
    for (group, role), rows in _by_part(nights).items():
        kept = [n.row for n in rows if n.row.order and n.row.order.verdict in (IN_ORDER, PARTLY)]
        if kept:
            message = f"{len(kept)} of {len(rows)} nights of {group} {role} are in order or partly so, where the "
            message += f"competition shuffles them; for instance {kept[0].key}: {kept[0].order.describe()}"
            findings.append(Finding(INFO, "order", f"{group} {role}", message))
    return findings


def spectra(part: Part, nights: Sequence[Examined]) -> Spectra | None:
    """Return the mean spectra of a part: over the nights of a subject, then over subjects."""
    subjects: dict[int, list[np.ndarray]] = {}
    for night in _by_part(nights).get((part.group, part.role), []):
        if night.spectra is not None:
            subjects.setdefault(night.row.key.subject, []).append(night.spectra)
    if not subjects:
        return None
    mean = _nanmean([_nanmean(spectra) for spectra in subjects.values()])
    names = (*STAGES, "all")
    power = {name: np.round(mean[k], 2).tolist() for k, name in enumerate(names) if np.isfinite(mean[k]).all()}
    return Spectra(part.group, part.role, frequencies().tolist(), power)


def shift(part: Part, nights: Sequence[Examined]) -> Shift | None:
    """Return how far a part is from the source; ``None`` for the source itself or without two subjects of it."""
    grouped = _by_part(nights)
    source = next((rows for (_, role), rows in grouped.items() if role == "source"), [])
    source_means, source_epochs = _describe(source)
    means, epochs = _describe(grouped.get((part.group, part.role), []))
    if part.role == "source" or len(source_means) < 2 or not means:
        return None
    reference, here = np.array(list(source_means.values())), np.array(list(means.values()))
    difference = (here.mean(0) - reference.mean(0)) / reference.std(0, ddof=1)
    beyond = (here < reference.min(0)) | (here > reference.max(0))
    scale = source_epochs.std(0)
    return Shift(
        group=part.group,
        role=part.role,
        difference=dict(zip(MEASURES, difference.tolist(), strict=True)),
        wasserstein={
            name: float(wasserstein_distance(epochs[:, k], source_epochs[:, k]) / scale[k])
            for k, name in enumerate(MEASURES)
        },
        outside={f"s{subject}": float(row.mean()) for subject, row in zip(means, beyond, strict=True)},
        classes=_class_distance(grouped.get((part.group, part.role), []), source),
    )


def _describe(nights: Sequence[Examined]) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Return the mean measures of each subject, and the measures of all epochs."""
    subjects: dict[int, list[np.ndarray]] = {}
    for night in nights:
        if night.bands is not None and len(night.bands):
            subjects.setdefault(night.row.key.subject, []).append(night.bands)
    means = {subject: np.concatenate(rows).mean(0) for subject, rows in subjects.items()}
    every = [rows for nights in subjects.values() for rows in nights]
    return means, np.concatenate(every) if every else np.empty((0, len(MEASURES)))


def _class_distance(nights: Sequence[Examined], source: Sequence[Examined]) -> float | None:
    shares = []
    for rows in (nights, source):
        counts = [night.row.counts for night in rows if night.row.counts]
        if not counts:
            return None
        total = np.sum(counts, axis=0)
        shares.append(total / total.sum())
    return float(0.5 * np.abs(shares[0] - shares[1]).sum())


def _by_part(nights: Sequence[Examined]) -> dict[tuple[str, str], list[Examined]]:
    parts: dict[tuple[str, str], list[Examined]] = {}
    for night in nights:
        parts.setdefault((night.row.key.group, night.row.role), []).append(night)
    return parts


def _nanmean(arrays: Sequence[np.ndarray]) -> np.ndarray:
    stacked = np.stack(arrays)
    there = np.isfinite(stacked)
    total = np.where(there, stacked, 0).sum(0)
    return np.divide(total, there.sum(0), out=np.full(total.shape, np.nan), where=there.any(0))
