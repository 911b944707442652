# SPDX-License-Identifier: BSD-3-Clause
#
# The program that sends a soak's raw frames. Included by the top Makefile.

STORM := $(BUILD)/storm

soak test test-long: $(STORM)

$(STORM): tests/soak/storm.c $(HOSTED_SRC) tests/soak/storm.mk | deps
	@mkdir -p $(@D)
	@echo "  CC    $@"
	$(Q)$(CC) $(HOSTED_CFLAGS) $(filter %.c,$^) -o $@
