"""Sardana drives the pipeline: macros, a recorder and channels, in the folders that its paths are to name."""
