"""Where torch computes, with how many threads, and by which generator."""

import contextlib
from collections.abc import Iterator

import torch

from ..errors import BeetlError


def find_device(wanted: str) -> torch.device:
    """Return where to compute.

    Parameters
    ----------
    wanted : {"auto", "cpu", "cuda", "mps"}
        ``auto``: what is there.

    Raises
    ------
    BeetlError
        If the device that was asked for is not there.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if wanted == "auto":
        wanted = "cuda" if there["cuda"] else "mps" if there["mps"] else "cpu"
    if not there.get(wanted):
        raise BeetlError(f"device {wanted}: not there; use --device cpu, or auto for what is there")
    return torch.device(wanted)


@contextlib.contextmanager
def threads(jobs: int) -> Iterator[None]:
    """Compute with a number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(jobs)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def own_generator(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Draw by a seed, and leave torch's global generators as they were: dropout draws from them, and knows no other."""
    with torch.random.fork_rng(devices=[device] if device is not None and device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def mixed_precision(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Return a context that computes in bfloat16 on CUDA, and as it is elsewhere."""
    if device.type != "cuda":
        return contextlib.nullcontext()
    return torch.autocast("cuda", dtype=torch.bfloat16)
