# SPDX-License-Identifier: BSD-3-Clause
"""The faults of a soak: one class for each kind of kinds.KINDS."""

from . import machine, orders, peers, storms  # noqa: F401 - each registers what it has
from .base import REGISTRY, Fault, make
from .inject import Injector

__all__ = ["REGISTRY", "Fault", "Injector", "make"]
