// SPDX-License-Identifier: BSD-3-Clause
/*
 * Frames that a soak sends beside everything else, at a rate that changes at a word.
 *
 *     storm INTERFACE
 *
 * Commands on standard input:
 *
 *     frame N     and N bytes behind the newline: one more of the frames, which are sent in turn
 *     rate N      so many a second from now on, 0 to pause; "rate max": as fast as they are taken
 *     count       answers with a line: frames that were sent, frames for which there was no room
 *
 * It ends with its input. What is due is sent once a millisecond; what could not be, because we did
 * not run, is not made up for beyond CATCH_UP_NS.
 */
#include "hosted.h"

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#define FRAMES_MAX  8192
#define FRAME_MAX   65535
#define BATCH       64
#define TICK_NS     1000000ull
#define CATCH_UP_NS 100000000ull
#define NO_ROOM_NS  100000 /* to wait when a queue is full */

static struct iovec frames[FRAMES_MAX];
static unsigned frames_n, next;
static uint64_t sent, refused;

static double rate; /* a second */
static bool unlimited;

/* Up to n of them, fewer than a batch. What finds no room, or is nothing that an interface sends,
 * is counted and left. */
static bool send_some(int fd, unsigned n)
{
    struct mmsghdr batch[BATCH] = {0};
    int done;

    if (n > BATCH)
        n = BATCH;
    for (unsigned i = 0; i < n; i++)
        batch[i].msg_hdr =
            (struct msghdr){.msg_iov = &frames[(next + i) % frames_n], .msg_iovlen = 1};
    done = sendmmsg(fd, batch, n, 0);
    if (done < 0 && errno == ENETDOWN)
        done = 0; /* the interface is down for now */
    if (done < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINVAL && errno != EMSGSIZE)
        err(1, "sendmmsg");
    if (done > 0) {
        sent += (uint64_t)done;
        next = (next + (unsigned)done) % frames_n;
        return true;
    }
    refused++;
    next = (next + 1) % frames_n;
    return false;
}

/* ---- commands -----------------------------------------------------------------------------------
 */

static void add_frame(size_t n)
{
    if (frames_n == FRAMES_MAX || n == 0 || n > FRAME_MAX) {
        errno = E2BIG;
        err(1, "a frame");
    }
    frames[frames_n] = (struct iovec){malloc(n), n};
    if (frames[frames_n].iov_base == NULL || fread(frames[frames_n].iov_base, n, 1, stdin) != 1)
        err(1, "a frame");
    frames_n++;
}

/* False: the input has ended. */
static bool command(void)
{
    char line[64];
    unsigned long n;

    if (fgets(line, sizeof(line), stdin) == NULL)
        return false;
    if (sscanf(line, "frame %lu", &n) == 1) {
        add_frame(n);
    } else if (strcmp(line, "rate max\n") == 0) {
        unlimited = true;
    } else if (sscanf(line, "rate %lf", &rate) == 1) {
        unlimited = false;
    } else if (strcmp(line, "count\n") == 0) {
        printf("%llu %llu\n", (unsigned long long)sent, (unsigned long long)refused);
        fflush(stdout);
    } else {
        fprintf(stderr, "storm: no such command: %s", line);
        exit(2);
    }
    return true;
}

/* ---- the loop -----------------------------------------------------------------------------------
 */

/* Sends what is due. Returns how long nothing will be, in ns. */
static uint64_t work(int fd, uint64_t *credit_ns)
{
    static double due;
    const uint64_t now = now_ns();
    uint64_t passed = now - *credit_ns;

    *credit_ns = now;
    if (unlimited)
        return send_some(fd, BATCH) ? 0 : NO_ROOM_NS;
    if (passed > CATCH_UP_NS)
        passed = CATCH_UP_NS;
    due = rate > 0 ? due + rate * (double)passed * 1e-9 : 0;
    while (due >= 1) {
        const uint64_t before = sent;

        if (!send_some(fd, due < BATCH ? (unsigned)due : BATCH))
            due -= 1;
        due -= (double)(sent - before);
    }
    return TICK_NS;
}

int main(int argc, char **argv)
{
    struct pollfd input = {.fd = 0, .events = POLLIN};
    uint64_t credit_ns = now_ns();
    int fd;

    if (argc != 2) {
        fprintf(stderr, "usage: storm INTERFACE\n");
        return 2;
    }
    fd = raw_socket(argv[1]);
    setvbuf(stdin, NULL, _IONBF, 0); /* or poll() would not see what is in a buffer */
    for (;;) {
        const bool at_work = frames_n > 0 && (unlimited || rate > 0);
        const uint64_t pause_ns = at_work ? work(fd, &credit_ns) : 0;
        const struct timespec t = {0, (long)pause_ns};

        if (ppoll(&input, 1, at_work ? &t : NULL, NULL) < 0 && errno != EINTR)
            err(1, "poll");
        if (!at_work)
            credit_ns = now_ns();
        if (input.revents != 0 && !command())
            return 0;
    }
}
