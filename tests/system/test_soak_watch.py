# SPDX-License-Identifier: BSD-3-Clause
"""What a soak asks the guest beside its traffic."""

import json
import threading

from antifreeze import net
from antifreeze.soak import log, watch


class Rig:
    """One path, behind which a guest counts how often it was asked."""

    def __init__(self, folder):
        self.log, self.stats = log.Log(folder), None
        self.paths = {"tap": type("Path", (), {"address": lambda self, service: ("guest", 80)})()}


def test_answers_do_not_cross_when_two_ask(tmp_path, monkeypatch):
    rig, asked, inside, both = Rig(tmp_path), [], threading.Lock(), threading.Barrier(2)

    def get(*_):
        assert inside.acquire(blocking=False), "asked while another one waits for its answer"
        asked.append(len(asked))
        answer = json.dumps({"asked": len(asked)}).encode()
        inside.release()
        return 200, "OK", answer

    monkeypatch.setattr(net, "get", get)
    statistics = watch.Statistics(rig, 60)

    def ask():
        both.wait()
        for _ in range(200):
            statistics.ask()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statistics.stop()
    told = [record["record"]["asked"] for record in log.read(tmp_path)]
    assert told == sorted(told) and len(told) >= 400
