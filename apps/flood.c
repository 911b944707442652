// SPDX-License-Identifier: BSD-3-Clause
/*
 * The flood: from the schedule to the ring. See flood.h.
 *
 * A turn finds out how many frames are due and have room, gets as many buffers, writes the frames
 * and hands them over; the rest of the loop, which answers the network and runs everybody's timers,
 * gets its turn after each batch. Flows take turns: each sends its n-th frame before any sends its
 * (n + 1)-th.
 */
#include "flood.h"

#include "flood_awake.h"
#include "flood_due.h"
#include "flood_frame.h"
#include "netraw.h"
#include "string.h"
#include "testframe.h"
#include "time.h"

/* How long the next station may keep silent, and how often it is asked. */
#define SEEK_NS     (3 * NS_PER_S)
#define SEEK_ASK_NS (500 * NS_PER_MS)

/* While it runs, the way is looked up again this often: stations get other addresses. */
#define LOOK_NS NS_PER_S

/* The device may take so long for the last frames; what it has then it has lost. */
#define DRAIN_NS (2 * NS_PER_S)

/* Slots given up in one turn, or jumps over many: after a long pause there may be millions. */
#define SLIPS_A_TURN 4096u

/* Frames of a turn: with these it takes a few hundred microseconds under emulation. */
#define FRAMES_A_TURN (4 * NETRAW_BATCH)

/* At no rate, frames go in batches of at least so many: each has the cost of a turn. */
#define EAGER_BATCH 64u

static struct flood_params params;
static struct flood_frames frames;
static struct flood_pace pace;
static struct flood_awake awake;
static struct netraw_path path;
static enum flood_state state;
static const char *why;
static uint32_t serial;   /* of the headers in use */
static uint64_t since_ns; /* the state there is */
static uint64_t look_ns;  /* when to look for the way again */
static uint64_t start_ns, end_ns;
static uint64_t offered, slipped;
static bool blocked;                  /* the ring has no room: the device will say when it has */
static unsigned turn;                 /* position in the mixture */
static uint64_t due_ns[NETRAW_BATCH]; /* of the frames that are about to be written */
static struct flood_cursor cursor;

static void enter(enum flood_state to, uint64_t now)
{
    state = to;
    since_ns = now;
}

static void fail(const char *because, uint64_t now)
{
    why = because;
    enter(FLOOD_FAILED, now);
}

/* ---- the way -----------------------------------------------------------------------------------
 */

static enum netraw_way find(bool ask, struct netraw_path *to)
{
    if (params.own != NETRAW_ANY_NIC &&
        !netraw_own(params.own, IP_IS_V6(&params.target), params.from, &params.target))
        return NETRAW_NO_TARGET;
    return netraw_find(&params.target, params.from, params.has_mac ? params.mac : NULL, ask, to);
}

static void make_headers(void)
{
    flood_frames_headers(&frames, &params, &path, ++serial);
}

static bool fits(void)
{
    return frames.largest <= flood_most(path.mtu, params.vlan != FLOOD_NO_VLAN);
}

static void begin(uint64_t now)
{
    make_headers();
    for (unsigned k = 0; k < frames.sizes; k++)
        frames.size[k].sent_before = netraw_sent(path.nic, k + 1);
    flood_pace_init(&pace, &params.shape, now,
                    params.time_ns != 0 ? now + params.time_ns : UINT64_MAX);
    start_ns = now;
    look_ns = now + LOOK_NS;
    flood_awake_start(&awake, now);
    enter(FLOOD_RUNNING, now);
}

static const char *const no_way[] = {
    [NETRAW_UNKNOWN] = "the next station towards the target does not answer for its address",
    [NETRAW_NO_SOURCE] = "no address of our own to send from, or the link is down",
    [NETRAW_NO_ROUTE] = "no route to the target",
    [NETRAW_SELF] = "the target is this guest; target=net1 sends to it through the network",
    [NETRAW_NO_TARGET] = "the NIC that is the target has no such address",
};

static void seek(uint64_t now)
{
    const bool ask = now >= look_ns;
    const enum netraw_way way = find(ask, &path);

    if (ask)
        look_ns = now + SEEK_ASK_NS;
    if (way != NETRAW_FOUND && now - since_ns >= SEEK_NS)
        fail(no_way[way], now);
    else if (way == NETRAW_FOUND && !fits())
        fail("a frame is larger than the interface's MTU allows", now);
    else if (way == NETRAW_FOUND)
        begin(now);
}

/* While nothing better is known the old way is kept. */
static void look_again(uint64_t now)
{
    struct netraw_path other;

    if (now < look_ns)
        return;
    look_ns = now + LOOK_NS;
    if (find(true, &other) != NETRAW_FOUND || other.nic != path.nic)
        return;
    if (memcmp(other.hop_mac, path.hop_mac, sizeof(path.hop_mac)) != 0) {
        path = other;
        make_headers();
    }
}

/* ---- frames ------------------------------------------------------------------------------------
 */

static uint32_t bits_of(unsigned at)
{
    return frames.turn[at]->bytes * 8;
}

static unsigned after(unsigned at)
{
    return at + 1 < frames.turns ? at + 1 : 0;
}

static uint64_t bytes_offered(void)
{
    uint64_t bytes = 0;

    for (unsigned k = 0; k < frames.sizes; k++)
        bytes += frames.size[k].offered * frames.size[k].bytes;
    return bytes;
}

/* So many frames, or fewer if they are the last. */
static unsigned within_bytes(unsigned n)
{
    uint64_t bytes = bytes_offered();
    unsigned at = turn, k = 0;

    if (params.bytes == 0)
        return n;
    for (; k < n && bytes < params.bytes; k++) {
        bytes += bits_of(at) / 8;
        at = after(at);
    }
    return k;
}

/* Frames due, no more than there is room for; their slots are taken. */
static unsigned take_slots(unsigned room, uint64_t now)
{
    unsigned n = 0, at = turn;

    blocked = room == 0;
    if (params.shape.rate == 0) {
        blocked = room < EAGER_BATCH;
        return now < pace.end_ns && !blocked ? within_bytes(room) : 0;
    }
    room = within_bytes(room);
    for (; n < room && flood_pace_due(&pace, now); n++) {
        due_ns[n] = pace.next_ns;
        flood_pace_sent(&pace, bits_of(at), now);
        at = after(at);
    }
    return n;
}

/* Of a frame, over the mixture. */
static uint32_t bits_on_average(void)
{
    uint32_t sum = 0;

    ASSERT(frames.turns > 0);
    for (unsigned at = 0; at < frames.turns; at++)
        sum += bits_of(at);
    return sum / frames.turns;
}

static void give_up_slots(uint64_t now)
{
    for (unsigned k = 0; k < SLIPS_A_TURN && flood_pace_late(&pace, now); k++) {
        const uint64_t late_ns = now - pace.next_ns;
        uint64_t n = flood_pace_jump(&pace, bits_on_average(), now);

        if (n == 0) {
            flood_pace_slip(&pace, bits_of(turn));
            n = 1;
        }
        flood_due_slipped(late_ns, n);
        slipped += n;
    }
}

/* Fills buffers. What is the same for all frames is in variables here: what is written to a frame
 * could be any of the generator's state, as far as the compiler knows. */
static void write_mixed(struct netbuf *const *nb, unsigned n)
{
    const uint32_t last_flow = params.flows - 1;
    struct flood_cursor at = cursor;

    flood_cursor_set(&at, &frames);
    for (unsigned i = 0; i < n; i++) {
        struct flood_size *size = frames.turn[turn];
        const struct flood_kind kind = flood_kind(&frames, size);

        if (nb[i]->stamp != kind.stamp)
            flood_frame_prepare(&frames, size, nb[i]);
        flood_frame_write_ports(&kind, nb[i], &at);
        flood_frame_write(&kind, nb[i], &at);
        flood_cursor_next(&at, &frames, last_flow);
        size->offered++;
        turn = after(turn);
    }
    cursor = at;
}

/* One flow of one size, the usual case, as long as a frame differs from the one before in little.
 */
static void write_alike(struct netbuf *const *nb, unsigned n)
{
    struct flood_size *size = frames.turn[0];
    const struct flood_kind kind = flood_kind(&frames, size);
    struct flood_cursor at = cursor;

    flood_cursor_set(&at, &frames);
    for (unsigned i = 0; i < n; i++) {
        if (nb[i]->stamp != kind.stamp)
            flood_frame_prepare(&frames, size, nb[i]);
        flood_frame_write(&kind, nb[i], &at);
        flood_cursor_step(&at);
    }
    size->offered += n;
    cursor.test.seq += n;
}

static void write_many(unsigned n)
{
    struct netbuf *nb[NETRAW_BATCH];
    const unsigned left = FLOOD_SEQ_SPAN - (unsigned)(cursor.test.seq % FLOOD_SEQ_SPAN);

    netraw_get(path.nic, nb, n);
    cursor.test.time_ns = time_ns();
    if (params.flows > 1 || frames.turns > 1) {
        write_mixed(nb, n);
    } else {
        const unsigned first = n < left ? n : left;

        write_alike(nb, first);
        if (first < n)
            write_alike(nb + first, n - first);
    }
    netraw_send(path.nic, nb, n);
    flood_due_sent(params.shape.rate != 0 ? due_ns : NULL, n, cursor.test.time_ns);
    offered += n;
}

static bool finished(uint64_t now)
{
    if (params.bytes != 0 && bytes_offered() >= params.bytes)
        return true;
    return params.shape.rate == 0 ? now >= pace.end_ns : flood_pace_over(&pace);
}

static unsigned run(uint64_t now)
{
    unsigned n, sum = 0;

    flood_awake_turn(&awake, now);
    give_up_slots(now);
    do {
        n = take_slots(netraw_room(path.nic), now);
        if (n > 0)
            write_many(n);
        sum += n;
    } while (n == NETRAW_BATCH && sum < FRAMES_A_TURN);
    look_again(now);
    if (finished(now))
        enter(FLOOD_DRAINING, now);
    return sum;
}

static uint64_t sent(void)
{
    uint64_t sum = 0;

    for (unsigned k = 0; k < frames.sizes; k++)
        sum += netraw_sent(path.nic, k + 1) - frames.size[k].sent_before;
    return sum;
}

static void drain(uint64_t now)
{
    if (sent() < offered && now - since_ns < DRAIN_NS)
        return;
    end_ns = now;
    enter(FLOOD_DONE, now);
}

/* ---- for the job -------------------------------------------------------------------------------
 */

void flood_start(const struct flood_params *p, uint64_t now_ns)
{
    params = *p;
    flood_frames_init(&frames, &params);
    cursor =
        (struct flood_cursor){.test = {.seq = p->first_seq, .run = p->run, .kind = TESTFRAME_SENT}};
    flood_due_start(p->run, p->flows, p->first_seq);
    offered = slipped = start_ns = end_ns = look_ns = 0;
    turn = 0;
    blocked = false;
    why = NULL;
    enter(FLOOD_SEEKING, now_ns);
}

unsigned flood_poll(uint64_t now_ns)
{
    switch (state) {
    case FLOOD_SEEKING:
        seek(now_ns);
        break;
    case FLOOD_RUNNING:
        return run(now_ns);
    case FLOOD_DRAINING:
        drain(now_ns);
        break;
    case FLOOD_IDLE:
    case FLOOD_DONE:
    case FLOOD_FAILED:
        break;
    }
    return 0;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t flood_deadline(void)
{
    switch (state) {
    case FLOOD_SEEKING:
        return since_ns + SEEK_NS; /* an answer is a frame, which wakes the loop */
    case FLOOD_RUNNING:
        if (params.shape.rate == 0 && (!blocked || flood_awake(&awake)))
            return 0;
        return earlier(look_ns, blocked ? pace.end_ns : flood_pace_when(&pace));
    case FLOOD_DRAINING:
        return since_ns + DRAIN_NS;
    case FLOOD_IDLE:
    case FLOOD_DONE:
    case FLOOD_FAILED:
        break;
    }
    return UINT64_MAX;
}

enum flood_state flood_state(void)
{
    return state;
}

const char *flood_why(void)
{
    return why;
}

void flood_stop(uint64_t now_ns)
{
    if (state == FLOOD_SEEKING)
        fail("it was stopped", now_ns);
    else if (state == FLOOD_RUNNING)
        enter(FLOOD_DRAINING, now_ns);
}

void flood_change_rate(uint64_t rate, bool packets, uint64_t now_ns)
{
    params.shape.rate = rate;
    params.shape.packets = packets;
    if (state == FLOOD_RUNNING)
        flood_pace_change(&pace, rate, packets, now_ns);
}

uint16_t flood_run(void)
{
    return params.run;
}

unsigned flood_sizes(struct flood_size_figures out[FLOOD_MIX])
{
    for (unsigned k = 0; k < frames.sizes; k++) {
        const struct flood_size *size = &frames.size[k];

        out[k] = (struct flood_size_figures){.bytes = size->bytes, .offered = size->offered};
        if (start_ns != 0)
            out[k].sent = netraw_sent(path.nic, k + 1) - size->sent_before;
    }
    return frames.sizes;
}

struct flood_figures flood_figures(void)
{
    struct flood_figures f = {
        .intended = offered + slipped, .offered = offered, .slipped = slipped};
    struct flood_size_figures size[FLOOD_MIX];
    const unsigned n = flood_sizes(size);

    for (unsigned k = 0; k < n; k++) {
        f.sent += size[k].sent;
        f.sent_bytes += size[k].sent * size[k].bytes;
    }
    if (state == FLOOD_DONE)
        f.unsent = f.offered - f.sent;
    return f;
}

uint64_t flood_start_ns(void)
{
    return start_ns;
}

uint64_t flood_end_ns(void)
{
    return end_ns;
}
