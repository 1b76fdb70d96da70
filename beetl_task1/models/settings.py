"""What a recipe may set of the loss and of the training of a network."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from ..errors import BeetlError, unknown
from .checks import check_choice, check_number, check_whole


@dataclass(frozen=True)
class Loss:
    """Loss of a network, computed from the labels that train it.

    Parameters
    ----------
    name : {"cross-entropy", "focal"}
        Focal: each epoch times ``(1 - p) ** gamma`` (Lin et al. 2017).
    weights : {"balanced", "class-aware", "none"}
        Weight of a stage. ``balanced``: inverse frequency to the power ``balance``. ``class-aware``: ``mu_k * max(1,
        ln(mu_k N / n_k))`` (Eldele et al. 2021, AttnSleep).
    balance : float
        Exponent of ``balanced``: 0 weighs epochs alike, 1 weighs stages alike.
    gamma : float
        Of the focal loss.
    label_smoothing : float
        Share of the label that is spread over all stages.
    adjustment : float
        Logit adjustment: this times the log frequency of a stage is added to its logit in training (Menon et al. 2021).
    vat : float
        Weight of virtual adversarial training (Miyato et al. 2018); 0 for none.
    vat_radius : float
        Norm of its perturbation, in units of the scaled signal's typical norm.
    """

    name: str = "cross-entropy"
    weights: str = "balanced"
    balance: float = 0.5
    gamma: float = 2.0
    label_smoothing: float = 0.0
    adjustment: float = 0.0
    vat: float = 0.0
    vat_radius: float = 0.1

    def __post_init__(self):
        check_choice("[loss]", "name", self.name, ("cross-entropy", "focal"))
        check_choice("[loss]", "weights", self.weights, ("balanced", "class-aware", "none"))
        for name in ("balance", "gamma", "adjustment", "vat", "vat_radius"):
            check_number("[loss]", name, getattr(self, name), 0)
        check_number("[loss]", "label_smoothing", self.label_smoothing, 0, 0.9)


@dataclass(frozen=True)
class Training:
    """How a network is trained.

    Parameters
    ----------
    passes : int
        Passes over the epochs that train.
    batch_size : int
        Epochs of a batch.
    lr : float
        Largest learning rate of AdamW.
    weight_decay : float
        Of AdamW.
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
    pass_epochs : int
        Epochs drawn for a pass at most, of all roles together; 0 for all.
    """

    passes: int = 8
    batch_size: int = 128
    lr: float = 1e-3
    weight_decay: float = 1e-3
    schedule: str = "one-cycle"
    clip: float = 1.0
    patience: int = 0
    holdout: float = 0.1
    sampling: str = "shuffle"
    pass_epochs: int = 0

    def __post_init__(self):
        check_choice("[training]", "schedule", self.schedule, ("one-cycle", "cosine", "constant"))
        check_choice("[training]", "sampling", self.sampling, ("shuffle", "balanced"))
        for name, least in (("passes", 0), ("batch_size", 2), ("patience", 0), ("pass_epochs", 0)):
            check_whole("[training]", name, getattr(self, name), least)
        for name in ("weight_decay", "clip"):
            check_number("[training]", name, getattr(self, name), 0)
        check_number("[training]", "lr", self.lr, 1e-9, 10)
        check_number("[training]", "holdout", self.holdout, 0, 0.5)


def merged(default, given: Mapping | object):
    """Return settings with what is given put over the defaults.

    Parameters
    ----------
    default : Loss or Training
        Or another frozen dataclass.
    given : mapping or settings
        A table of a recipe, or settings that replace the default whole.

    Raises
    ------
    BeetlError
        On an unknown key; the nearest is given.
    """
    table = type(default).__name__.lower()
    if isinstance(given, type(default)):
        return given
    if not isinstance(given, Mapping):
        raise BeetlError(f"{table} is {given!r}; expected a table [{table}]")
    known = [f.name for f in fields(default)]
    for key in given:
        if key not in known:
            raise unknown(f"key of [{table}]", key, known)
    return replace(default, **given)
