# SPDX-License-Identifier: BSD-3-Clause
#
# The benchmark's own programs, hosted. Included by the top Makefile. BENCH= has the words for tools/bench.

BENCH_DIR    := $(BUILD)/bench
BENCH_CFLAGS := -std=c11 -D_GNU_SOURCE -O2 -g $(WARN)

BENCH_PARTS  := $(addprefix $(BENCH_DIR)/,linux_init load ceiling.elf)

.PHONY: bench bench-icount

bench: all $(BENCH_PARTS) ## against a Linux guest on the same QEMU line: ratios, JSON, plot; BENCH=quick
	$(Q)tools/bench $(BENCH)

bench-icount: all $(BENCH_DIR)/insn_plugin.so $(BENCH_DIR)/load ## the guest's instructions per packet and MiB, against tests/bench/icount.json
	$(Q)tools/bench-icount

test: $(BENCH_DIR)/insn_plugin.so $(BENCH_DIR)/load

$(BENCH_DIR)/insn_plugin.so: tests/bench/insn_plugin.c tests/bench/bench.mk | deps
	@mkdir -p $(@D)
	@echo "  CC    $@"
	$(Q)$(CC) $(BENCH_CFLAGS) -fPIC -shared -fvisibility=hidden $< -o $@

# The long run has a short look, for which the packages must be there; without them it is left out.
test-long: $(BENCH_PARTS) | bench-packages
.PHONY: bench-packages
bench-packages:
	$(Q)tools/bench fetch || true

$(BENCH_DIR)/load: tests/bench/load.c tests/bench/bench.mk | deps
	@mkdir -p $(@D)
	@echo "  CC    $@"
	$(Q)$(CC) $(BENCH_CFLAGS) $< -o $@

# Static: the guest that it begins has nothing else yet.
$(BENCH_DIR)/linux_init: tests/bench/linux_init.c tests/bench/bench.mk | deps
	@mkdir -p $(@D)
	@echo "  CC    $@"
	$(Q)$(CC) $(BENCH_CFLAGS) -static $< -o $@

# The ceiling guest: its own main, the kernel's everything else.
CEILING_OBJ := $(filter-out %/kernel/main.c.o,$(KERNEL_OBJ)) $(B)/obj/tests/bench/ceiling.c.o

$(B)/obj/tests/bench/ceiling.c.o: Makefile | deps
-include $(B)/obj/tests/bench/ceiling.c.d

$(BENCH_DIR)/ceiling.elf: $(CEILING_OBJ) $(B)/symbols0.o boot/kernel.ld
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(LD) $(LDFLAGS) $(filter %.o,$^) -o $@
