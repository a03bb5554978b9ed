from s04_intensity.worker import TestWorker

__all__ = ["TestWorker"]
