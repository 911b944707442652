// SPDX-License-Identifier: BSD-3-Clause
/*
 * A device that does as the input says, against the real driver.
 *
 * The input is what the device offers (8 bytes, set_up()), then a list of deeds: one byte that
 * says which (enum deed), one or two that say how. After each the driver has a turn as the main
 * loop gives it. What must hold:
 *
 *   - no assertion, no access that a sanitizer objects to;
 *   - every buffer has one owner after each turn (vnet_check), and a turn's work is bounded;
 *   - no frame is delivered twice, or sent twice;
 *   - as long as the device has not lied, the driver breaks no rule of the specification;
 *   - once the device behaves again, traffic moves both ways within RECOVER_NS.
 *
 * A device that lied about its ring is at odds with the driver over who owns what, and the
 * simulation is lenient until the next reset (sim_lie()).
 */
#include <string.h>
#include "config.h"
#include "fuzz.h"
#include "json.h"
#include "sim.h"
#include "virtio_net.h"

#define MS          1000000ull
#define DRIVER_OK   0x04
#define NEEDS_RESET 0x40
#define RECOVER_NS  (3000 * MS)
#define MARKS       8192 /* the last MARKS_KEPT are for the end */
#define MARKS_KEPT  1024
#define MARK_AT     14 /* a frame's number lies behind its Ethernet header */

/* Accesses to ring memory that one turn may need: each entry of both rings a few times. */
#define TURN_READS 8192
#define TURN_NS    (2 * MS)

enum deed {
    RX,          /* n: a frame arrives */
    RX_BURST,    /* n: several */
    TX_COMPLETE, /* n: sends so many */
    TAKE,        /* queue: takes a buffer and keeps it */
    GIVE,        /* which, length: completes one of those it kept, in any order */
    RAW,         /* which, length: completes any id */
    JUMP,        /* to: moves the used index */
    NEED_RESET,  /* */
    INTERRUPT,   /* queue: raises one for nothing */
    KNOBS, /* bits: loses interrupts, doorbells; settles never; resets never; vanishes; holds its
              line for ever; the line is given up */
    RESET_READS, /* n: the next reset takes so long */
    CONFIG,      /* bits: other link, MTU, MAC, with or without an interrupt */
    WISH,        /* queue, value: garbage as avail_event and flags */
    SCRIBBLE,    /* where, value: writes into its ring */
    FLICKER,     /* when, value: the driver's n-th read from now on is another value */
    STATUS,      /* value: changes its status by itself */
    OFFER,       /* which, value: will offer something else after the next reset */
    TIME,        /* ms: passes */
    SEND,        /* n, length: the stack sends */
    HOLD,        /* n: the stack keeps the next n frames */
    LET_GO,      /* the stack gives back all it kept */
    SLEEP,       /* the loop sleeps, if it may */
    STATS,       /* somebody asks for statistics */
    DEEDS,
};

static struct sim_nic *nic;
static struct vnet *vn;
static uint64_t reads;      /* of ring memory, this turn */
static unsigned flicker_in; /* reads until one lies; 0: none will */
static uint32_t flicker_bits;

static uint32_t input_n;          /* modulo 2^16 */
static uint32_t rx_next, tx_next; /* numbers of the next frames */
static uint32_t marks_end;        /* where numbers end */
static uint8_t rx_seen[MARKS], tx_seen[MARKS];
static uint32_t rx_new, tx_new; /* how many arrived */
static struct netbuf *held[CONFIG_RX_BATCH];
static unsigned held_n, hold_next;

#define KEEP 64
static uint16_t kept[SIM_QUEUES][KEEP];
static unsigned kept_n[SIM_QUEUES];
static unsigned kept_life; /* completed resets when they were taken */

/* ---- truth and lies ---------------------------------------------------------------------------
 */

static uint64_t on_read(struct sim_nic *n, const volatile void *p, unsigned width, uint64_t v)
{
    (void)p;
    reads++;
    if (flicker_in == 0 || --flicker_in > 0)
        return v;
    sim_lie(n);
    return width == 2 ? (uint16_t)(v ^ flicker_bits) : v ^ flicker_bits;
}

/* A driver that broke a rule without having been lied to is wrong. */
static void judge(void)
{
    if (!nic->at_odds && sim_violation[0] != '\0') {
        fprintf(stderr, "the driver breaks a rule: %s\n", sim_violation);
        abort();
    }
    sim_violation[0] = '\0';
}

/* ---- frames -----------------------------------------------------------------------------------
 */

/* Numbers are of this input: buffers still hold what earlier ones left there. */
static void put_mark(uint8_t *frame, uint32_t mark)
{
    mark |= input_n << 16;
    memcpy(frame + MARK_AT, &mark, sizeof(mark));
}

static uint32_t get_mark(const uint8_t *frame)
{
    uint32_t mark;

    memcpy(&mark, frame + MARK_AT, sizeof(mark));
    return mark >> 16 == input_n ? mark & 0xffff : 0;
}

/* Counts a frame, true the first time. Numbers begin at 1; without one is what a lying device makes
 * of any buffer. */
static bool once(uint8_t seen[MARKS], uint32_t mark, uint32_t next)
{
    if (mark == 0 || mark >= next || seen[mark])
        return false;
    seen[mark] = 1;
    return true;
}

static void make_frame(uint8_t *frame, uint32_t len, uint32_t *next)
{
    memset(frame, 0x5a, len);
    put_mark(frame, *next < marks_end ? (*next)++ : 0);
}

/* ---- the device -------------------------------------------------------------------------------
 */

static bool device_works(unsigned q)
{
    return nic->q[q].enabled && !nic->gone && !nic->resetting && nic->status & DRIVER_OK &&
           !(nic->status & NEEDS_RESET);
}

/* A frame arrives, in a buffer the driver exposed; cut to what the smallest of buffers takes. */
static void device_rx(uint32_t len)
{
    uint8_t frame[1514];

    if (!device_works(SIM_RXQ))
        return;
    if (len > sizeof(frame))
        len = sizeof(frame);
    make_frame(frame, len, &rx_next);
    sim_rx(nic, frame, len);
}

/* Frames leave: each must be one that the stack sent, whole, for the first time. A device at odds
 * may look at buffers which it has given back. */
static void device_tx(unsigned max)
{
    for (uint64_t before = nic->tx_frames; max-- > 0 && sim_tx(nic, 1) == 1;
         before = nic->tx_frames) {
        const uint8_t *frame = nic->tx_last;
        uint32_t mark;
        bool first;

        if (nic->tx_frames == before || nic->tx_last_len < MARK_AT + sizeof(mark))
            continue;
        mark = get_mark(frame);
        first = once(tx_seen, mark, tx_next);
        tx_new += first;
        MUST(nic->at_odds || first || mark == 0);
        for (uint32_t i = MARK_AT + sizeof(mark); i < nic->tx_last_len; i++)
            MUST(nic->at_odds || frame[i] == 0x5a);
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

static void keep(unsigned q)
{
    uint16_t id;

    if (kept_n[q] < KEEP && device_works(q) && sim_take(nic, q, &id))
        kept[q][kept_n[q]++] = id;
}

static void give(uint8_t which, uint8_t how)
{
    unsigned q = which & 1, i;
    uint32_t len, offered;
    uint16_t id;

    if (kept_n[q] == 0 || !device_works(q))
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

/* Everything it has completed comes again, whatever the entries say, or is taken back. */
static void jump(uint16_t by)
{
    unsigned q = by & 1;

    if (!device_works(q))
        return;
    sim_lie(nic);
    sim_used_jump(nic, q, (uint16_t)(nic->q[q].used_idx + (by >> 1)));
}

/* Where the device writes what is completed. */
static void scribble(uint16_t where, uint8_t v)
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

static void wish(unsigned q, uint16_t v)
{
    if (nic->q[q].enabled && !nic->resetting)
        sim_garbage_wish(nic, q, v);
}

static uint16_t odd_size(uint8_t v)
{
    static const uint16_t sizes[] = {256, 0, 1, 2, 3, 4, 8, 16, 255, 257, 512, 1024, 32768, 65535};

    return sizes[v % (sizeof(sizes) / sizeof(sizes[0]))];
}

static void offer(uint8_t which, uint8_t v)
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

static void config(uint8_t bits)
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

static void knobs(uint8_t bits)
{
    nic->interrupts_lost = bits & 1;
    nic->doorbells_lost = bits & 2;
    nic->generation_moves = bits & 4;
    nic->reset_never = bits & 8;
    nic->gone = bits & 16;
    nic->isr_sticks = bits & 32 ? 3 : 0;
    sim_line_given_up = bits & 64;
}

/* ---- the driver's user ------------------------------------------------------------------------
 */

static void stack_sends(unsigned n, uint32_t len)
{
    uint32_t max = vnet_mtu(vn) + 14;

    len = len < 60 ? 60 : len > max ? max : len;
    while (n-- > 0) {
        struct netbuf *nb = vnet_tx_get(vn, n & 1);
        if (nb == NULL)
            return;
        make_frame(netbuf_frame(nb), len, &tx_next);
        nb->len = len;
        if (!vnet_tx(vn, nb))
            vnet_tx_put(vn, nb);
    }
}

/* The buffer's number is wiped, so that a device which claims it again has nothing to show. */
static void stack_receives(struct netbuf *nb)
{
    for (const struct netbuf *part = nb; part != NULL; part = part->next)
        MUST(part->len <= part->cap - part->offset);
    if (nb->len >= MARK_AT + sizeof(uint32_t)) {
        uint32_t mark = get_mark(netbuf_frame(nb));
        bool first = once(rx_seen, mark, rx_next);
        MUST(first || mark == 0 || mark >= rx_next);
        rx_new += first;
        put_mark(netbuf_frame(nb), 0);
    }
    if (hold_next > 0 && held_n < CONFIG_RX_BATCH) {
        hold_next--;
        held[held_n++] = nb;
    } else {
        vnet_rx_release(vn, nb);
    }
}

static void let_go(void)
{
    while (held_n > 0)
        vnet_rx_release(vn, held[--held_n]);
}

static void statistics(void)
{
    char text[8192];
    struct json j;

    json_init(&j, text, sizeof(text));
    json_object(&j, NULL);
    json_array(&j, "queues");
    vnet_json_queues(vn, &j);
    json_end_array(&j);
    json_array(&j, "pools");
    vnet_json_pools(vn, &j);
    json_end_array(&j);
    vnet_json_buffers(vn, &j);
    json_end_object(&j);
    MUST(json_finish(&j) > 0);
}

/* One turn of the main loop. */
static void turn(uint64_t ns)
{
    struct netbuf *got[CONFIG_RX_BATCH];
    uint64_t begin = sim_now_ns += ns;
    unsigned n;

    reads = 0;
    vnet_heartbeat(vn, sim_now_ns);
    n = vnet_rx_poll(vn, got, CONFIG_RX_BATCH);
    MUST(n <= CONFIG_RX_BATCH);
    for (unsigned i = 0; i < n; i++)
        stack_receives(got[i]);
    vnet_tx_reclaim(vn);
    vnet_tx_flush(vn);
    MUST(vnet_check(vn));
    MUST(reads <= TURN_READS);
    MUST(sim_now_ns - begin <= TURN_NS);
    if (kept_life != nic->resets) { /* a reset device has forgotten what it kept */
        kept_life = nic->resets;
        kept_n[0] = kept_n[1] = 0;
    }
    judge();
}

/* ---- the script -------------------------------------------------------------------------------
 */

static void act(struct input *in)
{
    uint8_t deed = in_u8(in), a = in_u8(in);

    switch (deed % DEEDS) {
    case RX:
        device_rx(14u + a);
        break;
    case RX_BURST:
        for (unsigned i = 0; i < a; i++)
            device_rx(60 + 5 * i);
        break;
    case TX_COMPLETE:
        device_tx(a);
        break;
    case TAKE:
        keep(a & 1);
        break;
    case GIVE:
        give(a, in_u8(in));
        break;
    case RAW:
        if (device_works(a & 1)) {
            uint8_t id = in_u8(in);
            sim_lie(nic);
            sim_use_raw(nic, a & 1, a & 2 ? 0xffffff00u | id : id, bad_length(a >> 2, 2048));
        }
        break;
    case JUMP:
        jump((uint16_t)(a | in_u8(in) << 8));
        break;
    case NEED_RESET:
        if (device_works(SIM_RXQ))
            sim_needs_reset(nic);
        break;
    case INTERRUPT:
        if (!nic->gone)
            sim_interrupt(nic, a % (SIM_QUEUES + 1));
        break;
    case KNOBS:
        knobs(a);
        break;
    case RESET_READS:
        nic->reset_reads = a;
        break;
    case CONFIG:
        config(a);
        break;
    case WISH:
        wish(a & 1, in_u16(in));
        break;
    case SCRIBBLE:
        scribble((uint16_t)(a | in_u8(in) << 8), in_u8(in));
        break;
    case FLICKER:
        flicker_in = a;
        flicker_bits = (uint32_t)in_u8(in) << (in_u8(in) & 31);
        break;
    case STATUS:
        if (device_works(SIM_RXQ)) {
            sim_lie(nic);
            nic->status = a | 1; /* 0 would say that it has been reset, and it has not */
        }
        break;
    case OFFER:
        offer(a, in_u8(in));
        break;
    case TIME:
        for (unsigned i = 0; i < (a & 15u); i++)
            turn((uint64_t)(a >> 4) * 16 * MS);
        break;
    case SEND:
        stack_sends(a, 8u * in_u8(in));
        break;
    case HOLD:
        hold_next = a;
        break;
    case LET_GO:
        let_go();
        break;
    case SLEEP:
        if (vnet_may_sleep(vn)) {
            sim_now_ns += vnet_sleep_max_ns(vn);
            vnet_awake(vn);
        }
        break;
    case STATS:
        statistics();
        break;
    }
}

/* Everything it does wrong it does right from now on; what it has lost stays lost. */
static void behave(void)
{
    knobs(0);
    nic->reset_reads = 0;
    nic->refuse = 0;
    nic->offer |= SIM_F_VERSION_1;
    nic->num_queues = 2;
    nic->link_status = 1;
    flicker_in = hold_next = 0;
    for (unsigned k = 0; k < SIM_QUEUES; k++) {
        if (nic->q[k].max == 0)
            nic->q[k].max = 256;
        while (kept_n[k] > 0 && device_works(k))
            give((uint8_t)k, 7);
    }
    let_go();
}

static void traffic_must_resume(void)
{
    uint64_t begin = sim_now_ns;
    uint32_t rx, tx;

    rx_next = tx_next = MARKS - MARKS_KEPT; /* the script may have used up the others */
    marks_end = MARKS;
    rx = rx_new;
    tx = tx_new;
    while (rx_new < rx + 3 || tx_new < tx + 3) {
        MUST(sim_now_ns - begin <= RECOVER_NS);
        device_rx(60);
        stack_sends(1, 60);
        turn(10 * MS);
        device_tx(CONFIG_TX_RING);
    }
}

static struct vnet_options opt[CONFIG_NICS];

/* What the device offers when the driver looks first; how we want our buffers. */
static void set_up(struct input *in)
{
    uint8_t v = in_u8(in), interface;
    bool line;

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
    opt[0].mergeable = v & 4;
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

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    fuzz_init();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};

    sim_power_on();
    input_n = (input_n + 1) & 0xffff;
    flicker_in = 0;
    rx_next = tx_next = 1;
    marks_end = MARKS - MARKS_KEPT;
    rx_new = tx_new = 0;
    held_n = hold_next = kept_n[0] = kept_n[1] = 0;
    memset(rx_seen, 0, sizeof(rx_seen));
    memset(tx_seen, 0, sizeof(tx_seen));
    set_up(&in);
    if (vnet_probe(opt) == 1) {
        vn = vnet_get(0);
        kept_life = nic->resets;
        while (in.left > 0) {
            act(&in);
            turn(MS);
        }
        behave();
        traffic_must_resume();
        let_go();
    }
    judge();
    sim_power_off();
    return 0;
}
