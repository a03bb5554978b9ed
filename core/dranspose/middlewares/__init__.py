"""Parsers from the raw frames of a stream to typed messages, one module per detector protocol."""
