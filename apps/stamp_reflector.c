// SPDX-License-Identifier: BSD-3-Clause
/*
 * The STAMP Session-Reflector [RFC 8762 4.3]: answers each test packet on UDP 862 with one of the
 * same size.
 *
 * Stateless it repeats the sender's sequence number and knows no sessions. Stateful
 * (`stamp=stateful`) it numbers the answers of each session from 0, so that the sender can tell
 * on which way a packet was lost. A session is a sender's address, port and SSID, and the address
 * it speaks to; where there are more than CONFIG_STAMP_SESSIONS the one silent for longest is
 * forgotten, and begins at 0 again.
 *
 * Nothing is sent in answer to less than there is room for in what came, to a group, or to a
 * well-known port: a reflector there would answer for ever.
 */
#include "app.h"
#include "lwip/udp.h"
#include "small.h"
#include "stamp.h"
#include "record.h"
#include "time.h"

struct session {
    bool used;
    ip_addr_t from, to;
    uint16_t port, ssid;
    uint32_t next; /* sequence number of its next answer */
    uint64_t heard_ns;
};

static struct session sessions[CONFIG_STAMP_SESSIONS];

static struct counters {
    uint64_t received, reflected, too_short, not_sent, sessions;
} n;

static bool is_session(const struct session *s, const ip_addr_t *from, uint16_t port, uint16_t ssid)
{
    return s->used && s->port == port && s->ssid == ssid && ip_addr_cmp(&s->from, from) &&
           ip_addr_cmp(&s->to, ip_current_dest_addr());
}

static struct session *session_of(const ip_addr_t *from, uint16_t port, uint16_t ssid)
{
    struct session *oldest = &sessions[0];

    for (unsigned i = 0; i < CONFIG_STAMP_SESSIONS; i++) {
        struct session *s = &sessions[i];

        if (is_session(s, from, port, ssid))
            return s;
        if (oldest->used && (!s->used || s->heard_ns < oldest->heard_ns))
            oldest = s;
    }
    *oldest = (struct session){.used = true, .port = port, .ssid = ssid};
    ip_addr_copy(oldest->from, *from);
    ip_addr_copy(oldest->to, *ip_current_dest_addr());
    n.sessions++;
    return oldest;
}

static uint32_t answer_seq(const uint8_t *packet, const ip_addr_t *from, uint16_t port,
                           uint64_t now)
{
    struct session *s;

    if (!apps_conf->stamp_stateful)
        return stamp_seq(packet);
    s = session_of(from, port, stamp_ssid(packet));
    s->heard_ns = now;
    return s->next++;
}

static uint8_t current_ttl(void)
{
    return ip_current_is_v6() ? IP6H_HOPLIM(ip6_current_header()) : IPH_TTL(ip4_current_header());
}

static void on_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                        u16_t port)
{
    const uint64_t now = time_ns();
    const char *silence = small_silence(from, port);

    (void)arg;
    n.received++;
    if (silence != NULL) {
        apps_refused("datagram", silence);
    } else if (p->len < STAMP_BYTES) {
        n.too_short++;
    } else {
        stamp_reflect(p->payload, answer_seq(p->payload, from, port, now), current_ttl(), now,
                      time_ns());
        if (small_reply(pcb, p, from, port))
            n.reflected++;
        else
            n.not_sent++;
    }
    pbuf_free(p);
}

static bool start(void)
{
    struct udp_pcb *pcb = udp_new_ip_type(IPADDR_TYPE_ANY);

    n = (struct counters){0};
    for (unsigned i = 0; i < CONFIG_STAMP_SESSIONS; i++)
        sessions[i].used = false;
    if (pcb == NULL || udp_bind(pcb, IP_ANY_TYPE, STAMP_PORT) != ERR_OK) {
        record_error("udp port %u cannot be bound", STAMP_PORT);
        return false;
    }
    pcb->ttl = STAMP_TTL;
    udp_recv(pcb, on_datagram, NULL);
    return true;
}

static void stats(struct json *j)
{
    json_bool(j, "stateful", apps_conf->stamp_stateful);
    json_u64(j, "received", n.received);
    json_u64(j, "reflected", n.reflected);
    json_u64(j, "too_short", n.too_short);
    json_u64(j, "not_sent", n.not_sent);
    json_u64(j, "sessions", n.sessions);
}

const struct service stamp_service = {
    .name = "stamp", .bit = SERVICE_STAMP, .start = start, .stats = stats};
