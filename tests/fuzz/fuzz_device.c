// SPDX-License-Identifier: BSD-3-Clause
/*
 * A device that does as the input says, against the real driver.
 *
 * The input is what the device offers (8 bytes, nic_set_up()), then a list of deeds: one byte that
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
#include "config.h"
#include "fuzz_device.h"
#include "virtio_net.h"

#define RECOVER_NS (3000 * MS)

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
    SEND_LARGE,  /* n, length: the stack sends segments that the device is to cut */
    DEEDS,
};

static void act(struct input *in)
{
    uint8_t deed = in_u8(in), a = in_u8(in), bits;
    uint16_t where;

    switch (deed % DEEDS) {
    case RX:
        nic_rx(14u + a);
        break;
    case RX_BURST:
        for (unsigned i = 0; i < a; i++)
            nic_rx(60 + 5 * i);
        break;
    case TX_COMPLETE:
        nic_tx(a);
        break;
    case TAKE:
        nic_keep(a & 1);
        break;
    case GIVE:
        nic_give(a, in_u8(in));
        break;
    case RAW:
        if (nic_works(a & 1))
            nic_raw(a, in_u8(in));
        break;
    case JUMP:
        nic_jump((uint16_t)(a | in_u8(in) << 8));
        break;
    case NEED_RESET:
        if (nic_works(SIM_RXQ))
            sim_needs_reset(nic);
        break;
    case INTERRUPT:
        if (!nic->gone)
            sim_interrupt(nic, a % (SIM_QUEUES + 1));
        break;
    case KNOBS:
        nic_knobs(a);
        break;
    case RESET_READS:
        nic->reset_reads = a;
        break;
    case CONFIG:
        nic_config(a);
        break;
    case WISH:
        nic_wish(a & 1, in_u16(in));
        break;
    case SCRIBBLE:
        where = (uint16_t)(a | in_u8(in) << 8);
        nic_scribble(where, in_u8(in));
        break;
    case FLICKER:
        bits = in_u8(in);
        nic_flicker(a, (uint32_t)bits << (in_u8(in) & 31));
        break;
    case STATUS:
        if (nic_works(SIM_RXQ))
            nic_status(a);
        break;
    case OFFER:
        nic_offer(a, in_u8(in));
        break;
    case TIME:
        for (unsigned i = 0; i < (a & 15u); i++)
            user_turn((uint64_t)(a >> 4) * 16 * MS);
        break;
    case SEND:
        user_sends(a, 8u * in_u8(in));
        break;
    case HOLD:
        user_holds(a);
        break;
    case LET_GO:
        user_lets_go();
        break;
    case SLEEP:
        if (vnet_may_sleep(vn)) {
            sim_now_ns += vnet_sleep_max_ns(vn);
            vnet_awake(vn);
        }
        break;
    case STATS:
        user_asks_for_statistics();
        break;
    case SEND_LARGE:
        user_sends_large(a, 250u * in_u8(in));
        break;
    }
}

static void traffic_must_resume(void)
{
    uint64_t begin = sim_now_ns;
    uint32_t rx = rx_marks.fresh, tx = tx_marks.fresh;

    marks_for_the_end();
    while (rx_marks.fresh < rx + 3 || tx_marks.fresh < tx + 3) {
        MUST(sim_now_ns - begin <= RECOVER_NS);
        nic_rx(60);
        user_sends(1, 60);
        user_turn(10 * MS);
        nic_tx(CONFIG_TX_RING);
    }
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
    static struct vnet_options opt[CONFIG_NICS];
    struct input in = {data, size};

    sim_power_on();
    marks_begin();
    user_begin();
    nic_set_up(&in, &opt[0].mergeable);
    if (vnet_probe(opt) == 1) {
        vn = vnet_get(0);
        nic_turned();
        while (in.left > 0) {
            act(&in);
            user_turn(MS);
        }
        nic_behave();
        user_holds(0);
        user_lets_go();
        traffic_must_resume();
        user_lets_go();
    }
    user_judges();
    sim_power_off();
    return 0;
}
