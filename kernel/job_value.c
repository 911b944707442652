// SPDX-License-Identifier: BSD-3-Clause
/*
 * Values of a job's keys; the contract is in the header.
 */
#include "job_value.h"

#include "config.h"
#include "ipaddr.h"
#include "string.h"
#include "time.h"

#define LOSS_ALL 1000000000 /* of 10^9 */

bool job_value_word(struct text v, const char *const words[], unsigned n, unsigned *which)
{
    for (unsigned i = 0; i < n; i++)
        if (text_is(v, words[i])) {
            *which = i;
            return true;
        }
    return false;
}

bool job_value_number(struct text v, uint64_t min, uint64_t max, uint64_t *n)
{
    uint64_t number;

    if (!text_number(v, 10, &number) || number < min || number > max)
        return false;
    *n = number;
    return true;
}

bool job_value_scaled(struct text v, uint64_t *n)
{
    static const char prefixes[] = "kMGT";
    uint64_t scale = 1, count;

    for (unsigned i = 0; v.n > 0 && i < sizeof(prefixes) - 1; i++) {
        if (v.s[v.n - 1] != prefixes[i])
            continue;
        for (unsigned k = 0; k <= i; k++)
            scale *= 1000;
        v.n--;
        break;
    }
    if (!text_number(v, 10, &count) || count > INT64_MAX / scale)
        return false;
    *n = count * scale;
    return true;
}

bool job_value_percent(struct text v, uint64_t *share)
{
    struct text part;
    uint64_t whole, rest = 0, unit = 10000000;

    if (v.n == 0 || v.s[v.n - 1] != '%')
        return job_value_number(v, 0, 0, share);
    v.n--;
    if (!text_next(&v, '.', &part) || !job_value_number(part, 0, 100, &whole))
        return false;
    if (v.s != NULL) {
        if (v.n > 7 || !text_number(v, 10, &rest))
            return false;
        for (size_t i = 0; i < v.n; i++)
            unit /= 10;
        rest *= unit;
    }
    if (whole * 10000000 + rest > LOSS_ALL)
        return false;
    *share = whole * 10000000 + rest;
    return true;
}

bool job_value_end(struct text v, uint64_t *end)
{
    uint64_t n = 0;

    if (!text_is(v, "off") && (!job_value_scaled(v, &n) || n == 0))
        return false;
    *end = n;
    return true;
}

bool job_value_time(struct text v, uint64_t min_ns, uint64_t max_ns, uint64_t *ns)
{
    uint64_t time;

    if (!text_time(v, max_ns, &time) || (time != 0 && time < min_ns))
        return false;
    *ns = time;
    return true;
}

bool job_value_delay(struct text v, uint64_t *ns)
{
    uint64_t us;

    if (v.n > 2 && memcmp(v.s + v.n - 2, "us", 2) == 0) {
        v.n -= 2;
        if (!job_value_number(v, 0, JOB_TIME_MAX_NS / NS_PER_US, &us))
            return false;
        *ns = us * NS_PER_US;
        return true;
    }
    return text_time(v, JOB_TIME_MAX_NS, ns);
}

bool job_value_rate(struct text v, struct job_rate *rate)
{
    static const char unit[] = "pps";
    const size_t tail = sizeof(unit) - 1;
    const bool packets = v.n > tail && memcmp(v.s + v.n - tail, unit, tail) == 0;
    uint64_t n;

    if (packets)
        v.n -= tail;
    if (!job_value_scaled(v, &n) || (packets && n == 0))
        return false;
    *rate = (struct job_rate){n, packets};
    return true;
}

bool job_value_nic(struct text v, uint8_t *nic)
{
    uint64_t n;

    if (v.n != 4 || memcmp(v.s, "net", 3) != 0 ||
        !job_value_number(text_behind(v, 3), 0, CONFIG_NICS - 1, &n))
        return false;
    *nic = (uint8_t)n;
    return true;
}

static bool is_target6(const uint8_t ip[16])
{
    return ipaddr_is_host6(ip) || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80);
}

bool job_value_target(struct text v, struct job_target *target)
{
    struct job_target t = {.version = 4, .nic = JOB_NO_NIC};

    if (v.n > 2 && v.s[0] == '[' && v.s[v.n - 1] == ']') {
        t.version = 6;
        v = (struct text){v.s + 1, v.n - 2};
    }
    if (!job_value_nic(v, &t.nic) &&
        (t.version == 6 ? !ipaddr_parse6(v.s, v.n, t.ip6) || !is_target6(t.ip6)
                        : !ipaddr_parse4(v.s, v.n, &t.ip) || !ipaddr_is_host4(t.ip, 32)))
        return false;
    *target = t;
    return true;
}

bool job_value_mac(struct text v, uint8_t mac[6])
{
    uint8_t bytes[6];
    struct text part;
    uint64_t byte;

    for (unsigned i = 0; i < sizeof(bytes); i++) {
        if (!text_next(&v, ':', &part) || part.n != 2 || !text_number(part, 16, &byte))
            return false;
        bytes[i] = (uint8_t)byte;
    }
    if (v.s != NULL)
        return false;
    memcpy(mac, bytes, sizeof(bytes));
    return true;
}
