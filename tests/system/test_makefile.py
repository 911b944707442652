# SPDX-License-Identifier: BSD-3-Clause
"""The Makefile: what is made again when lwIP's tree changes. In a copy of the project, without a network."""

import os
import shutil
import subprocess

import pytest
from conftest import TOP

CACHE = TOP / "build/cache/lwip"

pytestmark = pytest.mark.skipif(not CACHE.is_dir(), reason="built from LWIP_DIR: nothing was fetched")

# One of lwIP's own, two that see its headers, in guest and unit tests; and one that does not.
OBJECTS = ["build/obj/lwip/core/def.c.o", "build/obj/lwip-port/chksum.c.o", "build/unit/obj/lwip-port/chksum.o"]
OTHER = "build/obj/kernel/string.c.o"
TARGETS = [OBJECTS[0], OBJECTS[1], "build/unit/test_chksum", OTHER]

PATCH = """a comment more

--- a/src/include/lwip/init.h
+++ b/src/include/lwip/init.h
@@ -1,3 +1,4 @@
+/* */
 /**
  * @file
  * lwIP initialization API
"""


@pytest.fixture
def tree(tmp_path):
    shutil.copytree(TOP, tmp_path / "tree", ignore=shutil.ignore_patterns("build", ".git", "__pycache__"))
    shutil.copytree(CACHE, tmp_path / "tree/build/cache/lwip")
    return tmp_path / "tree"


def make(tree, *words):
    """When each object was made."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k not in ("LWIP_DIR", "BUILD")}
    done = subprocess.run(
        ["make", "-j4", *words, *TARGETS], cwd=tree, env=clean, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=110,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return {name: (tree / name).stat().st_mtime_ns for name in [*OBJECTS, OTHER]}


def test_patched_header_makes_objects_again_at_once(tree):
    first = make(tree)
    assert make(tree) == first
    (tree / "lwip-port/patches/9999-comment.patch").write_text(PATCH)
    second = make(tree)
    assert [name for name in OBJECTS if second[name] == first[name]] == []
    assert second[OTHER] == first[OTHER]
    assert make(tree) == second
