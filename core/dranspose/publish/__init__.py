"""A reducer's published results as an HDF5 tree: its rules (``tree``), as a file, and over HTTP."""
