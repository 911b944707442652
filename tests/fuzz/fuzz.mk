# SPDX-License-Identifier: BSD-3-Clause
#
# Fuzz targets: hosted programs with libFuzzer, AddressSanitizer and UBSan, made from the guest's own
# source. Included by the top Makefile, behind tests/unit/unit.mk, whose lists of sources it uses.
#
# To add a target NAME (tests/fuzz/fuzz_NAME.c): append it to FUZZ_TARGETS, list its sources in
# FUZZ_SRC_NAME, and give it a corpus (tests/fuzz/corpus/NAME, see there). Optional: FUZZ_LIBS_NAME,
# FUZZ_NEEDS_NAME as in unit.mk, and FUZZ_RUNS_NAME, the number of inputs that `make test` tries.

FUZZ         ?= 60
FUZZ_CC      := clang
FUZZ_CFLAGS  := -std=c11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer-no-link,address,undefined \
                -fno-sanitize-recover=all -fno-omit-frame-pointer -Wall -Wextra -Wshadow -Wno-unknown-warning-option
FUZZ_TARGETS :=

FUZZ_TARGETS     += device
FUZZ_SRC_device  := $(addprefix tests/fuzz/,fuzz_device.c fuzz_device_marks.c fuzz_device_nic.c fuzz_device_user.c) $(UNIT_DRIVER) $(UNIT_SIM)
FUZZ_RUNS_device := 2000

FUZZ_TARGETS   += conf pci
FUZZ_SRC_conf  := tests/fuzz/fuzz_conf.c $(filter-out tests/%,$(UNIT_SRC_test_conf))
FUZZ_RUNS_conf := 50000
FUZZ_SRC_pci   := tests/fuzz/fuzz_pci.c $(UNIT_DRIVER) $(UNIT_SIM)
FUZZ_RUNS_pci  := 5000

# All of the guest above the driver.
FUZZ_RIG := tests/fuzz/fuzz_rig.c $(filter-out apps/services.c apps/stats.c,$(APP_SRC)) kernel/conf_fault.c $(UNIT_PARAMS) \
    $(addprefix $(LLHTTP)/,$(LLHTTP_SRC)) $(UNIT_NETRIG)
FUZZ_TARGETS      += frames client iperf3 http
FUZZ_SRC_client   := tests/fuzz/fuzz_client.c $(FUZZ_RIG)
FUZZ_SRC_frames   := tests/fuzz/fuzz_frames.c $(FUZZ_RIG)
FUZZ_SRC_iperf3   := tests/fuzz/fuzz_iperf3.c $(FUZZ_RIG)
FUZZ_SRC_http     := tests/fuzz/fuzz_http.c $(FUZZ_RIG)
$(foreach t,frames client iperf3 http,$(eval FUZZ_LIBS_$(t) := $(UNIT_NETRIG_LIBS))\
    $(eval FUZZ_NEEDS_$(t) := $(UNIT_NETRIG_NEEDS))$(eval FUZZ_RUNS_$(t) := 1000))

# ---- rules --------------------------------------------------------------------------------------

fuzz_objs = $(patsubst %.c,build/fuzz/obj/%.o,$(FUZZ_SRC_$(1)))

define fuzz_program
build/fuzz/fuzz_$(1): $(call fuzz_objs,$(1)) tests/fuzz/fuzz.mk
	$(Q)echo "  LD    $$@"
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer $(call fuzz_objs,$(1)) -lcmocka $(FUZZ_LIBS_$(1)) -o $$@
$(call fuzz_objs,$(1)): $(FUZZ_NEEDS_$(1)) | deps
endef

define fuzz_compile
@mkdir -p $(@D)
@echo "  CC    $@"
$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) $(1) -iquote tests/fuzz $(UNIT_INC) -MD -MP -c $< -o $@
endef

build/fuzz/obj/%.o: %.c tests/fuzz/fuzz.mk
	$(call fuzz_compile,)

# Not ours: sanitizers yes, warnings no.
build/fuzz/obj/$(LLHTTP)/%.o: $(LLHTTP)/%.c tests/fuzz/fuzz.mk
	$(call fuzz_compile,-DLLHTTP_STRICT_MODE=1 -Dabort=http_parse_unreachable -w)
build/fuzz/obj/build/lwip/%.o: build/lwip/%.c tests/fuzz/fuzz.mk
	$(call fuzz_compile,-w -fno-sanitize=alignment)

$(foreach t,$(FUZZ_TARGETS),$(eval $(call fuzz_program,$(t))))

.PHONY: fuzz fuzz-test fuzz-build
fuzz-build: $(FUZZ_TARGETS:%=build/fuzz/fuzz_%)
fuzz-test: fuzz-build ## each fuzz target for a fixed number of inputs; JUnit XML in build/junit
	$(Q)tests/fuzz/run $(foreach t,$(FUZZ_TARGETS),$(t):$(FUZZ_RUNS_$(t)))
fuzz: fuzz-build ## each fuzz target for FUZZ=60 seconds, one after the other; TARGET= for one alone
	$(Q)tests/fuzz/run --seconds $(FUZZ) $(or $(TARGET),$(FUZZ_TARGETS))

# What `make coverage` runs beside the unit tests: the targets' functions on their corpora, without
# libFuzzer.
define fuzz_replay
UNIT_SRC_replay_$(1)   := tests/fuzz/replay.c $(FUZZ_SRC_$(1))
UNIT_LIBS_replay_$(1)  := $(FUZZ_LIBS_$(1))
UNIT_NEEDS_replay_$(1) := $(FUZZ_NEEDS_$(1))
endef
$(foreach t,$(FUZZ_TARGETS),$(eval $(call fuzz_replay,$(t)))$(eval $(call unit_program,replay_$(t))))

.PHONY: coverage coverage-programs
coverage-programs:
	@echo $(UNIT_TESTS) $(FUZZ_TARGETS:%=replay_%)
coverage: | deps ## lines of our code that unit tests and fuzz corpora reach; fails under 95 % of drivers/
	$(Q)tools/coverage

# lwIP's own unit tests with our options; tests/lwip/main.c says how.
LWIP_CHECK := build/lwip/test/unit
UNIT_SRC_lwip_check    := tests/lwip/main.c lwip-port/chksum.c lwip-port/port.c kernel/ipaddr.c kernel/text.c $(UNIT_LWIP) \
    $(addprefix build/lwip/src/core/,ipv4/ip4_frag.c ipv6/ip6_frag.c) \
    $(addprefix $(LWIP_CHECK)/,core/test_def.c core/test_mem.c core/test_netif.c core/test_pbuf.c \
    core/test_timers.c dhcp/test_dhcp.c etharp/test_etharp.c ip4/test_ip4.c ip6/test_ip6.c tcp/tcp_helper.c \
    tcp/test_tcp.c tcp/test_tcp_oos.c tcp/test_tcp_state.c udp/test_udp.c)
UNIT_CFLAGS_lwip_check := -std=gnu11 -iquote tests/lwip -isystem tests/lwip/check -isystem $(LWIP_CHECK) -w -fno-sanitize=alignment
UNIT_LIBS_lwip_check   := -lcheck -lsubunit -lm -lrt -pthread
UNIT_NEEDS_lwip_check  := $(UNIT_NETRIG_NEEDS)
$(eval $(call unit_program,lwip_check))$(eval $(call unit_own_objects,lwip_check))

.PHONY: lwip-check
lwip-check: $(UNIT_DIR)/lwip_check ## lwIP's own unit tests with our options; JUnit XML in build/junit
	$(Q)mkdir -p build/junit && $< build/junit/lwip.xml

.PHONY: model
model: | deps ## Spin's proof that driver and device wake each other; JUnit XML in build/junit
	$(Q)tests/model/run

-include $(sort $(foreach t,$(FUZZ_TARGETS),$(patsubst %.o,%.d,$(call fuzz_objs,$(t)))) \
    $(foreach t,lwip_check $(FUZZ_TARGETS:%=replay_%),$(patsubst %.o,%.d,$(call unit_objs,$(t)))))
