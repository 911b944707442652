# SPDX-License-Identifier: BSD-3-Clause
#
# The soak and its own program. Included by the top Makefile. SOAK= is how long, and more words for tools/antifreeze soak.

DATAGRAMS := $(BUILD)/datagrams
SOAK      ?= 5m

.PHONY: soak soak-mutants
soak: all $(DATAGRAMS) $(STORM) ## mixed traffic and faults, a verdict, a report in build/soak; SOAK=30s, 5m, 30m, 6h, 24h, any
	$(Q)tools/antifreeze soak $(SOAK)

soak-mutants: all $(DATAGRAMS) $(STORM) ## whether a soak finds what is wrong: guests with a planted defect each; MUTANTS="leak wrap"
	$(Q)tools/soak-mutants $(MUTANTS)

test test-long: $(DATAGRAMS)

$(DATAGRAMS): tests/soak/datagrams.c $(HOSTED_SRC) tests/soak/soak.mk | deps
	@mkdir -p $(@D)
	@echo "  CC    $@"
	$(Q)$(CC) $(HOSTED_CFLAGS) $(filter %.c,$^) -o $@
