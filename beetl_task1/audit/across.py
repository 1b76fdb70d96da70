"""What only shows across nights: repeats, totals, odd gains, mean spectra, and how far each part is from the source."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy.stats import wasserstein_distance

from ..data.files import DataFolder
from ..task import N_OUTPUTS, STAGES, Part
from .findings import ERROR, IN_ORDER, INFO, PARTLY, WARNING, Distance, Finding, PartRow, Spectra
from .night import FREQUENCIES, MEASURES, Examined

Nights = Mapping[Part, Sequence[Examined]]
ODD_GAIN = 4
"""Times the part's usual amplitude that make a night's gain odd."""


def findings_across(nights: Nights, rows: Sequence[PartRow]) -> Iterator[Finding]:
    """Yield the findings that need more than one night, kind by kind."""
    yield from _repeats([night for examined in nights.values() for night in examined])
    yield from _totals(rows)
    for find in (_short_nights, _odd_gains, _absent_stages, _kept_order):
        for part, examined in nights.items():
            yield from find(part, examined)


def part_row(folder: DataFolder, part: Part, nights: Sequence[Examined]) -> PartRow:
    """Return the summary of a part's nights."""
    expected, counts = folder.expected(part), _counts(nights)
    return PartRow(
        group=part.group,
        role=part.role,
        found=len(nights),
        expected=len(nights) if expected.recordings is None else expected.recordings,
        n_epochs=sum(night.row.n_epochs for night in nights),
        expected_epochs=expected.epochs,
        counts=None if counts is None else tuple(counts.tolist()),
        orders=dict(Counter(night.row.order.verdict for night in nights if night.row.order)),
    )


def spectra(nights: Nights) -> Iterator[Spectra]:
    """Yield the mean spectra of each part: over the nights of a subject, then over subjects."""
    for part, examined in nights.items():
        subjects = _by_subject(examined, "spectra")
        if subjects:
            mean = _nanmean([_nanmean(found) for found in subjects.values()])
            power_db = dict(zip((*STAGES, "all"), np.round(mean, 2).tolist(), strict=True))
            known = {name: power_db[name] for name in power_db if np.isfinite(power_db[name]).all()}
            yield Spectra(part.group, part.role, FREQUENCIES.tolist(), known)


def distances(nights: Nights) -> Iterator[Distance]:
    """Yield how far each part is from the source, where that has two subjects."""
    source = next(examined for part, examined in nights.items() if part.role == "source")
    theirs = _by_subject(source, "bands")
    for part, examined in nights.items():
        ours = _by_subject(examined, "bands")
        if part.role == "source" or len(theirs) < 2 or not ours:
            continue
        means, epochs = zip(*(_subjects_and_epochs(subjects) for subjects in (ours, theirs)), strict=True)
        difference = (means[0].mean(0) - means[1].mean(0)) / means[1].std(0, ddof=1)
        beyond = (means[0] < means[1].min(0)) | (means[0] > means[1].max(0))
        apart = [wasserstein_distance(*pair) for pair in zip(epochs[0].T, epochs[1].T, strict=True)]
        shares = [counts / counts.sum() for counts in map(_counts, (examined, source)) if counts is not None]
        yield Distance(
            group=part.group,
            role=part.role,
            difference=dict(zip(MEASURES, difference.tolist(), strict=True)),
            wasserstein=dict(zip(MEASURES, (apart / epochs[1].std(0)).tolist(), strict=True)),
            outside={f"s{subject}": float(row.mean()) for subject, row in zip(ours, beyond, strict=True)},
            classes=float(0.5 * np.abs(shares[0] - shares[1]).sum()) if len(shares) == 2 else None,
        )


def _subjects_and_epochs(subjects: Mapping[int, Sequence[np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of each subject, and all epochs."""
    found = [np.concatenate(nights) for nights in subjects.values()]
    return np.array([epochs.mean(0) for epochs in found]), np.concatenate(found)


def _repeats(nights: Sequence[Examined]) -> Iterator[Finding]:
    """Yield one finding per pair of nights that share epochs."""
    unique = [np.unique(night.signal.digests) if night.signal else np.empty(0, np.uint64) for night in nights]
    if not unique:
        return
    digests, owner = np.concatenate(unique), np.repeat(range(len(nights)), [len(found) for found in unique])
    order = np.lexsort((owner, digests))
    digests, owner = digests[order], owner[order]
    same = (digests[1:] == digests[:-1]) & (digests[1:] != 0)
    pairs = Counter(zip(owner[:-1][same].tolist(), owner[1:][same].tolist(), strict=True))
    for (a, b), n in sorted(pairs.items()):
        first, second = nights[a].row, nights[b].row
        whole = n >= 0.9 * min(first.n_epochs, second.n_epochs)
        what = "the same night twice" if whole else f"{n} epochs are the same"
        message = f"{what}: {second.key} ({second.role}) and {first.key} ({first.role}, {first.path})"
        code = "duplicate-night" if whole else "duplicate-epochs"
        yield Finding(ERROR, code, second.path, f"{message}; take both from the download")


def _totals(parts: Sequence[PartRow]) -> Iterator[Finding]:
    """Yield findings on parts that have all recordings but not the number of epochs that they should have."""
    for row in parts:
        if row.found == row.expected and row.expected_epochs not in (None, row.n_epochs):
            what = "short" if row.n_epochs < row.expected_epochs else "long"
            message = f"{row.group} {row.role} is {what}: {row.n_epochs:,} readable epochs in its {row.found} "
            message += f"recordings, expected {row.expected_epochs:,}; fetch the part again"
            yield Finding(ERROR, what, f"{row.group} {row.role}", message)


def _short_nights(part: Part, nights: Sequence[Examined]) -> Iterator[Finding]:
    """Yield warnings on nights of less than a third of their part's usual length."""
    read = [night.row for night in nights if night.row.n_epochs]
    usual = np.median([row.n_epochs for row in read]) if read else 0
    for row in read:
        if row.n_epochs < usual / 3:
            message = f"{row.n_epochs} epochs where the part's nights have {usual:.0f}; cut short?"
            yield Finding(WARNING, "short-night", row.path, message)


def _odd_gains(part: Part, nights: Sequence[Examined]) -> Iterator[Finding]:
    """Yield warnings on nights far louder or quieter than the other nights of their part, where there are three."""
    stds = {night.row.path: max(night.row.std_uv) for night in nights if night.row.n_epochs}
    usual = np.median(list(stds.values())) if len(stds) > 2 else 0
    for path, std in stds.items():
        if usual > 0 and not usual / ODD_GAIN <= std <= usual * ODD_GAIN:
            message = f"a typical epoch varies by {std:.3g} uV where its part's nights have {usual:.3g} uV"
            yield Finding(WARNING, "gain", path, message)


def _absent_stages(part: Part, nights: Sequence[Examined]) -> Iterator[Finding]:
    """Yield a note for each labelled subject that lacks a stage."""
    counts: dict[int, np.ndarray] = {}
    for row in (night.row for night in nights if night.row.counts):
        counts[row.key.subject] = counts.get(row.key.subject, np.zeros(N_OUTPUTS, int)) + row.counts
    for subject, total in counts.items():
        lacking = ", ".join(STAGES[k] for k in np.flatnonzero(total == 0))
        if lacking:
            message = f"subject {subject} of {part.group} {part.role} has no {lacking}; scored over the stages present"
            yield Finding(INFO, "absent-stage", f"{part.group}/s{subject}", message)


def _kept_order(part: Part, nights: Sequence[Examined]) -> Iterator[Finding]:
    """Yield a note where nights of a part keep the order of time."""
    orders = {night.row.key: night.row.order for night in nights if night.row.order}
    kept = {key: order.describe() for key, order in orders.items() if order.verdict in (IN_ORDER, PARTLY)}
    if kept:
        message = f"{len(kept)} of {len(nights)} nights of {part.group} {part.role} are in order or partly so, where "
        message += f"the competition shuffles them; for instance {min(kept)}: {kept[min(kept)]}"
        yield Finding(INFO, "order", f"{part.group} {part.role}", message)


def _by_subject(nights: Sequence[Examined], what: str) -> dict[int, list[np.ndarray]]:
    """Return what the signals of each subject's nights left behind; nights without a living epoch are left out."""
    subjects: dict[int, list[np.ndarray]] = defaultdict(list)
    for night in nights:
        if night.signal is not None and len(getattr(night.signal, what)):
            subjects[night.row.key.subject].append(getattr(night.signal, what))
    return dict(subjects)


def _counts(nights: Sequence[Examined]) -> np.ndarray | None:
    """Return the epochs per stage over all labelled nights."""
    counts = [night.row.counts for night in nights if night.row.counts]
    return np.sum(counts, axis=0) if counts else None


def _nanmean(arrays: Sequence[np.ndarray]) -> np.ndarray:
    mean: np.ndarray = np.ma.masked_invalid(np.stack(arrays)).mean(axis=0).filled(np.nan)
    return mean
