"""The names of the transfers, and how a recipe's tables become transfers."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import BeetlError
from ..models.base import Model, Transfer
from ..models.registry import Registry
from ..typed import typed

_HERE = __package__
TRANSFERS = Registry(
    "transfer",
    {
        "adabn": f"{_HERE}.adabn:AdaBN",
        "coral": f"{_HERE}.feature_adaptation:Coral",
        "dann": f"{_HERE}.domains:Dann",
        "deep-coral": f"{_HERE}.domains:DeepCoral",
        "finetune": f"{_HERE}.finetune:Finetune",
        "importance": f"{_HERE}.feature_adaptation:Importance",
        "latent-alignment": f"{_HERE}.latent_alignment:LatentAlignment",
        "mixup": f"{_HERE}.mixup:TargetMixup",
        "self-training": f"{_HERE}.domains:SelfTraining",
        "standardise": f"{_HERE}.feature_adaptation:Standardise",
    },
)
transfer_names = TRANSFERS.names


def transfer_class(name: str) -> type[Transfer]:
    """Return the class of a transfer; see :meth:`beetl_task1.models.registry.Registry.get`."""
    found: type[Transfer] = TRANSFERS.get(name)
    return found


def make_transfer(table: Mapping[str, Any]) -> Transfer:
    """Return the transfer of a recipe's table: ``name`` and its parameters.

    Raises
    ------
    BeetlError
        On an unknown name, parameter or value.
    """
    values = dict(table)
    name = values.pop("name", None)
    if not isinstance(name, str):
        raise BeetlError(f"[transfer]: name is {name!r}; choose one of: {', '.join(transfer_names())}")
    return typed(transfer_class(name), values, f"transfer {name}")


def check_transfers(model: type[Model], transfers: Sequence[Transfer], where: str) -> None:
    """Refuse transfers that do not fit a model, or each other.

    Parameters
    ----------
    model : type
        Class of the model.
    transfers : sequence of Transfer
        In their order.
    where : str
        What the error calls the place, such as ``"recipe mine"``.

    Raises
    ------
    BeetlError
        If a transfer is for networks and the model is none, or the other way round; if a model cannot be fitted to each
        night; if two transfers would do so.
    """
    for transfer in transfers:
        if model.is_network != transfer.for_networks:
            fits = "networks" if transfer.for_networks else "models on features"
            raise BeetlError(f"{where}: transfer {transfer.name} is for {fits}; choose another of either")
    by_night = sum(transfer.by_night for transfer in transfers)
    if by_night and not model.by_night:
        raise BeetlError(f"{where}: the model cannot be fitted to each night; remove that transfer")
    if by_night > 1:
        raise BeetlError(f"{where}: both transfers fit the same layers to each night; keep one of them")
