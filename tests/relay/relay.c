// SPDX-License-Identifier: BSD-3-Clause
/*
 * A network on which the right thing goes wrong: carries frames between two tap interfaces, which
 * exist already, and does to them what a script says.
 *
 *     relay [whole] TAP_A TAP_B
 *
 * A tap here offers no offloads: a segment larger than the wire's is cut by the host's kernel
 * before it comes, and every frame has its checksums. With `whole` it stays as large as its sender
 * made it, and its checksum unfinished, so rules that change frames are refused.
 *
 * Commands on standard input, one a line, each answered by one line on standard output, "ok", "no:
 * REASON" or an object:
 *
 *     DIR RULE        adds a rule (script.h); DIR is a>b or b>a
 *     DIR latency MS  for every frame of the direction, in addition to what rules say
 *     DIR patience MS that a reordered frame has, while too few others come to pass it
 *     seed N          decides what chance does in the rules that come behind it
 *     clear           forgets the rules
 *     counts          both directions' numbers since the start, and those of each rule
 *     trace FILE      notes there each frame that leaves from now on (struct trace), for whoever
 * asks for the counts before reading
 *
 * At the end of the input it ends. `overrun` is what got lost without a rule, here or because we
 * came too late: the figures of a test count if it is 0.
 */
#include "hosted.h"
#include "line.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define BATCH      64 /* frames from one side before the other has its turn */
#define FRAMES_MAX 65536u
#define BYTES_MAX  (256ull << 20)
#define LINE_CHARS 256

/* The end of the line at which frames come in. */
struct end {
    const char *name;
    int fd;
    uint64_t missed_before; /* what the kernel had thrown away before we began */
    uint64_t gso;           /* frames that came in and are more than one segment */
    uint64_t refused;       /* frames that the interface did not take from us */
};

/* One frame in the file: times between which we had it, by CLOCK_MONOTONIC. */
struct trace {
    uint64_t in_ns, out_ns;
    uint32_t dir; /* 0: from the first tap to the second */
    uint32_t len;
    uint8_t bytes[104]; /* its first ones */
};

static const char *const dir_names[2] = {"a>b", "b>a"};
static struct end ends[2];
static struct line lines[2]; /* the first goes from the first end to the second */
static bool whole;
static FILE *trace_file;

/* ---- taps ---------------------------------------------------------------------------------------
 */

/* Frames towards this interface that found its queue full. */
static uint64_t missed(const char *name)
{
    FILE *file = fopen("/proc/net/dev", "r");
    char text[512];
    unsigned long long drop = 0;
    const size_t n = strlen(name);

    if (file == NULL)
        err(1, "/proc/net/dev");
    while (fgets(text, sizeof(text), file) != NULL) {
        const char *at = text + strspn(text, " ");

        if (strncmp(at, name, n) == 0 && at[n] == ':')
            sscanf(at + n + 1, "%*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %llu", &drop);
    }
    fclose(file);
    return drop;
}

static void open_end(struct end *e, const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};

    if (whole)
        request.ifr_flags |= IFF_VNET_HDR;
    e->name = name;
    e->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (e->fd < 0)
        err(1, "/dev/net/tun");
    if (strlen(name) >= sizeof(request.ifr_name))
        err(1, "the name of a tap");
    strcpy(request.ifr_name, name);
    if (ioctl(e->fd, TUNSETIFF, &request) < 0)
        err(1, "%s", name);
    if (ioctl(e->fd, TUNSETOFFLOAD, whole ? TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 : 0) < 0)
        err(1, "TUNSETOFFLOAD");
    e->missed_before = missed(name);
}

/* Takes what has come; returns how many frames. */
static unsigned take(unsigned side)
{
    static uint8_t frame[FRAME_MAX];
    unsigned n = 0;

    for (; n < BATCH; n++) {
        const ssize_t got = read(ends[side].fd, frame, sizeof(frame));

        if (got < 0 && (errno == EAGAIN || errno == EIO || errno == EINTR))
            break; /* EIO: the interface is down */
        if (got < 0)
            err(1, "%s", ends[side].name);
        if ((uint32_t)got < lines[side].front_bytes)
            continue;
        if (whole && ((struct virtio_net_hdr *)frame)->gso_type != VIRTIO_NET_HDR_GSO_NONE)
            ends[side].gso++;
        line_put(&lines[side], frame, (uint32_t)got, now_ns());
    }
    return n;
}

static void trace(unsigned side, const uint8_t *frame, uint32_t len)
{
    const uint32_t front = lines[side].front_bytes;
    struct trace t = {
        .in_ns = lines[side].left_in_ns, .out_ns = now_ns(), .dir = side, .len = len - front};

    memcpy(t.bytes, frame + front, t.len < sizeof(t.bytes) ? t.len : sizeof(t.bytes));
    if (fwrite(&t, sizeof(t), 1, trace_file) != 1)
        err(1, "trace");
}

/* Gives what is due. The kernel takes it at once and asks nobody. */
static void give(unsigned side)
{
    struct end *to = &ends[1 - side];
    const uint8_t *frame;
    uint32_t len = 0;

    while ((frame = line_get(&lines[side], now_ns(), &len)) != NULL) {
        if (trace_file != NULL)
            trace(side, frame, len);
        if (write(to->fd, frame, len) != (ssize_t)len)
            to->refused++;
    }
}

/* ---- commands -----------------------------------------------------------------------------------
 */

static void print_rules(const struct script *s)
{
    printf("\"rules\":[");
    for (unsigned i = 0; i < s->n; i++)
        printf("%s{\"rule\":\"%s\",\"matched\":%llu,\"fired\":%llu}", i == 0 ? "" : ",",
               s->rules[i].text, (unsigned long long)s->rules[i].matched,
               (unsigned long long)s->rules[i].fired);
    printf("]");
}

static void print_number(const char *name, uint64_t n)
{
    printf("\"%s\":%llu,", name, (unsigned long long)n);
}

static void print_direction(unsigned side)
{
    const struct line_counts *c = &lines[side].counts;
    const struct end *from = &ends[side];

    printf("\"%s\":{", dir_names[side]);
    print_number("in", c->in);
    print_number("out", c->out);
    print_number("in_bytes", c->in_bytes);
    print_number("out_bytes", c->out_bytes);
    for (unsigned a = 0; a < ACTIONS; a++)
        print_number(action_names[a], c->fate[a]);
    print_number("copies", c->copies);
    print_number("expired", c->expired);
    print_number("overrun", c->overrun + missed(from->name) - from->missed_before);
    print_number("refused", ends[1 - side].refused);
    print_number("gso", from->gso);
    print_number("longest", c->longest);
    print_number("waiting", c->waiting);
    print_number("waiting_max", c->waiting_max);
    print_rules(&lines[side].script);
    printf("}");
}

/* True if it is this word and a number of milliseconds, which is then *ns. */
static bool names_time(const char *text, const char *word, uint64_t *ns)
{
    if (strncmp(text, word, strlen(word)) != 0)
        return false;
    *ns = strtoull(text + strlen(word), NULL, 10) * 1000000;
    return true;
}

/* Behind the direction's name. */
static const char *command_of_direction(struct line *l, const char *text)
{
    const char *wrong;

    if (names_time(text, "latency ", &l->latency_ns) ||
        names_time(text, "patience ", &l->patience_ns))
        return NULL;
    wrong = script_add(&l->script, text);
    if (wrong == NULL && whole && script_changes(&l->script.rules[l->script.n - 1])) {
        l->script.n--;
        return "the checksum of a whole segment is not finished";
    }
    return wrong;
}

static const char *begin_trace(const char *path)
{
    if (trace_file != NULL)
        fclose(trace_file);
    trace_file = fopen(path, "w");
    return trace_file != NULL ? NULL : strerror(errno);
}

static void command(const char *text)
{
    static const char tracing[] = "trace ";
    const char *wrong = "no such command";

    if (strncmp(text, tracing, sizeof(tracing) - 1) == 0)
        wrong = begin_trace(text + sizeof(tracing) - 1);
    if (strcmp(text, "counts") == 0) {
        if (trace_file != NULL)
            fflush(trace_file);
        printf("{");
        print_direction(0);
        printf(",");
        print_direction(1);
        printf("}\n");
        return;
    }
    for (unsigned d = 0; d < 2; d++) {
        if (strncmp(text, dir_names[d], 3) == 0 && text[3] == ' ')
            wrong = command_of_direction(&lines[d], text + 4);
        else if (strncmp(text, "seed ", 5) == 0)
            lines[d].script.seed = strtoull(text + 5, NULL, 10) + d * RULES_MAX, wrong = NULL;
        else if (strcmp(text, "clear") == 0)
            script_clear(&lines[d].script), wrong = NULL;
    }
    printf("%s%s\n", wrong == NULL ? "ok" : "no: ", wrong == NULL ? "" : wrong);
}

/* False: the input has ended. */
static bool commands(void)
{
    static char text[LINE_CHARS];
    static size_t n;
    const ssize_t got = read(STDIN_FILENO, text + n, sizeof(text) - n);

    if (got <= 0)
        return got < 0 && errno == EINTR;
    n += (size_t)got;
    for (char *end; (end = memchr(text, '\n', n)) != NULL;) {
        *end = '\0';
        command(text);
        n -= (size_t)(end + 1 - text);
        memmove(text, end + 1, n);
    }
    fflush(stdout);
    return n < sizeof(text);
}

/* ---- the loop -----------------------------------------------------------------------------------
 */

static void sleep_until(struct pollfd *fds, uint64_t due, uint64_t now)
{
    const uint64_t ns = due <= now ? 0 : due - now;
    const struct timespec t = {.tv_sec = (time_t)(ns / 1000000000),
                               .tv_nsec = (long)(ns % 1000000000)};

    if (ppoll(fds, 3, due == UINT64_MAX ? NULL : &t, NULL) < 0 && errno != EINTR)
        err(1, "poll");
}

int main(int argc, char **argv)
{
    struct pollfd fds[3] = {{.fd = STDIN_FILENO, .events = POLLIN}};

    whole = argc > 1 && strcmp(argv[1], "whole") == 0;
    if (argc != 3 + whole) {
        fprintf(stderr, "usage: relay [whole] TAP_A TAP_B\n");
        return 2;
    }
    for (unsigned side = 0; side < 2; side++) {
        open_end(&ends[side], argv[argc - 2 + (int)side]);
        line_init(&lines[side], whole ? sizeof(struct virtio_net_hdr) : 0, FRAMES_MAX, BYTES_MAX);
        fds[1 + side] = (struct pollfd){.fd = ends[side].fd, .events = POLLIN};
    }
    puts("ok");
    fflush(stdout);
    for (;;) {
        unsigned n = 0;

        for (unsigned side = 0; side < 2; side++) {
            n += take(side);
            give(side);
        }
        const uint64_t a = line_due_ns(&lines[0]), b = line_due_ns(&lines[1]);

        sleep_until(fds, n > 0 ? 0 : a < b ? a : b, now_ns());
        if (fds[0].revents != 0 && !commands())
            return 0;
    }
}
