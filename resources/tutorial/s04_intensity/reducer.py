from s01_skeleton.reducer import TestReducer

__all__ = ["TestReducer"]
