"""Detectors to try things with: the sending end of the protocols."""
