# SPDX-License-Identifier: BSD-3-Clause
#
# The benchmark and its own programs. Included by the top Makefile. BENCH= has the words for tools/bench.

BENCH_DIR    := $(BUILD)/bench
BENCH_CFLAGS := $(HOSTED_CFLAGS)
BENCH_PARTS  := $(addprefix $(BENCH_DIR)/,linux_init load ceiling.elf)
ICOUNT_PARTS := $(addprefix $(BENCH_DIR)/,insn_plugin.so load)

.PHONY: bench freeze-replay bench-icount bench-packages

bench: all $(BENCH_PARTS) ## against a Linux guest on the same QEMU line: ratios, JSON, picture; BENCH=quick
	$(Q)tools/bench $(BENCH)

freeze-replay: all $(BENCH_DIR)/linux_init ## the classic freeze's machine and traffic, with ours and a Linux guest; TIME=seconds each
	$(Q)tools/freeze-replay $(if $(TIME),--seconds $(TIME))

bench-icount: all $(ICOUNT_PARTS) ## the guest's instructions per packet and MiB, against tests/bench/icount.json
	$(Q)tools/bench-icount

test: $(ICOUNT_PARTS)

# The long run has a short look, for which the packages must be there; without them it is left out.
test-long: $(BENCH_PARTS) | bench-packages
bench-packages:
	$(Q)tools/bench fetch || true

# Hosted programs; linux_init is static, because the guest that it begins has nothing else yet.
$(BENCH_DIR)/linux_init:     BENCH_CFLAGS += -static
$(BENCH_DIR)/insn_plugin.so: BENCH_CFLAGS += -fPIC -shared -fvisibility=hidden
$(BENCH_DIR)/linux_init $(BENCH_DIR)/load: $(BENCH_DIR)/%: tests/bench/%.c
$(BENCH_DIR)/linux_init:     tests/bench/linux_relay.c tests/bench/linux_relay.h
$(BENCH_DIR)/load:           BENCH_CFLAGS += -iquote apps -iquote kernel
$(BENCH_DIR)/load:           apps/testframe.c apps/testframe.h $(HOSTED_SRC)
$(BENCH_DIR)/insn_plugin.so: tests/bench/insn_plugin.c
$(addprefix $(BENCH_DIR)/,linux_init load insn_plugin.so): tests/bench/bench.mk | deps
	@mkdir -p $(@D)
	@echo "  CC    $@"
	$(Q)$(CC) $(BENCH_CFLAGS) $(filter %.c,$^) -o $@

# The ceiling guest: its own main, the kernel's everything else.
CEILING_OBJ := $(filter-out %/kernel/main.c.o,$(KERNEL_OBJ)) $(B)/obj/tests/bench/ceiling.c.o

$(B)/obj/tests/bench/ceiling.c.o: Makefile | deps
-include $(B)/obj/tests/bench/ceiling.c.d

$(BENCH_DIR)/ceiling.elf: $(CEILING_OBJ) $(B)/symbols0.o boot/kernel.ld
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(LD) $(LDFLAGS) $(filter %.o,$^) -o $@
