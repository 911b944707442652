// SPDX-License-Identifier: BSD-3-Clause
/*
 * Servers of the iperf3 client: words, results as JSON, streams, datagrams, all at any time.
 *
 * The input is what job the client has, then a list of deeds of its server: one byte that says
 * which, one of number, then bytes. One of the deeds is what an honest server would do next, so
 * that lies are told at every depth. What must hold in the end stands at fuzz_rig_end(); besides,
 * the job ends, gives back all that it had, and an honest test runs.
 */
#include <string.h>
#include "fuzz_rig.h"
#include "iperf3.h"
#include "job.h"
#include "lwip/priv/tcp_priv.h"

#define STREAMS 4

enum deed {
    HONEST,   /* the next step */
    SAY,      /* n bytes on the control connection */
    BLOCK,    /* n bytes with their length in front: results */
    DATA,     /* n bytes on a stream */
    DATAGRAM, /* n bytes from the server's port, or another, to a stream's */
    CLOSE,    /* how: of control connection or stream */
    TIME,     /* n times 16 ms */
    STOP,     /* the job is to end; or has another rate */
    DEEDS,
};

static struct rig_tcp conn[1 + STREAMS];
static uint16_t udp_port; /* of the stream that said hello last */
static struct job *job;

static void start(const struct job_params *p)
{
    struct job_refusal why;

    for (unsigned k = 0; k <= STREAMS; k++) {
        rig_tcp_forget(&conn[k]);
        conn[k].established = false;
    }
    rig_tcp_listen(IPERF3_PORT, conn, 1 + STREAMS);
    udp_port = 0;
    job = job_start(p, &why);
    MUST(job != NULL);
    rig_pump();
}

static struct job_params params_of(struct input *in)
{
    uint8_t what = in_u8(in), n = in_u8(in);
    struct job_params p;

    job_params_init(&p);
    p.run = JOB_RUN_CLIENT;
    p.target = (struct job_target){.version = 4, .nic = JOB_NO_NIC, .ip = RIG_PEER_IP};
    p.udp = what & 1;
    p.dir = (enum job_dir)((what >> 1 & 3) % 3);
    p.streams = 1 + (what >> 3 & 1);
    p.omit_ns = what & 0x10 ? NS_PER_S : 0;
    p.bytes = what & 0x20 ? 1000u * n : 0;
    p.time_ns = what & 0x40 ? 0 : n * 16u * NS_PER_MS + 1;
    p.rate.per_s = what & 0x80 && !p.udp ? 0 : 1000000;
    return p;
}

static void change_rate(struct job_rate rate)
{
    struct job_params p = job->params;

    p.rate = rate;
    job_set_rate(job, &p);
}

static void say(const void *bytes, size_t n)
{
    if (conn[0].established)
        fuzz_rig_send(&conn[0], bytes, n);
}

static void say_byte(int m)
{
    const uint8_t b = (uint8_t)m;

    say(&b, 1);
}

static void say_block(const uint8_t *p, size_t n)
{
    const uint8_t prefix[4] = {0, 0, (uint8_t)(n >> 8), (uint8_t)n};

    say(prefix, sizeof(prefix));
    say(p, n);
}

static void answer_hellos(void)
{
    uint8_t d[2048];
    uint16_t from;
    int n;

    while ((n = rig_udp_recv_from(IPERF3_PORT, &from, d, sizeof(d))) >= 0) {
        if (n != IPERF3_UDP_HELLO_BYTES)
            continue;
        udp_port = from;
        rig_udp_send(false, IPERF3_PORT, from, IPERF3_UDP_REPLY, IPERF3_UDP_HELLO_BYTES);
        rig_pump();
    }
}

static void honest_step(void)
{
    static const char results[] =
        "{\"streams\":[{\"id\":1,\"bytes\":5,\"errors\":1,\"packets\":3}]}";
    const struct iperf3_session *s = job->state == JOB_RUNNING ? job->own : NULL;

    if (s == NULL)
        return;
    switch (s->state) {
    case IPERF3_GREET:
        say_byte(IPERF3_PARAM_EXCHANGE);
        break;
    case IPERF3_OFFER:
        say_byte(IPERF3_CREATE_STREAMS);
        answer_hellos();
        break;
    case IPERF3_OPEN:
        answer_hellos();
        break;
    case IPERF3_READY:
        say_byte(IPERF3_TEST_START);
        say_byte(IPERF3_TEST_RUNNING);
        break;
    case IPERF3_STOPPED:
        say_byte(IPERF3_EXCHANGE_RESULTS);
        break;
    case IPERF3_THEIRS:
        say_block((const uint8_t *)results, sizeof(results) - 1);
        break;
    case IPERF3_LAST:
        say_byte(IPERF3_DISPLAY_RESULTS);
        break;
    default:
        break;
    }
}

static void read_all(void)
{
    uint8_t got[8192];

    for (unsigned k = 0; k <= STREAMS; k++)
        if (conn[k].established)
            rig_tcp_recv(&conn[k], got, sizeof(got), 0);
}

static void close_some(uint8_t n)
{
    struct rig_tcp *t = &conn[n % (1 + STREAMS)];

    if (!t->established)
        return;
    if (n & 0x40 && !t->sent_fin)
        rig_tcp_fin(t);
    else if (n & 0x80)
        rig_tcp_forget(t);
    else
        rig_tcp_abort(t);
    t->established = t->sent_fin;
}

static void act(struct input *in)
{
    uint8_t what = in_u8(in), n = in_u8(in);
    size_t len = n;
    const uint8_t *p;

    switch ((what & 15) % DEEDS) {
    case HONEST:
        honest_step();
        break;
    case SAY:
        p = in_bytes(in, &len);
        say(p, len);
        break;
    case BLOCK:
        p = in_bytes(in, &len);
        say_block(p, len);
        break;
    case DATA:
        p = in_bytes(in, &len);
        if (conn[1 + (what >> 4) % STREAMS].established)
            fuzz_rig_send(&conn[1 + (what >> 4) % STREAMS], p, len);
        break;
    case DATAGRAM:
        p = in_bytes(in, &len);
        if (udp_port != 0)
            rig_udp_send(false, what & 0x80 ? 30000 : IPERF3_PORT, udp_port, p, (uint32_t)len);
        break;
    case CLOSE:
        close_some(n);
        break;
    case TIME:
        fuzz_rig_pass(n * 16u);
        break;
    case STOP:
        if (n & 1)
            change_rate((struct job_rate){n & 2 ? n : n * 1000u, n & 2});
        else
            job_stop(job);
        break;
    }
    rig_pump();
    read_all();
}

/* Whatever the server did, when its connections are gone the job is over. */
static void job_ends(void)
{
    job_stop(job);
    while (tcp_active_pcbs != NULL)
        tcp_abort(tcp_active_pcbs);
    fuzz_rig_pass(100);
    MUST(!jobs_busy());
    MUST(iperf3_streams_used() == 0);
    MUST(rig_record_count("result") >= 1);
}

static void honest_test_runs(void)
{
    struct job_params p;

    job_params_init(&p);
    p.run = JOB_RUN_CLIENT;
    p.target = (struct job_target){.version = 4, .nic = JOB_NO_NIC, .ip = RIG_PEER_IP};
    p.bytes = 1000;
    start(&p);
    for (unsigned k = 0; k < 20 && jobs_busy(); k++) {
        honest_step();
        fuzz_rig_pass(5);
        read_all();
    }
    MUST(!jobs_busy() && strcmp(job->end, "done") == 0 && job->totals.sum.tx_bytes == 1000);
    for (unsigned k = 0; k < 2; k++)
        rig_tcp_abort(&conn[k]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct job_params p;

    fuzz_rig_begin(false);
    p = params_of(&in);
    start(&p);
    while (in.left > 0)
        act(&in);
    job_ends();
    honest_test_runs();
    fuzz_rig_end();
    return 0;
}
