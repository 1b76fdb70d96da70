"""The start kit's network on simulated nights: ShallowFBCSPNet from the source straight to 80-95."""

import numpy as np
import torch
from braindecode.models import ShallowFBCSPNet
from sklearn.metrics import recall_score

from beetl_task1 import task
from beetl_task1.data.simulate import plan, simulate_night

BATCH = 60
LEARNING_RATE = 1e-4
WEIGHT_DECAY = 5e-4


def standardise(X: np.ndarray) -> torch.Tensor:
    """Standardise every window and channel over time and scale by 1e3, as the kit does; (n, 2, 3000) float32."""
    X = (X - X.mean(-1, keepdims=True)) / (X.std(-1, keepdims=True) + 1e-12)
    return torch.from_numpy((X * 1e3).astype(np.float32))


def nights(group: str, role: str, seed: int, sessions: tuple[int, ...] = task.SESSIONS):
    """Return windows and labels of a part of the medium competition."""
    kept = [n for n in plan("medium", seed) if (n.part.group, n.part.role) == (group, role) and n.session in sessions]
    X = torch.empty((sum(n.n_epochs for n in kept), task.N_CHANS, task.N_TIMES), dtype=torch.float32)
    y, row = [], 0
    for n in kept:
        night = simulate_night(group, n.subject, n.session, seed=seed, n_epochs=n.n_epochs)
        X[row : row + n.n_epochs] = standardise(night.X)
        y.append(night.y)
        row += n.n_epochs
    return X, np.concatenate(y)


def forward(model, X: torch.Tensor) -> torch.Tensor:
    """Apply a ShallowFBCSPNet with its filters multiplied out and a cheaper pooling: the same output."""
    temporal, spatial = model.conv_time_spat.conv_time, model.conv_time_spat.conv_spat
    kernel = torch.einsum("oic,it->oct", spatial.weight[:, :, 0], temporal.weight[:, 0, :, 0])
    bias = torch.einsum("oic,i->o", spatial.weight[:, :, 0], temporal.bias)
    x = torch.nn.functional.conv1d(X, kernel, bias)
    x = model.pool_nonlin_exp(_pool(model.conv_nonlin_exp(model.bnorm(x[..., None]))[..., 0])[..., None])
    return model.final_layer(model.drop(x))


def _pool(x: torch.Tensor) -> torch.Tensor:
    """Average over 75 samples every 15, by way of sums over 15."""
    sums = x[..., : x.shape[-1] // 15 * 15].unflatten(-1, (-1, 15)).sum(-1)
    return sums.unfold(-1, 5, 1).sum(-1) / 75


def train_pass(model, optimiser, X: torch.Tensor, y: torch.Tensor, rng: np.random.Generator) -> None:
    """Show every window once."""
    model.train()
    for rows in np.array_split(rng.permutation(len(y)), len(y) // BATCH):
        rows = torch.from_numpy(rows)
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(forward(model, X[rows]), y[rows]).backward()
        optimiser.step()


def predict(model, X: torch.Tensor) -> np.ndarray:
    """Return the labels of windows."""
    model.eval()
    with torch.no_grad():
        return torch.cat([forward(model, X[i : i + BATCH]).argmax(1) for i in range(0, len(X), BATCH)]).numpy()


def balanced(y: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the leaderboard's score and the recall of every stage, x 100."""
    recall = 100 * recall_score(y, labels, labels=np.unique(y), average=None)
    return float(recall.mean()), recall


def run(
    seed: int = 0, passes: int = 6, tests: tuple = (("80-95", "test"),), sessions: tuple[int, ...] = task.SESSIONS
) -> list[dict]:
    """Train on the medium source and score the test sets after every pass.

    Returns
    -------
    list of dict
        One a pass, from test set to score.
    """
    torch.manual_seed(seed)
    X, y = nights("25-64", "source", seed, sessions)
    held_out = {f"{g} {r}": nights(g, r, seed, sessions) for g, r in tests}
    print(f"{len(y)} source epochs", flush=True)
    model = ShallowFBCSPNet(task.N_CHANS, task.N_OUTPUTS, n_times=task.N_TIMES, final_conv_length="auto")
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    rng, results = np.random.default_rng(seed), []
    for number in range(1, passes + 1):
        train_pass(model, optimiser, X, torch.from_numpy(y), rng)
        scores = {name: balanced(truth, predict(model, windows)) for name, (windows, truth) in held_out.items()}
        results.append({"pass": number} | {name: score for name, (score, _) in scores.items()})
        print(f"pass {number}: " + ", ".join(f"{n} {s:.1f} {np.round(r)}" for n, (s, r) in scores.items()), flush=True)
    return results
