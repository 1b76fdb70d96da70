"""What is done with torch and its modules: where it computes and draws, signals through it, weights as bytes."""

import contextlib
import hashlib
from collections.abc import Iterator

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from ..errors import BeetlError, CheckpointError, one_line

PREDICT_BATCH = 256


def find_device(wanted: str) -> torch.device:
    """Return ``cpu``, ``cuda``, ``mps`` or, by ``auto``, what is there, or a :class:`BeetlError` if it is not."""
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
def own_generator(seed: int) -> Iterator[None]:
    """Draw by a seed, and leave torch's global generators as they were: dropout draws from them, and knows no other."""
    used = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(devices=used):
        torch.manual_seed(seed)
        yield


def mixed_precision(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Return a context that computes in bfloat16 on CUDA, and as it is elsewhere."""
    if device.type != "cuda":
        return contextlib.nullcontext()
    return torch.autocast("cuda", dtype=torch.bfloat16)


def full_precision(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Return a context, inside of one of mixed precision, that computes as it is: covariances bear no rounding."""
    return torch.autocast(device.type, enabled=False)


def parts_of(X: np.ndarray, device: torch.device) -> Iterator[torch.Tensor]:
    """Yield scaled signals in batches for prediction."""
    for i in range(0, len(X), PREDICT_BATCH):
        yield torch.from_numpy(X[i : i + PREDICT_BATCH]).to(device)


def outputs(module: nn.Module, X: np.ndarray) -> torch.Tensor:
    """Return what a module gives for scaled signals, on the CPU, without gradients."""
    device = next(module.parameters()).device
    with torch.no_grad(), mixed_precision(device):
        return torch.cat([module(part).float().cpu() for part in parts_of(X, device)])


def layers_of(module: nn.Module) -> list[str]:
    """Return the names of the parts with parameters of their own, in the order in which they were made."""
    found = [name for name, part in module.named_modules() if list(part.parameters(recurse=False))]
    return list(dict.fromkeys(name.partition(".parametrizations")[0] for name in found))


def copied(module: nn.Module) -> dict[str, torch.Tensor]:
    """Return a copy of the weights, as ``load_state_dict`` takes it."""
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def pack(module: nn.Module, model: str) -> bytes:
    """Return the weights in the format of safetensors, which holds no code, with the name of their model."""
    apart = {k: v.detach().cpu().contiguous().clone() for k, v in module.state_dict().items()}  # some share memory
    return save(apart, metadata={"model": model})


def unpack(module: nn.Module, content: bytes) -> None:
    """Put weights into a module, all of them and no others.

    Raises
    ------
    CheckpointError
        If they are damaged, or of another network.
    """
    try:
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"weights cannot be read ({one_line(error, 160)}); train again") from error
    differing = sorted(set(tensors) ^ set(module.state_dict()))  # torch itself fills in some that are missing
    if differing:
        raise CheckpointError(f"weights are not of this network (missing or not its own: {differing[0]}); train again")
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        raise CheckpointError(f"weights are not of this network ({one_line(error, 160)}); train again") from error


def digest_of(module: nn.Module) -> str:
    """Return the digest of the weights and their names."""
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
