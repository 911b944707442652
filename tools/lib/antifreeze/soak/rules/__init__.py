# SPDX-License-Identifier: BSD-3-Clause
"""What is counted for each criterion of a soak. A rule sees every second once, and says what it found."""

from . import counts, drift, gaps, levels, loss

ALL = {rule.name: rule for module in (counts, levels, gaps, loss, drift) for rule in module.RULES}
