# SPDX-License-Identifier: BSD-3-Clause
"""tools/lwip-source: what it makes, what it leaves alone, and what it says when it cannot.

Each test works in a copy of the script and the patches, with the source package that the build has
fetched, and without a network.
"""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "build/cache/lwip"

pytestmark = pytest.mark.skipif(not CACHE.is_dir(), reason="built from LWIP_DIR: nothing was fetched")


class Tree:
    """A copy of what the script needs, and its runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lwip = path / "build/lwip"
        self.cache = path / "build/cache/lwip"
        (path / "tools").mkdir()
        shutil.copy(ROOT / "tools/lwip-source", path / "tools")
        shutil.copytree(ROOT / "lwip-port/patches", path / "lwip-port/patches")
        shutil.copytree(CACHE, self.cache)

    def start(self, **env: str) -> subprocess.Popen:
        clean = {k: v for k, v in os.environ.items() if k not in ("LWIP_DIR", "BUILD", "V")}
        user = [] if os.geteuid() == 0 else ["--map-root-user"]
        return subprocess.Popen(
            ["unshare", *user, "--net", str(self.path / "tools/lwip-source")],
            env=clean | env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )

    def run(self, **env: str) -> subprocess.CompletedProcess:
        with self.start(**env) as p:
            out, err = p.communicate(timeout=120)
            return subprocess.CompletedProcess(p.args, p.returncode, out, err)

    def is_whole(self) -> bool:
        return (self.lwip / "src/core/tcp_out.c").is_file() and (self.lwip / ".stamp").is_file()

    def leftovers(self) -> list:
        return list((self.path / "build").glob(".lwip-tmp.*"))


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_unpacks_and_patches_from_the_cache(tree):
    r = tree.run()
    assert (r.returncode, r.stderr) == (0, "")
    assert tree.is_whole() and not tree.leftovers()
    assert "tcp_reference_tail" in (tree.lwip / "src/core/tcp_out.c").read_text(encoding="latin-1")
    # Debian's own patches are there too.
    assert (tree.lwip / "debian/patches/series").read_text().strip()


def test_second_run_does_nothing(tree):
    tree.run()
    before = (tree.lwip / "src/core/tcp_out.c").stat().st_mtime_ns
    start = time.monotonic()
    r = tree.run()
    assert (r.returncode, r.stdout, r.stderr) == (0, "", "")
    assert (tree.lwip / "src/core/tcp_out.c").stat().st_mtime_ns == before
    assert time.monotonic() - start < 2


def test_changed_patches_are_applied_anew(tree):
    tree.run()
    (tree.path / "lwip-port/patches/0006-tcp-split-by-reference.patch").unlink()
    assert tree.run().returncode == 0
    assert "tcp_reference_tail" not in (tree.lwip / "src/core/tcp_out.c").read_text(encoding="latin-1")
    assert tree.is_whole()


def test_patch_that_does_not_apply_leaves_the_old_tree(tree):
    tree.run()
    bad = tree.path / "lwip-port/patches/9999-bad.patch"
    bad.write_text("reason\n\n--- a/src/core/init.c\n+++ b/src/core/init.c\n@@ -1,1 +1,1 @@\n-no such line\n+x\n")
    r = tree.run()
    assert r.returncode == 1 and "9999-bad.patch does not apply" in r.stderr
    assert tree.is_whole() and not tree.leftovers()


def sentence(r):
    """The one sentence a failure consists of."""
    assert r.returncode == 1
    assert r.stderr.count("\n") == 1
    assert "LWIP_DIR=" in r.stderr
    return r.stderr


def test_nothing_cached_and_no_network(tree):
    shutil.rmtree(tree.cache)
    assert "lwip 2.2.1+dfsg1-1+deb13u1" in sentence(tree.run())
    assert not tree.lwip.exists() and not tree.cache.exists() and not tree.leftovers()


@pytest.mark.parametrize("how", ["cut", "changed", "missing"])
def test_wrong_download_is_not_used(tree, how):
    archive = next(tree.cache.glob("*.orig.tar.xz"))
    data = bytearray(archive.read_bytes())
    if how == "cut":
        archive.write_bytes(data[: len(data) // 2])
    elif how == "changed":
        data[1000] ^= 1
        archive.write_bytes(data)
    else:
        archive.unlink()
    # An apt without mirrors says no at once; the test above has the real one.
    (tree.path / "bin").mkdir()
    (tree.path / "bin/apt-get").symlink_to("/bin/false")
    sentence(tree.run(PATH=f"{tree.path}/bin:{os.environ['PATH']}"))
    assert not tree.lwip.exists() and not tree.cache.exists()


def test_build_folder_that_cannot_be_written_to(tree):
    (tree.path / "file").write_text("")
    r = tree.run(BUILD=str(tree.path / "file"))
    assert r.returncode == 1
    assert r.stderr.startswith(f"lwip-source: {tree.path}/file cannot be written to; ") and r.stderr.count("\n") == 1


def test_killed_run_is_made_up_for(tree):
    (tree.path / "build/.lwip-tmp.1/lwip/src").mkdir(parents=True)
    with tree.start() as p:
        time.sleep(0.15)
        p.kill()
    assert tree.run().returncode == 0
    assert tree.is_whole() and not tree.leftovers()


def test_runs_at_the_same_time_make_one_tree(tree):
    runs = [tree.start() for _ in range(4)]
    for p in runs:
        assert p.wait(timeout=120) == 0, p.stderr.read()
        p.stdout.close()
        p.stderr.close()
    assert tree.is_whole() and not tree.leftovers()


# ---- LWIP_DIR -----------------------------------------------------------------------------------


@pytest.fixture
def given(tmp_path_factory):
    """An unpacked lwIP 2.2.1 without our patches."""
    path = tmp_path_factory.mktemp("given")
    subprocess.run(["dpkg-source", "--no-check", "--extract", str(next(CACHE.glob("*.dsc"))), str(path / "lwip")],
                   check=True, capture_output=True)
    return path / "lwip"


def test_given_tree_is_copied_and_patched(tree, given):
    shutil.rmtree(tree.cache)
    before = (given / "src/core/tcp_out.c").read_bytes()
    assert tree.run(LWIP_DIR=str(given)).returncode == 0
    assert tree.is_whole()
    assert (given / "src/core/tcp_out.c").read_bytes() == before
    assert tree.run(LWIP_DIR=str(given)).stdout == ""
    (given / "src/core/init.c").write_text("/* changed */\n")
    assert tree.run(LWIP_DIR=str(given)).returncode == 0
    assert (tree.lwip / "src/core/init.c").read_text() == "/* changed */\n"


def test_given_tree_of_another_version_is_refused(tree, given):
    header = given / "src/include/lwip/init.h"
    header.write_text(re.sub(r"(#define LWIP_VERSION_REVISION +)1", r"\g<1>0", header.read_text()))
    r = tree.run(LWIP_DIR=str(given))
    assert r.returncode == 1 and "is lwIP 2.2.0; 2.2.1 is needed" in r.stderr


def test_given_folder_that_is_no_tree_is_refused(tree, tmp_path):
    r = tree.run(LWIP_DIR=str(tmp_path / "tools"))
    assert r.returncode == 1 and "is no lwIP tree" in r.stderr


def test_the_tree_made_here_is_refused_as_given(tree):
    tree.run()
    r = tree.run(LWIP_DIR=str(tree.path / "tools/../build/lwip"))
    assert r.returncode == 1 and "is the tree that is made here" in r.stderr and r.stderr.count("\n") == 1
    assert tree.is_whole()


def test_given_tree_with_our_patches_is_refused(tree, given):
    tree.run()
    shutil.copytree(tree.lwip / "src", given / "src", dirs_exist_ok=True)
    r = tree.run(LWIP_DIR=str(given))
    assert r.returncode == 1 and "has our patches in it already" in r.stderr and r.stderr.count("\n") == 1
    assert tree.is_whole() and not tree.leftovers()
