"""Map-reduce analysis of detector streams: what analysis code imports, its replay, and the live data plane."""
