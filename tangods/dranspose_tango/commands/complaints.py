"""What goes wrong around an ensemble, told in a sentence and not as a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def complaints_of(command: str) -> Iterator[None]:
    """End the process with status 1 and a sentence if an error occurs that the user can do something about."""
    import tango

    from dranspose_tango.database import DatabaseError
    from dranspose_tango.ensemble_file import EnsembleError
    from dranspose_tango.remote import RemoteError
    from dranspose_tango.running import AlreadyRunningError, NotRunningError
    from dranspose_tango.tango_errors import explain

    try:
        yield
    except tango.DevFailed as error:
        sys.exit(f"dranspose {command}: {explain(error)}")
    except (AlreadyRunningError, DatabaseError, EnsembleError, NotRunningError, OSError, RemoteError) as error:
        sys.exit(f"dranspose {command}: {error}")
