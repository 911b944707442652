// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a flood can be asked for; see flood_check.h.
 */
#include "flood_check.h"

#include "flood.h"
#include "sink_frame.h"

static const char least_accepted[2][2][96] = {
    {"imix, or frames of 60 bytes or more, without FCS",
     "imix, or frames of 64 bytes or more with a VLAN tag, without FCS"},
    {"imix, or frames of 80 bytes or more over IPv6, without FCS",
     "imix, or frames of 84 bytes or more over IPv6 with a VLAN tag, without FCS"}};

static bool check_lens(const struct job_params *p, struct job_refusal *why)
{
    const bool ip6 = p->target.version == 6, vlan = p->vlan != JOB_NO_VLAN;

    for (uint32_t i = 0; i < p->n_lens; i++) {
        if (p->lens[i] < flood_least(ip6, vlan))
            return job_refuse(why, "len", least_accepted[ip6][vlan]);
        if (p->lens[i] > flood_most(CONFIG_MTU_MAX, vlan))
            return job_refuse(why, "len", "frames that the largest MTU of this build has room for");
    }
    return true;
}

enum flood_arrival flood_arrival(const struct job_params *p)
{
    if (sink_is_port(p->port, SINK_REFLECT_PORT))
        return FLOOD_BACK;
    return p->target.nic != JOB_NO_NIC ? FLOOD_HERE : FLOOD_ELSEWHERE;
}

/* What only a receiver knows. */
static bool check_limits(const struct job_params *p, struct job_refusal *why)
{
    for (enum job_limit l = JOB_NO_LIMIT + 1; l < JOB_LIMITS; l++)
        if ((FLOOD_RECEIVER_MEASURES >> l & 1) && job_params_limited(p, l) &&
            flood_arrival(p) == FLOOD_ELSEWHERE)
            return job_refuse(why, job_limit_name(l),
                              "nothing, unless the frames come to this guest: target=net1, or "
                              "port=8864 of a reflector");
    return true;
}

static bool check_nics(const struct job_params *p, struct job_refusal *why)
{
    if (p->target.nic != JOB_NO_NIC && p->target.nic == p->from)
        return job_refuse(why, "from", "another NIC than the target");
    return true;
}

/* What is for jobs with connections. */
static bool check_others(const struct job_params *p, struct job_refusal *why)
{
    if (p->dir != JOB_TX)
        return job_refuse(why, "dir", "tx: a flood only sends");
    if (job_params_said(p, "proto") && !p->udp)
        return job_refuse(why, "proto", "udp");
    if (job_params_said(p, "streams"))
        return job_refuse(why, "streams", "nothing: a flood has flows");
    if (job_params_said(p, "omit"))
        return job_refuse(why, "omit", "nothing: a flood has no warm-up, but it has ramp");
    return true;
}

bool flood_check(const struct job_params *p, struct job_refusal *why)
{
    if (p->target.version == 0)
        return job_refuse(why, "target",
                          "A.B.C.D, [IPv6 address] or net1, another NIC; a flood needs one");
    if (p->rate.per_s > FLOOD_RATE_MAX)
        return job_refuse(why, "rate", "at most 1T, bits or packets");
    if (p->rate.per_s == 0 && p->gap != JOB_CBR)
        return job_refuse(why, "gap", "cbr, unless there is a rate");
    if (p->rate.per_s == 0 && p->ramp_ns != 0)
        return job_refuse(why, "ramp", "0, unless there is a rate");
    return check_others(p, why) && check_lens(p, why) && check_nics(p, why) && check_limits(p, why);
}
