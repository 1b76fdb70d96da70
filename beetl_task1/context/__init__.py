"""What neighbours in time say about an epoch, where the order of a night is known."""

from .messages import classifier_prior, forward_backward
from .transitions import DEFAULT_TRANSITIONS, Transitions, learn_transitions

__all__ = ["DEFAULT_TRANSITIONS", "Transitions", "classifier_prior", "forward_backward", "learn_transitions"]
