# SPDX-License-Identifier: BSD-3-Clause
#
# The program that sends a soak's raw frames. Included by the top Makefile.

STORM := $(BUILD)/storm

soak test test-long: $(STORM)

$(STORM): tests/soak/storm.c tests/soak/storm.mk | deps
	@mkdir -p $(@D)
	@echo "  CC    $@"
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -O2 -g $(WARN) tests/soak/storm.c -o $@
