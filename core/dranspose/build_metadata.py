"""Where analysis code comes from: the metadata that its container image was built with."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from dranspose.protocol import BuildMetadata

DEFAULT_FILE = "/etc/build_git_meta.json"

logger = logging.getLogger(__name__)


def read_build_metadata() -> BuildMetadata | None:
    """Return what the file that ``BUILD_META_FILE`` names says; None where there is none, or a damaged one."""
    path = Path(os.environ.get("BUILD_META_FILE", DEFAULT_FILE))
    try:
        fields = json.loads(path.read_text())
        return BuildMetadata(
            commit_hash=fields["commit_hash"],
            branch_name=fields["branch_name"],
            timestamp=fields["timestamp"],
            repository_url=fields["repository_url"],
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("the build metadata in %s is left out: %r", path, error)
        return None
