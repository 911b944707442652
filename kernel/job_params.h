// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a job is asked to do: its parameters, and the keys that set them. The same table reads the
 * configuration and whatever else starts jobs. The kernel only knows how the values are written;
 * what they mean together is the job's to judge (apps/job.h).
 */
#ifndef KERNEL_JOB_PARAMS_H
#define KERNEL_JOB_PARAMS_H

#include <stdbool.h>
#include <stdint.h>
#include "text.h"

enum job_run {
    JOB_RUN_SERVE, /* no job: the services only */
    JOB_RUN_NONE,  /* the same */
    JOB_RUN_CLIENT,
    JOB_RUN_FLOOD,   /* frames without a connection, apps/flood_job.c */
    JOB_RUN_STAMP,   /* questions to a STAMP reflector, apps/stamp_job.c */
    JOB_RUN_CONNECT, /* many connections, apps/connect_job.c */
};

static inline bool job_run_is_job(enum job_run run)
{
    return run != JOB_RUN_SERVE && run != JOB_RUN_NONE;
}

enum job_dir { JOB_TX, JOB_RX, JOB_BOTH };

#define JOB_NO_NIC 0xff

struct job_target {
    uint8_t version; /* 0 = none, 4, 6 */
    uint8_t nic;     /* whatever address of that version this NIC of ours has; or JOB_NO_NIC: */
    uint32_t ip;     /* host byte order */
    uint8_t ip6[16]; /* network byte order; link-local ones are on net0's link */
};

struct job_rate {
    uint64_t per_s; /* 0 = as fast as possible */
    bool packets;   /* packets, not bits */
};

/* What a connection is opened for; ANY: what its port is for. */
enum job_request { JOB_ASK_ANY, JOB_ASK_ECHO, JOB_ASK_GET, JOB_ASK_POST };

/* How packets follow each other: evenly, at random, or so many at once. */
enum job_gap { JOB_CBR, JOB_POISSON, JOB_BURSTS };

#define JOB_NO_VLAN 0xffff

/* Numbers that a job is measured against when it is over; the order is that of the verdict. */
enum job_limit {
    JOB_NO_LIMIT,
    JOB_MIN_BPS, /* bit/s in each direction that is used */
    JOB_MIN_PPS,
    JOB_MIN_CPS,  /* connections that were completed each second */
    JOB_MAX_LOSS, /* lost packets, in 10^-9 of those sent */
    JOB_MAX_LOST, /* packets, and so are the next four */
    JOB_MAX_LATE,
    JOB_MAX_REORDERED,
    JOB_MAX_DUPLICATE,
    JOB_MAX_CORRUPT,
    JOB_MAX_FAILED, /* connections */
    JOB_MAX_GAP,    /* ns, like all that follow */
    JOB_MAX_P50,    /* of the delay */
    JOB_MAX_P90,
    JOB_MAX_P99,
    JOB_MAX_P99_9,
    JOB_MAX_P99_99,
    JOB_MAX_DELAY,
    JOB_LIMITS,
};

#define JOB_LENS      16
#define JOB_LEN_MAX   (1 << 20)
#define JOB_FLOWS_MAX 65536
#define JOB_BURST_MAX 1000

/* Room for what was said: each key with its longest sensible value, together. */
#define JOB_WORDS 1024

struct job_params {
    enum job_run run;
    struct job_target target;
    uint8_t from;  /* the NIC that sends; JOB_NO_NIC: the one on the way to the target */
    uint16_t port; /* 0 = the job's own */
    bool udp;
    enum job_dir dir;        /* as seen from here */
    uint32_t streams;        /* in each direction */
    uint64_t time_ns;        /* after the warm-up; 0 = for ever */
    uint64_t omit_ns;        /* the warm-up */
    uint64_t bytes;          /* ends the job instead of time; 0 = off */
    struct job_rate rate;    /* of all streams together, in each direction */
    uint32_t lens[JOB_LENS]; /* bytes of a write, datagram or frame, in turn */
    uint32_t n_lens;         /* 0 = the job's own */
    bool imix;               /* the usual mixture instead of lens */
    uint32_t flows;
    bool has_mac; /* the next station is dst_mac */
    uint8_t dst_mac[6];
    uint16_t vlan; /* 1 to 4094, or JOB_NO_VLAN */
    uint8_t dscp;
    enum job_gap gap;
    uint32_t burst;        /* packets of one, with JOB_BURSTS */
    uint64_t ramp_ns;      /* in which the rate rises to its value */
    uint64_t first_seq;    /* of each flow */
    uint64_t count;        /* packets, which end the job as well as time; 0 = off */
    bool reflector_counts; /* a STAMP reflector numbers its answers itself */
    enum job_request request;
    uint64_t hold_ns;           /* connections are kept, and asked each so often; 0: they are not */
    uint64_t interval_ns;       /* of `interval` records; 0 = none */
    uint64_t limit[JOB_LIMITS]; /* where its key was said */
    uint64_t said;              /* a bit for each key that was: job_params_said() */
    char words[JOB_WORDS];      /* "rate=50kpps len=imix ", as it was; no zero at its end */
    uint32_t words_n;           /* bytes of it */
};

struct job_key {
    const char *name;
    bool (*set)(struct job_params *p, struct text value, enum job_limit limit);
    enum job_limit limit; /* that the key sets; JOB_NO_LIMIT: it is something else */
    bool of_all;          /* means something without a job, too */
    bool of_serving;      /* means something with run=serve, as limits do */
    enum job_run only;    /* means something to this job only; JOB_RUN_SERVE: to any */
    const char *accepted; /* for the one who has to be told */
};

/* What holds where nothing is said: TCP, sending, one stream, ten seconds. */
void job_params_init(struct job_params *p);

/* NULL: there is no such key. */
const struct job_key *job_key_find(struct text name);

/* False: the value is not accepted, or the words said so far leave no room for it; everything is as
 * it was. */
bool job_params_set(struct job_params *p, const struct job_key *key, struct text value);

/* Whether somebody has set that key, or asked for that limit. */
bool job_params_said(const struct job_params *p, const char *key);
bool job_params_limited(const struct job_params *p, enum job_limit limit);

/* Whether any limit was asked for. */
bool job_params_limits(const struct job_params *p);

/* What was said of that key last; s is NULL: nothing. */
struct text job_params_word(const struct job_params *p, const char *key);

/* All that was said: takes the first key and its value off the front of *words, which is
 * job_params_words() to begin with. False: there is no more. */
struct text job_params_words(const struct job_params *p);
bool job_params_next(struct text *words, struct text *key, struct text *value);

/* The first key that was set and means nothing to this run=; NULL: none. */
const char *job_params_needless(const struct job_params *p);

/* The key that sets a limit. */
const char *job_limit_name(enum job_limit limit);

/* All of them, for messages. */
#define JOB_KEYS_KNOWN                                                                             \
    "run target from port proto dir streams time omit bytes rate len flows dst_mac vlan dscp gap " \
    "ramp count reflector first_seq request hold interval min_bps min_pps min_cps "                \
    "max_loss max_lost max_late max_reordered max_duplicate max_corrupt max_failed max_gap "       \
    "max_p50 max_p90 "                                                                             \
    "max_p99 max_p99.9 max_p99.99 max_delay"

#endif
