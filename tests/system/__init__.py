"""Tests of real processes and sockets."""
