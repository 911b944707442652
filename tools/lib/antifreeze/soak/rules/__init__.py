# SPDX-License-Identifier: BSD-3-Clause
"""What is counted for each criterion of a soak. A rule sees every second once, and says what it found."""

from . import counts, drift, gaps, levels, loss, mute, own, streams

ALL = {rule.name: rule for module in (counts, own, mute, levels, gaps, streams, loss, drift) for rule in module.RULES}
RECOVERY = {rule.name for rule in gaps.RECOVERY}
