"""Hand-crafted features of one epoch, and their cache."""
