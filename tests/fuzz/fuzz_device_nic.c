// SPDX-License-Identifier: BSD-3-Clause
/*
 * The device of the target `device`: it does what it is told, right or wrong, and owns up to a lie
 * before it tells it, see sim_lie().
 */
#include "config.h"
#include "fuzz_device.h"

#define DRIVER_OK   0x04
#define NEEDS_RESET 0x40

struct sim_nic *nic;
uint64_t nic_reads;

static unsigned flicker_in; /* reads until one lies; 0: none will */
static uint32_t flicker_bits;

#define KEEP 64
static uint16_t kept[SIM_QUEUES][KEEP];
static unsigned kept_n[SIM_QUEUES];
static unsigned kept_life; /* completed resets when they were taken */

static uint64_t on_read(struct sim_nic *n, const volatile void *p, unsigned width, uint64_t v)
{
    (void)p;
    nic_reads++;
    if (flicker_in == 0 || --flicker_in > 0)
        return v;
    sim_lie(n);
    return width == 2 ? (uint16_t)(v ^ flicker_bits) : v ^ flicker_bits;
}

void nic_flicker(unsigned n, uint32_t bits)
{
    flicker_in = n;
    flicker_bits = bits;
}

bool nic_works(unsigned q)
{
    return nic->q[q].enabled && !nic->gone && !nic->resetting && nic->status & DRIVER_OK &&
           !(nic->status & NEEDS_RESET);
}

void nic_rx(uint32_t len)
{
    uint8_t frame[1514];

    if (!nic_works(SIM_RXQ))
        return;
    if (len > sizeof(frame))
        len = sizeof(frame);
    marks_make(&rx_marks, frame, len);
    sim_rx(nic, frame, len);
}

/* Each must be one that the stack sent, whole, for the first time. A device at odds may look at
 * buffers which it has given back. */
void nic_tx(unsigned max)
{
    for (uint64_t before = nic->tx_frames; max-- > 0 && sim_tx(nic, 1) == 1;
         before = nic->tx_frames) {
        uint32_t mark, begin;
        bool first;

        if (nic->tx_frames == before || !marks_fit(nic->tx_last_len))
            continue;
        mark = marks_get(nic->tx_last);
        first = marks_first(&tx_marks, mark);
        MUST(nic->at_odds || first || mark == 0);
        begin = !sim_tx_is_cut(nic, nic->tx_last_hdr) ? MARKS_BYTES
                : nic->tx_last[12] == 0x86            ? 74
                                                      : 54;
        MUST(nic->at_odds || marks_whole(nic->tx_last, begin, nic->tx_last_len));
    }
}

static uint32_t bad_length(uint8_t how, uint32_t offered)
{
    uint32_t header = sim_header(nic);

    switch (how & 7) {
    case 0:
        return 0;
    case 1:
        return header - 1;
    case 2:
        return header;
    case 3:
        return header + 1;
    case 4:
        return offered;
    case 5:
        return offered + 1;
    case 6:
        return 0xffffffff;
    default:
        return header + 14 + (how >> 3);
    }
}

void nic_keep(unsigned q)
{
    uint16_t id;

    if (kept_n[q] < KEEP && nic_works(q) && sim_take(nic, q, &id))
        kept[q][kept_n[q]++] = id;
}

void nic_give(uint8_t which, uint8_t how)
{
    unsigned q = which & 1, i;
    uint32_t len, offered;
    uint16_t id;

    if (kept_n[q] == 0 || !nic_works(q))
        return;
    i = (which >> 1) % kept_n[q];
    id = kept[q][i];
    kept[q][i] = kept[q][--kept_n[q]];
    offered = sim_room(nic, q, id);
    len = bad_length(how, offered);
    if (offered == 0 || (q == SIM_RXQ && len > offered))
        sim_lie(nic);
    sim_use(nic, q, id, len);
}

void nic_raw(uint8_t which, uint8_t id)
{
    sim_lie(nic);
    sim_use_raw(nic, which & 1, which & 2 ? 0xffffff00u | id : id, bad_length(which >> 2, 2048));
}

void nic_jump(uint16_t by)
{
    unsigned q = by & 1;

    if (!nic_works(q))
        return;
    sim_lie(nic);
    sim_used_jump(nic, q, (uint16_t)(nic->q[q].used_idx + (by >> 1)));
}

void nic_scribble(uint16_t where, uint8_t v)
{
    unsigned q = where & 1;
    uint32_t bytes;
    uint8_t *p;

    if (!nic->q[q].enabled || nic->resetting)
        return;
    p = sim_used_memory(nic, q, &bytes);
    sim_lie(nic);
    p[(where >> 1) % bytes] ^= v;
}

void nic_wish(unsigned q, uint16_t v)
{
    if (nic->q[q].enabled && !nic->resetting)
        sim_garbage_wish(nic, q, v);
}

static uint16_t odd_size(uint8_t v)
{
    static const uint16_t sizes[] = {256, 0, 1, 2, 3, 4, 8, 16, 255, 257, 512, 1024, 32768, 65535};

    return sizes[v % (sizeof(sizes) / sizeof(sizes[0]))];
}

void nic_offer(uint8_t which, uint8_t v)
{
    switch (which % 7) {
    case 0:
    case 1:
        nic->q[which % 7].max = odd_size(v);
        break;
    case 2:
        nic->offer ^= 1ull << (v & 63);
        break;
    case 3:
        nic->offer = v & 1 ? ~0ull : SIM_F_VERSION_1 | SIM_F_MAC;
        break;
    case 4:
        nic->vectors_ok = v & 3;
        break;
    case 5:
        nic->num_queues = v & 3;
        break;
    case 6:
        nic->refuse = v & 1 ? SIM_F_VERSION_1 : v & 2 ? SIM_F_EVENT_IDX : 0;
        break;
    }
}

void nic_config(uint8_t bits)
{
    if (bits & 1)
        nic->link_status ^= 1;
    if (bits & 2)
        nic->mtu = (uint16_t)(bits * 257u);
    if (bits & 4)
        nic->mac[(bits >> 5) % 6] ^= bits;
    if (bits & 8)
        sim_interrupt(nic, SIM_QUEUES);
    if (bits & 16)
        nic->generation++;
}

void nic_knobs(uint8_t bits)
{
    nic->interrupts_lost = bits & 1;
    nic->doorbells_lost = bits & 2;
    nic->generation_moves = bits & 4;
    nic->reset_never = bits & 8;
    nic->gone = bits & 16;
    nic->isr_sticks = bits & 32 ? 3 : 0;
    sim_line_given_up = bits & 64;
}

void nic_status(uint8_t v)
{
    sim_lie(nic);
    nic->status = v | 1; /* 0 would say that it has been reset, and it has not */
}

/* A reset device has forgotten what it kept. */
void nic_turned(void)
{
    if (kept_life == nic->resets)
        return;
    kept_life = nic->resets;
    kept_n[0] = kept_n[1] = 0;
}

void nic_behave(void)
{
    nic_knobs(0);
    nic->reset_reads = 0;
    nic->refuse = 0;
    nic->offer |= SIM_F_VERSION_1;
    nic->num_queues = 2;
    nic->link_status = 1;
    flicker_in = 0;
    for (unsigned k = 0; k < SIM_QUEUES; k++) {
        if (nic->q[k].max == 0)
            nic->q[k].max = 256;
        while (kept_n[k] > 0 && nic_works(k))
            nic_give((uint8_t)k, 7);
    }
}

void nic_set_up(struct input *in, bool *mergeable)
{
    uint8_t v = in_u8(in), interface;
    bool line;

    flicker_in = kept_n[0] = kept_n[1] = 0;
    nic = sim_add_bare_nic(3);
    nic->offer = SIM_F_VERSION_1 | (v & 1 ? 0 : SIM_F_MAC) | (v & 2 ? 0 : SIM_F_STATUS) |
                 (v & 4 ? 0 : SIM_F_EVENT_IDX) | (v & 8 ? SIM_F_MTU : 0) | (v & 16 ? ~0ull : 0) |
                 (v & 128 ? SIM_F_RING_PACKED : 0);
    nic->notify_multiplier = v & 32 ? 0 : v & 64 ? 4096 : 4;
    nic->q[SIM_RXQ].max = odd_size(in_u8(in));
    nic->q[SIM_TXQ].max = odd_size(in_u8(in));
    nic->msix_n = in_u8(in) & 3 ? 3 : 1;
    v = in_u8(in);
    interface = v >> 4 & 3;
    *mergeable = v & 4;
    nic->rx_piece = v & 8 ? 200 : 0;
    line = v & 64;
    nic->vectors_ok = v & 3;
    if (nic->vectors_ok == 0)
        nic->vectors_ok = 3;
    v = in_u8(in);
    nic->mtu = v == 0 ? 1500 : (uint16_t)(v * 40u);
    nic->config_len = in_u8(in) % 16;
    if (nic->config_len == 0 || interface == 1) /* the legacy interface does not say how much */
        nic->config_len = 12;
    nic->hdr_junk = in_u8(in);
    if (line) {
        sim_add_line(nic, 11);
        if (interface != 1)
            sim_cap_isr(nic);
    } else {
        sim_cap_msix(nic);
    }
    if (interface != 1) {
        sim_cap_notify(nic);
        sim_cap_config(nic);
        sim_cap_common(nic);
    }
    if (interface > 0)
        sim_add_legacy(nic, interface != 1);
    nic->shm_hook = on_read;
    sim_collect = true;
}
