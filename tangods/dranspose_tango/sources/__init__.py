"""Sources that speak Tango, beside those of `dranspose.sources`."""
