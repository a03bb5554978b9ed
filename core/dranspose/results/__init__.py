"""What reducers can build upon: results written to a NeXus file and published, event by event, and maps of them."""

from dranspose.results.news import Mark, News, news_since
from dranspose.results.raster import Raster
from dranspose.results.reducer import NexusReducer

__all__ = ["Mark", "News", "NexusReducer", "Raster", "news_since"]
