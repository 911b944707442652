// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the simulated device has: each rule about buffers, chains and tables is noticed when it is
 * broken, and touching a buffer or a register directly ends the program.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "split_steps.h"

/* ---- memory that is not the driver's ----------------------------------------------------------
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
    regs[R_STATUS] = 0;
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

/* ---- what is exposed --------------------------------------------------------------------------
 */

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

/* ---- chains and tables ------------------------------------------------------------------------
 */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(touching_a_posted_buffer_ends_the_program),
        T(registers_cannot_be_touched_directly),
        T(changing_what_is_exposed_is_noticed),
        T(descriptors_that_cannot_be_are_noticed),
        T(wrong_buffers_are_noticed),
        T(chains_and_tables_are_followed),
        T(wrong_chains_are_noticed),
        T(wrong_tables_are_noticed),
    };
    return cmocka_run_group_tests_name("sim_buffers", tests, NULL, NULL);
}
