// SPDX-License-Identifier: BSD-3-Clause
/*
 * The bus: functions with 256 bytes of configuration space, reached through configuration mechanism
 * #1, and a window of addresses without memory that registers are mapped into, so that an access
 * that does not go through mmio.h ends the program.
 */
#include "sim.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>
#include "mmio.h"
#include "paging.h"

#define FN_MAX         64
#define MAP_MAX        4096
#define WINDOW         (64ul << 20)
#define WINDOW_PAGE    4096ul

#define REG_COMMAND    0x04u
#define REG_BAR0       0x10u
#define REG_CAPS       0x34u
#define COMMAND_IO     0x1u
#define COMMAND_MEMORY 0x2u
#define COMMAND_MASTER 0x4u
#define COMMAND_BITS   0x0407u

struct mapping {
    uint64_t phys, len;
    uintptr_t virt;
};

uint64_t sim_now_ns;
bool sim_collect, sim_mmio_map_fails;
bool sim_line_given_up;
unsigned sim_line_claims, sim_line_retries;
char sim_violation[256];
unsigned sim_pci_accesses, sim_vectors_left;
uint64_t sim_irqs[256];

static struct sim_fn *fns[FN_MAX];
static unsigned fn_n;
static uint32_t address;
static struct mapping maps[MAP_MAX];
static unsigned map_n;
static char *window;
static uintptr_t window_next;

void sim_breach(const char *clause, const char *fmt, ...)
{
    char text[sizeof(sim_violation)];
    int n = snprintf(text, sizeof(text), "[%s] ", clause);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
    va_end(ap);
    if (!sim_collect)
        fail_msg("the driver breaks a rule: %s", text);
    if (sim_violation[0] == '\0')
        memcpy(sim_violation, text, sizeof(text));
}

bool sim_breached(const char *clause)
{
    char head[64];
    bool same;

    snprintf(head, sizeof(head), "[%s] ", clause);
    same = strncmp(sim_violation, head, strlen(head)) == 0;
    if (!same)
        fprintf(stderr, "expected a breach of %s, seen: %s\n", clause, sim_violation);
    sim_violation[0] = '\0';
    return same;
}

void sim_power_on(void)
{
    if (window == NULL)
        window = mmap(NULL, WINDOW, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(window, MAP_FAILED);
    window_next = (uintptr_t)window;
    map_n = fn_n = 0;
    address = 0;
    sim_now_ns = 1000000;
    sim_collect = sim_mmio_map_fails = sim_line_given_up = false;
    sim_line_claims = sim_line_retries = 0;
    sim_violation[0] = '\0';
    sim_pci_accesses = 0;
    sim_vectors_left = 32;
    memset(sim_irqs, 0, sizeof(sim_irqs));
    sim_forget_records();
}

void sim_power_off(void)
{
    sim_forget_nics();
    for (unsigned i = 0; i < fn_n; i++)
        free(fns[i]);
    fn_n = 0;
    if (sim_violation[0] != '\0')
        fail_msg("a breach nobody asked for: %s", sim_violation);
}

void sim_put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

void sim_put32(uint8_t *p, uint32_t v)
{
    sim_put16(p, (uint16_t)v);
    sim_put16(p + 2, (uint16_t)(v >> 16));
}

uint16_t sim_get16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t sim_get32(const uint8_t *p)
{
    return sim_get16(p) | (uint32_t)sim_get16(p + 2) << 16;
}

struct sim_fn *sim_add_fn(uint8_t bus, uint8_t slot, uint8_t fn, uint16_t vendor, uint16_t device)
{
    struct sim_fn *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    assert_true(fn_n < FN_MAX);
    fns[fn_n++] = f;
    f->bus = bus;
    f->slot = slot;
    f->fn = fn;
    sim_put16(f->cfg, vendor);
    sim_put16(f->cfg + 2, device);
    return f;
}

struct sim_fn *sim_add_bridge(uint8_t bus, uint8_t slot, uint8_t secondary)
{
    struct sim_fn *f = sim_add_fn(bus, slot, 0, 0x1b36, 0x000c);

    f->cfg[0x0e] = 1;
    f->cfg[0x18] = bus;
    f->cfg[0x19] = secondary;
    f->cfg[0x1a] = 0xff;
    return f;
}

uint8_t sim_add_cap(struct sim_fn *f, const uint8_t *cap, uint8_t len)
{
    uint8_t at = 0x40;

    f->cfg[6] |= 0x10; /* status: there is a list */
    if (f->cfg[REG_CAPS] == 0) {
        f->cfg[REG_CAPS] = at;
    } else {
        uint8_t last = f->cfg[REG_CAPS];
        while (f->cfg[last + 1] != 0)
            last = f->cfg[last + 1];
        at = (uint8_t)((last + 20 + 3) & ~3); /* none of ours is longer than 20 bytes */
        f->cfg[last + 1] = at;
    }
    assert_true(at + len <= 256);
    memcpy(f->cfg + at, cap, len);
    f->cfg[at + 1] = 0;
    return at;
}

static struct sim_fn *selected(void)
{
    if (!(address & 0x80000000u))
        return NULL;
    for (unsigned i = 0; i < fn_n; i++)
        if (fns[i]->bus == (address >> 16 & 0xff) && fns[i]->slot == (address >> 11 & 0x1f) &&
            fns[i]->fn == (address >> 8 & 7))
            return fns[i];
    return NULL;
}

static bool is_io(const struct sim_fn *f, unsigned bar)
{
    return f->bar_bits[bar] != 0 && f->cfg[REG_BAR0 + 4 * bar] & 1;
}

bool sim_fn_decodes(const struct sim_fn *f)
{
    return f->cfg[REG_COMMAND] & COMMAND_MEMORY;
}

bool sim_fn_masters(const struct sim_fn *f)
{
    return f->cfg[REG_COMMAND] & COMMAND_MASTER;
}

/* Which device has this port, and where in which BAR. */
static struct sim_nic *decode_port(uint16_t port, unsigned width, unsigned *bar, uint64_t *offset)
{
    for (unsigned i = 0; i < fn_n; i++)
        for (unsigned b = 0; b < 6; b++) {
            struct sim_fn *f = fns[i];
            uint32_t base = sim_get32(f->cfg + REG_BAR0 + 4 * b) & ~3u;
            uint32_t size = f->bar_bits[b] & (~f->bar_bits[b] + 1);
            if (f->nic == NULL || !is_io(f, b) || port < base || port + width > base + size)
                continue;
            if (!(f->cfg[REG_COMMAND] & COMMAND_IO))
                sim_breach("PCI", "port access while the function does not decode ports");
            *bar = b;
            *offset = port - base;
            return f->nic;
        }
    return NULL;
}

uint32_t sim_port_in(uint16_t port, unsigned width)
{
    struct sim_fn *f = selected();
    uint64_t offset = 0;
    unsigned bar = 0;
    struct sim_nic *n = decode_port(port, width, &bar, &offset);
    uint32_t v = 0;

    if (n != NULL)
        return n->gone ? 0xffffffff : sim_nic_read(n, bar, offset, width);
    sim_pci_accesses++;
    if (port < 0xcfc || port + width > 0xd00) {
        sim_breach("PCI", "read of port 0x%x, %u bytes", port, width);
        return 0xffffffff;
    }
    for (unsigned i = width; i-- > 0;)
        v = v << 8 | (f == NULL || (f->nic != NULL && f->nic->gone)
                          ? 0xff
                          : f->cfg[(address & 0xfc) + (port & 3) + i]);
    return v;
}

static void write_bar(struct sim_fn *f, unsigned i, uint32_t v)
{
    uint8_t *reg = f->cfg + REG_BAR0 + 4 * i;

    if (sim_fn_decodes(f) || f->cfg[REG_COMMAND] & COMMAND_IO)
        sim_breach("PCI", "BAR %u written while the function decodes", i);
    if (v == 0xffffffff)
        f->bars_sized = true;
    sim_put32(reg, (sim_get32(reg) & ~f->bar_bits[i]) | (v & f->bar_bits[i]));
}

/* Exactly three things may be written; a capability of virtio's is none of them [virtio 4.1.4.1].
 */
static void write_config(struct sim_fn *f, unsigned at, unsigned width, uint32_t v)
{
    if (at == REG_COMMAND && width == 2) {
        sim_put16(f->cfg + REG_COMMAND, (uint16_t)(v & COMMAND_BITS));
    } else if (at >= REG_BAR0 && at < REG_BAR0 + 24 && at % 4 == 0 && width == 4) {
        write_bar(f, (at - REG_BAR0) / 4, v);
    } else if (at >= 0x42 && f->cfg[at - 2] == 0x11 && width == 2) {
        sim_put16(f->cfg + at, (uint16_t)((sim_get16(f->cfg + at) & 0x07ff) | (v & 0xc000)));
    } else {
        sim_breach("4.1.4.1", "configuration space written at 0x%02x, %u bytes", at, width);
    }
}

void sim_port_out(uint16_t port, unsigned width, uint32_t v)
{
    struct sim_fn *f = selected();
    uint64_t offset = 0;
    unsigned bar = 0;
    struct sim_nic *n = decode_port(port, width, &bar, &offset);

    if (n != NULL) {
        if (!n->gone)
            sim_nic_write(n, bar, offset, width, v);
        return;
    }
    sim_pci_accesses++;
    if (port == 0xcf8 && width == 4)
        address = v;
    else if (port < 0xcfc || port + width > 0xd00)
        sim_breach("PCI", "write to port 0x%x, %u bytes", port, width);
    else if (f != NULL && (f->nic == NULL || !f->nic->gone))
        write_config(f, (address & 0xfc) + (port & 3), width, v);
}

void *mmio_map(uint64_t phys, uint64_t len)
{
    uint64_t offset = phys % WINDOW_PAGE;
    uintptr_t virt = window_next + offset;

    if (sim_mmio_map_fails || len == 0 || len > WINDOW || virt + len > (uintptr_t)window + WINDOW ||
        map_n == MAP_MAX)
        return NULL;
    maps[map_n++] = (struct mapping){phys, len, virt};
    window_next = (virt + len + WINDOW_PAGE - 1) / WINDOW_PAGE * WINDOW_PAGE;
    return (void *)virt;
}

static uint64_t bar_base(const struct sim_fn *f, unsigned i)
{
    uint32_t low = sim_get32(f->cfg + REG_BAR0 + 4 * i);
    uint64_t base = low & 0xfffffff0;

    if ((low & 6) == 4)
        base |= (uint64_t)sim_get32(f->cfg + REG_BAR0 + 4 * i + 4) << 32;
    return base;
}

/* Who answers at this address, and where in which BAR. */
static struct sim_nic *decode(const volatile void *p, unsigned width, unsigned *bar,
                              uint64_t *offset)
{
    uintptr_t virt = (uintptr_t)p;

    for (unsigned m = 0; m < map_n; m++) {
        if (virt < maps[m].virt || virt + width > maps[m].virt + maps[m].len)
            continue;
        for (unsigned i = 0; i < fn_n; i++)
            for (unsigned b = 0; b < 6; b++) {
                struct sim_fn *f = fns[i];
                uint64_t base = bar_base(f, b), phys = maps[m].phys + virt - maps[m].virt;
                uint64_t size = f->bar_bits[b] & (~f->bar_bits[b] + 1);
                if (f->nic == NULL || f->bar_bits[b] == 0 || is_io(f, b) || phys < base ||
                    phys >= base + size)
                    continue;
                if (!sim_fn_decodes(f))
                    sim_breach("PCI", "register access while the function does not decode");
                *bar = b;
                *offset = phys - base;
                return f->nic;
            }
    }
    sim_breach("PCI", "register access where no device is");
    return NULL;
}

uint32_t sim_mmio_read(const volatile void *p, unsigned width)
{
    unsigned bar = 0;
    uint64_t offset = 0;
    struct sim_nic *n = decode(p, width, &bar, &offset);

    return n == NULL || n->gone ? 0xffffffff : sim_nic_read(n, bar, offset, width);
}

void sim_mmio_write(volatile void *p, unsigned width, uint32_t v)
{
    unsigned bar = 0;
    uint64_t offset = 0;
    struct sim_nic *n = decode(p, width, &bar, &offset);

    if (n != NULL && !n->gone)
        sim_nic_write(n, bar, offset, width, v);
}
