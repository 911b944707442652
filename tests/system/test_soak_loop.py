# SPDX-License-Identifier: BSD-3-Clause
"""The end of a soak: a guest that is not there any more, that does not answer, or that does not end is told."""

import types

import pytest

from antifreeze import Error, qemu
from antifreeze.soak import log, loop


class Guest:
    """Ends in order, unless something else is said."""

    def __init__(self, status=qemu.STATUS_PASS, alive=True, asked=None):
        self._status, self._alive, self._asked = status, alive, asked
        self.console = types.SimpleNamespace(closed=not alive)
        self.qmp = types.SimpleNamespace(command=self._command)

    def _command(self, name, timeout):
        if self._asked:
            raise self._asked

    def alive(self):
        return self._alive

    def wait_exit(self, seconds):
        if isinstance(self._status, BaseException):
            raise self._status
        return self._status


@pytest.fixture
def soak(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "ANSWER_SECONDS", 0.3)
    with log.Log(tmp_path) as notes:
        yield lambda guest: loop.Soak(types.SimpleNamespace(log=notes, guest=guest), None, None, None)


def gone(tmp_path):
    return [record["why"] for record in log.read(tmp_path) if record["what"] == "gone"]


@pytest.mark.parametrize("guest,why", [
    (Guest(), None), (Guest(qemu.STATUS_FAIL), None), (Guest(-11), "QEMU's status -11"), (Guest(qemu.STATUS_PANIC), "status 7"),
    (Guest(Error("the guest still runs after 30 s\n  | tail")), "asked to end: the guest still runs after 30 s"),
    (Guest(asked=Error("no answer")), "asked to end: no answer"), (Guest(KeyboardInterrupt()), None),
])  # fmt: skip
def test_guest_that_does_not_end_in_order_is_gone(soak, tmp_path, guest, why):
    one = soak(guest)
    one._last_word()
    told = gone(tmp_path)
    assert len(told) == (why is not None) and (why or "") in "".join(told)
    assert one._why == (loop.BROKEN if why else loop.DONE)


def test_guest_that_is_gone_is_told_once(soak, tmp_path):
    one = soak(Guest(qemu.STATUS_PANIC, alive=False, asked=Error("closed")))
    assert one._has_ended() and one._has_ended()
    one._last_word()
    assert gone(tmp_path) == ["panic"]


class Statistics:
    """Come after so many questions."""

    def __init__(self, after):
        self.left = after

    def ask(self):
        self.left -= 1
        return {} if self.left < 0 else None


@pytest.mark.parametrize("after,guest,why", [
    (0, Guest(), []), (1, Guest(), []), (99, Guest(), ["at rest it does not say how it is, in 0.3 s"]), (99, Guest(-6, alive=False), ["QEMU's status -6"]),
])  # fmt: skip
def test_guest_that_does_not_say_how_it_is_at_rest_is_gone(soak, tmp_path, after, guest, why):
    one = soak(guest)
    one._look(Statistics(after))
    assert gone(tmp_path) == why


class Rig:
    """Of a soak whose time is over as soon as it begins."""

    def __init__(self, notes, guest):
        self.log, self.guest, self.stats = notes, guest, None


@pytest.mark.parametrize("interrupted", [False, True])
def test_guest_that_ended_with_the_plans_time_is_gone(tmp_path, monkeypatch, interrupted):
    """Nobody looked at it behind the last tick."""
    over = types.SimpleNamespace(ask=lambda: {"pools": []}, stop=lambda: None, join=lambda _: None)

    class With:
        def __init__(self, *_):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    def until_over(_):
        if interrupted:
            raise KeyboardInterrupt

    for module, name in ((loop, "Traffic"), (loop.watch, "Host"), (loop, "Injector")):
        monkeypatch.setattr(module, name, With)
    monkeypatch.setattr(loop.watch, "Records", lambda *_: over)
    monkeypatch.setattr(loop.watch, "Statistics", lambda *_: over)
    monkeypatch.setattr(loop.Soak, "_until_over", until_over)
    with log.Log(tmp_path) as notes:
        planned = types.SimpleNamespace(seconds=10, faults=())
        assert loop.Soak(Rig(notes, Guest(-11, alive=False)), planned, None, None).run() == loop.BROKEN
    assert gone(tmp_path) == ["QEMU's status -11"]
