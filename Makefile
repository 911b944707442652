# SPDX-License-Identifier: BSD-3-Clause
#
# Everything that is made lies in build/. `make help` lists the targets. Variables:
#   V=1        show the commands             LEAN=1     the small profile, in build/lean
#   LWIP_DIR=  an unpacked lwIP 2.2.1        QEMU= ACCEL=  what run, test and debug use
#   LONG=      which of the long tests

BUILD := build
B     := $(BUILD)$(if $(LEAN),/lean)
LWIP  := $(BUILD)/lwip
Q     := $(if $(V),,@)
QEMU  ?= qemu-system-x86_64
MAKEFLAGS += -r # no built-in rules
export V QEMU ACCEL LWIP_DIR LEAN CI

# ---- what there is ------------------------------------------------------------------------------

BOOT_SRC := boot/entry.S boot/pvh.c

KERNEL_SRC := kernel/acpi.c kernel/conf.c kernel/conf_fault.c kernel/conf_keys.c kernel/conf_relay.c kernel/console.c kernel/dma.c kernel/fault.c \
    kernel/format.c kernel/framebuffer.c kernel/ipaddr.c kernel/irq.c kernel/job_keys.c kernel/job_params.c kernel/job_value.c kernel/json.c kernel/lapic.c kernel/main.c \
    kernel/paging.c kernel/panic.c kernel/pic.c kernel/provoke.c kernel/rand.c kernel/record.c kernel/refusal.c kernel/serial.c \
    kernel/stacks.S kernel/string.c kernel/symbols.c kernel/text.c kernel/time.c kernel/trap.S kernel/trap.c kernel/usage.c

DRIVER_SRC := drivers/fw_cfg.c drivers/netbuf.c drivers/pci.c drivers/virtio_net.c \
    drivers/virtio_net_bufs.c drivers/virtio_net_ctrl.c drivers/virtio_net_features.c drivers/virtio_net_hdr.c \
    drivers/virtio_net_irq.c drivers/virtio_net_many.c drivers/virtio_net_merge.c drivers/virtio_net_queue.c \
    drivers/virtio_net_sleep.c drivers/virtio_net_stall.c drivers/virtio_net_stats.c \
    drivers/virtio_net_up.c drivers/virtio_net_watch.c drivers/virtio_net_watch_irq.c \
    drivers/virtio_net_watch_rx.c drivers/virtio_pci.c drivers/virtio_pci_legacy.c \
    drivers/virtio_pci_modern.c drivers/virtqueue.c drivers/virtqueue_packed.c drivers/virtqueue_split.c

PORT_SRC := lwip-port/acks.c lwip-port/address.c lwip-port/announce.c lwip-port/chksum.c lwip-port/ethif.c lwip-port/ethif_held.c lwip-port/ethif_rx.c lwip-port/ethif_tx.c lwip-port/gro.c lwip-port/linger.c lwip-port/netport.c lwip-port/netport_ip.c \
    lwip-port/netport_stats.c lwip-port/netraw.c lwip-port/offload.c lwip-port/port.c lwip-port/silence.c lwip-port/udp_template.c

APP_SRC := apps/chargen.c apps/conn.c apps/connect.c apps/connect_answer.c apps/connect_job.c apps/discard.c apps/echo.c apps/flood.c apps/flood_awake.c apps/flood_check.c apps/flood_due.c apps/flood_frame.c apps/flood_job.c \
    apps/flood_pace.c apps/hdr.c apps/http.c apps/http_jobs.c apps/http_parse.c \
    apps/http_place.c apps/http_route.c apps/interval.c apps/iperf3_client.c apps/iperf3_control.c apps/iperf3_count.c apps/iperf3_door.c \
    apps/iperf3_job.c apps/iperf3_json.c apps/iperf3_json_write.c apps/iperf3_open.c apps/iperf3_report.c apps/iperf3_results.c apps/iperf3_server.c apps/iperf3_session.c \
    apps/iperf3_stream_tcp.c apps/iperf3_stream_udp.c apps/job.c apps/job_json.c apps/job_kinds.c apps/job_measure.c apps/job_single.c apps/json_read.c apps/pattern.c apps/refused.c apps/relay.c apps/seqwin.c \
    apps/services.c apps/sink.c apps/sink_frame.c apps/sink_report.c apps/sink_run.c apps/small.c apps/stamp.c apps/stamp_job.c apps/stamp_reflector.c apps/stamp_sender.c \
    apps/stats.c apps/testframe.c apps/verdict.c

# lwIP's core; neither its sequential API nor its applications.
LWIP_SRC := \
    core/def.c core/inet_chksum.c core/init.c core/ip.c core/mem.c core/memp.c core/netif.c \
    core/pbuf.c core/stats.c core/tcp.c core/tcp_in.c core/tcp_out.c core/timeouts.c core/udp.c \
    core/ipv4/dhcp.c core/ipv4/etharp.c core/ipv4/icmp.c core/ipv4/ip4.c core/ipv4/ip4_addr.c \
    core/ipv6/ethip6.c core/ipv6/icmp6.c core/ipv6/ip6.c core/ipv6/ip6_addr.c core/ipv6/mld6.c \
    core/ipv6/nd6.c netif/ethernet.c

# The HTTP parser: sources that Debian's node-llhttp installs.
LLHTTP     := /usr/share/llhttp
LLHTTP_SRC := api.c http.c llhttp.c

# ---- how it is made -----------------------------------------------------------------------------

CC      := gcc
LD      := ld
OBJCOPY := objcopy
NM      := nm

# No SSE, no red zone: an interrupt may come at any `hlt` and saves the general registers only. No
# `rep movs/stos` inline either: emulators run them byte by byte.
MACHINE  := -m64 -mcmodel=kernel -mno-red-zone -mgeneral-regs-only -mstringop-strategy=libcall \
            -fno-pic -fno-pie
COMMON   := -std=c11 -ffreestanding -O2 -g -fno-omit-frame-pointer -fno-asynchronous-unwind-tables \
            -fstack-protector-strong -mstack-protector-guard=global \
            -ffunction-sections -fdata-sections -MD -MP $(if $(LEAN),-DLEAN)
WARN     := -Wall -Wextra -Wshadow -Wconversion -Werror
OUR_INC  := -iquote kernel -iquote drivers -iquote lwip-port -iquote apps
LWIP_INC := -isystem $(LWIP)/src/include -isystem lwip-port -isystem /usr/share/include/llhttp

CFLAGS      := $(MACHINE) $(COMMON) $(WARN) $(OUR_INC)
LWIP_CFLAGS := $(MACHINE) $(COMMON) -Wall $(OUR_INC) $(LWIP_INC)

# Strict: what two parsers could understand in two ways is refused.
LLHTTP_CFLAGS := $(MACHINE) $(COMMON) $(LWIP_INC) -DLLHTTP_STRICT_MODE=1 -Dabort=http_parse_unreachable
LDFLAGS     := -nostdlib -static --gc-sections --build-id=none -z max-page-size=4096 \
               -z noexecstack -T boot/kernel.ld

KERNEL_OBJ := $(patsubst %,$(B)/obj/%.o,$(BOOT_SRC) $(KERNEL_SRC) $(DRIVER_SRC))
STACK_OBJ  := $(patsubst %,$(B)/obj/%.o,$(PORT_SRC) $(APP_SRC))
LWIP_OBJ   := $(patsubst %,$(B)/obj/lwip/%.o,$(LWIP_SRC))
LLHTTP_OBJ := $(patsubst %,$(B)/obj/llhttp/%.o,$(LLHTTP_SRC))
OBJ        := $(KERNEL_OBJ) $(STACK_OBJ) $(LWIP_OBJ) $(LLHTTP_OBJ)

.PHONY: all deps run test test-long bench-boot lean budget check check-layers debug help clean
.DELETE_ON_ERROR:
.SECONDARY:

all: $(B)/antifreeze.elf $(B)/antifreeze.efi $(B)/antifreeze.img ## every artifact (default)

deps: ## install missing Debian packages, unpack lwIP
	$(Q)tools/deps
	$(Q)BUILD=$(BUILD) tools/lwip-source

# tools/lwip-source writes the stamp when, and only when, it has made the tree anew: with other patches of
# ours, another lwIP. Whatever sees lwIP's headers is older then.
$(LWIP)/.stamp: deps ;
$(LWIP)/src/%.c: | $(LWIP)/.stamp ;
$(OBJ): Makefile | deps
$(STACK_OBJ) $(LWIP_OBJ) $(B)/obj/kernel/main.c.o: $(LWIP)/.stamp

$(B)/obj/%.c.o: %.c
	@mkdir -p $(@D)
	@echo "  CC    $@"
	$(Q)$(CC) $(CFLAGS) -c $< -o $@

$(B)/obj/%.S.o: %.S
	@mkdir -p $(@D)
	@echo "  AS    $@"
	$(Q)$(CC) $(CFLAGS) -c $< -o $@

$(STACK_OBJ) $(B)/obj/kernel/main.c.o: CFLAGS += $(LWIP_INC)
$(B)/obj/kernel/provoke.c.o: CFLAGS += -O0 # bugs on purpose, which an optimiser sees through

$(B)/obj/lwip/%.c.o: $(LWIP)/src/%.c
	@mkdir -p $(@D)
	@echo "  CC    $@"
	$(Q)$(CC) $(LWIP_CFLAGS) -c $< -o $@

$(B)/obj/llhttp/%.c.o: $(LLHTTP)/%.c
	@mkdir -p $(@D)
	@echo "  CC    $@"
	$(Q)$(CC) $(LLHTTP_CFLAGS) -c $< -o $@

# The table of function names describes the image that it is part of. It lies behind the text, so the
# second link moves no function: that is checked.
$(B)/symbols0.S: tools/symbols
	@mkdir -p $(@D)
	$(Q)tools/symbols </dev/null >$@

$(B)/pass1.elf: $(OBJ) $(B)/symbols0.o boot/kernel.ld
	$(Q)$(LD) $(LDFLAGS) $(filter %.o,$^) -o $@

$(B)/symbols1.S: $(B)/pass1.elf tools/symbols
	$(Q)$(NM) -n $< | tools/symbols >$@

$(B)/symbols%.o: $(B)/symbols%.S
	$(Q)$(CC) $(MACHINE) -c $< -o $@

$(B)/antifreeze.sym.elf: $(OBJ) $(B)/symbols1.o boot/kernel.ld
	@echo "  LD    $@"
	$(Q)$(LD) $(LDFLAGS) $(filter %.o,$^) -o $@
	$(Q)$(NM) -n $@ | tools/symbols | cmp - $(B)/symbols1.S
	$(Q)tools/check-image --symbols $@

$(B)/antifreeze.elf: $(B)/antifreeze.sym.elf
	$(Q)$(OBJCOPY) --strip-all $< $@
	$(Q)test $$(stat -c %s $@) -lt 1048576 || { echo "$@ is 1 MiB or more" >&2; false; }

# The UEFI application: a shared library with the kernel's file inside, turned into a PE by objcopy.
EFI_OBJ    := $(B)/obj/uefi/uefi.o $(B)/obj/uefi/uefi_info.o $(B)/obj/uefi/kernel.o
EFI_LDS    := /usr/lib/elf_x86_64_efi.lds
EFI_CRT    := /usr/lib/crt0-efi-x86_64.o
EFI_LIB    := /usr/lib/libgnuefi.a
EFI_CFLAGS := -std=c11 -ffreestanding -O2 -fpic -fshort-wchar -mno-red-zone -mgeneral-regs-only \
              -fno-stack-protector -maccumulate-outgoing-args -DGNU_EFI_USE_MS_ABI -MD -MP \
              -iquote kernel -isystem /usr/include/efi -isystem /usr/include/efi/x86_64 $(WARN)

$(B)/obj/uefi/%.o: boot/%.c Makefile | deps
	@mkdir -p $(@D)
	@echo "  CC    $@"
	$(Q)$(CC) $(EFI_CFLAGS) -c $< -o $@

$(B)/obj/uefi/kernel.o: boot/uefi_kernel.S $(B)/antifreeze.elf
	@mkdir -p $(@D)
	$(Q)$(CC) -DKERNEL_FILE='"$(B)/antifreeze.elf"' -c $< -o $@

$(B)/antifreeze.efi: $(EFI_OBJ)
	@echo "  EFI   $@"
	$(Q)$(LD) -nostdlib -shared -Bsymbolic -znocombreloc --no-undefined --build-id=none \
	    -T $(EFI_LDS) $(EFI_CRT) $(EFI_OBJ) $(EFI_LIB) -o $(B)/obj/uefi/antifreeze.so
	$(Q)$(OBJCOPY) -j .text -j .sdata -j .data -j .dynamic -j .rodata -j .dynsym -j '.rel*' \
	    -j .reloc --target efi-app-x86_64 --subsystem 10 $(B)/obj/uefi/antifreeze.so $@

$(B)/antifreeze.img: $(B)/antifreeze.efi boot/antifreeze.conf boot/make-image
	@echo "  IMG   $@"
	$(Q)boot/make-image $@ $(B)/antifreeze.efi boot/antifreeze.conf

# ---- what is done with it -----------------------------------------------------------------------

run: all ## boot the guest and drive it with iperf3, both ways: table and verdict
	$(Q)tools/run

test: all lean ## unit tests, fuzz targets, then system tests in QEMU; JUnit XML in build/junit
	$(Q)tests/run-tests

test-long: all lean ## what takes longer, table in build/test-long; LONG="-k pvh-pc" chooses, LONG=--resume goes on
	$(Q)tests/run-tests -m long -v $(LONG)

bench-boot: all lean ## time from QEMU's start to the first ping reply; least memory that serves
	$(Q)tools/bench-boot

lean: | deps ## the small profile, in build/lean
	$(Q)$(MAKE) --no-print-directory LEAN=1 all

budget: $(B)/antifreeze.sym.elf ## the ledger: each pool's unit, count, formula, bytes; total static memory
	$(Q)tools/budget $< $(CC) $(CFLAGS) $(LWIP_INC)

check: all ## format, layers, static analysis, scripts, documents, machine code, ledger
	$(Q)tools/check

check-layers: ## who may include whom
	$(Q)tools/check layers

debug: all ## QEMU stopped, a gdb stub on port 1234, the gdb line; APPEND= is the guest's command line
	$(Q)tools/debug $(APPEND)

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## */  \1\t/p' Makefile tests/*/*.mk | expand -t 16

clean: ## remove what was built; the fetched lwIP package stays in build/cache
	$(Q)for f in $(BUILD)/*; do [ "$$f" = $(BUILD)/cache ] || rm -rf "$$f"; done

-include $(OBJ:.o=.d) $(EFI_OBJ:.o=.d)
-include tests/unit/unit.mk
-include tests/fuzz/fuzz.mk
-include tests/hosted/hosted.mk
-include tests/bench/bench.mk
-include tests/relay/relay.mk
-include tests/soak/storm.mk
-include tests/soak/soak.mk
