// SPDX-License-Identifier: BSD-3-Clause
/*
 * PCI against simulated functions: the bus, BARs, capability lists, MSI-X.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "pci.h"
#include "sim.h"

static struct pci_dev found[16];

static int setup(void **state)
{
    (void)state;
    sim_power_on();
    return 0;
}

static struct pci_dev dev_of(const struct sim_fn *fn)
{
    return (struct pci_dev){.bus = fn->bus, .slot = fn->slot, .fn = fn->fn};
}

/* One function, of which f is the simulated machine's view and d the driver's. */
static struct sim_fn *f;
static struct pci_dev d;
static struct pci_bar bars[PCI_BARS];

static int setup_function(void **state)
{
    setup(state);
    f = sim_add_fn(0, 1, 0, 0x1234, 0x5678);
    d = dev_of(f);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sim_power_off();
    return 0;
}

static bool any(uint16_t device)
{
    (void)device;
    return true;
}

static bool only_7(uint16_t device)
{
    return device == 7;
}

static unsigned find(void)
{
    return pci_find(0x1234, any, found, 16);
}

/* ---- the bus ----------------------------------------------------------------------------------
 */

static void functions_are_found_in_bus_order(void **state)
{
    (void)state;
    sim_add_fn(0, 31, 0, 0x1234, 3);
    sim_add_fn(0, 2, 0, 0x1234, 1);
    sim_add_fn(0, 3, 0, 0x8086, 9);
    sim_add_fn(0, 4, 0, 0x1234, 2);
    assert_int_equal(find(), 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(found[i].device, i + 1);
    assert_int_equal(found[0].slot, 2);
    assert_int_equal(found[2].vendor, 0x1234);
}

static void only_wanted_devices_are_found_and_no_more_than_asked_for(void **state)
{
    (void)state;
    for (uint8_t slot = 0; slot < 10; slot++)
        sim_add_fn(0, slot, 0, 0x1234, slot % 2 ? 7 : 8);
    assert_int_equal(pci_find(0x1234, only_7, found, 16), 5);
    assert_int_equal(pci_find(0x1234, only_7, found, 2), 2);
    assert_int_equal(found[1].slot, 3);
}

static void functions_beyond_the_first_need_the_multifunction_bit(void **state)
{
    (void)state;
    f = sim_add_fn(0, 1, 0, 0x1234, 1);
    sim_add_fn(0, 1, 7, 0x1234, 2);
    assert_int_equal(find(), 1);
    f->cfg[0x0e] |= 0x80;
    assert_int_equal(find(), 2);
    assert_int_equal(found[1].fn, 7);
}

static void buses_behind_bridges_are_found(void **state)
{
    (void)state;
    sim_add_bridge(0, 1, 1);
    sim_add_bridge(1, 0, 2);
    sim_add_fn(2, 5, 0, 0x1234, 1);
    sim_add_fn(3, 5, 0, 0x1234, 2); /* nothing leads there */
    assert_int_equal(find(), 1);
    assert_int_equal(found[0].bus, 2);
}

static void bridges_in_a_circle_end(void **state)
{
    (void)state;
    sim_add_bridge(0, 1, 0);
    sim_add_bridge(0, 2, 5);
    sim_add_bridge(5, 0, 5);
    sim_add_bridge(5, 1, 0);
    sim_add_fn(5, 3, 0, 0x1234, 1);
    assert_int_equal(find(), 1);
    assert_true(sim_pci_accesses < 1000);
}

static void an_empty_bus_costs_one_look_a_slot(void **state)
{
    (void)state;
    assert_int_equal(find(), 0);
    assert_int_equal(sim_pci_accesses, 2 * 32);
}

/* ---- configuration space ----------------------------------------------------------------------
 */

static void narrow_reads_see_the_right_bytes(void **state)
{
    (void)state;
    for (unsigned i = 0x40; i < 256; i++)
        f->cfg[i] = (uint8_t)(i * 7);
    for (unsigned i = 0x40; i < 256; i++)
        assert_int_equal(pci_read8(&d, i), (uint8_t)(i * 7));
    for (unsigned i = 0x40; i < 256; i += 2)
        assert_int_equal(pci_read16(&d, i), sim_get16(f->cfg + i));
    assert_int_equal(pci_read32(&d, 0), 0x56781234);
}

static void command_is_written_without_touching_the_status(void **state)
{
    static const struct pci_bar none[PCI_BARS], memory[PCI_BARS] = {{.base = 4096, .size = 4096}};
    static const struct pci_bar both[PCI_BARS] = {{.base = 4096, .size = 4096},
                                                  {.base = 0xc000, .size = 32, .io = true}};

    (void)state;
    sim_put16(f->cfg + 4, 0x0004);
    pci_decode(&d, none);
    assert_int_equal(sim_get16(f->cfg + 4), 0x0400);
    pci_decode(&d, memory);
    assert_int_equal(sim_get16(f->cfg + 4), 0x0402);
    pci_bus_master(&d, true);
    assert_int_equal(sim_get16(f->cfg + 4), 0x0406);
    pci_bus_master(&d, false);
    assert_int_equal(sim_get16(f->cfg + 4), 0x0402);
    pci_decode(&d, both);
    assert_int_equal(sim_get16(f->cfg + 4), 0x0403);
}

/* ---- BARs -------------------------------------------------------------------------------------
 */

static void bars_of_every_kind_are_read(void **state)
{
    (void)state;
    sim_put32(f->cfg + 0x10, 0xc001); /* ports */
    f->bar_bits[0] = 0xffe0;
    sim_put32(f->cfg + 0x14, 0xfebf0000); /* 32-bit memory */
    f->bar_bits[1] = 0xfffff000;
    /* 2: none. 3: decodes nothing yet, the firmware gave it no address */
    f->bar_bits[3] = 0xffff0000;
    sim_put32(f->cfg + 0x20, 0x4000000c); /* 64-bit prefetchable */
    sim_put32(f->cfg + 0x24, 0x38);
    f->bar_bits[4] = 0xffffc000;
    f->bar_bits[5] = 0xffffffff;
    sim_put16(f->cfg + 4, 0x0007);
    pci_read_bars(&d, bars);
    assert_true(bars[0].io && bars[0].base == 0xc000 && bars[0].size == 0x20);
    assert_true(!bars[1].io && bars[1].base == 0xfebf0000 && bars[1].size == 0x1000);
    assert_int_equal(bars[2].size, 0);
    assert_int_equal(bars[3].size, 0);
    assert_true(bars[4].base == 0x3840000000 && bars[4].size == 0x4000);
    assert_int_equal(bars[5].size, 0); /* the upper half of 4 */
    /* And all is as it was. */
    assert_true(f->bars_sized);
    assert_int_equal(sim_get32(f->cfg + 0x10), 0xc001);
    assert_int_equal(sim_get32(f->cfg + 0x20), 0x4000000c);
    assert_int_equal(sim_get32(f->cfg + 0x24), 0x38);
    assert_int_equal(sim_get16(f->cfg + 4), 0x0007);
}

static void bar_of_more_than_4_gib_has_its_size(void **state)
{
    (void)state;
    sim_put32(f->cfg + 0x10, 0x4);
    sim_put32(f->cfg + 0x14, 0x80);
    f->bar_bits[1] = 0xfffffffe;
    pci_read_bars(&d, bars);
    assert_true(bars[0].base == 0x8000000000 && bars[0].size == 0x200000000);
}

static void a_64_bit_bar_in_the_last_register_has_no_upper_half(void **state)
{
    (void)state;
    sim_put32(f->cfg + 0x24, 0xf0000004);
    f->bar_bits[5] = 0xffff0000;
    pci_read_bars(&d, bars); /* an access beyond would be a breach */
    assert_int_equal(bars[5].base, 0xf0000000);
}

static void map_stays_inside_the_bar(void **state)
{
    const struct pci_bar bar = {.base = 0xf0000000, .size = 0x1000};
    const struct pci_bar ports = {.base = 0xc000, .size = 0x20, .io = true};
    const struct pci_bar top = {.base = 0xfffffffffffff000, .size = 0x2000};

    (void)state;
    assert_non_null(pci_map(&bar, 0, 0x1000));
    assert_non_null(pci_map(&bar, 0xffe, 2));
    assert_null(pci_map(&bar, 0, 0x1001));
    assert_null(pci_map(&bar, 0xfff, 2));
    assert_null(pci_map(&bar, 0x1001, 0));
    assert_null(pci_map(&bar, 8, UINT64_MAX - 4));
    assert_null(pci_map(&bar, UINT64_MAX - 4, 8));
    assert_null(pci_map(&ports, 0, 4));
    assert_null(pci_map(&top, 0, 4));
}

static void windows_onto_bars_of_both_kinds_stay_inside(void **state)
{
    const struct pci_bar memory = {.base = 0xf0000000, .size = 0x1000};
    const struct pci_bar ports = {.base = 0xc000, .size = 0x20, .io = true};
    const struct pci_bar beyond = {.base = 0xfff0, .size = 0x20, .io = true};
    struct pci_io io;

    (void)state;
    assert_true(pci_map_io(&memory, 0x10, 0x20, &io));
    assert_true(io.mem != NULL && io.bytes == 0x20);
    assert_false(pci_map_io(&memory, 0xff0, 0x11, &io));
    assert_int_equal(io.bytes, 0);
    assert_true(pci_map_io(&ports, 0x10, 0x10, &io));
    assert_true(io.mem == NULL && io.port == 0xc010 && io.bytes == 0x10);
    assert_false(pci_map_io(&ports, 0x10, 0x11, &io));
    assert_false(pci_map_io(&ports, 0x21, 1, &io));
    assert_false(pci_map_io(&ports, UINT64_MAX, 2, &io));
    assert_false(pci_map_io(&beyond, 0, 4, &io)); /* there are 65,536 ports */
    assert_int_equal(io.bytes, 0);
}

/* ---- capabilities -----------------------------------------------------------------------------
 */

static void capabilities_are_found_one_after_the_other(void **state)
{
    uint8_t vendor[16] = {0x09}, other[12] = {0x10};
    unsigned first, second;

    (void)state;
    assert_int_equal(pci_cap_next(&d, 0x09, 0), 0); /* no list */
    sim_add_cap(f, other, 12);
    first = sim_add_cap(f, vendor, 16);
    sim_add_cap(f, other, 12);
    second = sim_add_cap(f, vendor, 16);
    assert_int_equal(pci_cap_next(&d, 0x09, 0), first);
    assert_int_equal(pci_cap_next(&d, 0x09, first), second);
    assert_int_equal(pci_cap_next(&d, 0x09, second), 0);
    assert_int_equal(pci_cap_next(&d, 0x11, 0), 0);
    f->cfg[6] = 0;
    assert_int_equal(pci_cap_next(&d, 0x09, 0), 0);
}

static void a_capability_list_in_a_circle_ends(void **state)
{
    uint8_t vendor[16] = {0x09};
    unsigned at = 0, steps = 0;
    uint8_t first, second;

    (void)state;
    first = sim_add_cap(f, vendor, 16);
    second = sim_add_cap(f, vendor, 16);
    f->cfg[second + 1] = first;
    assert_int_equal(pci_cap_next(&d, 0x11, 0), 0);
    /* Whoever asks for the next one again and again comes to an end as well. */
    while ((at = pci_cap_next(&d, 0x09, at)) != 0 && steps < 1000)
        steps++;
    assert_true(steps < 1000);
    f->cfg[second + 1] = second; /* itself */
    assert_int_equal(pci_cap_next(&d, 0x11, 0), 0);
}

static void capability_pointers_below_the_list_end_it(void **state)
{
    uint8_t vendor[16] = {0x09};
    uint8_t at = sim_add_cap(f, vendor, 16);

    (void)state;
    f->cfg[at + 1] = 0x10; /* into the BARs */
    f->cfg[0x10] = 0x11;
    assert_int_equal(pci_cap_next(&d, 0x11, 0), 0);
    f->cfg[at + 1] = 0xff; /* the low bits are reserved */
    f->cfg[0xfc] = 0x11;
    assert_int_equal(pci_cap_next(&d, 0x11, 0), 0xfc);
}

/* ---- MSI-X ------------------------------------------------------------------------------------
 */

static void msix_table_is_mapped_and_written(void **state)
{
    struct sim_nic *n = sim_add_nic(3);
    struct pci_msix m;

    (void)state;
    d = dev_of(n->fn);
    pci_read_bars(&d, bars);
    pci_msix_find(&d, bars, &m);
    assert_int_equal(m.n, 3);
    pci_msix_set(&m, 2, 0x1fee00000, 0x41);
    assert_int_equal(sim_get32(n->msix_table + 32), 0xfee00000);
    assert_int_equal(sim_get32(n->msix_table + 36), 1);
    assert_int_equal(sim_get32(n->msix_table + 40), 0x41);
    assert_int_equal(sim_get32(n->msix_table + 44), 0);
    pci_msix_enable(&d, &m, true);
    assert_int_equal(sim_get16(n->fn->cfg + m.cap + 2), 0x8002);
    pci_msix_enable(&d, &m, false);
    assert_int_equal(sim_get16(n->fn->cfg + m.cap + 2), 0x0002);
}

static void msix_tables_of_every_size_work(void **state)
{
    static const uint16_t sizes[] = {1, 2, 3, 2047, 2048};

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        struct pci_msix m;
        struct sim_nic *n;

        sim_power_off();
        sim_power_on();
        n = sim_add_bare_nic(1);
        n->msix_n = sizes[i];
        sim_cap_msix(n);
        d = dev_of(n->fn);
        pci_read_bars(&d, bars);
        pci_msix_find(&d, bars, &m);
        assert_int_equal(m.n, sizes[i]);
        assert_int_not_equal(m.cap, 0);
    }
}

static void msix_tables_that_cannot_be_are_not_used(void **state)
{
    static const uint32_t where[] = {6, 7, 0, 2, 1 | 0x7ff8, 4 | 0x7fe0, 0xfffffff9};
    struct sim_nic *n = sim_add_nic(3);
    struct pci_msix m;

    (void)state;
    d = dev_of(n->fn);
    pci_read_bars(&d, bars);
    for (unsigned i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
        sim_put32(n->fn->cfg + 0x44, where[i]); /* the first capability is MSI-X */
        pci_msix_find(&d, bars, &m);
        assert_int_equal(m.cap, 0);
    }
    n->fn->cfg[0xfc] = 0x11; /* cut off by the end of the space, where it begins anew */
    sim_put32(n->fn->cfg, 1);
    n->fn->cfg[0x34] = 0xfc;
    pci_msix_find(&d, bars, &m);
    assert_int_equal(m.cap, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define F(f) cmocka_unit_test_setup_teardown(f, setup_function, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(functions_are_found_in_bus_order),
        T(only_wanted_devices_are_found_and_no_more_than_asked_for),
        T(functions_beyond_the_first_need_the_multifunction_bit),
        T(buses_behind_bridges_are_found),
        T(bridges_in_a_circle_end),
        T(an_empty_bus_costs_one_look_a_slot),
        F(narrow_reads_see_the_right_bytes),
        F(command_is_written_without_touching_the_status),
        F(bars_of_every_kind_are_read),
        F(bar_of_more_than_4_gib_has_its_size),
        F(a_64_bit_bar_in_the_last_register_has_no_upper_half),
        T(map_stays_inside_the_bar),
        T(windows_onto_bars_of_both_kinds_stay_inside),
        F(capabilities_are_found_one_after_the_other),
        F(a_capability_list_in_a_circle_ends),
        F(capability_pointers_below_the_list_end_it),
        T(msix_table_is_mapped_and_written),
        T(msix_tables_of_every_size_work),
        T(msix_tables_that_cannot_be_are_not_used),
    };
    return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}
