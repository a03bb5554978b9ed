"""The streams of detectors, one module per protocol: socket in, numbered packets out."""
