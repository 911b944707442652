// SPDX-License-Identifier: BSD-3-Clause
/*
 * What is done to which frame of one direction: a list of rules, one a line,
 *
 *     [MATCH]... [WHEN] ACTION
 *
 * MATCH, all of those that are named:
 *     arp ip4 ip6 tcp udp icmp, port N, sport N, dport N
 *     longer N, shorter N    the frame, in bytes
 *     payload                it has some
 *     ack                    TCP with neither payload nor SYN, FIN, RST
 *     syn, fin
 *     from N, until N        bytes of the TCP stream at or behind, before this place
 *     new                    bytes of the stream that never came before
 *
 * WHEN, always if nothing is said:
 *     frames N, frames N-M, frames N-    by their number among those that match, from 1
 *     every N
 *     chance P                           by a die of the rule's own that the seed decides
 *
 * ACTION:
 *     pass, drop
 *     dup N         N copies more
 *     delay MS
 *     reorder N     behind the next N that are passed on
 *     corrupt N     so many bytes behind the IP header
 *     truncate N    to N bytes
 *
 * The first rule that is due decides, and those behind it do not see the frame: so every frame has
 * one fate and the counts add up. A stream is the direction's last TCP connection that began.
 */
#ifndef RELAY_SCRIPT_H
#define RELAY_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#define RULES_MAX  32
#define RULE_CHARS 120

enum action { PASS, DROP, DUP, DELAY, REORDER, CORRUPT, TRUNCATE, ACTIONS };
extern const char *const action_names[ACTIONS];

/* What a rule asks of a frame; a field that is 0 asks nothing. */
struct rule {
    char text[RULE_CHARS];
    uint32_t kinds; /* enum kind, all of them */
    uint16_t sport, dport, port;
    uint32_t longer, shorter;
    uint32_t from, until; /* until is UINT32_MAX where nothing is said */
    uint64_t first, last; /* frames; last is 0 where nothing is said */
    uint64_t every;
    uint64_t below; /* of 2^32 throws of the die: 0 where nothing is said */
    enum action action;
    uint32_t amount;
    uint64_t die;
    uint64_t matched, fired;
};

/* The stream whose SYN came last. */
struct stream {
    uint16_t sport, dport;
    uint32_t begin; /* sequence number of its first byte */
    uint32_t end;   /* behind the last byte that came, from begin */
};

struct script {
    struct rule rules[RULES_MAX];
    unsigned n;
    uint64_t seed;
    struct stream stream;
};

struct verdict {
    enum action action;
    uint32_t amount; /* delay: milliseconds */
    uint64_t random; /* whatever else chance decides; the same in every run */
};

/* Reads a rule and appends it. NULL, or a sentence about what is wrong with it; then nothing
 * changes. */
const char *script_add(struct script *s, const char *text);

/* Whether the rule changes what is in a frame. */
bool script_changes(const struct rule *r);

/* Forgets the rules. The stream stays known: it may live on. */
void script_clear(struct script *s);

/* The fate of the next frame. */
struct verdict script_judge(struct script *s, const uint8_t *frame, uint32_t len);

/* Changes n bytes behind the IP header, or behind Ethernet's: each is another one afterwards. */
void script_corrupt(uint8_t *frame, uint32_t len, uint32_t n, uint64_t random);

#endif
