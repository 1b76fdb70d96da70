"""Carrying a model over to the target group."""

from . import adabn, domains, feature_adaptation, finetune, latent_alignment, mixup  # noqa: F401  (importing registers)
from .registry import Transfer, check_transfers, make_transfer, put_into, transfer_class, transfer_names

__all__ = ["Transfer", "check_transfers", "make_transfer", "put_into", "transfer_class", "transfer_names"]
