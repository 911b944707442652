# SPDX-License-Identifier: BSD-3-Clause
#
# Unit tests: hosted programs with cmocka, AddressSanitizer and UBSan, made from the guest's own source.
# Included by the top Makefile, which lists the sources of the driver: `make unit`, `make build/unit/NAME`.
#
# To add a test program NAME (tests/unit/NAME.c): append it to UNIT_TESTS and list every source file it
# is linked from in UNIT_SRC_NAME. Optional:
#
#   UNIT_CFLAGS_NAME   more compiler flags; NAME then has objects of its own, else objects are shared
#   UNIT_OBJ_NAME      the folder of its objects, where others have the same flags: lean, the small profile
#   UNIT_LIBS_NAME     more linker flags
#   UNIT_NEEDS_NAME    files that must be made before NAME is compiled, and anew when they change
#
# Our folders are searched for quoted includes only, tests/sim first: a driver's "cpu.h" and "mmio.h" are
# the simulated machine, and "time.h" or "string.h" never hides libc's. (A quoted include looks in the
# including file's own folder before anything else, so kernel/*.c always get the kernel's real headers.)

UNIT_TESTS :=

UNIT_DIR    ?= build/unit
UNIT_CC     ?= gcc
UNIT_CFLAGS := -std=c11 -D_GNU_SOURCE -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
               -fno-omit-frame-pointer -Wall -Wextra -Wshadow -Wconversion -Werror $(UNIT_COVERAGE)
UNIT_INC    := -iquote tests/sim -iquote kernel -iquote drivers -iquote lwip-port -iquote apps \
               -isystem /usr/share/include/llhttp
# The real stack between a NIC of memory and a scripted peer: tests/sim/netrig.h.
UNIT_INC          += -isystem build/lwip/src/include -DLWIP_TESTMODE=1
UNIT_LWIP         := $(addprefix build/lwip/src/,core/def.c core/inet_chksum.c core/init.c core/ip.c core/mem.c \
                     core/memp.c core/netif.c core/pbuf.c core/stats.c core/tcp.c core/tcp_in.c core/tcp_out.c \
                     core/timeouts.c core/udp.c core/ipv4/dhcp.c core/ipv4/etharp.c core/ipv4/icmp.c \
                     core/ipv4/ip4.c core/ipv4/ip4_addr.c core/ipv6/ethip6.c core/ipv6/icmp6.c core/ipv6/ip6.c \
                     core/ipv6/ip6_addr.c core/ipv6/mld6.c core/ipv6/nd6.c netif/ethernet.c)
UNIT_NETRIG       := $(addprefix tests/sim/netrig,.c _frame.c _kernel.c _mem.c _nic.c _peer.c _tcp.c _vnet.c _vnet_tx.c) \
                     $(addprefix lwip-port/,acks.c address.c announce.c chksum.c ethif.c ethif_held.c ethif_rx.c ethif_tx.c gro.c linger.c netport.c netport_ip.c netport_stats.c netraw.c offload.c port.c silence.c udp_template.c) \
                     kernel/fault.c kernel/ipaddr.c kernel/json.c kernel/format.c kernel/record.c kernel/refusal.c kernel/text.c $(UNIT_LWIP)
UNIT_NETRIG_LIBS  := -Wl,--wrap=memp_malloc,--wrap=memp_free,--wrap=mem_malloc,--wrap=ethernet_input,--wrap=ip4_input,--wrap=ip6_input
UNIT_NETRIG_NEEDS := build/lwip/.stamp

# A program on the rig: its name, the sources besides its own.
define unit_on_rig
UNIT_TESTS     += $(1)
UNIT_SRC_$(1)   := tests/unit/$(1).c $(2)
UNIT_LIBS_$(1)  := $(UNIT_NETRIG_LIBS)
UNIT_NEEDS_$(1) := $(UNIT_NETRIG_NEEDS)
endef

# That program again with the small profile's numbers.
define unit_lean
UNIT_TESTS          += $(1)_lean
UNIT_SRC_$(1)_lean   := $(UNIT_SRC_$(1))
UNIT_OBJ_$(1)_lean   := lean
UNIT_LIBS_$(1)_lean  := $(UNIT_LIBS_$(1))
UNIT_NEEDS_$(1)_lean := $(UNIT_NEEDS_$(1))
endef

UNIT_SIM    := $(addprefix tests/sim/sim_,pci.c nic.c modern.c legacy.c net.c ring.c split.c packed.c work.c kernel.c) \
               kernel/record.c kernel/json.c kernel/format.c

# ---- the programs -------------------------------------------------------------------------------

UNIT_TESTS += test_string test_text test_format test_console test_json test_record test_rand test_ipaddr test_conf test_conf_keys test_job_params
UNIT_SRC_test_string  := tests/unit/test_string.c
UNIT_SRC_test_text    := tests/unit/test_text.c kernel/text.c
UNIT_SRC_test_format  := tests/unit/test_format.c kernel/format.c
UNIT_SRC_test_console := tests/unit/test_console.c kernel/format.c
UNIT_SRC_test_json    := tests/unit/test_json.c kernel/json.c kernel/format.c
UNIT_SRC_test_record  := tests/unit/test_record.c kernel/record.c kernel/json.c kernel/format.c
UNIT_SRC_test_rand    := tests/unit/test_rand.c
UNIT_SRC_test_ipaddr  := tests/unit/test_ipaddr.c kernel/ipaddr.c kernel/text.c
UNIT_PARAMS           := kernel/job_keys.c kernel/job_params.c kernel/job_value.c
UNIT_CONF             := kernel/conf.c kernel/conf_fault.c kernel/conf_keys.c kernel/conf_relay.c kernel/fault.c kernel/format.c \
                         kernel/ipaddr.c $(UNIT_PARAMS) kernel/json.c kernel/record.c kernel/refusal.c kernel/text.c
UNIT_SRC_test_conf    := tests/unit/test_conf.c tests/unit/conf_reader.c $(UNIT_CONF)
UNIT_SRC_test_conf_keys := tests/unit/test_conf_keys.c tests/unit/conf_reader.c $(UNIT_CONF)
UNIT_SRC_test_job_params := tests/unit/test_job_params.c tests/unit/conf_reader.c $(UNIT_CONF)
UNIT_TESTS += test_fault
UNIT_SRC_test_fault   := tests/unit/test_fault.c $(UNIT_CONF)

UNIT_TESTS += test_acpi test_fw_cfg test_symbols test_time
UNIT_SRC_test_acpi    := tests/unit/test_acpi.c
UNIT_SRC_test_fw_cfg  := tests/unit/test_fw_cfg.c
UNIT_SRC_test_symbols := tests/unit/test_symbols.c
UNIT_SRC_test_time    := tests/unit/test_time.c

LLHTTP ?= /usr/share/llhttp
UNIT_TESTS += test_http_parse
UNIT_SRC_test_http_parse := tests/unit/test_http_parse.c apps/http_parse.c \
    $(LLHTTP)/api.c $(LLHTTP)/http.c $(LLHTTP)/llhttp.c

UNIT_TESTS += test_linger
UNIT_SRC_test_linger  := tests/unit/test_linger.c lwip-port/linger.c

UNIT_TESTS += test_chksum
UNIT_SRC_test_chksum    := tests/unit/test_chksum.c lwip-port/chksum.c
UNIT_NEEDS_test_chksum  := $(UNIT_NETRIG_NEEDS)
$(foreach t,acks address netport traffic,\
    $(eval $(call unit_on_rig,test_$(t),tests/unit/rig_stack.c tests/unit/traffic_guest.c $(UNIT_NETRIG))))
UNIT_TESTS += test_silence
UNIT_SRC_test_silence   := tests/unit/test_silence.c $(UNIT_NETRIG)
UNIT_LIBS_test_silence  := $(UNIT_NETRIG_LIBS)
UNIT_NEEDS_test_silence := $(UNIT_NETRIG_NEEDS)
$(foreach t,gro held offload,\
    $(eval $(call unit_on_rig,test_$(t),tests/unit/rig_stack.c tests/unit/rig_stream.c $(UNIT_NETRIG))))
$(eval $(call unit_on_rig,test_udp_template,$(UNIT_NETRIG)))
$(eval $(call unit_on_rig,test_csum_partial,tests/unit/rig_stack.c $(UNIT_NETRIG)))
$(foreach t,hostile_bounds hostile_frames hostile_segments lwip_patches,\
    $(eval $(call unit_on_rig,test_$(t),tests/unit/hostile_guest.c tests/unit/rig_stack.c $(UNIT_NETRIG)))\
    $(eval $(call unit_lean,test_$(t))))

# What is linked with each service, what each is linked from, and all of them.
UNIT_SERVICE := apps/conn.c apps/pattern.c apps/refused.c tests/unit/rig_service.c $(UNIT_NETRIG)
UNIT_SMALL   := apps/chargen.c apps/discard.c apps/echo.c apps/small.c
UNIT_HTTP    := apps/http.c apps/http_jobs.c apps/http_parse.c apps/http_place.c apps/http_route.c apps/job_json.c \
    kernel/conf_fault.c kernel/text.c \
    $(LLHTTP)/api.c $(LLHTTP)/http.c $(LLHTTP)/llhttp.c
UNIT_IPERF3  := apps/interval.c apps/iperf3_client.c apps/iperf3_control.c apps/iperf3_count.c apps/iperf3_door.c \
    apps/iperf3_json.c apps/iperf3_json_write.c apps/iperf3_open.c apps/json_read.c apps/iperf3_report.c apps/iperf3_results.c \
    apps/iperf3_server.c apps/iperf3_session.c apps/iperf3_stream_tcp.c apps/iperf3_stream_udp.c
# A job's life, its parameters, and what it is measured against; the kinds of jobs.
UNIT_JOB     := apps/job.c apps/job_measure.c apps/verdict.c $(UNIT_PARAMS)
UNIT_SINK    := apps/hdr.c apps/seqwin.c apps/sink.c apps/sink_frame.c apps/sink_report.c apps/sink_run.c apps/testframe.c
UNIT_FLOOD   := apps/flood.c apps/flood_awake.c apps/flood_check.c apps/flood_due.c apps/flood_frame.c apps/flood_job.c apps/flood_pace.c $(UNIT_SINK)
UNIT_SENDER  := apps/stamp.c apps/stamp_job.c apps/stamp_sender.c
UNIT_CONNECT := apps/connect.c apps/connect_answer.c apps/connect_job.c
UNIT_KINDS   := apps/iperf3_job.c apps/job_kinds.c apps/job_single.c $(UNIT_CONNECT) $(UNIT_FLOOD) $(UNIT_SENDER)
UNIT_STAMP   := apps/stamp.c apps/stamp_reflector.c
UNIT_APPS    := $(UNIT_KINDS) $(UNIT_SMALL) $(UNIT_HTTP) $(UNIT_IPERF3) $(UNIT_JOB) apps/stamp_reflector.c apps/relay.c apps/services.c apps/stats.c \
    kernel/usage.c $(UNIT_SERVICE)

# The HTTP server with one kind of job, which is none.
UNIT_HTTP_ALONE := $(UNIT_HTTP) $(UNIT_JOB) $(UNIT_SINK) apps/interval.c apps/iperf3_count.c apps/json_read.c tests/unit/fake_job.c $(UNIT_SERVICE)

# Every pool of the stack at its bound, in both profiles.
$(foreach t,ledger ledger_edge,\
    $(eval $(call unit_on_rig,test_$(t),tests/unit/ledger_load.c tests/unit/rig_stack.c $(UNIT_APPS)))\
    $(eval $(call unit_lean,test_$(t))))

$(eval $(call unit_on_rig,test_admission,$(UNIT_APPS)))$(eval $(call unit_lean,test_admission))

$(foreach t,echo small,$(eval $(call unit_on_rig,test_$(t),tests/unit/small_client.c $(UNIT_SMALL) $(UNIT_SERVICE))))
$(eval $(call unit_on_rig,test_relay_service,tests/unit/small_client.c tests/unit/rig_stack.c apps/relay.c $(UNIT_SMALL) $(UNIT_SERVICE)))
$(eval $(call unit_on_rig,test_refused,$(UNIT_SERVICE)))

DRIVER_SRC  ?= $(wildcard drivers/*.c)
UNIT_DRIVER := $(filter-out drivers/fw_cfg.c,$(DRIVER_SRC)) kernel/fault.c
UNIT_TESTS += test_netbuf test_pci
UNIT_SRC_test_netbuf    := tests/unit/test_netbuf.c drivers/netbuf.c $(UNIT_SIM)
# A ring by itself; what both formats promise, and what is one's own.
UNIT_VQ_TESTS := test_virtqueue test_virtqueue_packed test_virtqueue_split
UNIT_TESTS += $(UNIT_VQ_TESTS)
$(foreach t,$(UNIT_VQ_TESTS),$(eval UNIT_SRC_$(t) := tests/unit/$(t).c tests/unit/vq_rig.c \
    $(addprefix drivers/virtqueue,.c _packed.c _split.c) $(UNIT_SIM)))
# The simulated device itself.
UNIT_SIM_TESTS := $(addprefix test_sim_,buffers packed regs split)
UNIT_TESTS += $(UNIT_SIM_TESTS)
$(foreach t,$(UNIT_SIM_TESTS),$(eval UNIT_SRC_$(t) := tests/unit/$(t).c tests/unit/sim_steps.c $(UNIT_SIM)))
$(foreach t,buffers regs split,$(eval UNIT_SRC_test_sim_$(t) += tests/unit/split_steps.c))
UNIT_TESTS += test_irq
UNIT_SRC_test_irq := tests/unit/test_irq.c
# The transport alone. At low addresses: the legacy interface names a page of memory with 32 bits.
UNIT_VPCI  := test_virtio_pci test_virtio_pci_caps test_virtio_pci_legacy
UNIT_TESTS += $(UNIT_VPCI)
$(foreach t,$(UNIT_VPCI),\
    $(eval UNIT_SRC_$(t) := tests/unit/$(t).c tests/unit/vpci_rig.c $(addprefix drivers/,pci.c virtio_pci.c \
        virtio_pci_legacy.c virtio_pci_modern.c virtqueue.c virtqueue_split.c) $(UNIT_SIM))\
    $(eval UNIT_LIBS_$(t) := -no-pie))
# The driver between its caller and the device (tests/unit/vnet_rig.h), at low addresses as well.
UNIT_VNET  := $(addprefix test_vnet_,broken bufs config ctrl features hdr heartbeat held irq legacy merge queue rx sleep tso tx up up_fails)
UNIT_WATCH := $(addprefix test_watch_,device doorbell fault lost peer silence)
UNIT_TESTS += $(UNIT_VNET) $(UNIT_WATCH)
$(foreach t,$(UNIT_VNET) $(UNIT_WATCH),\
    $(eval UNIT_SRC_$(t) := tests/unit/$(t).c tests/unit/vnet_rig.c $(UNIT_DRIVER) $(UNIT_SIM))\
    $(eval UNIT_LIBS_$(t) := -no-pie))
$(foreach t,$(UNIT_WATCH),$(eval UNIT_SRC_$(t) += tests/unit/watch_rig.c))
UNIT_SRC_test_vnet_features += kernel/conf.c kernel/conf_fault.c kernel/conf_keys.c kernel/conf_relay.c kernel/ipaddr.c $(UNIT_PARAMS) kernel/refusal.c kernel/text.c
# The driver's pools at their bounds, in both profiles.
UNIT_TESTS += test_ledger_driver test_ledger_driver_lean
UNIT_SRC_test_ledger_driver         := tests/unit/test_ledger_driver.c tests/unit/vnet_rig.c $(UNIT_DRIVER) $(UNIT_SIM)
UNIT_SRC_test_ledger_driver_lean    := $(UNIT_SRC_test_ledger_driver)
UNIT_CFLAGS_test_ledger_driver_lean := -DLEAN
UNIT_SRC_test_pci        := tests/unit/test_pci.c drivers/pci.c $(UNIT_SIM)

# Without $(UNIT_SIM): accesses to memory are events of the model there.
UNIT_TESTS += test_ring_model
UNIT_SRC_test_ring_model := tests/unit/test_ring_model.c tests/unit/ring_model.c drivers/virtqueue.c drivers/virtqueue_packed.c drivers/virtqueue_split.c

$(foreach t,http http_jobs http_place http_route http_slow,\
    $(eval $(call unit_on_rig,test_$(t),tests/unit/http_client.c $(UNIT_HTTP_ALONE))))

# Large TCP segments, to peers of every kind.
$(foreach t,segments segments_lost,\
    $(eval $(call unit_on_rig,test_$(t),tests/unit/segments_rig.c $(filter-out %/rig_service.c,$(UNIT_HTTP_ALONE))))\
    $(eval $(call unit_lean,test_$(t))))

UNIT_TESTS += test_iperf3_json test_iperf3_json_bad test_iperf3_count
UNIT_SRC_test_iperf3_json  := tests/unit/test_iperf3_json.c tests/unit/iperf3_read.c apps/iperf3_json.c apps/iperf3_json_write.c apps/json_read.c kernel/json.c kernel/format.c kernel/text.c
UNIT_SRC_test_iperf3_json_bad := tests/unit/test_iperf3_json_bad.c $(filter-out %/test_iperf3_json.c,$(UNIT_SRC_test_iperf3_json))
UNIT_SRC_test_iperf3_count := tests/unit/test_iperf3_count.c apps/iperf3_count.c
$(foreach t,control door report server stream_tcp stream_udp,\
    $(eval $(call unit_on_rig,test_iperf3_$(t),tests/unit/iperf3_client.c $(UNIT_IPERF3) $(UNIT_SERVICE))))

UNIT_TESTS += test_testframe
UNIT_SRC_test_testframe := tests/unit/test_testframe.c apps/testframe.c

# What the analyser counts with.
UNIT_TESTS += test_hdr test_seqwin
UNIT_SRC_test_hdr    := tests/unit/test_hdr.c apps/hdr.c kernel/json.c kernel/format.c
UNIT_SRC_test_seqwin := tests/unit/test_seqwin.c apps/seqwin.c

$(foreach t,client client_wrong,\
    $(eval $(call unit_on_rig,test_iperf3_$(t),tests/unit/iperf3_peer.c tests/unit/rig_stack.c $(UNIT_IPERF3) $(UNIT_JOB) $(UNIT_KINDS) $(UNIT_SERVICE))))
$(foreach t,job job_report,\
    $(eval $(call unit_on_rig,test_$(t),tests/unit/rig_job.c tests/unit/fake_job.c apps/interval.c apps/iperf3_count.c $(UNIT_JOB) $(UNIT_SINK) $(UNIT_SERVICE))))
$(foreach t,sink sink_reflect sink_runs,\
    $(eval $(call unit_on_rig,test_$(t),tests/unit/rig_job.c tests/unit/sink_rig.c $(UNIT_SINK) $(UNIT_JOB) apps/interval.c apps/iperf3_count.c $(UNIT_SERVICE))))
$(foreach t,sink sink_runs,$(eval $(call unit_lean,test_$(t))))
$(eval $(call unit_on_rig,test_stamp,$(UNIT_STAMP) apps/small.c $(UNIT_SERVICE)))
$(eval $(call unit_on_rig,test_flood,tests/unit/rig_job.c apps/interval.c apps/job_single.c $(UNIT_FLOOD) $(UNIT_JOB) apps/iperf3_count.c $(UNIT_SERVICE)))
$(eval $(call unit_on_rig,test_flood_here,$(filter-out %/test_flood.c,$(UNIT_SRC_test_flood))))
$(eval $(call unit_on_rig,test_stamp_sender,tests/unit/rig_job.c apps/interval.c apps/iperf3_count.c apps/job_single.c apps/flood_pace.c $(UNIT_SENDER) $(UNIT_SINK) $(UNIT_JOB) $(UNIT_SERVICE)))
UNIT_TESTS += test_flood_awake
UNIT_SRC_test_flood_awake := tests/unit/test_flood_awake.c apps/flood_awake.c

$(eval $(call unit_on_rig,test_connect,tests/unit/rig_job.c $(UNIT_IPERF3) $(UNIT_JOB) $(UNIT_KINDS) $(UNIT_SERVICE)))
UNIT_TESTS += test_connect_answer
UNIT_SRC_test_connect_answer := tests/unit/test_connect_answer.c apps/connect_answer.c kernel/format.c
UNIT_TESTS += test_flood_due test_flood_pace
UNIT_SRC_test_flood_due  := tests/unit/test_flood_due.c apps/flood_due.c apps/hdr.c kernel/json.c kernel/format.c
UNIT_SRC_test_flood_pace := tests/unit/test_flood_pace.c apps/flood_pace.c

UNIT_TESTS += test_report
UNIT_SRC_test_report := tests/unit/test_report.c apps/pattern.c apps/refused.c apps/services.c apps/stats.c \
    apps/interval.c apps/job.c apps/verdict.c $(UNIT_PARAMS) kernel/fault.c kernel/format.c kernel/ipaddr.c kernel/json.c kernel/refusal.c kernel/text.c kernel/usage.c

# The network of the system tests on which things go wrong.
UNIT_TESTS += test_relay
UNIT_SRC_test_relay    := tests/unit/test_relay.c $(addprefix tests/relay/,line.c script.c sight.c)
UNIT_CFLAGS_test_relay := -iquote tests/relay

# ---- rules --------------------------------------------------------------------------------------

unit_obj_dir = $(UNIT_DIR)/$(or $(UNIT_OBJ_$(1)),$(if $(UNIT_CFLAGS_$(1)),$(1).o,obj))
unit_objs    = $(sort $(patsubst %.c,$(call unit_obj_dir,$(1))/%.o,$(UNIT_SRC_$(1))))

# One program: its objects, its link. Shared objects come from the pattern rule below.
define unit_program
$(UNIT_DIR)/$(1): $(call unit_objs,$(1)) tests/unit/unit.mk
	$(UNIT_Q)echo "  LD    $$@"
	$(UNIT_Q)$(UNIT_CC) $(UNIT_CFLAGS) $(call unit_objs,$(1)) -lcmocka $(UNIT_LIBS_$(1)) -o $$@
$(call unit_objs,$(1)): $(UNIT_NEEDS_$(1))
endef

define unit_compile
$(UNIT_Q)mkdir -p $(@D)
$(UNIT_Q)echo "  CC    $@"
$(UNIT_Q)$(UNIT_CC) $(UNIT_CFLAGS) $(1) $(UNIT_INC) -MD -MP -c $< -o $@
endef

define unit_own_objects
$(UNIT_DIR)/$(1).o/%.o: %.c tests/unit/unit.mk
	$$(call unit_compile,$(UNIT_CFLAGS_$(1)))
endef

UNIT_Q := $(if $(V),,@)

$(UNIT_DIR)/obj/%.o: %.c tests/unit/unit.mk
	$(call unit_compile,)

# The small profile. Comparisons that its numbers decide are no reason for warnings.
$(UNIT_DIR)/lean/%.o: %.c tests/unit/unit.mk
	$(call unit_compile,-DLEAN -w -fno-sanitize=alignment -DLLHTTP_STRICT_MODE=1)

# llhttp is not ours: sanitizers yes, our warnings no.
$(UNIT_DIR)/obj/$(LLHTTP)/%.o: $(LLHTTP)/%.c tests/unit/unit.mk
	$(call unit_compile,-DLLHTTP_STRICT_MODE=1 -Dabort=http_parse_unreachable -w)

# Nor is lwIP; it reads headers at odd addresses, which x86 allows.
$(UNIT_DIR)/obj/build/lwip/%.o: build/lwip/%.c tests/unit/unit.mk
	$(call unit_compile,-w -fno-sanitize=alignment)
ifndef LWIP_SRC # the top Makefile, which includes this file, has its own rules
$(UNIT_LWIP): | build/lwip/.stamp ;
build/lwip/.stamp: unit-lwip ;
unit-lwip:
	$(UNIT_Q)tools/lwip-source
.PHONY: unit-lwip
endif

$(foreach t,$(UNIT_TESTS),$(eval $(call unit_program,$(t))))
$(foreach t,$(UNIT_TESTS),$(if $(UNIT_CFLAGS_$(t)),$(eval $(call unit_own_objects,$(t)))))

.PHONY: unit unit-build
unit-build: $(UNIT_TESTS:%=$(UNIT_DIR)/%)
unit: unit-build ## unit tests on the host, sanitizers on; JUnit XML in build/junit
	$(UNIT_Q)tests/unit/run $(UNIT_TESTS:%=$(UNIT_DIR)/%)

-include $(sort $(foreach t,$(UNIT_TESTS),$(patsubst %.o,%.d,$(call unit_objs,$(t)))))
