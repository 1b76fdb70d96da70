"""What neighbours in time say about an epoch, where the order of a night is known."""

from .messages import classifier_prior, forward_backward
from .transitions import DEFAULT_TRANSITIONS, Transitions, count_transitions, learn_transitions

__all__ = [
    "DEFAULT_TRANSITIONS",
    "Transitions",
    "classifier_prior",
    "count_transitions",
    "forward_backward",
    "learn_transitions",
]
