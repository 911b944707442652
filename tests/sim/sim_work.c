// SPDX-License-Identifier: BSD-3-Clause
/*
 * The device at work: it takes buffers that it was told of, completes them, and moves frames and
 * commands; as it should, or as it should not.
 */
#include "sim_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* A function that is not bus master cannot touch memory at all. */
static bool working(const struct sim_nic *n)
{
    return n->status & SIM_DRIVER_OK && !(n->status & SIM_NEEDS_RESET) && !n->resetting &&
           !n->gone && sim_fn_masters(n->fn);
}

void sim_doorbell(struct sim_nic *n, unsigned qi)
{
    n->q[qi].doorbells++;
    n->q[qi].kick_due = false;
    if (!n->doorbells_lost)
        n->q[qi].awake = true;
}

void sim_settled(struct sim_nic *n)
{
    for (unsigned k = 0; k < SIM_SLOTS; k++)
        sim_owed(n, k);
}

bool sim_take(struct sim_nic *n, unsigned qi, uint16_t *id)
{
    struct sim_queue *q = &n->q[qi];

    sim_settled(n);
    if (!working(n) || !q->awake || q->resetting)
        return false;
    q->awake = sim_format(n)->next(n, qi, id);
    sim_format(n)->wish(n, qi, !q->awake);
    return q->awake;
}

void sim_sleep(struct sim_nic *n, unsigned qi)
{
    n->q[qi].awake = false;
    sim_format(n)->wish(n, qi, true);
}

void sim_use_raw(struct sim_nic *n, unsigned qi, uint32_t id, uint32_t len)
{
    sim_format(n)->complete(n, qi, id, len);
    if (sim_format(n)->interrupt_wanted(n, qi) && qi != SIM_CTLQ)
        sim_interrupt(n, qi);
}

void sim_use(struct sim_nic *n, unsigned qi, uint32_t id, uint32_t len)
{
    struct sim_queue *q = &n->q[qi];

    assert_true(n->at_odds || sim_has(q, id));
    if (sim_has(q, id))
        sim_give_back(q, id);
    sim_use_raw(n, qi, id, len);
}

void sim_used_jump(struct sim_nic *n, unsigned qi, uint16_t idx)
{
    sim_format(n)->jump(n, qi, idx);
    if (sim_format(n)->interrupt_wanted(n, qi) && qi != SIM_CTLQ)
        sim_interrupt(n, qi);
}

void sim_garbage_wish(struct sim_nic *n, unsigned qi, uint16_t v)
{
    sim_format(n)->garbage(n, qi, v);
}

uint8_t *sim_used_memory(const struct sim_nic *n, unsigned qi, uint32_t *bytes)
{
    const struct sim_queue *q = &n->q[qi];
    bool packed = sim_format(n) == &sim_packed;

    *bytes = packed ? 16u * q->size : 4 + 8u * q->size - 2;
    return (uint8_t *)(uintptr_t)(packed ? q->desc : q->device + 2);
}

/* Into the buffer that was taken and, where they are mergeable, as many more as the frame needs. A
 * device may use all it was given. */
static void rx_deliver(struct sim_nic *n, uint16_t id, const void *frame, uint32_t len)
{
    uint32_t header = sim_header(n), total = header + len, room = sim_room(n, SIM_RXQ, id), pieces;
    uint8_t *bytes = malloc(total + room);
    uint16_t ids[SIM_PIECES] = {id};

    assert_non_null(bytes);
    pieces = sim_rx_header(n, bytes, total, &room);
    assert_true(pieces <= SIM_PIECES && room * pieces >= total);
    memcpy(bytes + header, frame, len);
    memset(bytes + total, 0xa5, room);
    for (uint32_t i = 1; i < pieces; i++)
        if (!sim_take(n, SIM_RXQ, &ids[i])) { /* cut off: a frame as well, a shorter one */
            pieces = i;
            total = i * room;
            if (!n->num_buffers_set)
                sim_put16(bytes + header - 2, (uint16_t)i);
        }
    for (uint32_t i = 0, at = 0; i < pieces; i++, at += room) {
        if (sim_room(n, SIM_RXQ, ids[i]) >= room) /* a device at odds may not have it */
            sim_transfer(&n->q[SIM_RXQ].entries[ids[i]], true, 0, bytes + at, room);
        sim_use(n, SIM_RXQ, ids[i], total - at < room ? total - at : room);
    }
    free(bytes);
}

bool sim_rx(struct sim_nic *n, const void *frame, uint32_t len)
{
    const uint32_t header = sim_header(n);
    uint32_t room;
    uint16_t id;

    if (!sim_take(n, SIM_RXQ, &id))
        return false;
    room = sim_room(n, SIM_RXQ, id);
    if (n->at_odds && room < header + len) { /* it does not have this one */
        sim_use(n, SIM_RXQ, id, header + len);
        return true;
    }
    rx_deliver(n, id, frame, len);
    return true;
}

unsigned sim_tx(struct sim_nic *n, unsigned max)
{
    const uint32_t header = sim_header(n);
    unsigned sent = 0;
    uint16_t id;

    while (sent < max && sim_take(n, SIM_TXQ, &id)) {
        const struct sim_entry *e;

        sent++;
        if (n->at_odds && sim_room(n, SIM_TXQ, id) < header) {
            sim_use(n, SIM_TXQ, id, 0);
            continue;
        }
        e = &n->q[SIM_TXQ].entries[id];
        n->tx_last_len = sim_bytes(e, false) - header;
        assert_true(n->tx_last_len <= sizeof(n->tx_last));
        if (sim_shared_sum(e) != e->sum)
            sim_breach("3.1", "payload of a frame changes while the device has it");
        sim_transfer(e, false, 0, n->tx_last_hdr, header);
        sim_transfer(e, false, header, n->tx_last, n->tx_last_len);
        n->tx_frames++;
        n->tx_bytes += n->tx_last_len;
        sim_use(n, SIM_TXQ, id, 0);
    }
    return sent;
}

bool sim_ctrl(struct sim_nic *n, uint8_t answer, uint8_t said[2])
{
    uint16_t id;

    if (!sim_take(n, SIM_CTLQ, &id))
        return false;
    sim_transfer(&n->q[SIM_CTLQ].entries[id], false, 0, said, 2);
    sim_check_command(n, said[0], sim_bytes(&n->q[SIM_CTLQ].entries[id], false));
    sim_transfer(&n->q[SIM_CTLQ].entries[id], true, 0, &answer, 1);
    sim_use(n, SIM_CTLQ, id, 1);
    return true;
}
