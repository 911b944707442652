// SPDX-License-Identifier: BSD-3-Clause
/*
 * The soak's datagrams: sent at a rate to an echo service, counted one by one when they come back.
 *
 *     datagrams HOST PORT RATE SIZE[,SIZE…] [times]
 *
 * RATE datagrams a second whose payloads have these sizes in turn, until SIGTERM; then it waits at
 * most a second for the last answers. Each second, and in the end, it prints a line of JSON about
 * that second:
 *
 *     end        when it ended, by CLOCK_MONOTONIC, in seconds    seconds   how long it was
 *     intended   slots of the schedule      sent      datagrams that the socket took
 *     packets    answers, and their bytes   lost      those without an answer for a second
 *     late       answers after that         duplicate, corrupt
 *     here       answers that came to this host and found its socket full
 *     gap_ms     longest time without any answer while one was due, from gap_at on; one that lasts
 *                is told again and again. Once no more is sent, silence is none
 *     rtt_us     with `times`, of each answer
 *
 * The schedule does not wait for answers: a network that freezes gets no fewer questions. A slot
 * that is LATE_S late because this process was not run is given up.
 */
#include "hosted.h"

#include <arpa/inet.h>
#include <err.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SIZES_MAX 16
#define SIZE_MIN  16
#define SIZE_MAX_ 1472
#define RATE_MAX  50000
#define KEPT      (1u << 17) /* datagrams remembered: more than two seconds of the highest rate */
#define TIMES_MAX 2048
#define BATCH     64
#define LOST_S    1.0
#define LATE_S    0.1
#define REPORT_S  1.0
#define RCVBUF    (8 << 20)

enum state { FREE, WAITED_FOR, LOST, ANSWERED };

struct datagram {
    uint64_t seq;
    double at;
    enum state state;
};

/* What a line tells. */
struct second {
    double start, gap, gap_at;
    unsigned intended, sent, packets, lost, late, duplicate, corrupt, times;
    uint64_t bytes;
};

static struct datagram kept[KEPT];
static uint32_t times_us[TIMES_MAX];
static size_t sizes[SIZES_MAX], size_count;
static uint64_t next_seq, oldest; /* none before `oldest` is waited for */
static unsigned waited_for;
static double waiting_since; /* for any answer, while waited_for */
static double last_sent;     /* when sending ended; 0 until then */
static uint32_t dropped_here;
static struct second now_counts;
static volatile sig_atomic_t ending;

static void end(int number)
{
    (void)number;
    ending = 1;
}

static size_t size_of(uint64_t seq)
{
    return sizes[seq % size_count];
}

/* The number, this process, and bytes that differ from those of any other number. */
static void write_payload(uint8_t *bytes, uint64_t seq)
{
    uint64_t word = seq, run = (uint64_t)getpid();
    size_t n = size_of(seq);

    memcpy(bytes, &seq, 8);
    memcpy(bytes + 8, &run, 8);
    for (size_t k = 16; k < n; k += 8) {
        word = (word ^ word >> 29) * 0xbf58476d1ce4e5b9u + 1;
        memcpy(bytes + k, &word, n - k < 8 ? n - k : 8);
    }
}

static void gap_seen(double at)
{
    if (last_sent > 0 && at > last_sent)
        at = last_sent;
    if (waited_for > 0 && at - waiting_since > now_counts.gap) {
        now_counts.gap = at - waiting_since;
        now_counts.gap_at = waiting_since;
    }
}

static void send_one(int fd, double at)
{
    uint8_t bytes[SIZE_MAX_ + 8];
    struct datagram *d = &kept[next_seq % KEPT];

    write_payload(bytes, next_seq);
    /* Interface down, queue full, an earlier one refused: this slot was in vain. */
    if (send(fd, bytes, size_of(next_seq), MSG_DONTWAIT) < 0)
        return;
    if (waited_for++ == 0)
        waiting_since = at;
    *d = (struct datagram){next_seq++, at, WAITED_FOR};
    now_counts.sent++;
}

static void take(const uint8_t *bytes, size_t n, double at)
{
    uint8_t expected[SIZE_MAX_ + 8];
    struct datagram *d;
    uint64_t seq;

    if (n < SIZE_MIN) {
        now_counts.corrupt++;
        return;
    }
    memcpy(&seq, bytes, 8);
    d = &kept[seq % KEPT];
    if (d->state != FREE && d->seq == seq)
        write_payload(expected, seq);
    if (d->state == FREE || d->seq != seq || n != size_of(seq) || memcmp(bytes, expected, n) != 0) {
        now_counts.corrupt++;
        return;
    }
    gap_seen(at);
    waiting_since = at;
    if (d->state == ANSWERED) {
        now_counts.duplicate++;
        return;
    }
    now_counts.packets++;
    now_counts.bytes += n;
    if (d->state == LOST)
        now_counts.late++;
    else
        waited_for--;
    d->state = ANSWERED;
    if (now_counts.times < TIMES_MAX)
        times_us[now_counts.times++] = (uint32_t)((at - d->at) * 1e6);
}

static void take_all(int fd)
{
    uint8_t bytes[2048];
    ssize_t n;

    for (int k = 0; k < BATCH && (n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0; k++)
        take(bytes, (size_t)n, now());
}

static void give_up(double before)
{
    while (oldest < next_seq &&
           (kept[oldest % KEPT].state != WAITED_FOR || kept[oldest % KEPT].at < before)) {
        struct datagram *d = &kept[oldest++ % KEPT];
        if (d->state != WAITED_FOR)
            continue;
        d->state = LOST;
        now_counts.lost++;
        gap_seen(now()); /* before the last one that is due is no longer */
        waited_for--;
    }
}

static uint32_t drops(int fd)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t n = sizeof(info);

    return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &n) == 0 ? info[SK_MEMINFO_DROPS] : 0;
}

static void report(int fd, double at, bool times)
{
    struct second *s = &now_counts;
    uint32_t here = drops(fd);

    gap_seen(at);
    printf(
        "{\"end\":%.6f,\"seconds\":%.4f,\"intended\":%u,\"sent\":%u,\"packets\":%u,\"bytes\":%llu,"
        "\"lost\":%u,\"late\":%u,\"duplicate\":%u,\"corrupt\":%u,\"here\":%u,\"gap_ms\":%.3f,"
        "\"gap_at\":%.6f",
        at, at - s->start, s->intended, s->sent, s->packets, (unsigned long long)s->bytes, s->lost,
        s->late, s->duplicate, s->corrupt, here - dropped_here, s->gap * 1e3,
        s->gap > 0 ? s->gap_at : at);
    for (unsigned k = 0; times && k < s->times; k++)
        printf("%s%u", k ? "," : ",\"rtt_us\":[", times_us[k]);
    puts(!times ? "}" : s->times ? "]}" : ",\"rtt_us\":[]}");
    if (fflush(stdout) != 0)
        exit(1); /* who started us has gone */
    dropped_here = here;
    *s = (struct second){.start = at};
}

/* Sends what is due; returns the seconds until the next is. */
static double send_due(int fd, double first, double rate, uint64_t *slot)
{
    double at = now();

    for (int k = 0; k < BATCH; k++) {
        double due = first + (double)*slot / rate;
        if (due > at)
            return due - at;
        ++*slot;
        now_counts.intended++;
        if (at - due < LATE_S)
            send_one(fd, at);
    }
    return 0;
}

static void run(int fd, double rate, bool times)
{
    struct pollfd until = {.fd = fd, .events = POLLIN};
    double first = now(), next_report = first + REPORT_S;
    uint64_t slot = 0;

    now_counts.start = first;
    for (;;) {
        double nap = ending ? LOST_S : send_due(fd, first, rate, &slot), at = now();
        struct timespec wait;
        if (ending && last_sent == 0)
            last_sent = at;
        if (last_sent > 0 && (waited_for == 0 || at >= last_sent + LOST_S))
            break;
        give_up(at - LOST_S);
        if (at >= next_report) {
            report(fd, at, times);
            next_report += REPORT_S * (double)(1 + (uint64_t)((at - next_report) / REPORT_S));
        }
        if (nap > next_report - at)
            nap = next_report > at ? next_report - at : 0;
        wait = (struct timespec){0, (long)(nap * 999e6)};
        if (ppoll(&until, 1, &wait, NULL) > 0)
            take_all(fd);
    }
    give_up(now() + 1);
    report(fd, now(), times);
}

static int connected(const char *host, const char *port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int fd = socket(AF_INET, SOCK_DGRAM, 0), room = RCVBUF;

    if (inet_pton(AF_INET, host, &in.sin_addr) != 1)
        errx(1, "%s is no IPv4 address", host);
    if (fd < 0 || connect(fd, (struct sockaddr *)&in, sizeof(in)) != 0)
        err(1, "%s", host);
    /* Needs a right that the private world gives; what is not to be had shows as `here`. */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    return fd;
}

static bool read_sizes(char *list)
{
    for (char *word = strtok(list, ","); word != NULL; word = strtok(NULL, ",")) {
        int size = atoi(word);
        if (size < SIZE_MIN || size > SIZE_MAX_ || size_count == SIZES_MAX)
            return false;
        sizes[size_count++] = (size_t)size;
    }
    return size_count > 0;
}

int main(int argc, char **argv)
{
    double rate = argc > 3 ? atof(argv[3]) : 0;
    bool times = argc == 6 && strcmp(argv[5], "times") == 0;

    if (argc < 5 || argc > 6 || (argc == 6 && !times) || rate <= 0 || rate > RATE_MAX ||
        !read_sizes(argv[4])) {
        fprintf(stderr, "datagrams: see the top of tests/soak/datagrams.c\n");
        return 2;
    }
    signal(SIGTERM, end);
    signal(SIGPIPE, SIG_IGN);
    run(connected(argv[1], argv[2]), rate, times);
    return 0;
}
