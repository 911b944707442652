// SPDX-License-Identifier: BSD-3-Clause
/*
 * The first and only program of ours in the Linux guest that `make bench` compares with: its init.
 *
 * It loads the modules that /modules.order lists, gives eth0 the address that the kernel's command
 * line has as net0.ip=A.B.C.D/N (our guest reads the same words), starts iperf3's server, an echo
 * service, what relay=PORT:TARGET:PORT asks for, and a small agent by which the host sets what is
 * under /proc and starts pktgen. Then it says so in the one line that the host waits for, a record
 * like those of our guest.
 *
 * There is no shell, no service manager and no program that is not measured: what Linux has of the
 * one CPU is for the traffic. Everybody on the private network may command this guest, so it is of
 * no use elsewhere.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "linux_relay.h"

#define PORT_ECHO   7
#define PORT_IPERF3 5201
#define PORT_AGENT  9000

static _Noreturn void give_up(const char *what)
{
    printf("init: %s: %s\n", what, strerror(errno));
    fflush(stdout);
    sync();
    reboot(RB_AUTOBOOT); /* QEMU runs with -no-reboot: the host sees the end */
    for (;;)
        pause();
}

static void nap_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&t, NULL);
}

/* ---- bringing the machine up ------------------------------------------------------------------
 */

static void mount_all(void)
{
    mkdir("/proc", 0755);
    mkdir("/sys", 0755);
    mkdir("/dev", 0755);
    mkdir("/tmp", 0777);
    if (mount("proc", "/proc", "proc", 0, NULL) != 0 ||
        mount("sysfs", "/sys", "sysfs", 0, NULL) != 0 ||
        mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) != 0)
        give_up("mount");
}

static void load_modules(void)
{
    FILE *order = fopen("/modules.order", "r");
    char path[256];

    if (order == NULL)
        give_up("/modules.order");
    while (fgets(path, sizeof(path), order) != NULL) {
        int fd;
        path[strcspn(path, "\n")] = '\0';
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) != 0)
            give_up(path);
        close(fd);
    }
    fclose(order);
}

/* The kernel's command line from that word on; NULL: it has none. */
static const char *word(const char *name)
{
    static char line[4096];
    FILE *f = fopen("/proc/cmdline", "r");

    if (f == NULL || fgets(line, sizeof(line), f) == NULL)
        give_up("/proc/cmdline");
    fclose(f);
    return strstr(line, name);
}

/* "A.B.C.D" and N of net0.ip=A.B.C.D/N on the command line. */
static void own_address(char address[16], unsigned *prefix)
{
    const char *at = word("net0.ip=");

    if (at == NULL || sscanf(at, "net0.ip=%15[0-9.]/%u", address, prefix) != 2)
        give_up("no net0.ip= on the command line");
}

static void set_link(int fd, const char *name, const char *address, unsigned prefix)
{
    struct ifreq request = {0};
    struct sockaddr_in in = {.sin_family = AF_INET};

    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (inet_pton(AF_INET, address, &in.sin_addr) != 1)
        give_up(address);
    memcpy(&request.ifr_addr, &in, sizeof(in));
    if (ioctl(fd, SIOCSIFADDR, &request) != 0)
        give_up("SIOCSIFADDR");
    in.sin_addr.s_addr = htonl(~0u << (32 - prefix));
    memcpy(&request.ifr_netmask, &in, sizeof(in));
    if (ioctl(fd, SIOCSIFNETMASK, &request) != 0)
        give_up("SIOCSIFNETMASK");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(fd, SIOCSIFFLAGS, &request) != 0)
        give_up("SIOCSIFFLAGS");
}

static void bring_network_up(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char address[16];
    unsigned prefix;

    own_address(address, &prefix);
    set_link(fd, "lo", "127.0.0.1", 8);
    set_link(fd, "eth0", address, prefix);
    close(fd);
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    int why = errno;

    if (fd >= 0)
        close(fd);
    errno = why;
    return ok;
}

/* ---- the services -----------------------------------------------------------------------------
 */

static int listener(int type, uint16_t port)
{
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = INADDR_ANY};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, (struct sockaddr *)&in, sizeof(in)) != 0 ||
        (type == SOCK_STREAM && listen(fd, 16) != 0))
        give_up("a port is taken");
    return fd;
}

/* Whether the kernel may end this process when it is out of memory: those that serve a connection,
 * not those that accept. */
static void may_be_killed(bool yes)
{
    write_file("/proc/self/oom_score_adj", yes ? "0" : "-1000");
}

/* Runs serve(fd) in a process of its own for each connection. */
static _Noreturn void accept_each(uint16_t port, void (*serve)(int fd))
{
    int door = listener(SOCK_STREAM, port), one = 1;

    signal(SIGCHLD, SIG_IGN);
    may_be_killed(false);
    for (;;) {
        int fd = accept(door, NULL, NULL);
        if (fd < 0)
            continue;
        if (fork() == 0) {
            may_be_killed(true);
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
            serve(fd);
            _exit(0);
        }
        close(fd);
    }
}

static void echo_stream(int fd)
{
    static char bytes[65536];
    ssize_t n;

    while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
        if (send(fd, bytes, (size_t)n, MSG_NOSIGNAL) != n)
            break;
}

static void echo_tcp(void)
{
    accept_each(PORT_ECHO, echo_stream);
}

static void echo_udp(void)
{
    static char bytes[65536];
    int fd = listener(SOCK_DGRAM, PORT_ECHO);
    struct sockaddr_in from;

    for (;;) {
        socklen_t len = sizeof(from);
        ssize_t n = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &len);
        if (n >= 0)
            sendto(fd, bytes, (size_t)n, 0, (struct sockaddr *)&from, len);
    }
}

/* A server that has ended, as iperf3's does after some errors, is started anew. */
static void iperf3(void)
{
    char *const words[] = {"/usr/bin/iperf3", "-s", NULL};
    char *const environment[] = {"TMPDIR=/tmp", "LC_ALL=C", NULL};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (;;) {
        pid_t child = fork();
        if (child == 0) {
            dup2(null, STDIN_FILENO);
            dup2(null, STDOUT_FILENO);
            execve(words[0], words, environment);
            give_up(words[0]);
        }
        waitpid(child, NULL, 0);
    }
}

/* pktgen sends from when "start" is written until "stop" is; the first write returns only then. */
static bool pktgen_for(long ms)
{
    static const char control[] = "/proc/net/pktgen/pgctrl";
    pid_t child = fork();

    if (child == 0)
        _exit(write_file(control, "start\n") ? 0 : 1);
    nap_ms(ms);
    return write_file(control, "stop\n");
}

/* One command a connection: `get PATH`, `put PATH TEXT`, `pktgen MS`. Answers with the file's text
 * or `ok`, or with `error: ` and why. */
static void agent_command(int fd)
{
    static char line[1024], text[65536];
    FILE *stream = fdopen(fd, "r+");
    char path[256];
    int skip = 0;
    long ms;
    bool ok = false;

    if (stream == NULL || fgets(line, sizeof(line), stream) == NULL)
        return;
    signal(SIGCHLD, SIG_DFL);
    if (sscanf(line, "put %255s %n", path, &skip) == 1 && skip > 0) {
        ok = write_file(path, line + skip);
    } else if (sscanf(line, "pktgen %ld", &ms) == 1) {
        ok = pktgen_for(ms);
    } else if (sscanf(line, "get %255s", path) == 1) {
        FILE *file = fopen(path, "r");
        size_t n = file != NULL ? fread(text, 1, sizeof(text), file) : 0;
        if (file != NULL) {
            fwrite(text, 1, n, stream);
            fclose(stream);
            return;
        }
    }
    if (ok)
        fprintf(stream, "ok\n");
    else
        fprintf(stream, "error: %s\n", strerror(errno));
    fclose(stream);
}

static void agent(void)
{
    accept_each(PORT_AGENT, agent_command);
}

static void start(void (*service)(void))
{
    pid_t child = fork();

    if (child < 0)
        give_up("fork");
    if (child == 0) {
        service();
        _exit(0);
    }
}

static uint16_t relay_port;

static void relay(void)
{
    accept_each(relay_port, linux_relay_connection);
}

/* For each element of relay= on the command line. */
static void start_relays(void)
{
    const char *at = word("relay=");

    if (at == NULL)
        return;
    at += strlen("relay=");
    while (linux_relay_read(&at, &relay_port))
        start(relay);
}

/* True if a socket listens there, in the kernel's own list: a connection would be a client to
 * iperf3. */
static bool listens(const char *list, unsigned port)
{
    FILE *file = fopen(list, "r");
    char line[256];
    unsigned local, state;
    bool found = false;

    if (file == NULL)
        return false;
    while (fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, " %*[0-9]: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x", &local, &state) == 2)
            found |= local == port && state == TCP_LISTEN;
    fclose(file);
    return found;
}

/* It takes its time to be loaded. */
static void wait_for_iperf3(void)
{
    for (int tries = 0; tries < 6000; tries++) {
        if (listens("/proc/net/tcp6", PORT_IPERF3) || listens("/proc/net/tcp", PORT_IPERF3))
            return;
        nap_ms(10);
    }
    give_up("iperf3 does not listen");
}

int main(void)
{
    struct timespec now;

    mount_all();
    load_modules();
    write_file("/proc/sys/net/core/rmem_max", "8388608");
    write_file("/proc/sys/net/core/wmem_max", "8388608");
    write_file("/proc/sys/net/core/rmem_default", "4194304");
    bring_network_up();
    start(iperf3);
    start(echo_tcp);
    start(echo_udp);
    start(agent);
    start_relays();
    wait_for_iperf3();
    clock_gettime(CLOCK_BOOTTIME, &now);
    printf("{\"event\":\"ready\",\"t_us\":%lld,\"ip\":\"linux\",\"ip6\":\"\",\"services\":[]}\n",
           now.tv_sec * 1000000LL + now.tv_nsec / 1000);
    fflush(stdout);
    for (;;)
        if (wait(NULL) < 0)
            pause();
}
