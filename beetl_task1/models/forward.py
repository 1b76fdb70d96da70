"""Sending signals through a module."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from .device import mixed_precision

PREDICT_BATCH = 256


def parts_of(X: np.ndarray, device: torch.device) -> Iterator[torch.Tensor]:
    """Yield scaled signals in batches for prediction."""
    for i in range(0, len(X), PREDICT_BATCH):
        yield torch.from_numpy(X[i : i + PREDICT_BATCH]).to(device)


def outputs(module: nn.Module, X: np.ndarray) -> torch.Tensor:
    """Return what a module gives for scaled signals, on the CPU, without gradients."""
    device = next(module.parameters()).device
    with torch.no_grad(), mixed_precision(device):
        return torch.cat([module(part).float().cpu() for part in parts_of(X, device)])


def features_and_logits(module: nn.Module, last: str, X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the submodule ``last`` is given, flattened to ``(n, n_features)``, and what the module gives."""
    seen: list[torch.Tensor] = []
    handle = module.get_submodule(last).register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    try:
        logits = module(X)
    finally:
        handle.remove()
    return seen[-1].flatten(1), logits


def layers_of(module: nn.Module) -> list[str]:
    """Return the names of the parts with parameters of their own, in the order in which they were made."""
    found = [name for name, part in module.named_modules() if list(part.parameters(recurse=False))]
    return list(dict.fromkeys(name.partition(".parametrizations")[0] for name in found))
