# SPDX-License-Identifier: BSD-3-Clause
"""Reads tests/soak/criteria.toml: the limits of a soak, each with its reason."""

import dataclasses
import math
import pathlib
import tomllib

from .. import TOP, Error

FILE = TOP / "tests/soak/criteria.toml"

_KEYS = {"most": (int, float), "least": (int, float), "unit": str, "why": str, "stop": bool}


@dataclasses.dataclass(frozen=True)
class Criterion:
    name: str
    limit: float
    at_least: bool  # the limit is the least that is right, not the most
    unit: str
    why: str
    stop: bool = False  # broken once it is broken for good: no use to go on

    def holds(self, value):
        return value >= self.limit if self.at_least else value <= self.limit

    @property
    def sign(self):
        return "≥" if self.at_least else "≤"


def load(path=FILE, names=None):
    """{name: Criterion}; Error in one sentence about what is wrong. `names` are those that there have to be."""
    try:
        tables = tomllib.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Error(f"{path} cannot be read: {error}") from None
    for name in tables:
        if names is not None and name not in names:
            raise Error(f"{path}: no criterion is called {name!r}; there are {', '.join(sorted(names))}")
    for name in sorted(names or ()):
        if name not in tables:
            raise Error(f"{path}: there is no limit for {name}")
    return {name: _criterion(path, name, table) for name, table in tables.items()}


def _criterion(path, name, table):
    def wrong(what):
        return Error(f"{path}: {name}: {what}")

    if not isinstance(table, dict):
        raise wrong("is no table")
    for key, value in table.items():
        if key not in _KEYS:
            raise wrong(f"unknown key {key!r}; there are {', '.join(_KEYS)}")
        if not isinstance(value, _KEYS[key]) or (isinstance(value, bool) and key != "stop"):
            raise wrong(f"{key} = {value!r} is of the wrong type")
    limits = [key for key in ("most", "least") if key in table]
    if len(limits) != 1:
        raise wrong("has to have `most` or `least`, and only one of them")
    limit = table[limits[0]]
    if not math.isfinite(limit) or limit < 0:
        raise wrong(f"{limits[0]} = {limit} makes no sense: a finite number, 0 or more")
    for key in ("unit", "why"):
        if not table.get(key, "").strip():
            raise wrong(f"`{key}` is missing")
    return Criterion(name, limit, limits[0] == "least", table["unit"], table["why"], table.get("stop", False))
