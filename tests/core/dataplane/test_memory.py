"""Memory that was freed is used again."""

import subprocess
import sys
import textwrap


def faults(prepare: str) -> int:
    """Return how many fresh pages a process needs for eight blocks of 8 MB, five times."""
    code = f"""
        import resource
        from dranspose.dataplane.memory import reuse_freed_memory
        {prepare}
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(5):
            blocks = [b"x" * 2**23 for _ in range(8)]
            del blocks
        print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, capture_output=True, text=True)
    return int(run.stdout)


def test_freed_memory_is_used_again() -> None:
    assert faults("reuse_freed_memory()") * 4 < faults("pass")
