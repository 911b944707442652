// SPDX-License-Identifier: BSD-3-Clause
/*
 * The configuration: one table of keys, one small reader for each kind of value.
 *
 * Readers get the value as pointer and length, write the field and say true, or say false and leave
 * everything as it was; conf_parse() then writes the error record from the table. Only what the
 * guest can do today is in the tables, so that a request for anything else is refused and never
 * ignored.
 */
#include "conf.h"

#include "ipaddr.h"
#include "record.h"
#include "string.h"
#include "format.h"
#include "time.h"

#define STR2(x)         #x
#define STR(x)          STR2(x)

#define MTU_MIN         68   /* RFC 791: every link carries that much */
#define MTU_MIN_IP6     1280 /* RFC 8200 section 5 */
#define MTU_MIN_DHCP    576  /* RFC 2131 section 2: the message every client must accept */
#define INTERVAL_MIN_NS (100 * NS_PER_MS)
#define INTERVAL_MAX_NS (3600 * NS_PER_S)
#define EXIT_MAX_NS     (8760ull * 3600 * NS_PER_S) /* a year; also keeps sums far from overflow */

/* Longest part of a key or value that an error repeats: with every byte escaped to six, key, value
 * and message still fit a record. */
#define SHOWN_MAX 200

struct value {
    const char *s;
    size_t n;
};

struct key {
    const char *name;
    bool per_nic; /* also as netN.name; without the prefix it is net0's */
    bool (*set)(struct conf *c, struct conf_net *net, struct value v);
    const char *accepted;
};

struct name {
    const char *name;
    uint64_t bits;
};

static const struct name services[] = {
    {"iperf3", SERVICE_IPERF3},   {"echo", SERVICE_ECHO}, {"discard", SERVICE_DISCARD},
    {"chargen", SERVICE_CHARGEN}, {"http", SERVICE_HTTP},
};

/* The virtio features that the driver accepts and can also do without [virtio 5.1.3, 6]; `tso`
 * stands for several. */
static const struct name features[] = {
    {"csum", 1ull << 0},       {"guest_csum", 1ull << 1},  {"mtu", 1ull << 3},
    {"mac", 1ull << 5},        {"guest_tso4", 1ull << 7},  {"guest_tso6", 1ull << 8},
    {"guest_ecn", 1ull << 9},  {"tso", 7ull << 7},         {"mrg", 1ull << 15},
    {"status", 1ull << 16},    {"ctrl_vq", 1ull << 17},    {"guest_announce", 1ull << 21},
    {"mq", 1ull << 22},        {"any_layout", 1ull << 27}, {"indirect_desc", 1ull << 28},
    {"event_idx", 1ull << 29}, {"packed", 1ull << 34},     {"ring_reset", 1ull << 40},
    {"version_1", 1ull << 32}, /* without it: the legacy interface */
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

/* ---- kinds of values --------------------------------------------------------------------------
 */

static bool is(struct value v, const char *word)
{
    return strlen(word) == v.n && memcmp(v.s, word, v.n) == 0;
}

static bool lookup(const struct name *names, size_t n, struct value v, uint64_t *bits)
{
    for (size_t i = 0; i < n; i++)
        if (is(v, names[i].name)) {
            *bits = names[i].bits;
            return true;
        }
    return false;
}

/* The part of *v up to `separator`, which is taken off with it. False: nothing is left. */
static bool next_part(struct value *v, char separator, struct value *part)
{
    if (v->s == NULL)
        return false;
    const char *end = memchr(v->s, separator, v->n);
    *part = *v;
    if (end == NULL) {
        v->s = NULL;
    } else {
        part->n = (size_t)(end - v->s);
        v->n -= part->n + 1;
        v->s = end + 1;
    }
    return true;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

static bool read_digits(struct value v, unsigned base, uint64_t *out)
{
    uint64_t sum = 0;

    if (v.n == 0)
        return false;
    for (size_t i = 0; i < v.n; i++) {
        unsigned d = (unsigned)digit(v.s[i]);
        if (d >= base || sum > (UINT64_MAX - d) / base)
            return false;
        sum = sum * base + d;
    }
    *out = sum;
    return true;
}

/* A whole number with a unit; a plain 0 needs none. */
static bool read_duration(struct value v, uint64_t max_ns, uint64_t *ns)
{
    static const struct {
        const char *unit;
        uint64_t ns;
    } units[] = {{"ms", NS_PER_MS}, {"s", NS_PER_S}, {"m", 60 * NS_PER_S}, {"h", 3600 * NS_PER_S}};
    struct value number = v;
    uint64_t count;

    if (is(v, "0")) {
        *ns = 0;
        return true;
    }
    while (number.n > 0 && digit(number.s[number.n - 1]) > 9)
        number.n--;
    if (!read_digits(number, 10, &count))
        return false;
    for (size_t i = 0; i < COUNT(units); i++)
        if (is((struct value){v.s + number.n, v.n - number.n}, units[i].unit) &&
            count <= max_ns / units[i].ns) {
            *ns = count * units[i].ns;
            return true;
        }
    return false;
}

bool conf_read_number(const char *s, size_t n, uint64_t *out)
{
    return read_digits((struct value){s, n}, 10, out);
}

bool conf_read_time(const char *s, size_t n, uint64_t max_ns, uint64_t *ns)
{
    return read_duration((struct value){s, n}, max_ns, ns);
}

/* ---- keys -------------------------------------------------------------------------------------
 */

static bool set_ip(struct conf *c, struct conf_net *net, struct value v)
{
    uint32_t ip;
    uint8_t bits;

    (void)c;
    if (is(v, "dhcp") || is(v, "off")) {
        net->ip_mode = is(v, "off") ? CONF_IP_OFF : CONF_IP_AUTO;
        return true;
    }
    if (!ipaddr_parse4_prefix(v.s, v.n, &ip, &bits) || !ipaddr_is_host4(ip, bits))
        return false;
    net->ip_mode = CONF_IP_STATIC;
    net->ip = ip;
    net->ip_bits = bits;
    return true;
}

static bool set_gw(struct conf *c, struct conf_net *net, struct value v)
{
    uint32_t ip = 0;

    (void)c;
    if (!is(v, "none") && (!ipaddr_parse4(v.s, v.n, &ip) || !ipaddr_is_host4(ip, 32)))
        return false;
    net->gw = ip;
    return true;
}

static bool set_ip6(struct conf *c, struct conf_net *net, struct value v)
{
    uint8_t ip[16], bits;

    (void)c;
    if (is(v, "auto") || is(v, "off")) {
        net->ip6_mode = is(v, "off") ? CONF_IP_OFF : CONF_IP_AUTO;
        return true;
    }
    /* The stack takes every subnet to be a /64, so any other length would be a lie. */
    if (!ipaddr_parse6_prefix(v.s, v.n, ip, &bits) || bits != 64 || !ipaddr_is_host6(ip))
        return false;
    net->ip6_mode = CONF_IP_STATIC;
    memcpy(net->ip6, ip, sizeof(ip));
    return true;
}

static bool set_mtu(struct conf *c, struct conf_net *net, struct value v)
{
    uint64_t mtu = 0;

    (void)c;
    if (!is(v, "device") && (!read_digits(v, 10, &mtu) || mtu < MTU_MIN || mtu > CONFIG_MTU_MAX))
        return false;
    net->mtu = (uint32_t)mtu;
    return true;
}

static bool set_rx(struct conf *c, struct conf_net *net, struct value v)
{
    (void)c;
    if (!is(v, "big") && !is(v, "mergeable"))
        return false;
    net->mergeable = is(v, "mergeable");
    return true;
}

/* A ring of one would be empty whenever its only frame is looked at. */
static bool read_ring(struct value v, uint32_t max, uint16_t *ring)
{
    uint64_t n = 0;

    if (!is(v, "device") && (!read_digits(v, 10, &n) || n < 2 || n > max))
        return false;
    *ring = (uint16_t)n;
    return true;
}

static bool set_rx_ring(struct conf *c, struct conf_net *net, struct value v)
{
    (void)c;
    return read_ring(v, CONFIG_RX_RING, &net->rx_ring);
}

static bool set_tx_ring(struct conf *c, struct conf_net *net, struct value v)
{
    (void)c;
    return read_ring(v, CONFIG_TX_RING, &net->tx_ring);
}

static bool set_irq(struct conf *c, struct conf_net *net, struct value v)
{
    uint64_t irq;

    (void)c;
    if (!lookup(irqs, COUNT(irqs), v, &irq))
        return false;
    net->irq = (enum conf_irq)irq;
    return true;
}

/* There is no job yet to choose: serving is what the guest does either way, as far as `services`
 * says. */
static bool set_run(struct conf *c, struct conf_net *net, struct value v)
{
    (void)c;
    (void)net;
    return is(v, "serve") || is(v, "none");
}

static bool set_services(struct conf *c, struct conf_net *net, struct value v)
{
    struct value part;
    uint64_t all = 0, bit;

    (void)net;
    if (is(v, "all") || is(v, "off")) {
        c->services = is(v, "all") ? SERVICE_ALL : 0;
        return true;
    }
    while (next_part(&v, ',', &part)) {
        if (!lookup(services, COUNT(services), part, &bit))
            return false;
        all |= bit;
    }
    c->services = (uint32_t)all;
    return true;
}

static bool set_features(struct conf *c, struct conf_net *net, struct value v)
{
    struct value part;
    uint64_t off = 0, bit;

    (void)net;
    if (!is(v, "all"))
        while (next_part(&v, ',', &part)) {
            if (part.n == 0 || part.s[0] != '-' ||
                !lookup(features, COUNT(features), (struct value){part.s + 1, part.n - 1}, &bit))
                return false;
            off |= bit;
        }
    c->features_off = off;
    return true;
}

static bool set_seed(struct conf *c, struct conf_net *net, struct value v)
{
    bool hex = v.n > 2 && v.s[0] == '0' && v.s[1] == 'x';

    (void)net;
    return hex ? read_digits((struct value){v.s + 2, v.n - 2}, 16, &c->seed)
               : read_digits(v, 10, &c->seed);
}

static bool set_log(struct conf *c, struct conf_net *net, struct value v)
{
    uint64_t level;

    (void)net;
    if (!lookup(levels, COUNT(levels), v, &level))
        return false;
    c->log = (enum log_level)level;
    return true;
}

static bool set_interval(struct conf *c, struct conf_net *net, struct value v)
{
    uint64_t ns;

    (void)net;
    if (!read_duration(v, INTERVAL_MAX_NS, &ns) || (ns != 0 && ns < INTERVAL_MIN_NS))
        return false;
    c->interval_ns = ns;
    return true;
}

static bool set_exit(struct conf *c, struct conf_net *net, struct value v)
{
    uint64_t ns = 0;

    (void)net;
    if (!is(v, "never") && (!read_duration(v, EXIT_MAX_NS, &ns) || ns == 0))
        return false;
    c->exit_ns = ns;
    return true;
}

static bool set_check(struct conf *c, struct conf_net *net, struct value v)
{
    (void)net;
    if (!is(v, "repair") && !is(v, "panic"))
        return false;
    c->check_panics = is(v, "panic");
    return true;
}

/* `v` behind "panic:" */
static bool read_panic(struct value v, uint64_t *kind, uint64_t *at)
{
    struct value part;

    return next_part(&v, '@', &part) && lookup(panics, COUNT(panics), part, kind) &&
           (v.s == NULL || read_duration(v, EXIT_MAX_NS, at));
}

static bool set_fault(struct conf *c, struct conf_net *net, struct value v)
{
    static const char panic[] = "panic:";
    const size_t head = sizeof(panic) - 1;
    struct fault faults[FAULT_KINDS] = {0};
    uint64_t kind = CONF_PANIC_NONE, at = 0;
    struct value part;

    (void)net;
    if (!is(v, "none"))
        while (next_part(&v, ',', &part)) {
            if (part.n > head && memcmp(part.s, panic, head) == 0) {
                if (kind != CONF_PANIC_NONE ||
                    !read_panic((struct value){part.s + head, part.n - head}, &kind, &at))
                    return false;
            } else if (!conf_read_fault(part.s, part.n, faults)) {
                return false;
            }
        }
    c->panic_kind = (enum conf_panic)kind;
    c->panic_at_ns = at;
    memcpy(c->faults, faults, sizeof(faults));
    return true;
}

static const struct key keys[] = {
    {"ip", true, set_ip,
     "dhcp, off, or A.B.C.D/N: a host's address and the bits of its network, 0 to 32"},
    {"gw", true, set_gw, "none, or A.B.C.D"},
    {"ip6", true, set_ip6, "auto, off, or ADDRESS/64: a unicast address that is not link-local"},
    {"mtu", true, set_mtu,
     "device, or a number of bytes from " STR(MTU_MIN) " to " STR(CONFIG_MTU_MAX)},
    {"rx", true, set_rx, "big, mergeable"},
    {"rx_ring", true, set_rx_ring, "device, or a number of frames from 2 to " STR(CONFIG_RX_RING)},
    {"tx_ring", true, set_tx_ring, "device, or a number of frames from 2 to " STR(CONFIG_TX_RING)},
    {"irq", true, set_irq, "auto, msix, intx, poll"},
    {"run", false, set_run, "serve, none"},
    {"services", false, set_services,
     "all, off, or a list like http,echo of iperf3 echo discard chargen http"},
    {"features", false, set_features,
     "all, or a list like -tso,-mac of csum guest_csum guest_tso4 guest_tso6 guest_ecn tso mtu mac "
     "mrg status ctrl_vq guest_announce mq any_layout indirect_desc event_idx packed ring_reset "
     "version_1"},
    {"seed", false, set_seed,
     "a number below 2^64, decimal or 0x and hexadecimal; 0 = from the hardware"},
    {"log", false, set_log, "quiet, info, debug"},
    {"interval", false, set_interval, "0, or a time from 100ms to 1h, with the unit ms, s, m or h"},
    {"exit", false, set_exit, "never, or a time up to 8760h, with the unit ms, s, m or h"},
    {"check", false, set_check, "repair, panic"},
    {"fault", false, set_fault,
     "none, or a list, each once, of drop_kick:N drop_kick_rx:N drop_kick_tx:N drop_irq:N "
     "pool_limit:N "
     "no_reap reset:TIME bad_head bad_head:TIME lose_buffer lose_buffer:TIME, each also with @TIME "
     "or @TIME+TIME behind it (its "
     "start "
     "and length), panic:KIND or panic:KIND@TIME, clock:N; KIND one of assert null write exec "
     "stack smash"},
};

static const char known[] =
    "ip gw ip6 mtu rx rx_ring tx_ring irq (for net0; net1.ip and so on for others, below net" STR(
        CONFIG_NICS) ") run services features seed log interval exit check fault";

/* ---- the whole --------------------------------------------------------------------------------
 */

void conf_init(struct conf *c)
{
    *c = (struct conf){
        .services = SERVICE_ALL,
        .interval_ns = NS_PER_S,
        .log = LOG_INFO,
    };
    for (unsigned i = 0; i < CONFIG_NICS; i++)
        c->net[i] = (struct conf_net){.ip_mode = CONF_IP_AUTO, .ip6_mode = CONF_IP_AUTO};
}

/* A copy fit to be shown, with dots for what is beyond `max` bytes; takes 4 more. */
static void shown(char *out, size_t max, struct value v)
{
    size_t n = v.n < max ? v.n : max;

    memcpy(out, v.s, n);
    strncpy(out + n, v.n > n ? "..." : "", 4);
}

static void refuse(const char *source, struct value key, struct value val, const char *accepted)
{
    char k[SHOWN_MAX + 4], v[SHOWN_MAX + 4], message[2 * SHOWN_MAX + 512];

    shown(k, SHOWN_MAX, key);
    shown(v, SHOWN_MAX, val);
    format(message, sizeof(message), "%s: %s=%s is not accepted; accepted: %s", source, k, v,
           accepted);
    struct json *j = record_begin("error");
    json_str(j, "message", message);
    json_str(j, "source", source);
    json_str(j, "key", k);
    json_str(j, "value", v);
    json_str(j, "accepted", accepted);
    record_end();
}

void conf_refuse(const char *source, const char *key, const char *value, const char *accepted)
{
    refuse(source, (struct value){key, strlen(key)}, (struct value){value, strlen(value)},
           accepted);
}

/* "netN.name" or "name" -> the row of the table, and the NIC. */
static const struct key *find_key(struct value name, unsigned *nic)
{
    bool named = false;

    *nic = 0;
    if (name.n > 5 && memcmp(name.s, "net", 3) == 0 && name.s[4] == '.' && digit(name.s[3]) <= 9) {
        *nic = (unsigned)digit(name.s[3]);
        named = true;
        name = (struct value){name.s + 5, name.n - 5};
    }
    for (size_t i = 0; i < COUNT(keys); i++)
        if (is(name, keys[i].name) && *nic < CONFIG_NICS && (!named || keys[i].per_nic))
            return &keys[i];
    return NULL;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Applies one token. */
static bool apply(struct conf *c, const char *source, struct value token)
{
    const char *equals = memchr(token.s, '=', token.n);
    struct value key = token, val = {"", 0};
    unsigned nic;

    if (equals != NULL) {
        key.n = (size_t)(equals - token.s);
        val = (struct value){equals + 1, token.n - key.n - 1};
    }
    const struct key *k = find_key(key, &nic);
    if (k == NULL) {
        refuse(source, key, val, known);
        return false;
    }
    if (equals == NULL || !k->set(c, &c->net[nic], val)) {
        refuse(source, key, val, k->accepted);
        return false;
    }
    if (k->per_nic) {
        struct conf_said *said = &c->said[nic];
        said->source = source;
        said->key = k->name;
        shown(said->value, sizeof(said->value) - 4, val);
    }
    return true;
}

bool conf_parse(struct conf *c, const char *source, const char *text)
{
    /* Some editors begin a file with the byte order mark. */
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    for (;;) {
        while (is_space(*text))
            text++;
        if (*text == '\0')
            return true;
        if (*text == '#') {
            while (*text != '\0' && *text != '\n')
                text++;
            continue;
        }
        struct value token = {text, 0};
        while (*text != '\0' && !is_space(*text) && *text != '#')
            text++;
        token.n = (size_t)(text - token.s);
        if (!apply(c, source, token))
            return false;
    }
}

static bool refuse_nic(unsigned nic, const char *name, const char *value, const char *accepted)
{
    char key[16];

    format(key, sizeof(key), "net%u.%s", nic, name);
    conf_refuse("configuration", key, value, accepted);
    return false;
}

static bool check_mtu(unsigned nic, const struct conf_net *net)
{
    char mtu[16];

    format(mtu, sizeof(mtu), "%u", net->mtu);
    if (net->mtu == 0)
        return true;
    if (net->ip6_mode == CONF_IP_STATIC && net->mtu < MTU_MIN_IP6)
        return refuse_nic(nic, "mtu", mtu, STR(MTU_MIN_IP6) " or more where ip6 is an address");
    if (net->ip_mode == CONF_IP_AUTO && net->mtu < MTU_MIN_DHCP)
        return refuse_nic(nic, "mtu", mtu, STR(MTU_MIN_DHCP) " or more where ip is dhcp");
    return true;
}

static bool check_gw(unsigned nic, const struct conf_net *net)
{
    uint32_t gw = net->gw;
    char text[16];

    format(text, sizeof(text), "%u.%u.%u.%u", gw >> 24, gw >> 16 & 255, gw >> 8 & 255, gw & 255);
    if (gw == 0)
        return true;
    if (net->ip_mode != CONF_IP_STATIC)
        return refuse_nic(nic, "gw", text, "none, unless ip is an address: DHCP brings its own");
    if (((gw ^ net->ip) & ipaddr_mask4(net->ip_bits)) != 0 || gw == net->ip ||
        !ipaddr_is_host4(gw, net->ip_bits))
        return refuse_nic(nic, "gw", text, "another host's address in the subnet that ip names");
    return true;
}

bool conf_check(const struct conf *c)
{
    for (unsigned nic = 0; nic < CONFIG_NICS; nic++)
        if (!check_mtu(nic, &c->net[nic]) || !check_gw(nic, &c->net[nic]))
            return false;
    return true;
}

bool conf_check_nics(const struct conf *c, uint32_t working)
{
    char accepted[64 + 5 * CONFIG_NICS] = "keys of NICs that are there and work:", key[16];

    for (unsigned nic = 0; nic < CONFIG_NICS; nic++) {
        size_t n = strlen(accepted);
        if (working >> nic & 1)
            format(accepted + n, sizeof(accepted) - n, " net%u", nic);
    }
    for (unsigned nic = 0; nic < CONFIG_NICS; nic++) {
        const struct conf_said *said = &c->said[nic];
        if (said->key == NULL || (working >> nic & 1))
            continue;
        format(key, sizeof(key), "net%u.%s", nic, said->key);
        conf_refuse(said->source, key, said->value, accepted);
        return false;
    }
    return true;
}
