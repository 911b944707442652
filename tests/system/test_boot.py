# SPDX-License-Identifier: BSD-3-Clause
def test_x(boot):
    g = boot(ready=False)
    g.wait("boot")
    assert g.wait_exit() == 0
    print(g.records)
