// SPDX-License-Identifier: BSD-3-Clause
/*
 * Stalls as they are counted and reported: a `stall` record with its evidence, and `recovered` when
 * it is over. And the driver's own faults on demand, which the reports tell from real ones.
 */
#include "fault.h"
#include "irq.h"
#include "record.h"
#include "time.h"
#include "virtio_net_state.h"

/* Records of stalls of one cause that may be written at once; one more each second: a frequent one
 * does not hide the others. Counts are exact. */
#define RECORDS_AT_ONCE 8

/* A stall has to be over by then, or it counts against the run. */
#define JUDGED_NS NS_PER_S

/* ---- what is said -----------------------------------------------------------------------------
 */

static bool may_say(struct vnet *vn, enum vnet_cause cause)
{
    uint64_t *last_ns = &vn->watch.records_ns[cause];
    unsigned *records = &vn->watch.records[cause];
    const uint64_t more = (vn->now_ns - *last_ns) / NS_PER_S;

    if (more > 0) {
        *last_ns = vn->now_ns;
        *records = more >= *records ? 0 : *records - (unsigned)more;
    }
    if (*records >= RECORDS_AT_ONCE)
        return false;
    ++*records;
    return true;
}

static struct json *begin(const struct vnet *vn, const struct vnet_queue *q, const char *event)
{
    struct json *j = record_begin(event);
    const char *name = q == NULL ? "all" : q == &vn->rx ? "rx" : "tx";

    json_str(j, "nic", vn->name);
    json_str(j, "queue", name);
    json_str(j, "dir", q == NULL ? "both" : name);
    return j;
}

static void json_evidence(struct json *j, const struct vnet *vn, const struct vnet_queue *q)
{
    vnet_json_ring(vn, q, j);
    json_u64(j, "kicks", q->kicks);
    json_u64(j, "irqs", q->vector != 0 ? irq_count(q->vector) : 0);
    json_u64(j, "kicks_repeated", q->watch.kicks);
    json_u64(j, "resets_tried", q->watch.resets);
}

/* ---- stalls ----------------------------------------------------------------------------------
 */

/* The kinds of fault that make a stall of this cause our own doing. */
static uint32_t faults_of(enum vnet_cause cause)
{
    const uint32_t kicks =
        1u << FAULT_DROP_KICK | 1u << FAULT_DROP_KICK_RX | 1u << FAULT_DROP_KICK_TX;

    switch (cause) {
    case VNET_LOST_KICK:
        return kicks;
    case VNET_LOST_IRQ:
        return 1u << FAULT_DROP_IRQ;
    case VNET_BACKEND_BLOCKED:
        return kicks | 1u << FAULT_BAD_HEAD;
    case VNET_DEVICE_BROKEN:
        return 1u << FAULT_BAD_HEAD;
    case VNET_GUEST_LATE:
        return 1u << FAULT_NO_REAP;
    case VNET_LINK_DOWN:
    case VNET_PEER_SILENT:
    case VNET_CAUSES:
        break;
    }
    return 0;
}

/* It struck this NIC shortly before, not counting time in which we were not run; a bad head lasts
 * until the next reset, for a device that cannot ask for one. */
static bool was_asked_for(const struct vnet *vn, const struct vnet_queue *q, enum vnet_cause cause,
                          uint64_t since_ns)
{
    const unsigned who = cause == VNET_LOST_IRQ ? fault_vector(q->vector) : vn->index;
    const uint64_t back_ns = NS_PER_S + (q != NULL ? q->watch.put_off_ns : 0);

    return fault_struck(faults_of(cause), who, since_ns > back_ns ? since_ns - back_ns : 0) ||
           (vn->watch.spoiled && faults_of(cause) & 1u << FAULT_BAD_HEAD);
}

/* Open, of a cause for which the guest or its device answers, not asked for, and not over in time.
 */
static bool is_judged(const struct vnet *vn, const struct vnet_stall *s)
{
    switch (s->cause) {
    case VNET_LOST_KICK:
    case VNET_LOST_IRQ:
    case VNET_BACKEND_BLOCKED:
        return s->open && !s->injected && vn->now_ns - s->since_ns >= JUDGED_NS;
    case VNET_DEVICE_BROKEN:
        return s->open && !s->injected;
    case VNET_LINK_DOWN:
    case VNET_PEER_SILENT:
    case VNET_GUEST_LATE:
    case VNET_CAUSES:
        break;
    }
    return false;
}

static void count_judged(const struct vnet *vn, const struct vnet_stall *s,
                         uint64_t judged[VNET_CAUSES])
{
    if (is_judged(vn, s))
        judged[s->cause]++;
}

void vnet_stalls_judged(const struct vnet *vn, uint64_t judged[VNET_CAUSES])
{
    for (unsigned i = 0; i < VNET_CAUSES; i++)
        judged[i] = vn->watch.judged[i];
    count_judged(vn, &vn->rx.watch.stall, judged);
    count_judged(vn, &vn->tx.watch.stall, judged);
    count_judged(vn, &vn->watch.device, judged);
}

/* Opens and counts it, after so long. Returns its record, which the caller completes, or NULL. */
static struct json *open_stall(struct vnet *vn, const struct vnet_queue *q, struct vnet_stall *s,
                               enum vnet_cause cause, uint64_t since_ns, uint64_t stalled_ns)
{
    struct json *j;

    *s = (struct vnet_stall){.open = true, .cause = cause, .since_ns = since_ns};
    s->injected = was_asked_for(vn, q, cause, since_ns);
    s->said = may_say(vn, cause);
    vn->watch.stalls[cause]++;
    if (!s->said)
        return NULL;
    j = begin(vn, q, "stall");
    json_str(j, "cause", vnet_cause_name(cause));
    json_u64(j, "stalled_us", stalled_ns / NS_PER_US);
    json_bool(j, "injected", s->injected);
    if (q != NULL)
        json_evidence(j, vn, q);
    return j;
}

void vnet_stall(struct vnet *vn, const struct vnet_queue *q, struct vnet_stall *s,
                enum vnet_cause cause, uint64_t since_ns)
{
    struct json *j = open_stall(vn, q, s, cause, since_ns, vn->now_ns - since_ns);

    if (j != NULL)
        record_end();
}

void vnet_stall_why(struct vnet *vn, struct vnet_stall *s, const char *why, uint32_t evidence)
{
    struct json *j = open_stall(vn, NULL, s, VNET_DEVICE_BROKEN, vn->now_ns, 0);

    if (j == NULL)
        return;
    json_str(j, "why", why);
    json_u64(j, "evidence", evidence);
    record_end();
}

/* Closes it, after so long. */
static void close_stall(struct vnet *vn, const struct vnet_queue *q, struct vnet_stall *s,
                        enum vnet_action action, uint64_t stalled_ns)
{
    struct json *j;

    s->open = false;
    vn->watch.recoveries[action]++;
    if (!s->said)
        return;
    j = begin(vn, q, "recovered");
    json_str(j, "cause", vnet_cause_name(s->cause));
    json_str(j, "action", vnet_action_name(action));
    json_u64(j, "after_us", stalled_ns / NS_PER_US);
    record_end();
}

void vnet_stall_end(struct vnet *vn, const struct vnet_queue *q, struct vnet_stall *s,
                    enum vnet_action action)
{
    count_judged(vn, s, vn->watch.judged);
    close_stall(vn, q, s, action, vn->now_ns - s->since_ns);
}

void vnet_stall_late(struct vnet *vn, uint64_t since_ns, uint64_t asleep_ns)
{
    struct vnet_stall s;
    const uint64_t stalled_ns = vn->now_ns - since_ns;
    struct json *j = open_stall(vn, NULL, &s, VNET_GUEST_LATE, since_ns, stalled_ns);

    if (j != NULL) {
        json_u64(j, "asleep_us", asleep_ns / NS_PER_US);
        record_end();
    }
    close_stall(vn, NULL, &s, VNET_DID_NOTHING, stalled_ns);
}

/* What waited did so for one sleep; the time since then went into making sure. */
void vnet_stall_irq(struct vnet *vn, const struct vnet_queue *q)
{
    const struct vnet_watch_queue *w = &q->watch;
    const uint64_t stalled_ns = w->looked_ns - w->asked_ns;
    struct vnet_stall s;
    struct json *j = open_stall(vn, q, &s, VNET_LOST_IRQ, w->asked_ns, stalled_ns);

    if (j != NULL) {
        json_u64(j, "irq_after", w->asked);
        json_u64(j, "completed", w->there);
        json_u64(j, "sleeps", w->sleeps);
        json_u64(j, "waited_us", (vn->now_ns - w->looked_ns) / NS_PER_US);
        record_end();
    }
    close_stall(vn, q, &s, VNET_DID_POLL, stalled_ns);
}

/* Its evidence: the wish that the doorbell followed, and that stood until the repeated one; the
 * time from that to the first completion; and how long the device took meanwhile to answer on
 * another queue, where there is one. */
void vnet_stall_kick(struct vnet *vn, const struct vnet_queue *q)
{
    const struct vnet_watch_queue *w = &q->watch;
    const uint64_t stalled_ns = vn->now_ns - w->moved_ns;
    struct vnet_stall s;
    struct json *j = open_stall(vn, q, &s, VNET_LOST_KICK, w->moved_ns, stalled_ns);

    if (j != NULL) {
        json_u64(j, "wish", w->wish);
        json_u64(j, "repeat_us", (vn->now_ns - w->kick_ns) / NS_PER_US);
        if (w->answer_ns != 0)
            json_u64(j, "control_us", (w->answer_ns - w->ask_ns) / NS_PER_US);
        record_end();
    }
    close_stall(vn, q, &s, VNET_DID_KICK, stalled_ns);
}

/* ---- faults on demand ------------------------------------------------------------------------
 */

/* A descriptor head that does not exist, as no correct driver makes one available: a device that
 * looks has to ask for a reset. */
static void spoil(struct vnet *vn)
{
    struct vq *vq = &vn->tx.vq;

    if (vq_room(vq, 1) == 0 || !fault_due(FAULT_BAD_HEAD, vn->index))
        return;
    vn->watch.spoiled = true;
    vq->ops->spoil(vq);
    vq_publish(vq);
    vnet_kick(vn, &vn->tx, VIRTIO_NET_TXQ);
}

/* A frame that is taken and never sent. */
static void lose_buffer(struct vnet *vn)
{
    if (vn->tx_pool.free_n > 0 && fault_due(FAULT_LOSE_BUFFER, vn->index))
        netbuf_get(&vn->tx_pool);
}

/* The device is reset, and brought up without some of what it has; and when that is over, with
 * everything again. */
static void renegotiate(struct vnet *vn)
{
    static const uint64_t without[] = {
        VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM, /* and all that builds on them */
        VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_PACKED | VIRTIO_F_INDIRECT_DESC,
        VIRTIO_NET_F_HOST_TSO,
        VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_STATUS | VIRTIO_F_RING_RESET,
    };

    if (fault_due(FAULT_RENEGOTIATE, vn->index))
        vn->features_shed = without[vn->shed_n++ % (sizeof(without) / sizeof(without[0]))];
    else if (vn->features_shed != 0 && !fault_is(FAULT_RENEGOTIATE))
        vn->features_shed = 0;
    else
        return;
    vnet_reset(vn);
}

void vnet_faults(struct vnet *vn)
{
    if (vn->up != VNET_UP || (!fault_any() && vn->features_shed == 0))
        return;
    spoil(vn);
    lose_buffer(vn);
    if (fault_due(FAULT_RESET, vn->index))
        vnet_reset(vn);
    else
        renegotiate(vn);
}
