// SPDX-License-Identifier: BSD-3-Clause
/*
 * The keys of the configuration, between conf.c, which reads tokens and refuses, conf_keys.c, which
 * knows what each key takes, and conf_fault.c and conf_relay.c, for the longest of their values.
 */
#ifndef KERNEL_CONF_KEYS_H
#define KERNEL_CONF_KEYS_H

#include "conf.h"
#include "text.h"
#include "time.h"

/* A year: longer than anything runs, and sums stay far from overflow. */
#define CONF_TIME_MAX_HOURS 8760
#define CONF_TIME_MAX_NS    (CONF_TIME_MAX_HOURS * 3600 * NS_PER_S)

struct conf_key {
    const char *name;
    bool per_nic; /* also as netN.name; without the prefix it is net0's */

    /* Writes what the value says to *c or, if per_nic, to *net. False: it is not accepted, and
     * everything is as it was. */
    bool (*set)(struct conf *c, struct conf_net *net, struct text value);
    const char *accepted; /* for the one who has to be told */
};

/* NULL: there is no such key. `name` is without "netN.". */
const struct conf_key *conf_key_find(struct text name);

/* All of them, likewise. */
extern const char conf_keys_known[];

/* One element of `fault=` that is not panic:…, which sets its place in `faults`. False: it is none,
 * or that place is taken. */
bool conf_fault(struct text t, struct fault faults[FAULT_KINDS]);

/* One element of `relay=`, likewise. */
bool conf_relay(struct text t, struct conf_relay *relay);

#endif
