"""How much the end of a chunk of EEG says about the beginning of the next one, in nats.

    python benchmarks/border_statistic.py

An autoregression forecasts the first samples of every chunk from the end of every other; the statistic is the
log-likelihood ratio of the true successor against the channel's marginal. It is learned within chunks, so that no order
is needed. The command prints what it finds in the real recordings whose order is known.
"""

import argparse
import sys
from pathlib import Path

import mne
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from real_nights import default_folder, dynamo, whole_seconds
from scipy.signal import lfilter, lfiltic
from scipy.spatial.distance import cdist

ORDER = 30
"""Samples from which a forecast is made."""
HORIZON = 20
"""Samples that are forecast."""


def border_nats(chunks: np.ndarray) -> float:
    """Return the median nats of the true successors; ``chunks`` as for :func:`border_evidence`."""
    return found(border_evidence(chunks))[0]


def border_evidence(chunks: np.ndarray, order: int = ORDER, horizon: int = HORIZON) -> np.ndarray:
    """Return the nats by which each chunk (rows) is told to come before each other (columns).

    Parameters
    ----------
    chunks : (n_chunks, n_times)
        Consecutive pieces of one channel in microvolts.
    order, horizon : int
        Samples from which a forecast is made, and that are forecast.
    """
    coefficients, noise = _autoregression(chunks, order)
    forecasts, starts = np.array([_continue(chunk, coefficients, horizon) for chunk in chunks]), chunks[:, :horizon]
    impulse = lfilter([1.0], np.r_[1.0, -coefficients[::-1]], np.eye(1, horizon)[0])
    chol = noise * np.tril(impulse[np.subtract.outer(np.arange(horizon), np.arange(horizon)).clip(0)])
    white = cdist(np.linalg.solve(chol, forecasts.T).T, np.linalg.solve(chol, starts.T).T, "sqeuclidean")
    cov = np.cov(sliding_window_view(chunks.ravel(), horizon)[::11].T)
    cov += 1e-6 * cov[0, 0] * np.eye(horizon)
    marginal = (starts @ np.linalg.inv(cov) * starts).sum(1)
    logdet = np.linalg.slogdet(cov)[1] - 2 * np.log(np.diag(chol)).sum()
    return np.asarray(0.5 * (marginal + logdet - white))


def _autoregression(chunks: np.ndarray, order: int) -> tuple[np.ndarray, float]:
    lagged = np.concatenate([sliding_window_view(c, order + 1)[::7] for c in chunks])
    coefficients = np.linalg.lstsq(lagged[:, :-1], lagged[:, -1], rcond=None)[0]
    return coefficients, (lagged[:, -1] - lagged[:, :-1] @ coefficients).std()


def _continue(chunk: np.ndarray, coefficients: np.ndarray, horizon: int) -> np.ndarray:
    """Forecast the samples after a chunk."""
    a = np.r_[1.0, -coefficients[::-1]]
    past = chunk[::-1][: len(coefficients)]
    return lfilter([1.0], a, np.zeros(horizon), zi=lfiltic([1.0], a, past))[0]


def found(evidence: np.ndarray) -> tuple[float, float, float]:
    """Return the median nats of true successors, and how often one comes first, or in the top tenth, of all chunks."""
    n = len(evidence)
    true, others = np.diagonal(evidence, 1), evidence[:-1].copy()
    others[np.arange(n - 1), np.arange(n - 1)] = -np.inf
    rank = (others > true[:, None]).sum(axis=1)
    return float(np.median(true)), float(np.mean(rank == 0)), float(np.mean(rank < n / 10))


def rows(folder: Path) -> dict[str, np.ndarray]:
    """Return the evidence for each order of two chunks, by what was recorded."""
    sleep = dynamo(folder)[0]
    wake = 1e6 * mne.io.read_raw_edf(folder / "sleep_edf_sc4001" / "short_psg.edf", verbose="error").get_data()[:2]
    night = [whole_seconds(folder, channel)[0] for channel in range(2)]
    of = {"dynamo, sleep, epochs of 30 s": [border_evidence(sleep)]}
    of["dynamo, sleep, chunks of 5 s"] = [border_evidence(sleep.reshape(-1, 500))]
    of["SC4001, Wake, chunks of 5 s"] = [border_evidence(channel.reshape(-1, 500)) for channel in wake]
    of["SC4001, a night, means of one second, epochs of 30 s"] = [border_evidence(x, 8, 4) for x in night]
    said = {}
    for name, channels in of.items():
        names = ("Fpz-Cz", "Pz-Oz") if len(channels) > 1 else ("one channel",)
        said |= {f"{name}, {channel}": told for channel, told in zip(names, channels, strict=True)}
        if len(channels) > 1:
            said[f"{name}, both"] = np.sum(channels, axis=0)
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, default=default_folder(), help="real recordings")
    folder = parser.parse_args().real
    if not folder.is_dir():
        sys.exit(f"skipped: {folder} is not there; it is not part of the project")
    print("| recording | chunks | nats | true next one first, % | in the top tenth, % |\n|---|---|---|---|---|")
    for name, evidence in rows(folder).items():
        nats, first, tenth = found(evidence)
        print(f"| {name} | {len(evidence)} | {nats:.1f} | {100 * first:.0f} | {100 * tenth:.0f} |", flush=True)


if __name__ == "__main__":
    main()
