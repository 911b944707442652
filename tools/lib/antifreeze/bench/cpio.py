# SPDX-License-Identifier: BSD-3-Clause
"""Writes a cpio archive in the "newc" form, which the Linux kernel unpacks as its first file system."""

import stat

_FIELDS = ("ino", "mode", "uid", "gid", "nlink", "mtime", "size", "major", "minor", "rmajor", "rminor", "name", "check")


class Archive:
    """add_file() and add_device() as often as needed, then bytes(). Folders on the way are made by themselves."""

    def __init__(self):
        self._parts = []
        self._folders = set()
        self._inode = 0

    def add_file(self, name, content, executable=False):
        self._add_folders(name)
        self._add(name, stat.S_IFREG | (0o755 if executable else 0o644), content)

    def add_character_device(self, name, major, minor):
        self._add_folders(name)
        self._add(name, stat.S_IFCHR | 0o600, b"", major, minor)

    def bytes(self):
        """The whole archive with its end mark."""
        end = _entry("TRAILER!!!", 0, 0, b"", 0, 0)
        return b"".join([*self._parts, end])

    def _add_folders(self, name):
        parts = name.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            folder = "/".join(parts[:depth])
            if folder not in self._folders:
                self._folders.add(folder)
                self._add(folder, stat.S_IFDIR | 0o755, b"")

    def _add(self, name, mode, content, major=0, minor=0):
        self._inode += 1
        self._parts.append(_entry(name, self._inode, mode, content, major, minor))


def _entry(name, inode, mode, content, major, minor):
    name = name.encode() + b"\0"
    values = dict.fromkeys(_FIELDS, 0) | {
        "ino": inode, "mode": mode, "nlink": 1, "size": len(content),
        "rmajor": major, "rminor": minor, "name": len(name),
    }  # fmt: skip
    head = b"070701" + b"".join(b"%08x" % values[field] for field in _FIELDS)
    return _padded(head + name) + _padded(content)


def _padded(data):
    return data + bytes(-len(data) % 4)
