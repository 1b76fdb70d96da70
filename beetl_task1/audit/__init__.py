"""Audit of a data folder: what is there, what is missing, what is damaged, and what the nights are like."""

from collections.abc import Callable, Iterator, Sequence

from ..data.files import DataFolder
from . import across
from .findings import SEVERITIES, Audit, Finding, NightRow, Order, PartRow, Shift, Spectra
from .inventory import Entry, take_inventory, wanted_parts
from .night import Examined, examine
from .order import judge_order, label_agreement

__all__ = [
    "Audit",
    "Finding",
    "NightRow",
    "Order",
    "PartRow",
    "Shift",
    "Spectra",
    "audit",
    "judge_order",
    "label_agreement",
]


def audit(
    folder: DataFolder,
    *,
    groups: Sequence[str] | None = None,
    jobs: int = 1,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> Audit:
    """Examine every night of a data folder; damaged files become findings, none stops the audit.

    Parameters
    ----------
    folder : DataFolder
        Where it allows a partial tree, missing nights are warnings.
    groups : sequence of str, optional
        Target groups to look at, besides the source; all by default.
    jobs : int
        Processes; each holds one night at a time.
    seed : int
        For the random pairs behind the verdict on order.
    progress : callable, optional
        Called with nights done, nights in all, and the night's name.

    Returns
    -------
    Audit
        Its ``ok`` is false when something would spoil a submission.
    """
    parts = wanted_parts(groups)
    entries, findings = take_inventory(folder, parts)
    nights = []
    for night in _examine_all(entries, folder.unit, jobs, seed):
        nights.append(night)
        if progress:
            progress(len(nights), len(entries), str(night.row.key))
    rows = [across.part_row(folder, part, nights) for part in parts]
    findings += [finding for night in nights for finding in night.findings]
    findings += across.repeats_across(nights) + across.totals(folder, rows) + across.short_nights(nights)
    findings += across.odd_gains(nights) + across.absent_stages(nights) + across.kept_order(nights)
    return Audit(
        path=str(folder.path),
        provenance=folder.provenance.describe(),
        findings=sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)),
        parts=rows,
        nights=[night.row for night in nights],
        spectra=[s for part in parts if (s := across.spectra(part, nights))],
        shifts=[s for part in parts if (s := across.shift(part, nights))],
    )


def _examine_all(entries: Sequence[Entry], unit: str, jobs: int, seed: int) -> Iterator[Examined]:
    if jobs == 1 or len(entries) < 2:
        yield from (examine(entry, unit, seed) for entry in entries)
        return
    from joblib import Parallel, delayed

    yield from Parallel(n_jobs=jobs, return_as="generator")(delayed(examine)(entry, unit, seed) for entry in entries)
