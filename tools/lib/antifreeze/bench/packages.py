# SPDX-License-Identifier: BSD-3-Clause
"""Debian's packages for the Linux guest: found, fetched and verified by apt, unpacked under build/.

Nothing is installed, no right is needed. What has been fetched stays in build/cache/linux, and is taken from there
as long as it is what apt would fetch.
"""

import hashlib
import json
import re
import shutil
import subprocess

from .. import BUILD, Error, own_folder

CACHE = BUILD / "cache" / "linux"
ROOT = BUILD / "bench" / "linux"

KERNEL = "linux-image-amd64"  # names the newest kernel of the release
PROGRAMS = ("iperf3", "libiperf0", "libsctp1", "libssl3", "libc6")

_STAMP = ".packages"
_HELP = "the package lists may be old or the registry out of reach: `apt-get update` as root, then try again"


def fetch():
    """Fetches and unpacks what is not there yet. Needs the network, so it is called outside the private world."""
    wanted = [_kernel(), *PROGRAMS]
    files = [_fetched(package) for package in wanted]
    versions = json.dumps({package: file.name.split("_")[1] for package, file in zip(wanted, files)})
    stamp = ROOT / _STAMP
    if not stamp.is_file() or stamp.read_text() != versions:
        shutil.rmtree(ROOT, ignore_errors=True)
        own_folder(ROOT)
        for file in files:
            _run("dpkg-deb", "-x", file, ROOT)
        stamp.write_text(versions)


def fetched():
    """True if there is what fetch() gets."""
    return (ROOT / _STAMP).is_file()


def versions():
    """{package: version} of what is unpacked in ROOT."""
    return json.loads((ROOT / _STAMP).read_text())


def _kernel():
    """The package behind KERNEL, e.g. linux-image-6.1.0-13-amd64."""
    said = _run("apt-cache", "depends", KERNEL)
    found = re.search(r"Depends: (linux-image-\d\S*)", said)
    if not found:
        raise Error(f"apt knows no package {KERNEL}: {_HELP}")
    return found[1]


def _fetched(package):
    """The package's file in the cache, verified by the hash that apt's signed lists give."""
    said = _run("apt-get", "download", "--print-uris", package)
    found = re.search(r"^'[^']+' (\S+) (\d+) (SHA256|SHA512):([0-9a-f]+)", said, re.M)
    if not found:
        raise Error(f"apt knows no package {package}: {_HELP}")
    file = own_folder(CACHE) / found[1]
    if not file.is_file() or _hash(file, found[3]) != found[4]:
        print(f"fetching {package} ({int(found[2]) / 1e6:.1f} MB)", flush=True)
        _run("apt-get", "-q", "download", package, cwd=CACHE)
        if not file.is_file() or _hash(file, found[3]) != found[4]:
            raise Error(f"{package} came, but not as the package lists promise it: {_HELP}")
    return file


def _hash(file, name):
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, name.lower()).hexdigest()


def _run(*words, cwd=None):
    try:
        done = subprocess.run(
            [str(word) for word in words], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600
        )
    except OSError as error:
        raise Error(f"{words[0]} cannot be run ({error}): the Linux guest is made of Debian packages") from None
    except subprocess.TimeoutExpired:
        raise Error(f"{words[0]} has not ended after 10 minutes: {_HELP}") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Error(f"{' '.join(map(str, words[:2]))}: {last}\n{_HELP}")
    return done.stdout
