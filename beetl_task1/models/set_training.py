"""How the network over the epochs of a night is trained; torch is needed for nothing else of it."""

from collections.abc import Sequence

import numpy as np
import torch
from msgspec.structs import replace
from torch import nn
from torch.nn.functional import cross_entropy

from ..progress import Progress
from .modules import own_generator, threads
from .set_attention import SetSettings

_SMOOTHING = 0.02
_LARGEST_GRADIENT = 1.0


class SetNetwork(nn.Module):
    """Epochs of a night to logits, whatever their order: an encoder of a transformer without positions.

    Parameters
    ----------
    n_columns, n_outputs : int
        Of an epoch's table, and of stages.
    settings : SetSettings
        Its size.
    """

    def __init__(self, n_columns: int, n_outputs: int, settings: SetSettings):
        super().__init__()
        width, drop = settings.width, settings.dropout
        self.into = nn.Sequential(nn.Linear(n_columns, width), nn.GELU(), nn.Dropout(drop), nn.Linear(width, width))
        self.layers = nn.ModuleList(_layer(settings) for _ in range(settings.layers))
        self.out = nn.Sequential(nn.LayerNorm(width), nn.Dropout(drop), nn.Linear(width, n_outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits ``(n_nights, n_epochs, n_outputs)`` of inputs ``(n_nights, n_epochs, n_columns)``."""
        hidden = self.into(x)
        for layer in self.layers:
            hidden = layer(hidden)
        logits: torch.Tensor = self.out(hidden)
        return logits


def _layer(settings: SetSettings) -> nn.TransformerEncoderLayer:
    """Return a layer without dropout of the attention, which takes two thirds of the time."""
    inner, drop = 2 * settings.width, settings.dropout
    layer = nn.TransformerEncoderLayer(
        settings.width, settings.heads, inner, drop, activation="gelu", batch_first=True, norm_first=True
    )
    layer.self_attn.dropout = 0.0
    return layer


def trained(
    nights: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]],
    n_outputs: int,
    settings: SetSettings,
    seed: int,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """Return the weights of a network trained on nights: their inputs, labels and weights of epochs.

    Each step takes a few nights and some epochs of each, until as many epochs were drawn as ``passes`` say. AdamW
    (Loshchilov & Hutter 2019), the rate of one cycle (Smith & Topin 2019), Gaussian noise on the inputs. One thread, so
    that the result is the same wherever it runs.
    """
    rng, lengths = np.random.default_rng(seed), [len(y) for _, y, _ in nights]
    settings = replace(settings, epochs=min(settings.epochs, max(lengths)))
    steps = max(settings.least_steps, round(settings.passes * sum(lengths) / (settings.nights * settings.epochs)))
    with threads(1), own_generator(seed):
        network = SetNetwork(nights[0][0].shape[1], n_outputs, settings)
        optimiser = torch.optim.AdamW(network.parameters(), lr=settings.rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, total_steps=steps)
        for done in range(1, steps + 1):
            x, y, weight = _drawn(nights, settings, rng)
            logits = network(x + settings.noise * torch.randn_like(x)).flatten(0, 1)
            losses = cross_entropy(logits, y.flatten(), reduction="none", label_smoothing=_SMOOTHING)
            optimiser.zero_grad()
            (losses * weight.flatten()).mean().backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), _LARGEST_GRADIENT)
            optimiser.step()
            schedule.step()
            if progress is not None and done % 10 == 0:
                progress(done, steps, "network over nights")
        return {name: tensor.detach().numpy().copy() for name, tensor in network.state_dict().items()}


def _drawn(
    nights: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], settings: SetSettings, rng: np.random.Generator
) -> list[torch.Tensor]:
    """Return inputs, labels and weights of some epochs of a few nights; short nights repeat theirs."""
    chosen = [nights[i] for i in rng.integers(0, len(nights), settings.nights)]
    rows = [rng.choice(len(y), settings.epochs, replace=len(y) < settings.epochs) for _, y, _ in chosen]
    parts = zip(*([part[r] for part in night] for night, r in zip(chosen, rows, strict=True)), strict=True)
    return [torch.from_numpy(np.stack(part)) for part in parts]
