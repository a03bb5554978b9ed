"""All benchmarks, one table each; figures of different systems are good as ratios within one run."""

import argparse
import sys
from pathlib import Path

import bench_azint
import bench_devices
import bench_live
import bench_parse
import bench_replay
import bench_scheduler
import bench_source
import bench_view


def main() -> None:
    """Run them one after the other."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", type=Path, help="virtual environment of another dranspose to compare with")
    peer = parser.parse_args().peer
    print(f"Python {sys.version.split()[0]}")
    for name, bench in (
        ("replay", lambda: bench_replay.main(["--peer", str(peer)] if peer else [])),
        ("azint", bench_azint.main),
        ("scheduler", bench_scheduler.main),
        ("source", bench_source.main),
        ("parse", bench_parse.main),
        ("live", lambda: bench_live.main(["--peer", str(peer)] if peer else [])),
        ("devices", bench_devices.main),
        ("view", bench_view.main),
    ):
        print(f"\n## {name}", flush=True)
        bench()


if __name__ == "__main__":  # the nodes of the live pipeline are processes that import this
    main()
