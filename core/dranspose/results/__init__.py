"""What reducers can build upon: results written to a NeXus file and published, event by event."""

from dranspose.results.reducer import NexusReducer

__all__ = ["NexusReducer"]
