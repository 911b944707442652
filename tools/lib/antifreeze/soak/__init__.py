# SPDX-License-Identifier: BSD-3-Clause
"""The soak: traffic over every path for as long as is asked, with faults, and a verdict."""
