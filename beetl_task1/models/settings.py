"""What a recipe may set of the loss and of the training of a network."""

from typing import Annotated, Literal

from msgspec import Meta

from ..typed import AtLeast0, Count, Settings

Rate = Annotated[float, Meta(gt=0, le=10)]
BatchSize = Annotated[int, Meta(ge=2)]


class Loss(Settings, frozen=True):
    """Loss of a network, computed from the labels that train it.

    Parameters
    ----------
    name : {"cross-entropy", "focal"}
        Focal: each epoch times ``(1 - p) ** gamma`` (Lin et al. 2017).
    weights : {"balanced", "class-aware", "none"}
        Weight of a stage. ``balanced``: inverse frequency to the power ``balance`` (0: epochs count alike, 1: stages
        do). ``class-aware``: ``mu_k * max(1, ln(mu_k N / n_k))`` (Eldele et al. 2021, AttnSleep).
    label_smoothing : float
        Share of the label that is spread over all stages.
    adjustment : float
        Logit adjustment: this times the log frequency of a stage is added to its logit in training (Menon et al. 2021).
    vat, vat_radius : float
        Weight of virtual adversarial training (Miyato et al. 2018), 0 for none, and the norm of its perturbation in
        units of the scaled signal's typical norm.
    """

    name: Literal["cross-entropy", "focal"] = "cross-entropy"
    weights: Literal["balanced", "class-aware", "none"] = "balanced"
    balance: AtLeast0 = 0.5
    gamma: AtLeast0 = 2.0
    label_smoothing: Annotated[float, Meta(ge=0, le=0.9)] = 0.0
    adjustment: AtLeast0 = 0.0
    vat: AtLeast0 = 0.0
    vat_radius: AtLeast0 = 0.1


class Training(Settings, frozen=True):
    """How a network is trained, by AdamW.

    Parameters
    ----------
    passes, batch_size, pass_epochs : int
        Passes over the epochs that train; epochs of a batch; epochs drawn for a pass at most, of all roles together, 0
        for all.
    lr, weight_decay : float
        The largest learning rate, and the decay of weights.
    schedule : {"one-cycle", "cosine", "constant"}
        Course of the rate over the passes.
    clip : float
        Largest norm of the gradient; 0 for no limit.
    patience : int
        Passes without a better held-out loss after which training stops; 0 for never.
    holdout : float
        Share of the source subjects that choose the pass whose weights are kept, and do not train; 0: the last pass.
    sampling : {"shuffle", "balanced"}
        ``balanced`` draws stages with equal chances.
    """

    passes: Count = 8
    batch_size: BatchSize = 128
    lr: Rate = 1e-3
    weight_decay: AtLeast0 = 1e-3
    schedule: Literal["one-cycle", "cosine", "constant"] = "one-cycle"
    clip: AtLeast0 = 1.0
    patience: Count = 0
    holdout: Annotated[float, Meta(ge=0, le=0.5)] = 0.1
    sampling: Literal["shuffle", "balanced"] = "shuffle"
    pass_epochs: Count = 0
