"""Run a program that the kernel kills as soon as the process that started it is gone, however that ended.

Usage, from the main thread: ``python -IS tether.py PID_OF_THE_CALLER PROGRAM ARGUMENT...``. It is a program by itself,
because Python code between fork and exec may hang in a caller that has threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # <sys/prctl.h>; it survives execve

if __name__ == "__main__":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        sys.exit("the process that asked for this program is gone")
    try:
        os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - so that no shell stands between
    except OSError as error:
        sys.exit(f"{sys.argv[2]}: {error.strerror}")
