// SPDX-License-Identifier: BSD-3-Clause
/*
 * A plugin for QEMU's emulator (TCG) that counts the guest's instructions: `make bench-icount`.
 *
 *     -plugin insn_plugin.so,count=PATH
 *
 * The count is a 64-bit number at the beginning of the file, which must have eight bytes. It can be
 * read there at any time, by whoever maps or reads the file, without the guest's taking part.
 *
 * What is counted are the instructions of the translated blocks that were begun; one that is left
 * half-way, by a page fault for instance, counts as a whole. Nothing is counted while the CPU is
 * halted.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The part of QEMU's plugin interface, version 1, that is needed here; Debian has no header of it.
 */
typedef uint64_t plugin_id;
struct qemu_plugin_tb;
enum { PLUGIN_INLINE_ADD_U64 = 0 };

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
                                           void (*cb)(plugin_id id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *at,
                                              uint64_t value);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static uint64_t *count;

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(tb, PLUGIN_INLINE_ADD_U64, count,
                                             qemu_plugin_tb_n_insns(tb));
}

__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, const void *info,
                                                               int argc, char **argv)
{
    int fd;

    (void)info;
    if (argc != 1 || strncmp(argv[0], "count=", 6) != 0) {
        fprintf(stderr, "insn_plugin: count=PATH is wanted\n");
        return -1;
    }
    fd = open(argv[0] + 6, O_RDWR | O_CLOEXEC);
    count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (count == MAP_FAILED) {
        perror("insn_plugin");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
