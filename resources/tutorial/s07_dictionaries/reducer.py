from s05_results.reducer import TestReducer

__all__ = ["TestReducer"]
