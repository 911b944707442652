// SPDX-License-Identifier: BSD-3-Clause
/*
 * A plugin for QEMU's emulator (TCG) that counts the guest's instructions: `make bench-icount`.
 *
 *     -plugin insn_plugin.so,count=PATH,turn=ADDRESS,idle=ADDRESS
 *
 * The addresses, hexadecimal, are those of two functions of the guest: one that every turn of its
 * loop calls first, and one that a turn in which there was nothing to do calls last, before it
 * sleeps or not. So the turns that did something are told from those that did not, and what these
 * cost is what any turn costs at least.
 *
 * The counts are those of struct counts, at the beginning of the file, which must have as many
 * bytes. They can be read there at any time, by whoever maps or reads the file, without the guest's
 * taking part; those of turns change when a turn ends, together.
 *
 * What is counted are the instructions of the translated blocks that were begun; one that is left
 * half-way, by a page fault for instance, counts as a whole. Nothing is counted while the CPU is
 * halted. There is one CPU.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
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
enum { PLUGIN_INLINE_ADD_U64 = 0, PLUGIN_CB_NO_REGS = 0 };

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
                                           void (*cb)(plugin_id id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *at,
                                              uint64_t value);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
                                          void (*cb)(unsigned vcpu, void *of), int flags, void *of);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static struct counts {
    uint64_t all;              /* instructions */
    uint64_t busy, busy_turns; /* of turns that did something, from one beginning to the next */
    uint64_t idle, idle_turns; /* of others, from the beginning until that was clear */
} * counts;

static uint64_t turn_address, idle_address;
static uint64_t begun; /* instructions when this turn began; 0: it did nothing, or it is no turn */

/* Adds the turn that is over, if one had begun. */
static void add_turn(uint64_t *instructions, uint64_t *turns)
{
    if (begun == 0)
        return;
    *instructions += counts->all - begun;
    ++*turns;
}

static void turn_begins(unsigned vcpu, void *of)
{
    (void)vcpu;
    (void)of;
    add_turn(&counts->busy, &counts->busy_turns);
    begun = counts->all;
}

static void turn_was_idle(unsigned vcpu, void *of)
{
    (void)vcpu;
    (void)of;
    add_turn(&counts->idle, &counts->idle_turns);
    begun = 0;
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
    const uint64_t address = qemu_plugin_tb_vaddr(tb);

    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(tb, PLUGIN_INLINE_ADD_U64, &counts->all,
                                             qemu_plugin_tb_n_insns(tb));
    if (address == turn_address)
        qemu_plugin_register_vcpu_tb_exec_cb(tb, turn_begins, PLUGIN_CB_NO_REGS, NULL);
    if (address == idle_address)
        qemu_plugin_register_vcpu_tb_exec_cb(tb, turn_was_idle, PLUGIN_CB_NO_REGS, NULL);
}

static bool read_arguments(int argc, char **argv, const char **path)
{
    return argc == 3 && strncmp(argv[0], "count=", 6) == 0 && (*path = argv[0] + 6) &&
           sscanf(argv[1], "turn=%" SCNx64, &turn_address) == 1 &&
           sscanf(argv[2], "idle=%" SCNx64, &idle_address) == 1;
}

__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, const void *info,
                                                               int argc, char **argv)
{
    const char *path;
    int fd;

    (void)info;
    if (!read_arguments(argc, argv, &path)) {
        fprintf(stderr, "insn_plugin: count=PATH,turn=ADDRESS,idle=ADDRESS are wanted\n");
        return -1;
    }
    fd = open(path, O_RDWR | O_CLOEXEC);
    counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (counts == MAP_FAILED) {
        perror("insn_plugin");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
