"""Typed messages, one module per detector protocol."""
