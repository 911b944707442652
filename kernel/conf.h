// SPDX-License-Identifier: BSD-3-Clause
/*
 * The configuration: `key=value` tokens from several sources, a later one wins.
 *
 * conf_parse() checks syntax and ranges; what depends on the machine (a target without a route, a
 * NIC that is not there) is checked by whoever uses it, and refused the same way through
 * conf_refuse(). Keys the guest does not have are refused by name.
 */
#ifndef KERNEL_CONF_H
#define KERNEL_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "config.h"
#include "console.h"
#include "fault.h"
#include "job_params.h"

enum conf_ip_mode {
    CONF_IP_OFF,
    CONF_IP_AUTO,
    CONF_IP_STATIC
}; /* AUTO: DHCP for v4, SLAAC for v6 */

/* How a NIC may interrupt; AUTO: the best way there is. */
enum conf_irq { CONF_IRQ_AUTO, CONF_IRQ_MSIX, CONF_IRQ_INTX, CONF_IRQ_POLL };

enum conf_service { /* bits of struct conf.services */
                    SERVICE_IPERF3 = 1 << 0,
                    SERVICE_ECHO = 1 << 1,
                    SERVICE_DISCARD = 1 << 2,
                    SERVICE_CHARGEN = 1 << 3,
                    SERVICE_HTTP = 1 << 4,
                    SERVICE_SINK = 1 << 5,
                    SERVICE_STAMP = 1 << 6,
                    SERVICE_ALL = 0x7f,
                    SERVICE_RELAY = 1 << 7, /* not of `services=`: `relay=` starts it */
};

/* `fault=panic:KIND@TIME`: bugs of ours on demand, to see that each is caught and reported. */
enum conf_panic {
    CONF_PANIC_NONE,
    CONF_PANIC_ASSERT, /* a failed ASSERT() */
    CONF_PANIC_NULL,   /* read through a null pointer */
    CONF_PANIC_WRITE,  /* write to the image's text */
    CONF_PANIC_EXEC,   /* jump into data */
    CONF_PANIC_STACK,  /* run out of stack */
    CONF_PANIC_SMASH,  /* write past an array on the stack */
};

struct conf_net {
    enum conf_ip_mode ip_mode;
    uint32_t ip;     /* host byte order */
    uint8_t ip_bits; /* prefix length */
    uint32_t gw;     /* host byte order, 0 = none */
    enum conf_ip_mode ip6_mode;
    uint8_t ip6[16];           /* network byte order; its subnet is a /64 */
    uint32_t mtu;              /* 0 = the device's */
    uint16_t rx_ring, tx_ring; /* frames; likewise */
    enum conf_irq irq;
    bool mergeable; /* receive buffers that share a frame, where the device offers it */
};

/* Connections to `port` are carried to `target_port` of `target`. */
struct conf_relay {
    uint16_t port, target_port;
    struct job_target target;
};

/* What was said of a NIC last, for an error that has to name it. */
struct conf_said {
    const char *source, *key; /* NULL = nothing was; the key without "netN." */
    char value[64];           /* every address fits; what is longer ends in dots */
};

struct conf {
    struct conf_net net[CONFIG_NICS];
    struct conf_said said[CONFIG_NICS];
    uint32_t services; /* SERVICE_* */
    struct conf_relay relays[CONFIG_RELAYS];
    unsigned n_relays;
    uint64_t features_off; /* virtio feature bits masked by `features=` */
    uint64_t seed;         /* 0 = from the hardware */
    uint64_t exit_ns;      /* power off after this time; 0 = see the next two */
    bool exit_never;       /* not even when the job is done */
    bool exit_done;        /* when all jobs are, even if the configuration has none */
    struct job_params job;
    enum log_level log;
    bool stamp_stateful; /* the STAMP reflector numbers its answers itself */
    bool check_panics;   /* a buffer that is lost ends the run, instead of being repaired */
    enum conf_panic panic_kind;
    uint64_t panic_at_ns; /* since kernel entry */
    struct fault faults[FAULT_KINDS];
    bool faults_allowed; /* others may be ordered while the guest runs */
};

/* Sets the defaults. */
void conf_init(struct conf *c);

/* Applies one source; `source` is its name for messages ("cmdline", "antifreeze.conf", "fw_cfg"), a
 * string literal.
 * False: an `error` record naming key, value and what is accepted was written; the caller ends the
 * run with EXIT_FAIL_CONFIG. Nothing before the faulty token is lost or undone. */
bool conf_parse(struct conf *c, const char *source, const char *text);

/* Checks what one key says against what others say (a gateway outside its subnet), after the last
 * source was applied. False as above. */
bool conf_check(const struct conf *c);

/* Checks that NICs of which keys speak are there: bit N of `working` says that netN is. `ip`
 * without a prefix speaks of net0. False as above. */
bool conf_check_nics(const struct conf *c, uint32_t working);

/* One more fault while the guest runs, where that is allowed: an element of `fault=` with start and
 * length, of which the start is counted from now. */
enum conf_order { CONF_ORDER_TAKEN, CONF_ORDER_BAD, CONF_ORDER_FORBIDDEN, CONF_ORDER_BUSY };
enum conf_order conf_order_fault(const char *words, uint64_t now_ns);

/* Writes that `error` record. */
void conf_refuse(const char *source, const char *key, const char *value, const char *accepted);

#endif
