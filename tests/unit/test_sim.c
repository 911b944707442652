// SPDX-License-Identifier: BSD-3-Clause
/*
 * The simulated device itself: that a correct driver is left alone, and that each rule is noticed
 * when it is broken. The driver here is a handful of lines that do one step each, right or wrong.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "mmio.h"
#include "paging.h"
#include "sim.h"

#define SIZE 4
#define LEN  2048

/* A ring of SIZE entries: descriptors at 0, available ring at 64, used ring at 128. */
static uint8_t ring[SIM_QUEUES][256] __attribute__((aligned(4096)));
static uint8_t buf[8][LEN] __attribute__((aligned(64)));
static volatile uint8_t *regs;
static struct sim_nic *nic;
static uint8_t status;

enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, FAILED = 0x80 };

static int setup(void **state)
{
    (void)state;
    sim_power_on();
    nic = sim_add_nic(3);
    nic->q[0].max = nic->q[1].max = SIZE;
    regs = mmio_map(0x800030000, SIM_BAR_BYTES);
    memset(ring, 0, sizeof(ring));
    memset(buf, 0, sizeof(buf));
    sim_collect = true;
    status = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sim_power_off();
    return 0;
}

/* ---- a driver, step by step -------------------------------------------------------------------
 */

static void set(uint8_t bit)
{
    status |= bit;
    mmio_write8(regs + 0x14, status);
}

static void reset(void)
{
    status = 0;
    mmio_write8(regs + 0x14, 0);
    while (mmio_read8(regs + 0x14) != 0)
        ;
}

static void accept(uint64_t f)
{
    mmio_write32(regs + 0x08, 0);
    mmio_write32(regs + 0x0c, (uint32_t)f);
    mmio_write32(regs + 0x08, 1);
    mmio_write32(regs + 0x0c, (uint32_t)(f >> 32));
}

static void features(uint64_t f)
{
    sim_port_out(0xcf8, 4, 0x80001804);
    sim_port_out(0xcfc, 2, 0x0406); /* decode, master, no INTx */
    reset();
    set(ACKNOWLEDGE);
    set(DRIVER);
    accept(f);
    set(FEATURES_OK);
    assert_true(mmio_read8(regs + 0x14) & FEATURES_OK);
}

static void address(unsigned at, const void *p)
{
    mmio_write32(regs + at, (uint32_t)(uintptr_t)p);
    mmio_write32(regs + at + 4, (uint32_t)((uintptr_t)p >> 32));
}

static void fields(unsigned q, uint16_t size)
{
    mmio_write16(regs + 0x16, (uint16_t)q);
    mmio_write16(regs + 0x18, size);
    address(0x20, ring[q]);
    address(0x28, ring[q] + 64);
    address(0x30, ring[q] + 128);
}

static void queue(unsigned q)
{
    fields(q, SIZE);
    mmio_write16(regs + 0x1c, 1);
}

static void up(uint64_t f)
{
    features(f);
    queue(0);
    queue(1);
    set(DRIVER_OK);
}

#define PLAIN (SIM_F_VERSION_1)
#define EVENT (SIM_F_VERSION_1 | SIM_F_EVENT_IDX)

/* One descriptor, wherever it lies. */
static void desc_at(uint8_t *at, const void *p, uint32_t len, uint16_t flags, uint16_t next)
{
    shm_write64((uint64_t *)(void *)at, (uintptr_t)p);
    shm_write64((uint64_t *)(void *)(at + 8), len | (uint64_t)flags << 32 | (uint64_t)next << 48);
}

static void desc(unsigned q, unsigned i, const void *p, uint32_t len, uint16_t flags)
{
    desc_at(ring[q] + 16 * i, p, len, flags, 0);
}

static uint16_t *avail(unsigned q, unsigned i)
{
    return (uint16_t *)(void *)(ring[q] + 64) + i;
}

static uint16_t *used(unsigned q, unsigned offset)
{
    return (uint16_t *)(void *)(ring[q] + 128 + offset);
}

static void show(unsigned q, uint16_t idx)
{
    cpu_wmb();
    shm_write16(avail(q, 1), idx);
}

static void post(unsigned q, unsigned i)
{
    desc(q, i, buf[q * SIZE + i], LEN, q == SIM_RXQ ? 2 : 0);
    shm_write16(avail(q, 2 + i), (uint16_t)i);
}

static void doorbell(unsigned q)
{
    mmio_write16(regs + SIM_NOTIFY + 4 * (2 - q), (uint16_t)q);
}

/* Posts descriptor 0 of both queues by the rules. */
static void posted(uint64_t f)
{
    up(f);
    for (unsigned q = 0; q < SIM_QUEUES; q++) {
        post(q, 0);
        show(q, 1);
        doorbell(q);
    }
}

static void fine(void)
{
    assert_string_equal(sim_violation, "");
}

/* ---- a correct driver -------------------------------------------------------------------------
 */

static void correct_driver_is_left_alone(void **state)
{
    static const uint64_t sets[] = {PLAIN, EVENT};

    (void)state;
    for (unsigned s = 0; s < 2; s++) {
        posted(sets[s]);
        assert_true(sim_rx(nic, "a frame of some bytes", 21));
        assert_memory_equal(buf[0] + 12, "a frame of some bytes", 21);
        assert_int_equal(buf[0][33], 0xa5); /* it used all it had been offered */
        assert_int_equal(buf[0][LEN - 1], 0xa5);
        assert_int_equal(sim_tx(nic, 5), 1);
        assert_int_equal(nic->tx_last_len, LEN - 12);
        for (unsigned q = 0; q < SIM_QUEUES; q++) {
            assert_int_equal(shm_read16(used(q, 2)), 1);
            cpu_rmb();
            assert_int_equal(shm_read32((uint32_t *)(void *)used(q, 4)), 0);
            assert_int_equal(shm_read32((uint32_t *)(void *)used(q, 8)), q == SIM_RXQ ? 33 : 0);
            post(q, 1);
            show(q, 2);
            cpu_mb();
            if (sets[s] == EVENT)
                shm_read16(used(q, 4 + 8 * SIZE));
            else
                shm_read16(used(q, 0));
            doorbell(q);
        }
        sim_settled(nic);
        reset();
        fine();
        memset(ring, 0, sizeof(ring));
        memset(buf, 0, sizeof(buf));
    }
}

static void device_does_nothing_without_a_doorbell(void **state)
{
    (void)state;
    up(EVENT);
    post(0, 0);
    show(0, 1);
    assert_false(sim_rx(nic, "x", 1));
    doorbell(0);
    assert_true(sim_rx(nic, "x", 1));
    assert_false(sim_rx(nic, "x", 1)); /* empty: it goes to sleep and says how to wake it */
    assert_int_equal(*used(0, 4 + 8 * SIZE), 1);
    fine();
}

static void device_interrupts_only_when_asked(void **state)
{
    (void)state;
    posted(EVENT);
    shm_write16(avail(0, 2 + SIZE), 1); /* after the second */
    cpu_mb();
    post(0, 1);
    show(0, 2);
    assert_true(sim_rx(nic, "x", 1));
    assert_int_equal(nic->q[0].interrupts, 0);
    assert_true(sim_rx(nic, "x", 1));
    assert_int_equal(nic->q[0].interrupts, 1);
    reset();
    memset(ring, 0, sizeof(ring));
    posted(PLAIN);
    shm_write16(avail(0, 0), 1);
    assert_true(sim_rx(nic, "x", 1));
    assert_int_equal(nic->q[0].interrupts, 1);
    shm_write16(avail(1, 0), 0);
    sim_tx(nic, 1);
    assert_int_equal(nic->q[1].interrupts, 1);
    fine();
}

static void reset_takes_as_long_as_it_is_told(void **state)
{
    (void)state;
    posted(PLAIN);
    nic->reset_reads = 3;
    mmio_write8(regs + 0x14, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_not_equal(mmio_read8(regs + 0x14), 0);
    assert_false(sim_rx(nic, "x", 1));
    assert_int_equal(mmio_read8(regs + 0x14), 0);
    assert_int_equal(nic->q[0].exposed_n, 0);
    fine();
}

/* ---- buffers that the device owns -------------------------------------------------------------
 */

static bool dies(void (*deed)(void))
{
    int how;
    pid_t child = fork();

    if (child == 0) {
        signal(SIGSEGV, SIG_DFL); /* cmocka would catch it and go on */
        assert_non_null(freopen("/dev/null", "w", stderr));
        deed();
        _exit(0);
    }
    assert_int_equal(waitpid(child, &how, 0), child);
    return !WIFEXITED(how) || WEXITSTATUS(how) != 0;
}

static volatile unsigned rx_buf = 0, tx_buf = SIZE; /* unknown to the compiler: checks stay in */

static void read_rx(void)
{
    *(volatile uint8_t *)&buf[rx_buf][100];
}

static void write_tx(void)
{
    *(volatile uint8_t *)&buf[tx_buf][LEN - 1] = 1;
}

static void write_register(void)
{
    regs[0x14] = 0;
}

static void touching_a_posted_buffer_ends_the_program(void **state)
{
    (void)state;
    up(PLAIN);
    post(0, 0);
    post(1, 0);
    assert_false(dies(read_rx));
    assert_false(dies(write_tx));
    show(0, 1);
    show(1, 1);
    assert_true(dies(read_rx));
    assert_true(dies(write_tx));
    reset();
    assert_false(dies(read_rx));
    assert_false(dies(write_tx));
    fine();
}

static void registers_cannot_be_touched_directly(void **state)
{
    (void)state;
    assert_true(dies(write_register));
}

/* ---- registers --------------------------------------------------------------------------------
 */

static void wrong_access_widths_are_noticed(void **state)
{
    (void)state;
    reset();
    mmio_write32(regs + 0x14, 1);
    assert_true(sim_breached("4.1.3.1"));
    mmio_read16(regs + 0x00);
    assert_true(sim_breached("4.1.3.1"));
    mmio_write16(regs + 0x20, 0);
    assert_true(sim_breached("4.1.3.1"));
    mmio_read8(regs + 0x18);
    assert_true(sim_breached("4.1.3.1"));
    mmio_read16(regs + SIM_CONFIG + 2); /* two bytes of the MAC */
    assert_true(sim_breached("4.1.3.1"));
}

static void writes_to_read_only_registers_are_noticed(void **state)
{
    static const struct {
        unsigned at, width;
    } r[] = {{0x04, 4}, {0x12, 2}, {0x15, 1}, {0x1e, 2}};

    (void)state;
    reset();
    for (unsigned i = 0; i < 4; i++) {
        sim_mmio_write(regs + r[i].at, r[i].width, 0);
        assert_true(sim_breached("4.1.4.3.2"));
    }
    mmio_write8(regs + SIM_CONFIG, 0);
    assert_true(sim_breached("5.1.4.2"));
}

static void wrong_order_of_status_bits_is_noticed(void **state)
{
    static const uint8_t wrong[][4] = {{DRIVER},
                                       {DRIVER_OK},
                                       {FEATURES_OK},
                                       {ACKNOWLEDGE, FEATURES_OK},
                                       {ACKNOWLEDGE, DRIVER, DRIVER_OK},
                                       {ACKNOWLEDGE | DRIVER}};

    (void)state;
    set(ACKNOWLEDGE);
    assert_true(sim_breached("3.1.1")); /* no reset first */
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        reset();
        for (unsigned k = 0; k < 4 && wrong[i][k] != 0; k++)
            set(wrong[i][k]);
        assert_true(sim_breached("3.1.1"));
    }
    reset();
    set(ACKNOWLEDGE);
    mmio_write8(regs + 0x14, DRIVER); /* clears what was set */
    assert_true(sim_breached("2.1.1"));
    reset();
    set(ACKNOWLEDGE);
    set(FAILED);
    set(DRIVER);
    assert_true(sim_breached("2.1.1"));
}

static void going_on_before_the_reset_is_complete_is_noticed(void **state)
{
    (void)state;
    mmio_write8(regs + 0x14, 0);
    mmio_write8(regs + 0x14, 0); /* asking again is allowed */
    fine();
    mmio_write8(regs + 0x14, ACKNOWLEDGE);
    assert_true(sim_breached("4.1.4.3.2"));
}

static void wrong_features_are_noticed(void **state)
{
    (void)state;
    reset();
    set(ACKNOWLEDGE);
    accept(PLAIN);
    assert_true(sim_breached("3.1.1")); /* before DRIVER */
    set(DRIVER);
    accept(PLAIN | SIM_F_RING_PACKED);
    set(FEATURES_OK);
    assert_true(sim_breached("2.2.1")); /* not offered */
    mmio_read8(regs + 0x14);
    accept(PLAIN);
    assert_true(sim_breached("3.1.1")); /* too late */
    reset();
    set(ACKNOWLEDGE);
    set(DRIVER);
    accept(SIM_F_MAC);
    set(FEATURES_OK);
    assert_true(sim_breached("6.1")); /* VERSION_1 has to be */
    mmio_write32(regs + 0x08, 2);
    mmio_write32(regs + 0x0c, 1);
    assert_int_not_equal(sim_violation[0], 0);
    sim_violation[0] = '\0';
}

static void features_ok_not_read_back_is_noticed(void **state)
{
    (void)state;
    reset();
    set(ACKNOWLEDGE);
    set(DRIVER);
    accept(PLAIN);
    set(FEATURES_OK);
    queue(0);
    assert_true(sim_breached("3.1.1"));
    set(DRIVER_OK);
    assert_true(sim_breached("3.1.1"));
}

static void configuration_without_its_feature_is_noticed(void **state)
{
    (void)state;
    features(PLAIN);
    mmio_read8(regs + SIM_CONFIG);
    assert_true(sim_breached("2.5.1"));
    mmio_read16(regs + SIM_CONFIG + 6);
    assert_true(sim_breached("2.5.1"));
    mmio_read16(regs + SIM_CONFIG + 12);
    assert_int_not_equal(sim_violation[0], 0);
    sim_violation[0] = '\0';
}

static void wrongly_set_up_queues_are_noticed(void **state)
{
    (void)state;
    features(PLAIN);
    fields(0, SIZE);
    mmio_write16(regs + 0x1c, 0);
    assert_true(sim_breached("4.1.4.3.2")); /* 0 must never be written */
    features(PLAIN);
    mmio_write16(regs + 0x16, 0);
    mmio_write16(regs + 0x18, SIZE);
    address(0x20, ring[0]);
    address(0x28, ring[0] + 64);
    mmio_write32(regs + 0x30, (uint32_t)(uintptr_t)ring[0] + 128); /* half an address */
    mmio_write16(regs + 0x1c, 1);
    assert_true(sim_breached("4.1.4.3.2"));
    features(PLAIN);
    fields(0, 3);
    mmio_write16(regs + 0x1c, 1);
    assert_true(sim_breached("4.1.4.3.2")); /* no power of two */
    nic->q[0].max = 2;
    features(PLAIN);
    queue(0);
    assert_true(sim_breached("4.1.4.3.2")); /* larger than offered */
    nic->q[0].max = SIZE;
    features(PLAIN);
    queue(0);
    mmio_write16(regs + 0x18, 2);
    assert_true(sim_breached("4.1.4.3.2")); /* changed while enabled */
    features(PLAIN);
    mmio_write16(regs + 0x16, 7);
    mmio_write16(regs + 0x1c, 1);
    assert_true(sim_breached("4.1.4.3.2")); /* there is none */
    features(PLAIN);
    queue(0);
    set(DRIVER_OK);
    queue(1);
    assert_true(sim_breached("3.1.1")); /* too late */
}

static void unaligned_rings_are_noticed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        features(PLAIN);
        fields(0, SIZE);
        address(0x20, ring[0] + (i == 0 ? 8 : 0));
        address(0x28, ring[0] + 64 + (i == 1 ? 1 : 0));
        address(0x30, ring[0] + 128 + (i == 2 ? 2 : 0));
        mmio_write16(regs + 0x1c, 1);
        assert_true(sim_breached("2.7.1"));
    }
}

static void rings_that_are_not_zeroed_are_noticed(void **state)
{
    (void)state;
    features(PLAIN);
    ring[0][128 + 4 + 8 * SIZE + 1] = 1;
    queue(0);
    assert_true(sim_breached("2.7.10.1"));
    ring[1][64 + 2] = 1;
    queue(1);
    assert_true(sim_breached("4.1.5.1.3"));
}

static void wrong_vectors_are_noticed(void **state)
{
    (void)state;
    features(PLAIN);
    mmio_write16(regs + 0x10, 3);
    assert_true(sim_breached("4.1.5.1.2.2"));
    mmio_write16(regs + 0x10, 2);
    set(DRIVER_OK);
    assert_true(sim_breached("4.1.5.1.2.2")); /* not read back */
    features(PLAIN);
    mmio_write16(regs + 0x16, 1);
    mmio_write16(regs + 0x1a, 0);
    set(DRIVER_OK);
    assert_true(sim_breached("4.1.5.1.2.2"));
}

static void wrong_doorbells_are_noticed(void **state)
{
    (void)state;
    features(PLAIN);
    queue(0);
    doorbell(0);
    assert_true(sim_breached("3.1.1")); /* before DRIVER_OK */
    set(DRIVER_OK);
    doorbell(1);
    assert_true(sim_breached("3.1.1")); /* of a queue that is not enabled */
    mmio_write16(regs + SIM_NOTIFY, 0);
    assert_true(sim_breached("4.1.5.2.1")); /* the place: queue index instead of notify_off */
    mmio_write32(regs + SIM_NOTIFY + 8, 0);
    assert_true(sim_breached("4.1.5.2.1")); /* the width */
    mmio_write16(regs + SIM_NOTIFY + 8, 1);
    assert_true(sim_breached("4.1.5.2.1")); /* the value */
}

static void pci_rules_are_watched(void **state)
{
    (void)state;
    sim_port_out(0xcf8, 4, 0x80001850); /* inside a capability of virtio's */
    sim_port_out(0xcfc, 4, 0);
    assert_true(sim_breached("4.1.4.1"));
    sim_port_out(0xcf8, 4, 0x80001820);
    sim_port_out(0xcfc, 4, 0xffffffff);
    assert_true(sim_breached("PCI")); /* sized while it decodes */
    sim_port_out(0xcfc, 4, 0x3000c);
    assert_true(sim_breached("PCI"));
    sim_port_out(0xcf8, 4, 0x80001804);
    sim_port_out(0xcfc, 2, 0);
    mmio_read8(regs + 0x14);
    assert_true(sim_breached("PCI")); /* registers while it does not */
    sim_port_in(0x60, 1);
    assert_true(sim_breached("PCI"));
}

/* ---- rings ------------------------------------------------------------------------------------
 */

static void missing_barriers_are_noticed(void **state)
{
    (void)state;
    up(EVENT);
    post(0, 0);
    shm_write16(avail(0, 1), 1);
    assert_true(sim_breached("2.7.13.3.1"));
    shm_read16(used(0, 4 + 8 * SIZE));
    assert_true(sim_breached("2.7.13.4.1"));
    doorbell(0);
    sim_rx(nic, "x", 1);
    shm_read16(used(0, 2));
    shm_read32((uint32_t *)(void *)used(0, 4));
    assert_true(sim_breached("2.7.14"));
    shm_write16(avail(0, 2 + SIZE), 1);
    shm_read16(used(0, 2));
    assert_true(sim_breached("2.7.14")); /* asked for interrupts, looked without a fence */
}

static void available_index_that_goes_back_or_too_far_is_noticed(void **state)
{
    (void)state;
    posted(PLAIN);
    show(0, 0);
    assert_true(sim_breached("2.7.6.1"));
    show(0, SIZE + 1);
    assert_true(sim_breached("2.7.6.1"));
}

static void changing_what_is_exposed_is_noticed(void **state)
{
    (void)state;
    posted(PLAIN);
    desc(0, 0, buf[3], LEN, 2);
    assert_true(sim_breached("3.3.1"));
    shm_write16(avail(0, 2), 1);
    assert_true(sim_breached("3.3.1"));
    desc(0, 1, buf[0], LEN, 2); /* the buffer of descriptor 0 */
    shm_write16(avail(0, 3), 1);
    show(0, 2);
    assert_true(sim_breached("3.3.1"));
}

static void descriptors_that_cannot_be_are_noticed(void **state)
{
    (void)state;
    posted(PLAIN);
    shm_write16(avail(0, 3), 0);
    show(0, 2);
    assert_true(sim_breached("2.7.13")); /* it has that one */
    shm_write16(avail(0, 4), SIZE);
    show(0, 3);
    assert_true(sim_breached("2.7.13"));
}

enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };
#define TABLES (SIM_F_VERSION_1 | SIM_F_INDIRECT_DESC)

/* Makes descriptor 0 of the transmit queue available, and what it leads to. */
static void show_chain(void)
{
    shm_write16(avail(1, 2), 0);
    show(1, 1);
}

static void send_from_pieces(uint64_t f, uint8_t *table)
{
    up(f);
    memcpy(buf[5], "pieces", 6);
    desc_at(table, buf[4], 12, NEXT, 2);
    desc_at(table + 32, buf[5], 3, NEXT, 1);
    desc_at(table + 16, buf[5] + 3, 3, 0, 0);
    if (table != ring[1])
        desc(1, 0, table, 48, INDIRECT);
    show_chain();
    doorbell(1);
    assert_int_equal(nic->q[1].exposed_n, 1);
    assert_int_equal(sim_tx(nic, 5), 1);
    assert_int_equal(nic->tx_last_len, 6);
    assert_memory_equal(nic->tx_last, "pieces", 6);
    desc(1, 1, buf[6], 12, 0); /* the whole chain came back */
    fine();
    reset();
    memset(ring, 0, sizeof(ring));
}

static void chains_and_tables_are_followed(void **state)
{
    static uint8_t table[64] __attribute__((aligned(16)));

    (void)state;
    nic->offer |= SIM_F_INDIRECT_DESC;
    send_from_pieces(PLAIN, ring[1]);
    send_from_pieces(TABLES, table);
}

static void wrong_chains_are_noticed(void **state)
{
    static const struct {
        const char *clause;
        uint32_t len[3];
        uint16_t flags[3], next[3];
    } table[] = {
        {"2.7.5.2", {12, 20, 20}, {NEXT, NEXT, 0}, {1, 0, 0}},         /* a circle */
        {"2.7.5.2", {12, 0, 20}, {NEXT, NEXT, 0}, {1, 2, 0}},          /* of no bytes */
        {"2.7.13", {12, 20, 20}, {NEXT, NEXT, 0}, {1, 4, 0}},          /* out of the ring */
        {"2.7.13", {12, 20, 20}, {NEXT, NEXT, 0}, {3, 0, 0}},          /* into another buffer */
        {"2.7.4.2", {12, 20, 20}, {NEXT | WRITE, NEXT, 0}, {1, 2, 0}}, /* reads behind writes */
        {"5.1.6.2.1", {4, 4, 3}, {NEXT, NEXT, 0}, {1, 2, 0}},          /* shorter than a header */
        {"2.7.5.3.1", {16, 0, 0}, {INDIRECT, 0, 0}, {0, 0, 0}},        /* without the feature */
    };

    (void)state;
    for (unsigned t = 0; t < sizeof(table) / sizeof(table[0]); t++) {
        up(PLAIN);
        desc(1, 3, buf[3], 12, 0);
        shm_write16(avail(1, 2), 3);
        show(1, 1);
        for (unsigned i = 0; i < 3; i++)
            desc_at(ring[1] + 16 * i, buf[4 + i], table[t].len[i], table[t].flags[i],
                    table[t].next[i]);
        fine();
        shm_write16(avail(1, 3), 0);
        show(1, 2);
        if (!sim_breached(table[t].clause))
            fail_msg("%u: %s", t, sim_violation);
        reset();
        memset(ring, 0, sizeof(ring));
    }
}

static void wrong_tables_are_noticed(void **state)
{
    static uint8_t tables[2][64] __attribute__((aligned(16)));
    static const struct {
        const char *clause;
        uint32_t len;
        uint16_t flags, inner, next;
    } table[] = {
        {"2.7.5.3.1", 0, INDIRECT, 0, 0},
        {"2.7.5.3.1", 31, INDIRECT, NEXT, 1},
        {"2.7.5.3.1", 32, INDIRECT | NEXT, NEXT, 1},
        {"2.7.5.3.1", 32, INDIRECT | WRITE, NEXT, 1},
        {"2.7.5.3.1", 32, INDIRECT, NEXT | INDIRECT, 1}, /* a table within a table */
        {"2.7.5.2", 32, INDIRECT, NEXT, 2},              /* out of the table */
        {"2.7.5.2", 32, INDIRECT, NEXT, 0},              /* a circle */
    };

    (void)state;
    nic->offer |= SIM_F_INDIRECT_DESC;
    for (unsigned t = 0; t < sizeof(table) / sizeof(table[0]); t++) {
        up(TABLES);
        desc_at(tables[0], buf[4], 16, table[t].inner, table[t].next);
        desc_at(tables[0] + 16, buf[5], 16, 0, 0);
        desc(1, 0, tables[0], table[t].len, table[t].flags);
        fine();
        show_chain();
        if (!sim_breached(table[t].clause))
            fail_msg("%u: %s", t, sim_violation);
        reset();
        memset(ring, 0, sizeof(ring));
    }
    up(TABLES);
    desc(1, 0, tables[0], 16, INDIRECT);
    cpu_wmb();
    desc_at(tables[0], buf[4], 16, 0, 0); /* behind the barrier */
    shm_write16(avail(1, 1), 1);
    assert_true(sim_breached("2.7.13.3.1"));
}

static void wrong_buffers_are_noticed(void **state)
{
    (void)state;
    up(PLAIN);
    desc(0, 0, buf[0], 1525, 2);
    shm_write16(avail(0, 2), 0);
    show(0, 1);
    assert_true(sim_breached("5.1.6.3.1")); /* too small */
    desc(0, 1, buf[1], LEN, 0);
    shm_write16(avail(0, 3), 1);
    show(0, 2);
    assert_true(sim_breached("5.1.6.3.1")); /* wrong direction */
    desc(1, 0, buf[4], 11, 0);
    shm_write16(avail(1, 2), 0);
    show(1, 1);
    assert_true(sim_breached("5.1.6.2.1")); /* no room for the header */
    buf[5][10] = 1;
    desc(1, 1, buf[5], 100, 0);
    shm_write16(avail(1, 3), 1);
    show(1, 2);
    assert_true(sim_breached("5.1.6.2.1")); /* num_buffers is not 0 */
    desc(1, 2, buf[6], 100, 2);
    shm_write16(avail(1, 4), 2);
    show(1, 3);
    assert_true(sim_breached("5.1.6.2.1"));
}

static void doorbell_that_is_owed_is_noticed(void **state)
{
    static const uint64_t sets[] = {PLAIN, EVENT};

    (void)state;
    for (unsigned s = 0; s < 2; s++) {
        memset(ring, 0, sizeof(ring));
        up(sets[s]);
        post(1, 0);
        show(1, 1);
        cpu_mb();
        shm_read16(used(1, sets[s] == EVENT ? 4 + 8 * SIZE : 0));
        sim_settled(nic);
        assert_true(sim_breached("2.7.10.1"));
        if (sets[s] == EVENT)
            shm_write16(avail(1, 2 + SIZE), 0); /* goes to sleep */
        else
            shm_write16(avail(1, 0), 0);
        assert_true(sim_breached("2.7.10.1"));
        doorbell(1);
        sim_settled(nic);
        cpu_mb();
        fine();
        reset();
    }
}

static void looking_at_the_wrong_suppression_is_noticed(void **state)
{
    (void)state;
    up(EVENT);
    shm_read16(used(0, 0));
    assert_true(sim_breached("2.7.10.1"));
    shm_write16(avail(0, 0), 1);
    assert_true(sim_breached("2.7.7.1"));
    reset();
    memset(ring, 0, sizeof(ring));
    up(PLAIN);
    shm_read16(used(0, 4 + 8 * SIZE));
    assert_true(sim_breached("2.7.10.1"));
    shm_write16(avail(0, 2 + SIZE), 1);
    assert_true(sim_breached("2.7.7.1"));
    shm_write16(avail(0, 0), 2);
    assert_true(sim_breached("2.7.7.1"));
}

static void reading_what_was_not_given_is_noticed(void **state)
{
    (void)state;
    posted(PLAIN);
    shm_read16(avail(0, 1));
    assert_true(sim_breached("private"));
    shm_read64((uint64_t *)(void *)ring[0]);
    assert_true(sim_breached("private"));
    shm_write16(used(0, 2), 0);
    assert_true(sim_breached("2.7.8"));
    shm_read16(used(0, 2));
    cpu_rmb();
    shm_read32((uint32_t *)(void *)used(0, 4)); /* nothing there yet */
    assert_true(sim_breached("2.7.8"));
    sim_rx(nic, "x", 1);
    shm_read16(used(0, 2));
    cpu_rmb();
    shm_read32((uint32_t *)(void *)used(0, 12)); /* the second before the first */
    assert_true(sim_breached("2.7.8"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(correct_driver_is_left_alone),
        T(device_does_nothing_without_a_doorbell),
        T(device_interrupts_only_when_asked),
        T(reset_takes_as_long_as_it_is_told),
        T(touching_a_posted_buffer_ends_the_program),
        T(registers_cannot_be_touched_directly),
        T(wrong_access_widths_are_noticed),
        T(writes_to_read_only_registers_are_noticed),
        T(wrong_order_of_status_bits_is_noticed),
        T(going_on_before_the_reset_is_complete_is_noticed),
        T(wrong_features_are_noticed),
        T(features_ok_not_read_back_is_noticed),
        T(configuration_without_its_feature_is_noticed),
        T(wrongly_set_up_queues_are_noticed),
        T(unaligned_rings_are_noticed),
        T(rings_that_are_not_zeroed_are_noticed),
        T(wrong_vectors_are_noticed),
        T(wrong_doorbells_are_noticed),
        T(pci_rules_are_watched),
        T(missing_barriers_are_noticed),
        T(available_index_that_goes_back_or_too_far_is_noticed),
        T(changing_what_is_exposed_is_noticed),
        T(descriptors_that_cannot_be_are_noticed),
        T(chains_and_tables_are_followed),
        T(wrong_chains_are_noticed),
        T(wrong_tables_are_noticed),
        T(wrong_buffers_are_noticed),
        T(doorbell_that_is_owed_is_noticed),
        T(looking_at_the_wrong_suppression_is_noticed),
        T(reading_what_was_not_given_is_noticed),
    };
    return cmocka_run_group_tests_name("sim", tests, NULL, NULL);
}
