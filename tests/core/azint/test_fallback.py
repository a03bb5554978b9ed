"""`import azint` in fresh interpreters: an installed azint if there is one, else the built-in package."""

import os
import pickle
import subprocess
import sys
from importlib.machinery import PathFinder

import pytest

from dranspose.azint import AzimuthalIntegrator, Poni
from dranspose.azint.detector import Eiger2_4M


def run(code: str, *paths: object) -> str:
    """Run code in an interpreter that finds modules in these folders first; return what it printed and logged."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    completed = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


without_azint = pytest.mark.skipif(PathFinder.find_spec("azint") is not None, reason="azint is installed here")

INSTALL = """
import logging, sys
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s", stream=sys.stdout)
from dranspose.azint.fallback import install
install()
"""


@pytest.fixture
def installed_azint(tmp_path):
    package = tmp_path / "azint"
    package.mkdir()
    (package / "__init__.py").write_text("from . import detector\nPoni = 'of the installed azint'\n")
    (package / "detector.py").write_text("Eiger2_4M = 'its detector'\n")
    return tmp_path


@without_azint
@pytest.mark.parametrize(
    "statement",
    [
        "import azint; A, D = azint.AzimuthalIntegrator, azint.detector.Eiger2_4M",
        "import azint.detector; A, D = azint.AzimuthalIntegrator, azint.detector.Eiger2_4M",
        "from azint.detector import Eiger2_4M as D; from azint import AzimuthalIntegrator as A",
        "from azint import AzimuthalIntegrator as A, detector; D = detector.Eiger2_4M",
    ],
)
def test_without_azint_the_built_in_one_is_found(statement):
    output = run(
        f"{INSTALL}\n{statement}\n"
        "import dranspose.azint, dranspose.azint.detector\n"
        "assert A is dranspose.azint.AzimuthalIntegrator and D is dranspose.azint.detector.Eiger2_4M\n"
        "print(D().shape)"
    )
    assert "(2162, 2068)" in output


@without_azint
def test_every_module_of_the_built_in_package_exists_once():
    run(f"{INSTALL}\nimport azint, azint.poni, dranspose.azint.poni\nassert azint.poni is dranspose.azint.poni")


@without_azint
def test_the_built_in_one_is_announced_once_when_it_is_imported():
    output = run(f"{INSTALL}\nprint('before')\nimport azint, azint.detector\nfrom azint import Poni\nimport azint")
    before, announced, *rest = output.splitlines()
    assert before == "before"
    assert announced.startswith("INFO dranspose.azint ")
    assert "built-in" in announced
    assert not rest


def test_an_installed_azint_is_preferred(installed_azint):
    code = f"{INSTALL}\nimport azint\nfrom azint.detector import Eiger2_4M\nprint(azint.Poni, Eiger2_4M)"
    assert run(code, installed_azint) == "of the installed azint its detector\n"


def test_an_installed_azint_that_fails_is_not_covered_up(installed_azint):
    (installed_azint / "azint" / "__init__.py").write_text("import its_missing_library")
    code = f"{INSTALL}\ntry:\n    import azint\nexcept ImportError as error:\n    print(error)"
    assert "its_missing_library" in run(code, installed_azint)


def test_installing_twice_is_installing_once():
    output = run(f"{INSTALL}\nbefore = list(sys.meta_path)\ninstall()\nprint(sys.meta_path == before)")
    assert output == "True\n"


def test_nothing_is_loaded_until_azint_is_imported():
    assert (
        run(f"{INSTALL}\nprint([name for name in ('azint', 'scipy', 'h5py', 'fabio') if name in sys.modules])")
        == "[]\n"
    )


@without_azint
def test_without_the_finder_there_is_no_azint():
    code = "import dranspose.azint\ntry:\n    import azint\nexcept ModuleNotFoundError as error:\n    print(error.name)"
    assert run(code) == "azint\n"


@without_azint
def test_pickles_load_where_the_finder_is_not_installed(tmp_path):
    code = (
        f"{INSTALL}\nimport azint, pickle, pathlib\n"
        "poni = azint.Poni(azint.detector.Eiger2_4M(), 1, 0, 0, 0, 0, 0, None)\n"
        "small = azint.Poni(azint.detector.Detector(1e-4, 1e-4, (4, 5)), 1, 0, 0, 0, 0, 0, None)\n"
        "ai = azint.AzimuthalIntegrator(small, 1, 2, unit='2th')\n"
        f"pathlib.Path({str(tmp_path / 'pickle')!r}).write_bytes(pickle.dumps((poni, ai)))"
    )
    run(code)
    poni, ai = pickle.loads((tmp_path / "pickle").read_bytes())
    assert isinstance(poni, Poni)
    assert isinstance(poni.det, Eiger2_4M)
    assert isinstance(ai, AzimuthalIntegrator)
