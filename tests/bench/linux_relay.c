// SPDX-License-Identifier: BSD-3-Clause
/*
 * The Linux guest's relay: what our guest's `relay=` does (docs/relay.md), written as one would
 * write it for Linux: a process for each connection, two sockets, a buffer for each way.
 */
#include "linux_relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in target;

/* One way: what was read from one socket and is not yet written to the other. */
struct way {
    int from, to;
    size_t start, end;
    bool eof;  /* `from` has said FIN */
    bool done; /* and `to` was told */
    char bytes[65536];
};

bool linux_relay_read(const char **words, unsigned short *port)
{
    char address[16];
    unsigned from, to;
    int used;

    if (sscanf(*words, "%u:%15[0-9.]:%u%n", &from, address, &to, &used) != 3)
        return false;
    target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((unsigned short)to)};
    if (inet_pton(AF_INET, address, &target.sin_addr) != 1)
        return false;
    *port = (unsigned short)from;
    *words += used;
    if (**words == ',')
        ++*words;
    return true;
}

/* Ends the connection with RST instead of FIN. */
static void reset(int fd)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

/* What can be done now without waiting; false: one side is gone. */
static bool move(struct way *w)
{
    ssize_t n;

    if (w->start == w->end && !w->eof) {
        n = recv(w->from, w->bytes, sizeof(w->bytes), MSG_DONTWAIT);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR || errno == ENOMEM || errno == ENOBUFS;
        w->eof = n == 0;
        w->start = 0;
        w->end = (size_t)n;
    }
    if (w->start < w->end) {
        n = send(w->to, w->bytes + w->start, w->end - w->start, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR || errno == ENOMEM || errno == ENOBUFS;
        w->start += (size_t)n;
    }
    if (w->start == w->end && w->eof && !w->done)
        w->done = shutdown(w->to, SHUT_WR) == 0;
    return true;
}

void linux_relay_connection(int client)
{
    static struct way up, down;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&target, sizeof(target)) != 0) {
        reset(client);
        return;
    }
    up = (struct way){.from = client, .to = fd};
    down = (struct way){.from = fd, .to = client};
    while (!up.done || !down.done) {
        struct pollfd wait[2] = {{.fd = client}, {.fd = fd}};

        wait[0].events = (short)((up.start == up.end && !up.eof ? POLLIN : 0) |
                                 (down.start < down.end ? POLLOUT : 0));
        wait[1].events = (short)((down.start == down.end && !down.eof ? POLLIN : 0) |
                                 (up.start < up.end ? POLLOUT : 0));
        if (poll(wait, 2, -1) < 0 && errno != EINTR)
            break;
        if (((wait[0].revents | wait[1].revents) & POLLERR) != 0 || !move(&up) || !move(&down)) {
            reset(client);
            reset(fd);
            break;
        }
    }
    close(fd);
}
