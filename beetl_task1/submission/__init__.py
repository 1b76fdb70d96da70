"""From probabilities to a checked zip."""
