// SPDX-License-Identifier: BSD-3-Clause
/*
 * The host's end of those measurements of `make bench` that iperf3 has no word for.
 *
 *     load ping|tcp|udp HOST SECONDS PAUSE_US
 *     load raw|test INTERFACE MAC SECONDS [PPS]
 *
 * The first: one request after the other, each as soon as the one before is answered and PAUSE_US
 * have passed; prints each round trip in microseconds, a line each. The second: frames of 60 bytes
 * to that MAC address, of a type that nobody knows or test frames (apps/testframe.h), as fast as
 * the other side takes them; prints "frames seconds". With PPS so many each second instead, whether
 * they are taken or not; prints "frames seconds run", the frames that were due and so were sent or
 * dropped on the way, and the run of test frames.
 *
 * TCP and UDP talk one byte with the echo service. Round trips are timed around the two system
 * calls, with nothing printed before the end.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "hosted.h"
#include "testframe.h"

#define PORT_ECHO 7
#define TRIPS_MAX 4000000
#define ANSWER_MS 1000 /* a UDP request without an answer for so long is sent again */

/* A TCP request is sent again by the transport, as the guest does its answer: after a second first,
 * where nothing else tells that it was dropped [RFC 6298, 2]. A host with five times more work than
 * CPUs did not run the guest for 1.5 s. */
#define ANSWER_TCP_MS 10000

#define FRAME_BYTES   60
#define BATCH         64

/* Frames on their way at most: less than a tap's queue has room for, so that none is dropped there.
 */
#define AHEAD_MAX 512
#define DROPPED_S 10e-3

/* At a given rate what is due goes so often, as iperf3 has it: no CPU is spent on waiting. */
#define PACED_S 1e-3

static uint32_t trips_us[TRIPS_MAX];

static void nap(double seconds)
{
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};

    nanosleep(&t, NULL);
}

/* ---- requests and answers ---------------------------------------------------------------------
 */

static int connected(const char *kind, const char *host)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(PORT_ECHO)};
    bool ping = strcmp(kind, "ping") == 0, tcp = strcmp(kind, "tcp") == 0;
    int fd = socket(AF_INET,
                    ping  ? SOCK_RAW
                    : tcp ? SOCK_STREAM
                          : SOCK_DGRAM,
                    ping ? IPPROTO_ICMP : 0);
    int one = 1;

    if (fd < 0 || inet_pton(AF_INET, host, &in.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&in, sizeof(in)) != 0)
        err(1, "%s", host);
    if (tcp)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static uint16_t checksum(const void *bytes, size_t n)
{
    const uint16_t *at = bytes;
    uint32_t sum = 0;

    for (size_t i = 0; i < n / 2; i++)
        sum += at[i];
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~(sum + (sum >> 16));
}

/* An echo request of 64 bytes as `ping` has it, or the one byte. */
static size_t request(bool ping, uint16_t number, uint8_t bytes[64])
{
    struct icmphdr *icmp = (struct icmphdr *)bytes;

    memset(bytes, 0, 64);
    if (!ping) {
        bytes[0] = (uint8_t)number;
        return 1;
    }
    icmp->type = ICMP_ECHO;
    icmp->un.echo.id = htons(0x4146);
    icmp->un.echo.sequence = htons(number);
    icmp->checksum = checksum(bytes, 64);
    return 64;
}

/* True if that is the answer to request `number`; a raw socket gets the IP header, and what others
 * ask. */
static bool answers(bool ping, uint16_t number, const uint8_t *bytes, ssize_t n)
{
    const struct icmphdr *icmp = (const struct icmphdr *)(bytes + 4 * (bytes[0] & 15));

    if (!ping)
        return n == 1 && bytes[0] == (uint8_t)number;
    return n >= 28 && icmp->type == ICMP_ECHOREPLY && icmp->un.echo.sequence == htons(number);
}

static bool one_trip(int fd, bool ping, uint16_t number, int answer_ms)
{
    uint8_t bytes[2048];
    size_t len = request(ping, number, bytes);
    struct pollfd until = {.fd = fd, .events = POLLIN};

    if (send(fd, bytes, len, 0) != (ssize_t)len)
        err(1, "send");
    while (poll(&until, 1, answer_ms) == 1) {
        ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
        if (n <= 0)
            err(1, "recv");
        if (answers(ping, number, bytes, n))
            return true;
    }
    return false;
}

static void round_trips(const char *kind, const char *host, double seconds, double pause)
{
    const bool ping = strcmp(kind, "ping") == 0, tcp = strcmp(kind, "tcp") == 0;
    const int answer_ms = tcp ? ANSWER_TCP_MS : ANSWER_MS;
    int fd = connected(kind, host);
    double end = now() + seconds;
    size_t n = 0, lost = 0;

    for (uint16_t number = 1; now() < end && n < TRIPS_MAX; number++) {
        double start = now();
        if (one_trip(fd, ping, number, answer_ms))
            trips_us[n++] = (uint32_t)((now() - start) * 1e6);
        else if (++lost > 3 || tcp)
            errx(1, "%s: no answer", kind);
        if (pause > 0)
            nap(pause);
    }
    for (size_t i = 0; i < n; i++)
        printf("%u\n", trips_us[i]);
}

/* ---- raw frames -------------------------------------------------------------------------------
 */

/* Frames that the other end of the tap has read so far. */
static uint64_t taken(const char *interface)
{
    FILE *f = fopen("/proc/net/dev", "r");
    char line[512], name[IF_NAMESIZE + 1];
    unsigned long long packets = 0;

    if (f == NULL)
        err(1, "/proc/net/dev");
    while (fgets(line, sizeof(line), f) != NULL)
        if (sscanf(line, " %16[^:]: %*u %*u %*u %*u %*u %*u %*u %*u %*u %llu", name, &packets) ==
                2 &&
            strcmp(name, interface) == 0)
            break;
    fclose(f);
    return packets;
}

static uint8_t frames[BATCH][FRAME_BYTES];

/* Headers that are the same in all. The type is for experiments, or IPv4 with a UDP header behind
 * it. */
static void write_headers(const char *mac, bool test)
{
    static const uint8_t headers[] = {2,  0, 0, 0, 0,    0,    0x08, 0, 0x45, 0, 0, 46,
                                      0,  0, 0, 0, 64,   17,   0,    0, 10,   0, 0, 1,
                                      10, 0, 0, 2, 0x9c, 0x40, 0,    0, 0,    26};
    uint8_t *frame = frames[0];
    uint16_t sum, port = htons(TESTFRAME_PORT);

    if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &frame[0], &frame[1], &frame[2], &frame[3],
               &frame[4], &frame[5]) != 6)
        err(1, "%s", mac);
    frame[6] = 0x02; /* from a locally administered address */
    frame[12] = 0x88;
    frame[13] = 0xb5;
    if (test) {
        memcpy(frame + 6, headers, sizeof(headers));
        memcpy(frame + 36, &port, sizeof(port));
        sum = checksum(frame + 14, 20);
        memcpy(frame + 24, &sum, sizeof(sum));
    }
    for (int i = 1; i < BATCH; i++)
        memcpy(frames[i], frame, FRAME_BYTES);
}

/* UDP's checksum, with the addresses before it and what else the pseudo header has. */
static void sum_udp(uint8_t *frame)
{
    uint8_t bytes[FRAME_BYTES - 26 + 4] = {0};
    uint16_t sum;

    memset(frame + 40, 0, 2);
    memcpy(bytes, frame + 26, FRAME_BYTES - 26);
    bytes[FRAME_BYTES - 26 + 1] = IPPROTO_UDP;
    bytes[FRAME_BYTES - 26 + 3] = FRAME_BYTES - 34;
    sum = checksum(bytes, sizeof(bytes));
    memcpy(frame + 40, &sum, sizeof(sum));
}

static void number_frames(uint64_t first)
{
    struct testframe f = {.run = (uint16_t)getpid(), .kind = TESTFRAME_SENT};

    f.time_ns = (uint64_t)(now() * 1e9);
    for (unsigned i = 0; i < BATCH; i++) {
        f.seq = first + i;
        testframe_write(frames[i] + FRAME_BYTES - TESTFRAME_BYTES, TESTFRAME_BYTES, &f);
        sum_udp(frames[i]);
    }
}

static void make_batch(struct mmsghdr batch[BATCH], struct iovec parts[BATCH])
{
    memset(batch, 0, BATCH * sizeof(*batch));
    for (int i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){frames[i], FRAME_BYTES};
        batch[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
}

/* What is due, a batch at a time, then a nap. What the interface has no room for is lost. */
static void paced_frames(const char *interface, const char *mac, double seconds, bool test,
                         double pps)
{
    struct mmsghdr batch[BATCH];
    struct iovec parts[BATCH];
    int fd = raw_socket(interface);
    const uint64_t end = (uint64_t)(seconds * pps);
    uint64_t number = 0;
    double start = now();

    write_headers(mac, test);
    make_batch(batch, parts);
    while (number < end) {
        const uint64_t due = (uint64_t)((now() - start) * pps), until = due < end ? due : end;
        const unsigned n = until - number < BATCH ? (unsigned)(until - number) : BATCH;

        if (n == 0) {
            nap(PACED_S);
            continue;
        }
        if (test)
            number_frames(number);
        for (unsigned i = 0; i < n;) {
            const int sent = sendmmsg(fd, &batch[i], n - i, 0);
            if (sent < 0 && errno != ENOBUFS)
                err(1, "sendmmsg");
            i += sent > 0 ? (unsigned)sent : 1; /* that one was dropped */
        }
        number += n;
    }
    printf("%llu %.6f %u\n", (unsigned long long)number, now() - start,
           (unsigned)(uint16_t)getpid());
}

/* Not more than AHEAD_MAX are on their way. When none was taken for a while, those that are not
 * were dropped somewhere, and nobody waits for them. */
static void raw_frames(const char *interface, const char *mac, double seconds, bool test)
{
    struct iovec parts[BATCH];
    struct mmsghdr batch[BATCH];
    int fd = raw_socket(interface);
    uint64_t first = taken(interface), last = first, ahead = 0, number = 0;
    double start = now(), moved = start;

    write_headers(mac, test);
    make_batch(batch, parts);
    while (now() - start < seconds) {
        uint64_t at = taken(interface), n = at - last;
        int sent;
        last = at;
        ahead -= n < ahead ? n : ahead;
        if (n > 0)
            moved = now();
        else if (now() - moved > DROPPED_S)
            ahead = 0;
        if (ahead > AHEAD_MAX - BATCH) {
            nap(20e-6);
            continue;
        }
        if (test)
            number_frames(number);
        sent = sendmmsg(fd, batch, BATCH, 0);
        if (sent < 0 && errno != ENOBUFS)
            err(1, "sendmmsg");
        ahead += sent > 0 ? (uint64_t)sent : 0;
        number += sent > 0 ? (uint64_t)sent : 0;
    }
    printf("%llu %.6f\n", (unsigned long long)(taken(interface) - first), now() - start);
}

int main(int argc, char **argv)
{
    const bool test = strcmp(argc > 1 ? argv[1] : "", "test") == 0;

    if (argc == 6 && (test || strcmp(argv[1], "raw") == 0)) {
        paced_frames(argv[2], argv[3], atof(argv[4]), test, atof(argv[5]));
    } else if (argc == 5 && (test || strcmp(argv[1], "raw") == 0)) {
        raw_frames(argv[2], argv[3], atof(argv[4]), test);
    } else if (argc == 5) {
        round_trips(argv[1], argv[2], atof(argv[3]), atof(argv[4]) * 1e-6);
    } else {
        fprintf(stderr, "load: see the top of tests/bench/load.c\n");
        return 2;
    }
    return 0;
}
