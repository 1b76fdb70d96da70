"""Weights of modules as bytes in the format of safetensors, which holds no code."""

import hashlib

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from ..errors import CheckpointError


def pack(module: nn.Module, model: str) -> bytes:
    """Return the weights of a module, and as metadata the name of the model that they are of."""
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
        raise CheckpointError(f"weights cannot be read ({one_line(error)}); train again") from error
    differing = sorted(set(tensors) ^ set(module.state_dict()))  # torch itself fills in some that are missing
    if differing:
        raise CheckpointError(f"weights are not of this network (missing or not its own: {differing[0]}); train again")
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        raise CheckpointError(f"weights are not of this network ({one_line(error)}); train again") from error


def copied(module: nn.Module) -> dict[str, torch.Tensor]:
    """Return a copy of the weights, as ``load_state_dict`` takes it."""
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def digest_of(module: nn.Module) -> str:
    """Return the digest of the weights and their names."""
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def one_line(error: Exception) -> str:
    """Return an error of torch on one line, and not too long."""
    return " ".join(str(error).split())[:160] or type(error).__name__
