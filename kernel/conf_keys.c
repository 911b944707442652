// SPDX-License-Identifier: BSD-3-Clause
/*
 * What each key of the configuration takes: one table of keys, one small reader for each.
 *
 * Only what the guest can do today is in the tables, so that a request for anything else is refused
 * and never ignored.
 */
#include "conf_keys.h"

#include "ipaddr.h"
#include "string.h"

#define MTU_MIN 68 /* RFC 791: every link carries that much */

struct name {
    const char *name;
    uint64_t bits;
};

static const struct name services[] = {
    {"iperf3", SERVICE_IPERF3},   {"echo", SERVICE_ECHO}, {"discard", SERVICE_DISCARD},
    {"chargen", SERVICE_CHARGEN}, {"http", SERVICE_HTTP}, {"sink", SERVICE_SINK},
    {"stamp", SERVICE_STAMP},
};

/* The virtio features that the driver accepts and can also do without [virtio 5.1.3, 6]; `tso`
 * stands for several. */
static const struct name features[] = {
    {"csum", 1ull << 0},
    {"guest_csum", 1ull << 1},
    {"mtu", 1ull << 3},
    {"mac", 1ull << 5},
    {"guest_tso4", 1ull << 7},
    {"guest_tso6", 1ull << 8},
    {"guest_ecn", 1ull << 9},
    {"host_tso4", 1ull << 11},
    {"host_tso6", 1ull << 12},
    {"tso", 0x37ull << 7},
    {"mrg", 1ull << 15},
    {"status", 1ull << 16},
    {"ctrl_vq", 1ull << 17},
    {"guest_announce", 1ull << 21},
    {"mq", 1ull << 22},
    {"any_layout", 1ull << 27},
    {"indirect_desc", 1ull << 28},
    {"event_idx", 1ull << 29},
    {"packed", 1ull << 34},
    {"ring_reset", 1ull << 40},
    {"ctrl_rx", 1ull << 18},
    {"version_1", 1ull << 32}, /* masked: the legacy interface */
};

static const struct name panics[] = {
    {"assert", CONF_PANIC_ASSERT}, {"null", CONF_PANIC_NULL},   {"write", CONF_PANIC_WRITE},
    {"exec", CONF_PANIC_EXEC},     {"stack", CONF_PANIC_STACK}, {"smash", CONF_PANIC_SMASH},
};

static const struct name irqs[] = {{"auto", CONF_IRQ_AUTO},
                                   {"msix", CONF_IRQ_MSIX},
                                   {"intx", CONF_IRQ_INTX},
                                   {"poll", CONF_IRQ_POLL}};

static const struct name levels[] = {
    {"quiet", LOG_QUIET}, {"info", LOG_INFO}, {"debug", LOG_DEBUG}};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- values of every kind ------------------------------------------------------------------ */

static bool lookup(const struct name *names, size_t n, struct text v, uint64_t *bits)
{
    for (size_t i = 0; i < n; i++)
        if (text_is(v, names[i].name)) {
            *bits = names[i].bits;
            return true;
        }
    return false;
}

/* ---- one key each -------------------------------------------------------------------------- */

static bool set_ip(struct conf *c, struct conf_net *net, struct text v)
{
    uint32_t ip;
    uint8_t bits;

    (void)c;
    if (text_is(v, "dhcp") || text_is(v, "off")) {
        net->ip_mode = text_is(v, "off") ? CONF_IP_OFF : CONF_IP_AUTO;
        return true;
    }
    if (!ipaddr_parse4_prefix(v.s, v.n, &ip, &bits) || !ipaddr_is_host4(ip, bits))
        return false;
    net->ip_mode = CONF_IP_STATIC;
    net->ip = ip;
    net->ip_bits = bits;
    return true;
}

static bool set_gw(struct conf *c, struct conf_net *net, struct text v)
{
    uint32_t ip = 0;

    (void)c;
    if (!text_is(v, "none") && (!ipaddr_parse4(v.s, v.n, &ip) || !ipaddr_is_host4(ip, 32)))
        return false;
    net->gw = ip;
    return true;
}

static bool set_ip6(struct conf *c, struct conf_net *net, struct text v)
{
    uint8_t ip[16], bits;

    (void)c;
    if (text_is(v, "auto") || text_is(v, "off")) {
        net->ip6_mode = text_is(v, "off") ? CONF_IP_OFF : CONF_IP_AUTO;
        return true;
    }
    /* The stack takes every subnet to be a /64, so any other length would be a lie. */
    if (!ipaddr_parse6_prefix(v.s, v.n, ip, &bits) || bits != 64 || !ipaddr_is_host6(ip))
        return false;
    net->ip6_mode = CONF_IP_STATIC;
    memcpy(net->ip6, ip, sizeof(ip));
    return true;
}

static bool set_mtu(struct conf *c, struct conf_net *net, struct text v)
{
    uint64_t mtu = 0;

    (void)c;
    if (!text_is(v, "device") &&
        (!text_number(v, 10, &mtu) || mtu < MTU_MIN || mtu > CONFIG_MTU_MAX))
        return false;
    net->mtu = (uint32_t)mtu;
    return true;
}

static bool set_rx(struct conf *c, struct conf_net *net, struct text v)
{
    (void)c;
    if (!text_is(v, "big") && !text_is(v, "mergeable"))
        return false;
    net->mergeable = text_is(v, "mergeable");
    return true;
}

/* A ring of one would be empty whenever its only frame is looked at. */
static bool read_ring(struct text v, uint32_t max, uint16_t *ring)
{
    uint64_t n = 0;

    if (!text_is(v, "device") && (!text_number(v, 10, &n) || n < 2 || n > max))
        return false;
    *ring = (uint16_t)n;
    return true;
}

static bool set_rx_ring(struct conf *c, struct conf_net *net, struct text v)
{
    (void)c;
    return read_ring(v, CONFIG_RX_RING, &net->rx_ring);
}

static bool set_tx_ring(struct conf *c, struct conf_net *net, struct text v)
{
    (void)c;
    return read_ring(v, CONFIG_TX_RING, &net->tx_ring);
}

static bool set_irq(struct conf *c, struct conf_net *net, struct text v)
{
    uint64_t irq;

    (void)c;
    if (!lookup(irqs, COUNT(irqs), v, &irq))
        return false;
    net->irq = (enum conf_irq)irq;
    return true;
}

static bool set_services(struct conf *c, struct conf_net *net, struct text v)
{
    struct text part;
    uint64_t all = 0, bit;

    (void)net;
    if (text_is(v, "all") || text_is(v, "off")) {
        all = text_is(v, "all") ? SERVICE_ALL : 0;
        v.s = NULL;
    }
    while (text_next(&v, ',', &part)) {
        if (!lookup(services, COUNT(services), part, &bit))
            return false;
        all |= bit;
    }
    c->services = (c->services & SERVICE_RELAY) | (uint32_t)all;
    return true;
}

static bool set_relay(struct conf *c, struct conf_net *net, struct text v)
{
    struct conf_relay relays[CONFIG_RELAYS] = {0};
    struct text part;
    unsigned n = 0;

    (void)net;
    if (!text_is(v, "off"))
        while (text_next(&v, ',', &part)) {
            if (n == CONFIG_RELAYS || !conf_relay(part, &relays[n]))
                return false;
            for (unsigned i = 0; i < n; i++)
                if (relays[i].port == relays[n].port)
                    return false;
            n++;
        }
    memcpy(c->relays, relays, sizeof(relays));
    c->n_relays = n;
    c->services = n > 0 ? c->services | SERVICE_RELAY : c->services & ~(uint32_t)SERVICE_RELAY;
    return true;
}

static bool set_features(struct conf *c, struct conf_net *net, struct text v)
{
    struct text part;
    uint64_t off = 0, bit;

    (void)net;
    if (!text_is(v, "all"))
        while (text_next(&v, ',', &part)) {
            if (part.n == 0 || part.s[0] != '-' ||
                !lookup(features, COUNT(features), text_behind(part, 1), &bit))
                return false;
            off |= bit;
        }
    c->features_off = off;
    return true;
}

static bool set_seed(struct conf *c, struct conf_net *net, struct text v)
{
    bool hex = v.n > 2 && v.s[0] == '0' && v.s[1] == 'x';

    (void)net;
    return hex ? text_number(text_behind(v, 2), 16, &c->seed) : text_number(v, 10, &c->seed);
}

static bool set_log(struct conf *c, struct conf_net *net, struct text v)
{
    uint64_t level;

    (void)net;
    if (!lookup(levels, COUNT(levels), v, &level))
        return false;
    c->log = (enum log_level)level;
    return true;
}

static bool set_exit(struct conf *c, struct conf_net *net, struct text v)
{
    bool never = text_is(v, "never");
    bool done = text_is(v, "done");
    uint64_t ns = 0;

    (void)net;
    if (!never && !done && (!text_time(v, CONF_TIME_MAX_NS, &ns) || ns == 0))
        return false;
    c->exit_ns = ns;
    c->exit_never = never;
    c->exit_done = done;
    return true;
}

static bool set_stamp(struct conf *c, struct conf_net *net, struct text v)
{
    (void)net;
    if (!text_is(v, "stateless") && !text_is(v, "stateful"))
        return false;
    c->stamp_stateful = text_is(v, "stateful");
    return true;
}

static bool set_check(struct conf *c, struct conf_net *net, struct text v)
{
    (void)net;
    if (!text_is(v, "repair") && !text_is(v, "panic"))
        return false;
    c->check_panics = text_is(v, "panic");
    return true;
}

/* `v` behind "panic:" */
static bool read_panic(struct text v, uint64_t *kind, uint64_t *at)
{
    struct text part;

    return text_next(&v, '@', &part) && lookup(panics, COUNT(panics), part, kind) &&
           (v.s == NULL || text_time(v, CONF_TIME_MAX_NS, at));
}

static bool set_fault(struct conf *c, struct conf_net *net, struct text v)
{
    static const char panic[] = "panic:";
    const size_t head = sizeof(panic) - 1;
    struct fault faults[FAULT_KINDS] = {0};
    uint64_t kind = CONF_PANIC_NONE, at = 0;
    bool allowed = false;
    struct text part;

    (void)net;
    if (!text_is(v, "none"))
        while (text_next(&v, ',', &part)) {
            if (part.n > head && memcmp(part.s, panic, head) == 0) {
                if (kind != CONF_PANIC_NONE || !read_panic(text_behind(part, head), &kind, &at))
                    return false;
            } else if (!allowed && text_is(part, "allow")) {
                allowed = true;
            } else if (!conf_fault(part, faults)) {
                return false;
            }
        }
    c->panic_kind = (enum conf_panic)kind;
    c->panic_at_ns = at;
    c->faults_allowed = allowed;
    memcpy(c->faults, faults, sizeof(faults));
    return true;
}

static const struct conf_key keys[] = {
    {"ip", true, set_ip,
     "dhcp, off, or A.B.C.D/N: a host's address and the bits of its network, 0 to 32"},
    {"gw", true, set_gw, "none, or A.B.C.D"},
    {"ip6", true, set_ip6, "auto, off, or ADDRESS/64: a unicast address that is not link-local"},
    {"mtu", true, set_mtu,
     "device, or a number of bytes from " TEXT_OF(MTU_MIN) " to " TEXT_OF(CONFIG_MTU_MAX)},
    {"rx", true, set_rx, "big, mergeable"},
    {"rx_ring", true, set_rx_ring,
     "device, or a number of frames from 2 to " TEXT_OF(CONFIG_RX_RING)},
    {"tx_ring", true, set_tx_ring,
     "device, or a number of frames from 2 to " TEXT_OF(CONFIG_TX_RING)},
    {"irq", true, set_irq, "auto, msix, intx, poll"},
    {"services", false, set_services,
     "all, off, or a list like http,echo of iperf3 echo discard chargen http sink stamp"},
    {"relay", false, set_relay,
     "off, or a list, at most " TEXT_OF(
         CONFIG_RELAYS) ", of PORT:TARGET:PORT, each first port once, TARGET being A.B.C.D or "
                        "[IPv6 address]"},
    {"features", false, set_features,
     "all, or a list like -tso,-mac of csum guest_csum guest_tso4 guest_tso6 guest_ecn host_tso4 "
     "host_tso6 tso mtu mac mrg status ctrl_vq ctrl_rx guest_announce mq any_layout indirect_desc "
     "event_idx packed ring_reset version_1"},
    {"seed", false, set_seed,
     "a number below 2^64, decimal or 0x and hexadecimal; 0 = from the hardware"},
    {"log", false, set_log, "quiet, info, debug"},
    {"exit", false, set_exit,
     "done, never, or a time up to " TEXT_OF(CONF_TIME_MAX_HOURS) "h, with the unit ms, s, m or h"},
    {"stamp", false, set_stamp, "stateless, stateful"},
    {"check", false, set_check, "repair, panic"},
    {"fault", false, set_fault,
     "none, or a list, each once, of drop_kick:N drop_kick_rx:N drop_kick_tx:N drop_irq:N "
     "pool_limit:N no_reap reset:TIME renegotiate:TIME bad_head bad_head:TIME lose_buffer "
     "lose_buffer:TIME, each also with @TIME or @TIME+TIME behind it (its start and length), "
     "panic:KIND or panic:KIND@TIME, clock:N, allow; KIND one of assert null write exec stack "
     "smash"},
};

const char conf_keys_known[] =
    "ip gw ip6 mtu rx rx_ring tx_ring irq (for net0; net1.ip and so on for others, below "
    "net" TEXT_OF(
        CONFIG_NICS) ") services relay features seed log exit stamp check fault " JOB_KEYS_KNOWN;

const struct conf_key *conf_key_find(struct text name)
{
    for (size_t i = 0; i < COUNT(keys); i++)
        if (text_is(name, keys[i].name))
            return &keys[i];
    return NULL;
}
