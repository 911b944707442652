// SPDX-License-Identifier: BSD-3-Clause
/*
 * The configuration: tokens from texts, and what has to be true of all of them together. What each
 * key takes is in conf_keys.c and, for keys of jobs, in job_keys.c.
 */
#include "conf.h"

#include "conf_keys.h"
#include "format.h"
#include "ipaddr.h"
#include "record.h"
#include "refusal.h"
#include "string.h"
#include "text.h"

#define MTU_MIN_IP6  1280 /* RFC 8200 section 5 */
#define MTU_MIN_DHCP 576  /* RFC 2131 section 2: the message every client must accept */

void conf_init(struct conf *c)
{
    *c = (struct conf){
        .services = SERVICE_ALL,
        .log = LOG_INFO,
    };
    job_params_init(&c->job);
    for (unsigned i = 0; i < CONFIG_NICS; i++)
        c->net[i] = (struct conf_net){.ip_mode = CONF_IP_AUTO, .ip6_mode = CONF_IP_AUTO};
}

/* ---- refusals ------------------------------------------------------------------------------ */

static void refuse(const char *source, struct text key, struct text val, const char *accepted)
{
    refusal_put(record_begin("error"), source, key, val, accepted);
    record_end();
}

void conf_refuse(const char *source, const char *key, const char *value, const char *accepted)
{
    refuse(source, text_from(key), text_from(value), accepted);
}

/* ---- tokens -------------------------------------------------------------------------------- */

/* "netN.name" or "name" -> the row of the table, and the NIC. */
static const struct conf_key *find_key(struct text name, unsigned *nic)
{
    bool named = false;

    *nic = 0;
    if (name.n > 5 && memcmp(name.s, "net", 3) == 0 && name.s[4] == '.' &&
        text_digit(name.s[3]) <= 9) {
        *nic = text_digit(name.s[3]);
        named = true;
        name = text_behind(name, 5);
    }
    const struct conf_key *k = conf_key_find(name);
    return k != NULL && *nic < CONFIG_NICS && (!named || k->per_nic) ? k : NULL;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool apply_to_job(struct job_params *p, const char *source, const struct job_key *k,
                         struct text val)
{
    if (job_params_set(p, k, val))
        return true;
    refuse(source, text_from(k->name), val, k->accepted);
    return false;
}

/* Applies one token. */
static bool apply(struct conf *c, const char *source, struct text token)
{
    const char *equals = memchr(token.s, '=', token.n);
    struct text key = token, val = {"", 0};
    unsigned nic;

    if (equals != NULL) {
        key.n = (size_t)(equals - token.s);
        val = text_behind(token, key.n + 1);
    }
    const struct job_key *of_job = job_key_find(key);
    if (of_job != NULL)
        return apply_to_job(&c->job, source, of_job, val);
    const struct conf_key *k = find_key(key, &nic);
    if (k == NULL) {
        refuse(source, key, val, conf_keys_known);
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
        text_shown(said->value, sizeof(said->value) - 4, val);
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
        struct text token = {text, 0};
        while (*text != '\0' && !is_space(*text) && *text != '#')
            text++;
        token.n = (size_t)(text - token.s);
        if (!apply(c, source, token))
            return false;
    }
}

/* ---- one key against the others ------------------------------------------------------------ */

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
        return refuse_nic(nic, "mtu", mtu, TEXT_OF(MTU_MIN_IP6) " or more where ip6 is an address");
    if (net->ip_mode == CONF_IP_AUTO && net->mtu < MTU_MIN_DHCP)
        return refuse_nic(nic, "mtu", mtu, TEXT_OF(MTU_MIN_DHCP) " or more where ip is dhcp");
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

static bool check_job_nic(const char *key, uint8_t nic, uint32_t working, const char *accepted)
{
    char value[8];

    if (nic == JOB_NO_NIC || (working >> nic & 1))
        return true;
    format(value, sizeof(value), "net%u", nic);
    conf_refuse("configuration", key, value, accepted);
    return false;
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
    return check_job_nic("target", c->job.target.nic, working, accepted) &&
           check_job_nic("from", c->job.from, working, accepted);
}
