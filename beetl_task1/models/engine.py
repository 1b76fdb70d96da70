"""What networks do with torch: modules, stages, prediction, weights."""

import contextlib
import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import nn

from ..data.recording import Recording
from ..errors import BeetlError, CheckpointError
from ..scoring import leaderboard_score
from ..task import N_CHANS, N_OUTPUTS
from ..writing import whole_file
from .loop import Run, mixed_precision, run
from .losses import StageLoss
from .network import NETWORK_VERSION, SOURCE, Network, NetworkTransfer, Nights
from .settings import Loss, Training
from .signals import FIXED, Rows, scaled, typical_spread
from .stage import Stage

PREDICT_BATCH = 256


@contextlib.contextmanager
def threads(jobs: int) -> Iterator[None]:
    """Compute with a number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(jobs)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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


def fresh_module(network: Network) -> nn.Module:
    """Return the network's module as its transfers alter it, with initial weights drawn by its seed."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)  # braindecode and mne, of each other
        torch.manual_seed(network.seed)
        try:
            module = network.make_module()
        except (TypeError, ValueError, RuntimeError, ArithmeticError) as error:
            kind = type(network).__name__
            raise BeetlError(f"{kind} cannot be made with these [parameters] ({_short(error)}); change them") from error
        for transfer in network.transfers:
            module = transfer.alter(module)
    return module


def run_stage(
    network: Network, stage: Stage, nights: Nights, held_out: Sequence[Recording], keep: bool = False
) -> None:
    """Run a stage on nights by role, from the present weights; the network's history grows by it.

    Parameters
    ----------
    network : Network
        Its ``module_`` is trained in place.
    stage : Stage
        What to do.
    nights : mapping of str to sequence of Recording
        By role.
    held_out : sequence of Recording
        Labelled nights that choose the pass; none of their subjects trains.
    keep : bool
        Keep the result in the cache.
    """
    alike = [t for t in network.transfers if t.in_source or not keep]  # what is kept must suit the other recipes too
    chosen = [(role, night) for role, found in nights.items() for night in found]
    rows = Rows([night for _, night in chosen], [role for role, _ in chosen], network.store(), network.scaling)
    key = stage_key(network, stage, nights, held_out)
    device = find_device(network.resources.device)
    network.module_.to(device)
    task = Run(
        stage=stage,
        module=network.module_,
        rows=rows,
        loss=StageLoss(network.loss, rows.y[rows.labelled], device),
        evaluate=(stage.judge or held_out_judge)(network, held_out, alike) if held_out else None,
        seed=network.seed,
        device=device,
        resources=network.resources,
        resume=_place(network, key, "state"),
        key=key,
    )
    network.history_ = network.history_ + run(task)
    path = _place(network, key, "safetensors") if keep else None
    if path is not None:
        with whole_file(path) as file:
            file.write(to_bytes(network.module_, {"history": json.dumps(network.history_)}))


def read_stage(network: Network, stage: Stage, nights: Nights, held_out: Sequence[Recording]) -> bool:
    """Take up weights and history of a stage that was kept; return whether there were any."""
    path = _place(network, stage_key(network, stage, nights, held_out), "safetensors")
    if path is None or not network.resources.resume or not path.exists():
        return False
    try:
        with safe_open(path, framework="pt") as file:
            history = json.loads(file.metadata()["history"])
        network.module_ = from_bytes(network, path.read_bytes())
    except (SafetensorError, CheckpointError, OSError, ValueError, KeyError, TypeError):
        return False  # trained anew, from the fresh module that is still in place
    network.history_ = history
    return True


def stage_key(network: Network, stage: Stage, nights: Nights, held_out: Sequence[Recording]) -> str:
    """Return the digest of all that decides the weights after a stage: settings, nights, weights before, threads."""
    made = {k: v for k, v in vars(network).items() if k not in ("resources", "transfers") and not k.endswith("_")}
    alike = [t.setting() for t in network.transfers if t.in_source or stage.name != SOURCE]
    parts = [
        type(network).__name__, NETWORK_VERSION, torch.__version__, torch.get_num_threads(),
        find_device(network.resources.device).type,
        {k: asdict(v) if isinstance(v, Loss | Training) else v for k, v in made.items()},
        alike, stage.name, asdict(stage.training), stage.setting,
        {role: [_listed(night) for night in found] for role, found in nights.items()},
        [_listed(night) for night in held_out], _digest(network.module_),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def night_signals(network: Network, recording: Recording) -> np.ndarray:
    """Return the scaled signals of a night, shape ``(n_epochs, 2, 3000)``, float32."""
    array = network.store().array(recording)
    spread = typical_spread(array)[:, None] if network.scaling == "night" else np.full((N_CHANS, 1), FIXED, np.float32)
    return scaled(array, network.scaling, spread)


def probabilities(
    network: Network, module: nn.Module, recording: Recording, transfers: Sequence[NetworkTransfer] | None = None
) -> np.ndarray:
    """Return what a module says of a night, shape ``(n_epochs, 6)``, fitted to it as the transfers do.

    Parameters
    ----------
    network : Network
        Says how signals are scaled and where to compute.
    module : torch.nn.Module
        Its own, or another of the same kind.
    recording : Recording
        The night.
    transfers : sequence of NetworkTransfer, optional
        Instead of those of the network.
    """
    X = night_signals(network, recording)
    module.to(find_device(network.resources.device)).eval()
    with contextlib.ExitStack() as fitted:
        for transfer in network.transfers if transfers is None else transfers:
            fitted.enter_context(transfer.predicting(network, module, X))
        return torch.softmax(outputs(module, X).double(), dim=1).numpy()


def outputs(module: nn.Module, X: np.ndarray) -> torch.Tensor:
    """Return what a module gives for scaled signals, on the CPU, without gradients."""
    device = next(module.parameters()).device
    with torch.no_grad(), mixed_precision(device):
        parts = [module(torch.from_numpy(part).to(device)).float().cpu() for part in _parts(X)]
    return torch.cat(parts)


def _parts(X: np.ndarray) -> list[np.ndarray]:
    return [X[i : i + PREDICT_BATCH] for i in range(0, len(X), PREDICT_BATCH)]


def night_features(network: Network, module: nn.Module, recording: Recording) -> np.ndarray:
    """Return what the last layer is given for a night, shape ``(n_epochs, n_features)``."""
    device = find_device(network.resources.device)
    module.to(device).eval()
    with torch.no_grad():
        parts = _parts(night_signals(network, recording))
        found = [features_and_logits(network, module, torch.from_numpy(X).to(device))[0].float().cpu() for X in parts]
    return torch.cat(found).numpy()


def features_and_logits(network: Network, module: nn.Module, X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the last layer is given, flattened to ``(n, n_features)``, and what it gives."""
    seen: list[torch.Tensor] = []
    head = module.get_submodule(network.head[0])
    handle = head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        logits = module(X)
    finally:
        handle.remove()
    return seen[-1].flatten(1), logits


def held_out_judge(
    network: Network, held_out: Sequence[Recording], transfers: Sequence[NetworkTransfer] | None = None
) -> Callable[[nn.Module], tuple[float, float]]:
    """Return a function from a module to its loss, each stage weighing alike, and its score on nights held out."""
    truth = np.concatenate([recording.y for recording in held_out])
    counts = np.bincount(truth, minlength=N_OUTPUTS)
    weight = 1 / counts[truth] / (counts > 0).sum()

    def judge(module: nn.Module) -> tuple[float, float]:
        p = np.concatenate([probabilities(network, module, recording, transfers) for recording in held_out])
        loss = -(np.log(np.maximum(p[np.arange(len(truth)), truth], 1e-7)) * weight).sum()
        return float(loss), leaderboard_score(truth, p.argmax(axis=1))

    return judge


def to_bytes(module: nn.Module, metadata: dict[str, str]) -> bytes:
    """Return the weights in the format of safetensors."""
    apart = {k: v.detach().cpu().contiguous().clone() for k, v in module.state_dict().items()}  # some share memory
    return save_tensors(apart, metadata=metadata)


def from_bytes(network: Network, content: bytes) -> nn.Module:
    """Return the network's module with weights read.

    Raises
    ------
    CheckpointError
        If they are damaged, or not the ones that this network has.
    """
    try:
        tensors = load_tensors(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"weights cannot be read ({_short(error)}); train again") from error
    module = fresh_module(network)
    differing = sorted(set(tensors) ^ set(module.state_dict()))  # torch itself fills in some that are missing
    if differing:
        raise CheckpointError(f"weights are not of this network (missing or not its own: {differing[0]}); train again")
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        raise CheckpointError(f"weights are not of this network ({_short(error)}); train again") from error
    return module.eval()


def _place(network: Network, key: str, ending: str) -> Path | None:
    cache = network.resources.cache
    return None if cache is None else Path(cache) / "networks" / f"{key[:32]}.{ending}"


def _listed(night: Recording) -> list[str]:
    labels = hashlib.sha256(night.y.tobytes()).hexdigest() if night.labelled else ""
    onsets = "" if night.onsets is None else hashlib.sha256(np.asarray(night.onsets, float).tobytes()).hexdigest()
    return [str(night.key), night.fingerprint, labels, onsets]


def _digest(module: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
