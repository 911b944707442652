# SPDX-License-Identifier: BSD-3-Clause
#
# The network on which things go wrong, for system tests. Included by the top Makefile.

RELAY     := $(BUILD)/relay
RELAY_SRC := $(addprefix tests/relay/,line.c relay.c script.c sight.c)

test test-long: $(RELAY)

$(RELAY): $(RELAY_SRC) $(HOSTED_SRC) $(wildcard tests/relay/*.h) tests/relay/relay.mk | deps
	@mkdir -p $(@D)
	@echo "  CC    $@"
	$(Q)$(CC) $(HOSTED_CFLAGS) $(filter %.c,$^) -o $@
