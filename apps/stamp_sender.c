// SPDX-License-Identifier: BSD-3-Clause
/*
 * See stamp_sender.h.
 */
#include "stamp_sender.h"

#include "lwip/udp.h"
#include "netraw.h"
#include "stamp.h"
#include "string.h"

/* As the flood has them: how long the next station may keep silent, and how often it is asked. */
#define SEEK_NS     (3 * NS_PER_S)
#define SEEK_ASK_NS (500 * NS_PER_MS)

/* An answer that takes longer is lost; where none is missing, duplicates are waited for. */
#define ANSWER_NS    (2 * NS_PER_S)
#define DUPLICATE_NS (100 * NS_PER_MS)

/* Packets of a turn, and slots given up in one. */
#define PACKETS_A_TURN 64u
#define SLIPS_A_TURN   4096u

/* Answers are told apart within so many packets: a second's at 8192/s. */
#define RECENT 8192u

static struct stamp_params params;
static struct stamp_figures f;
static struct flood_pace pace;
static struct udp_pcb *pcb;
static enum stamp_state state;
static const char *why;
static uint64_t since_ns, ask_ns;

static struct seqwin window;
static uint64_t window_map[RECENT / 64];
static uint32_t late_ns[RECENT]; /* how long after it was due each of the last packets left */

static uint8_t packet[CONFIG_MTU_MAX];

static void enter(enum stamp_state to, uint64_t now)
{
    state = to;
    since_ns = now;
}

static void close_port(void)
{
    if (pcb != NULL)
        udp_remove(pcb);
    pcb = NULL;
}

static void fail(const char *because, uint64_t now)
{
    why = because;
    close_port();
    enter(STAMP_FAILED, now);
}

/* ---- answers ------------------------------------------------------------------------------------
 */

/* The whole number of a packet, of which an answer has 32 bits. False: none was sent that is less
 * than a window old. */
static bool number_of(uint32_t seq, uint64_t *number)
{
    const uint32_t back = (uint32_t)(f.sent - 1) - seq;

    if (f.sent == 0 || back >= RECENT || back >= f.sent)
        return false;
    *number = f.sent - 1 - back;
    return true;
}

/* A reflector that numbers its answers has had one packet more than the greatest number says. */
static void note_arrival(uint32_t seq_back)
{
    const uint32_t ahead = seq_back - (uint32_t)f.arrived;

    if (ahead < 1u << 31)
        f.arrived += (uint64_t)ahead + 1;
}

static void count(const struct stamp_answer *a, uint64_t number)
{
    const enum seqwin_kind kind = seqwin_count(&window, &f.n, window_map, RECENT, number);

    note_arrival(a->seq_back);
    if (kind != SEQWIN_NEW && kind != SEQWIN_REORDERED)
        return;
    seqwin_time(&window, &f.n, a->trip_ns);
    hdr_record(&f.trip, a->trip_ns);
    hdr_record(&f.from_due, a->trip_ns + late_ns[number % RECENT]);
    if (a->held_ns > f.held_max_ns)
        f.held_max_ns = a->held_ns;
}

static void on_answer(void *arg, struct udp_pcb *from, struct pbuf *p, const ip_addr_t *addr,
                      u16_t port)
{
    const uint64_t now = time_ns();
    struct stamp_answer a;
    uint64_t number;

    (void)arg, (void)from, (void)addr, (void)port; /* it is connected: the reflector's */
    if (stamp_read(p->payload, p->len, now, &a) && number_of(a.seq, &number)) {
        count(&a, number);
        f.heard_ns = now;
    } else {
        f.stray++;
    }
    pbuf_free(p);
}

/* ---- packets ------------------------------------------------------------------------------------
 */

static bool open_port(void)
{
    pcb = udp_new_ip_type(IP_GET_TYPE(&params.target));
    if (pcb == NULL)
        return false;
    pcb->ttl = STAMP_TTL;
    udp_recv(pcb, on_answer, NULL);
    return udp_connect(pcb, &params.target, params.port != 0 ? params.port : STAMP_PORT) == ERR_OK;
}

static void begin(uint64_t now)
{
    seqwin_init(&window, window_map, RECENT, 0);
    flood_pace_init(&pace, &params.shape, now,
                    params.time_ns != 0 ? now + params.time_ns : UINT64_MAX);
    f.start_ns = now;
    enter(STAMP_SENDING, now);
}

static void seek(uint64_t now)
{
    const bool ask = now >= ask_ns;
    struct netraw_path path;
    const enum netraw_way way = netraw_find(&params.target, NETRAW_ANY_NIC, NULL, ask, &path);
    const uint32_t headers = IP_IS_V6_VAL(params.target) ? 48 : 28;

    if (ask)
        ask_ns = now + SEEK_ASK_NS;
    if (way != NETRAW_FOUND && now - since_ns >= SEEK_NS)
        fail(way == NETRAW_UNKNOWN ? "the next station towards the target does not answer"
                                   : "no way to the target",
             now);
    else if (way == NETRAW_FOUND && params.bytes + headers > path.mtu)
        fail("a packet is larger than the interface's MTU allows", now);
    else if (way == NETRAW_FOUND && open_port())
        begin(now);
    else if (way == NETRAW_FOUND)
        fail("no UDP port", now);
}

/* True if it is gone. The stack copies what it keeps. */
static bool send_one(uint64_t due_ns)
{
    struct pbuf p = {.payload = packet, .ref = 1, .type_internal = PBUF_REF};
    const uint64_t now = time_ns();

    p.len = p.tot_len = (u16_t)params.bytes;
    stamp_request(packet, params.bytes, (uint32_t)f.sent, now);
    late_ns[f.sent % RECENT] = now > due_ns ? (uint32_t)(now - due_ns) : 0;
    if (udp_send(pcb, &p) != ERR_OK)
        return false;
    f.sent++;
    return true;
}

static void slip(uint64_t due_ns, uint64_t now)
{
    f.slipped++;
    hdr_record(&f.from_due, now - due_ns);
}

static bool finished(void)
{
    return flood_pace_over(&pace) || (params.count != 0 && f.sent + f.slipped >= params.count);
}

static unsigned send_due(uint64_t now)
{
    const uint32_t bits = params.bytes * 8;
    unsigned n = 0;

    for (unsigned k = 0; k < SLIPS_A_TURN && !finished() && flood_pace_late(&pace, now); k++) {
        slip(pace.next_ns, now);
        flood_pace_slip(&pace, bits);
    }
    for (; n < PACKETS_A_TURN && !finished() && flood_pace_due(&pace, now); n++) {
        if (!send_one(pace.next_ns))
            slip(pace.next_ns, now);
        flood_pace_sent(&pace, bits, now);
    }
    if (finished())
        stamp_sender_stop(now);
    return n;
}

static uint64_t over_ns(void)
{
    const uint64_t last = f.heard_ns > since_ns ? f.heard_ns : since_ns;

    return last + (f.n.received == f.sent ? DUPLICATE_NS : ANSWER_NS);
}

/* What was sent is known here: so many answers were to come. */
static void end(uint64_t now)
{
    f.n.expected = f.sent;
    close_port();
    enter(STAMP_DONE, now);
}

/* ---- for the job --------------------------------------------------------------------------------
 */

void stamp_sender_start(const struct stamp_params *p, uint64_t now_ns)
{
    params = *p;
    memset(&f, 0, sizeof(f));
    why = NULL;
    ask_ns = 0;
    enter(STAMP_SEEKING, now_ns);
}

unsigned stamp_sender_poll(uint64_t now_ns)
{
    if (state == STAMP_SEEKING)
        seek(now_ns);
    if (state == STAMP_SENDING)
        return send_due(now_ns);
    if (state == STAMP_WAITING && now_ns >= over_ns())
        end(now_ns);
    return 0;
}

uint64_t stamp_sender_deadline(void)
{
    if (state == STAMP_SEEKING)
        return since_ns + SEEK_NS; /* an answer is a frame, which wakes the loop */
    if (state == STAMP_SENDING)
        return flood_pace_when(&pace) < pace.end_ns ? flood_pace_when(&pace) : pace.end_ns;
    return state == STAMP_WAITING ? over_ns() : UINT64_MAX;
}

enum stamp_state stamp_sender_state(void)
{
    return state;
}

const char *stamp_sender_why(void)
{
    return why;
}

void stamp_sender_stop(uint64_t now_ns)
{
    if (state == STAMP_SEEKING) {
        fail("it was stopped", now_ns);
    } else if (state == STAMP_SENDING) {
        f.end_ns = now_ns;
        enter(STAMP_WAITING, now_ns);
    }
}

void stamp_sender_change_rate(uint64_t rate, bool packets, uint64_t now_ns)
{
    params.shape.rate = rate;
    params.shape.packets = packets;
    if (state == STAMP_SENDING)
        flood_pace_change(&pace, rate, packets, now_ns);
}

const struct stamp_figures *stamp_sender_figures(void)
{
    return &f;
}
