"""Audit of a data folder: what is there, what is missing, what is damaged, and what the nights are like."""

from collections.abc import Sequence

from ..data.files import DataFolder
from ..parallel import each
from ..progress import Progress
from ..task import PARTS, Part
from .across import distances, findings_across, part_row, spectra
from .findings import SEVERITIES, Audit
from .inventory import take_inventory
from .night import Examined, examine
from .order import judge_order, label_agreement

__all__ = ["Audit", "audit", "judge_order", "label_agreement"]


def audit(
    folder: DataFolder,
    *,
    groups: Sequence[str] | None = None,
    jobs: int = 1,
    seed: int = 0,
    progress: Progress | None = None,
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
        Called after each night with its key.
    """
    parts = [part for part in PARTS if groups is None or part.group in groups or part.role == "source"]
    recordings, findings = take_inventory(folder, parts)
    tasks = [(part, recording) for part in parts for recording in recordings[part]]
    nights: dict[Part, list[Examined]] = {part: [] for part in parts}
    examined = each(examine, ((r, p.role, seed) for p, r in tasks), jobs)
    for done, ((part, _), night) in enumerate(zip(tasks, examined, strict=True), 1):
        nights[part].append(night)
        findings += night.findings
        if progress:
            progress(done, len(tasks), str(night.row.key))
    rows = [part_row(folder, part, examined) for part, examined in nights.items()]
    findings += findings_across(nights, rows)
    return Audit(
        path=str(folder.path),
        provenance=folder.provenance.describe(),
        rules=folder.provenance.rules(),
        findings=sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)),
        parts=rows,
        nights=[night.row for part in parts for night in nights[part]],
        spectra=list(spectra(nights)),
        shifts=list(distances(nights)),
    )
