"""azint's interface on numpy and scipy.sparse: azimuthal integration of area detector images.

Jensen et al., J. Synchrotron Rad. 29 (2022) 1420, describe azint; the geometry is pyFAI's.
"""

from dranspose.azint import detector
from dranspose.azint.integrator import AzimuthalIntegrator
from dranspose.azint.poni import Poni

__all__ = ["AzimuthalIntegrator", "Poni", "detector"]

#: The azint release with this interface; the local part tells files that record it which package made them.
__version__ = "1.2.0+dranspose"
