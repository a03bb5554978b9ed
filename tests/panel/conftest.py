"""The tests of the panel's widgets, for an environment with Taurus: `tests/tangods/test_panel.py` runs them there."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("taurus_pyqtgraph") else ["test_*.py"]
