// SPDX-License-Identifier: BSD-3-Clause
/*
 * One element of `relay=`: PORT:TARGET:PORT, where a TARGET of IPv6 has brackets around it.
 */
#include "conf_keys.h"

#include "job_value.h"

static bool read_port(struct text t, uint16_t *port)
{
    uint64_t n;

    if (!job_value_number(t, 1, 65535, &n))
        return false;
    *port = (uint16_t)n;
    return true;
}

bool conf_relay(struct text t, struct conf_relay *relay)
{
    struct conf_relay r;
    struct text port;
    size_t n;

    if (!text_next(&t, ':', &port) || t.s == NULL || !read_port(port, &r.port))
        return false;
    /* The last colon is the one behind the target, whose address may have others. */
    for (n = t.n; n > 0 && t.s[n - 1] != ':'; n--)
        ;
    if (n == 0 || !job_value_target((struct text){t.s, n - 1}, &r.target) ||
        r.target.nic != JOB_NO_NIC || !read_port(text_behind(t, n), &r.target_port))
        return false;
    *relay = r;
    return true;
}
