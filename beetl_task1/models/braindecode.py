"""All classifiers of braindecode that take ``n_chans, n_outputs, n_times, sfreq``, and presets of some of them."""

import functools
import inspect
from collections.abc import Mapping
from typing import Any, cast, get_type_hints

import msgspec
import torch
from braindecode.models.util import models_dict
from torch import nn

from ..errors import BeetlError, unknown
from ..task import N_CHANS, N_OUTPUTS, N_TIMES
from ..typed import Settings, overlaid
from .network import Network
from .settings import Loss, Training
from .torch_model import SIGNAL, NetworkSettings

HEADS = {"USleep": ("clf", "final_layer")}
"""Submodules that make up the last layer, where that is more than one."""
KINDS: dict[type, Any] = {kind: kind for kind in (bool, int, float, str)}
KINDS |= {list: list[Any], tuple: tuple[Any, ...], type(None): Any}
"""Types of defaults that TOML can say, and what a recipe may set in their place."""
_GIVEN = {*SIGNAL, "chs_info", "input_window_seconds"}


@functools.cache
def settings_of(network: str, **preset: Any) -> type[NetworkSettings]:
    """Return the settings of a network by the name of its class: those of every network, and its own plain keywords.

    ``preset`` are other defaults than those of the class and of :class:`NetworkSettings`.
    """
    keywords = {name: p.default for name, p in inspect.signature(models_dict[network]).parameters.items()}
    own = {name: value for name, value in keywords.items() if name not in _GIVEN and type(value) in KINDS}
    kinds = get_type_hints(NetworkSettings) | {name: KINDS[type(value)] for name, value in own.items()}
    defaults = {
        name: msgspec.field(default_factory=functools.partial(list, value)) if isinstance(value, list) else value
        for name, value in (own | preset).items()
    }
    fields = [(name, kinds[name], default) for name, default in defaults.items()]
    made = msgspec.defstruct(network, fields, bases=(NetworkSettings,), tag_field="network", tag=network, frozen=True)
    return cast(type[NetworkSettings], made)


class _Network(Network):
    """A network of braindecode; its settings say which."""

    def make_module(self) -> nn.Module:
        """Return the untrained module."""
        keywords = msgspec.structs.asdict(self.settings)
        own = {name: value for name, value in keywords.items() if name not in NetworkSettings.__struct_fields__}
        module: nn.Module = models_dict[self._name](**SIGNAL, **own)
        with torch.no_grad():
            given = module.eval()(torch.zeros(2, N_CHANS, N_TIMES))
        if not isinstance(given, torch.Tensor) or given.shape != (2, N_OUTPUTS):
            raise ValueError(f"{self._name} gives something else than {N_OUTPUTS} values an epoch")
        return module.train()

    def head(self, module: nn.Module) -> tuple[str, ...]:
        """Return the names of the submodules that make up the last layer, in the order of the signal."""
        return HEADS.get(self._name) or super().head(module)

    @property
    def _name(self) -> str:
        return str(self.settings.__struct_config__.tag)


class Braindecode(_Network):
    """A network of braindecode by its name, with the keywords of its class."""

    @classmethod
    def resolve(cls, values: Mapping[str, Any], where: str) -> Settings:
        """Return all settings: the defaults of the network's class, and what a recipe sets over them.

        Raises
        ------
        BeetlError
            On an unknown network or keyword (the nearest is given), or a value of another type.
        """
        name = values.get("network")
        if name is None:
            raise BeetlError(f"{where}: network is missing; set it to one of: {', '.join(sorted(models_dict))}")
        if name not in list(models_dict):
            raise unknown(f"network of {where}", str(name), sorted(models_dict))
        return overlaid(settings_of(name)(), values, where)


class Blanco(_Network):
    """The compact sleep stager of Blanco et al. 2020: grouped convolutions along time, one linear layer."""

    Settings = settings_of("SleepStagerBlanco2020", apply_batch_norm=True)


class Chambon(_Network):
    """The two-channel stager of Chambon et al. 2018: a spatial filter, two convolutions along time, one linear layer.

    With batch normalisation after each convolution, which the paper has not: AdaBN and latent alignment need it.
    """

    Settings = settings_of("SleepStagerChambon2018", apply_batch_norm=True)


class DeepSleep(_Network):
    """DeepSleepNet, Supratak et al. 2017: convolutions with small and large kernels, a two-way LSTM, one linear layer.

    Epochs are shuffled within a recording, so the LSTM sees sequences of one epoch.
    """

    Settings = settings_of("DeepSleepNet", training=Training(lr=5e-4))


class EEGNet(_Network):
    """EEGNet, Lawhern et al. 2018: filters along time, depthwise over channels, a separable convolution."""

    Settings = settings_of("EEGNet")


class Shallow(_Network):
    """Filters along time and over channels, squares, mean pooling, log, one layer (Schirrmeister et al. 2017).

    The start kit's example uses it.
    """

    Settings = settings_of("ShallowFBCSPNet", scaling="window", loss=Loss(weights="none"))


class USleep(_Network):
    """U-Sleep, Perslev et al. 2021: a deep U of convolutions along time; here each epoch is a sequence of its own."""

    Settings = settings_of("USleep")
