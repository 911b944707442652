// SPDX-License-Identifier: BSD-3-Clause
/*
 * See fuzz_rig.h.
 */
#include "fuzz_rig.h"
#include <string.h>
#include "app.h"
#include "config.h"
#include "conn.h"
#include "flood.h"
#include "job.h"
#include "lwip/priv/tcp_priv.h"
#include "netport.h"
#include "rand.h"
#include "time.h"

/* As long as the longest patience a service has with a silent peer. */
#define PATIENCE_MS 1100

/* As long as a job may take to end when it is asked to. */
#define JOB_PATIENCE_MS 5000

/* The whole of it needs the kernel; services only want it to be long. */
void apps_json_stats(struct json *j)
{
    json_u64(j, "alloc_failures", 0);
    json_array(j, "filler");
    for (unsigned i = 0; i < 500; i++)
        json_u64(j, NULL, i);
    json_end_array(j);
}

/* As apps/services.c, which starts once, does for every input. */
static const struct service *const services[] = {&iperf3_service, &echo_service, &discard_service,
                                                 &chargen_service, &http_service};
#define SERVICES (sizeof(services) / sizeof(services[0]))

const struct conf *apps_conf = &rig.conf;

/* A flood has always something to do: one turn each time that the clock has moved. */
static unsigned poll_jobs(uint64_t now)
{
    static uint64_t last;

    if (flood_state() == FLOOD_RUNNING && now == last)
        return 0;
    last = now;
    return jobs_poll(now);
}

static unsigned poll_services(uint64_t now)
{
    unsigned done = poll_jobs(now);

    for (unsigned i = 0; i < SERVICES; i++)
        if (services[i]->poll != NULL)
            done += services[i]->poll(now);
    return done;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    fuzz_init();
    pattern_init(1);
    conn_init();
    return 0;
}

void fuzz_rig_begin(bool dhcp)
{
    rand_init(1); /* the same input does the same again */
    rig_prepare();
    if (dhcp)
        rig.conf.net[0].ip_mode = CONF_IP_AUTO;
    rig.impersonated = true;
    rig_start();
    rig_advance_ms(2500); /* duplicate detection */
    rig_drop_frames();
    for (unsigned i = 0; i < SERVICES; i++)
        MUST(services[i]->start());
    jobs_init();
    jobs_ready();
    rig.poll = poll_services;
}

void fuzz_rig_pass(uint64_t ms)
{
    rig_pump();
    rig_advance_ms(ms);
    rig_drop_frames();
}

void fuzz_rig_send(struct rig_tcp *t, const uint8_t *data, size_t n)
{
    if (n > t->guest_wnd)
        n = t->guest_wnd;
    if (!t->established || t->got_rst || t->sent_fin || t->snd_una != t->snd_nxt || n == 0)
        return;
    rig_tcp_send(t, data, n);
}

static bool pinged(bool v6)
{
    uint8_t frame[128], icmp[16] = {v6 ? 128 : 8, 0, 0, 0, 0x12, 0x34, 0, 1};
    struct rig_frame answer;
    bool seen = false;

    rig_drop_frames();
    rig_inject(frame, rig_build_ip(frame, v6, v6 ? 58 : 1, icmp, sizeof(icmp)));
    rig_advance_ms(5);
    while (rig_next_frame(&answer))
        seen |=
            answer.len > rig_ip_payload(v6) && answer.data[rig_ip_payload(v6)] == (v6 ? 129 : 0);
    return seen;
}

/* A peer that has lied about neighbours is found again once they have not answered three times. */
static bool answers(bool v6)
{
    for (unsigned tries = 0; tries < 10; tries++) {
        if (pinged(v6))
            return true;
        rig_advance_ms(500);
    }
    return false;
}

static bool echoes(bool v6)
{
    struct rig_tcp t;
    char back[5];
    bool same;

    if (!(v6 ? rig_tcp_connect6(&t, 7) : rig_tcp_connect(&t, 7)))
        return false;
    rig_tcp_send(&t, "alive", 5);
    same = rig_tcp_recv(&t, back, 5, 1000) == 5 && memcmp(back, "alive", 5) == 0;
    rig_tcp_close(&t);
    return same;
}

void fuzz_rig_end(void)
{
    jobs_stop();
    rig.tx_stuck = rig.arp_silent = false;
    rig.filter = NULL;
    if (!rig.link_up) {
        rig.link_up = true;
        rig_advance_ms(PATIENCE_MS);
    }
    while (tcp_active_pcbs != NULL) /* silent peers keep their places for minutes */
        tcp_abort(tcp_active_pcbs);
    rig_advance_ms(PATIENCE_MS); /* services see it and end */
    for (unsigned i = 0; i < JOB_PATIENCE_MS && jobs_busy(); i += 100)
        rig_advance_ms(100);
    MUST(!jobs_busy());
    if (rig.conf.net[0].ip_mode == CONF_IP_STATIC) {
        MUST(answers(false));
        MUST(echoes(false));
    }
    MUST(answers(true));
    MUST(echoes(true));
    MUST(netport_alloc_failures() == 0);
    rig_teardown(NULL);
}
