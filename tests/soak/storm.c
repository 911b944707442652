// SPDX-License-Identifier: BSD-3-Clause
/*
 * Frames that a soak sends beside everything else, at a rate that changes at a word.
 *
 *     storm INTERFACE FILE
 *
 * The file has the frames, which are sent in turn: of each its length, in four bytes of this host's
 * order, and its bytes. They are there at once: through a pipe, on a host with more work than CPUs,
 * thousands of frames can take seconds, as the one at each end waits for its turn again and again.
 *
 * Commands on standard input:
 *
 *     rate N      so many a second from now on, 0 to pause; "rate max": as fast as they are taken
 *     count       answers with a line: frames that were sent, frames for which there was no room
 *
 * Who has an answer knows that the frames are there and can be sent. It ends with its input. What
 * is due is sent once a millisecond; what could not be, because we did not run, is not made up for
 * beyond CATCH_UP_NS.
 */
#include "hosted.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

/* Takes them from the file, in which they stay. */
static void take_frames(const char *path)
{
    const int fd = open(path, O_RDONLY);
    struct stat file;
    uint8_t *at;

    if (fd < 0 || fstat(fd, &file) != 0)
        err(1, "%s", path);
    at = mmap(NULL, (size_t)file.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (at == MAP_FAILED)
        err(1, "%s", path);
    for (const uint8_t *const end = at + file.st_size; at < end; frames_n++) {
        uint32_t n = 0;

        if ((size_t)(end - at) > sizeof(n))
            memcpy(&n, at, sizeof(n));
        if (n == 0 || n > FRAME_MAX || n > (size_t)(end - at) - sizeof(n) || frames_n == FRAMES_MAX)
            errx(1, "%s: frame %u", path, frames_n);
        frames[frames_n] = (struct iovec){at + sizeof(n), n};
        at += sizeof(n) + n;
    }
}

/* ---- commands -----------------------------------------------------------------------------------
 */

/* False: the input has ended. */
static bool command(void)
{
    char line[64];

    if (fgets(line, sizeof(line), stdin) == NULL)
        return false;
    if (strcmp(line, "rate max\n") == 0) {
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

    if (argc != 3) {
        fprintf(stderr, "usage: storm INTERFACE FILE\n");
        return 2;
    }
    take_frames(argv[2]);
    fd = raw_socket(argv[1]);
    setvbuf(stdin, NULL, _IONBF, 0); /* or poll() would not see what is in a buffer */
    for (;;) {
        const bool at_work = unlimited || rate > 0;
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
