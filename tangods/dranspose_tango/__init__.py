"""Tango devices and commands around the `dranspose` package."""
