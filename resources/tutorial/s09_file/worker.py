from s08_dataclasses.worker import Result, Start, TestWorker

__all__ = ["Result", "Start", "TestWorker"]
