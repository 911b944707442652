// SPDX-License-Identifier: BSD-3-Clause
/*
 * A network of two for unit tests: the guest's real stack (lwIP with our options, lwip-port, and
 * the applications under test), a NIC of memory instead of virtio, and a scripted peer that builds
 * its frames byte by byte. Time stands still unless the test moves it.
 *
 *     guest:  apps -> lwip-port -> lwIP -> netrig_vnet*.c
 *     peer:   netrig_peer.c, netrig_tcp.c
 *
 * A test program lists $(UNIT_NETRIG) among its sources and sets UNIT_LIBS_<name> to
 * $(UNIT_NETRIG_LIBS). Each test runs between rig_setup() and rig_teardown():
 *
 *     static void echo_returns_what_it_gets(void **state)
 *     {
 *         struct rig_tcp t;
 *         rig_tcp_connect(&t, 7);
 *         rig_tcp_send(&t, "hello", 5);
 *         assert_int_equal(rig_tcp_recv(&t, buf, 5, 1000), 5);
 *         rig_tcp_close(&t);
 *     }
 *     cmocka_unit_test_setup_teardown(echo_returns_what_it_gets, rig_setup, rig_teardown)
 *
 * Applications start listening in a setup of their own that calls rig_setup() first; they close
 * their listeners again before rig_teardown(), or leave that to it: it aborts whatever is left of
 * TCP and UDP, then fails the test if any pool of lwIP is not idle, if an allocation failed, or if
 * a buffer of the NIC is lost.
 *
 * Every frame from the guest is checked: lengths, checksums, our MAC addresses. ARP and neighbour
 * solicitations for the peer's addresses are answered by themselves. Memory is guarded: reading
 * past a frame, past a pbuf or after freeing one is an AddressSanitizer report (netrig_mem.c).
 */
#ifndef TESTS_SIM_NETRIG_H
#define TESTS_SIM_NETRIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "conf.h"

#define RIG_GUEST_IP  0x0a000202u /* 10.0.2.2/24, host byte order */
#define RIG_PEER_IP   0x0a000201u
#define RIG_FRAME_MAX 9100
#define RIG_NICS      4

extern const uint8_t rig_guest_mac[6], rig_peer_mac[6];
extern const uint8_t rig_peer_ip6[16]; /* link-local */

struct rig_frame {
    uint32_t len;
    uint8_t data[RIG_FRAME_MAX];
};

/* What a test may turn; reset by rig_setup(). */
struct rig {
    struct conf conf;                  /* what netport_init() got: static IPv4, IPv6 auto */
    uint64_t now_ns;                   /* the guest's clock */
    unsigned (*poll)(uint64_t now_ns); /* called each turn, e.g. apps_poll; NULL = nothing */
    uint32_t peer_wnd;                 /* what its TCP connections begin with, bytes */
    uint32_t peer_mss;                 /* that its SYNs announce; 0: what the MTU allows */
    bool peer_is_plain;   /* its SYNs carry no options: small MSS, windows below 64 KiB */
    bool watch_questions; /* ARP and neighbour solicitations are answered, and kept all the same */
    bool arp_silent;      /* the peer does not answer ARP and neighbour solicitations */
    unsigned hosts;       /* further addresses that the peer answers for, 1 to this */
    bool impersonated; /* the test forges segments of the peer's connections: numbers prove nothing
                        */
    bool (*filter)(const uint8_t *frame, uint32_t len); /* true: the frame from the guest is lost */
    uint64_t guest_frames;                              /* frames the guest sent */

    /* The NICs. */
    unsigned nic;         /* the one that the peer is on; 0 = the first */
    unsigned nics;        /* set before rig_start(); 1 */
    unsigned broken_nics; /* before these on the bus; set before rig_start(); 0 */
    bool second_stuck;    /* the second completes nothing */
    uint32_t mtu;         /* set before rig_start(); 0 = 1500 */
    bool link_up;
    bool tx_stuck;      /* the device completes nothing: the ring fills up */
    unsigned tx_ring;   /* buffers; CONFIG_TX_RING */
    bool rx_due;        /* what the driver was last told */
    uint64_t late_ns;   /* as if the loop had not been run for so long in all */
    bool silent;        /* the driver wants to know, once, whether somebody waits for frames, */
    bool asked;         /* and was told this */
    bool tx_csum;       /* the device completes checksums */
    bool tx_cuts;       /* and cuts large TCP segments */
    uint64_t tx_cut;    /* that it got so far */
    uint64_t tx_more;   /* frames of each stamp that it says it has sent, beside those it has */
    bool announce_due;  /* the device asks for an announcement */
    uint32_t rx_piece;  /* bytes of a receive buffer, of which a frame may take several; 0: any */
    uint8_t rx_offload; /* NETBUF_* of the frames that rig_inject() gets */
    unsigned rx_keep;   /* frames that the stack may keep; 0: none, all are copied */
    uint64_t rx_kept;   /* that it got to keep so far, or to consume at once */
    void (*meanwhile)(uint8_t *frame); /* what the device does to a frame that it has delivered,
                                          before the stack has a copy */
    uint16_t rx_csum_start, rx_csum_offset; /* of the same, with NETBUF_CSUM_PARTIAL */
};
extern struct rig rig;

/* cmocka's set-up and tear-down. rig_setup() brings the guest up with a static IPv4 address and
 * waits until its IPv6 link-local address is past duplicate detection. */
int rig_setup(void **state);
int rig_teardown(void **state);

/* The same with the test's own configuration: rig_prepare() sets the defaults in `rig`, the test
 * changes them, rig_start() brings the guest up. */
void rig_prepare(void);
void rig_start(void);

/* ---- frames and time ----------------------------------------------------------------------------
 */

/* Puts a frame on the guest's receive ring; it is looked at by the next turn. */
void rig_inject(const void *frame, uint32_t len);

/* The peer gets a frame as if the guest had sent it just now: one that a filter kept. */
void rig_deliver(uint8_t *frame, uint32_t len);

/* Turns until nobody has anything to say, with the clock standing still. */
void rig_pump(void);

/* Moves the clock by ms milliseconds, with turns in between: one a millisecond if rig.poll is set,
 * else one for each of the stack's timers. */
void rig_advance_ms(uint64_t ms);

/* The oldest frame from the guest that nothing of the peer below took; false if there is none. */
bool rig_next_frame(struct rig_frame *f);
void rig_drop_frames(void);

/* How many received frames the stack keeps in the NIC's buffers. */
unsigned rig_nic_held(void);

/* ---- building packets ---------------------------------------------------------------------------
 */

/* Builds Ethernet + IP + `proto` around `payload`, checksums right, from the peer to the guest.
 * Returns the frame's length. The IP payload starts at rig_ip_payload(v6). */
uint32_t rig_build_ip(uint8_t *frame, bool v6, uint8_t proto, const void *payload, uint32_t len);
uint32_t rig_build_udp(uint8_t *frame, bool v6, uint16_t sport, uint16_t dport, const void *data,
                       uint32_t len);
static inline uint32_t rig_ip_payload(bool v6)
{
    return v6 ? 14 + 40 : 14 + 20;
}
/* The same from another address of the subnet: 0 is the peer's own, up to 249. */
void rig_set_host(uint8_t *frame, uint32_t len, unsigned host);
uint16_t rig_sum(const void *data, uint32_t len,
                 uint32_t start);              /* folded, not inverted, big-endian */
void rig_fix_ip(uint8_t *frame);               /* IPv4 header checksum */
void rig_fix_l4(uint8_t *frame, uint32_t len); /* TCP, UDP, ICMP or ICMPv6 checksum */

/* ---- the peer's UDP -----------------------------------------------------------------------------
 */

void rig_udp_send(bool v6, uint16_t sport, uint16_t dport, const void *data, uint32_t len);

/* The oldest datagram from the guest to the peer's port, at most cap bytes of it; its length, or -1
 * if there is none. */
int rig_udp_recv(uint16_t port, void *data, uint32_t cap);

/* The same, and the guest's port that it came from. */
int rig_udp_recv_from(uint16_t port, uint16_t *from, void *data, uint32_t cap);

/* ---- the peer's TCP -----------------------------------------------------------------------------
 */

/* The guest announces windows in steps of so many bytes. */
#define WND_STEP (1u << CONFIG_TCP_WND_SHIFT)

/* A well-behaved endpoint with a window of a megabyte on a lossless link: receives in order,
 * acknowledges at once, retransmits what the guest dropped. A test that wants something rude sends
 * segments by rig_tcp_segment(). */
struct rig_tcp {
    bool v6;
    uint8_t host;          /* as in rig_set_host() */
    uint16_t lport, rport; /* the peer's, the guest's */
    uint32_t snd_una, snd_nxt, rcv_nxt;
    uint32_t guest_wnd; /* bytes the guest accepts beyond snd_una */
    uint8_t guest_scale;
    uint16_t mss;      /* what the guest announced */
    uint32_t wnd;      /* what the peer takes in before the test reads, bytes; may be changed */
    uint32_t rcv_edge; /* how far the guest may send */
    bool manual_ack;   /* received data is not acknowledged by itself */
    bool established, got_fin, got_rst, sent_fin;
    bool accepted; /* the guest opened it */
    uint8_t *rx;   /* received in order, not yet taken by rig_tcp_recv() */
    size_t rx_len, rx_cap;
    struct rig_tcp *next;
};

enum { RIG_FIN = 1, RIG_SYN = 2, RIG_RST = 4, RIG_PSH = 8, RIG_ACK = 16 };

/* The next connection of the peer comes from this port, and its data begins at sequence number
 * port * 64 KiB + 1. Each later one has the next port. */
void rig_tcp_from_port(uint16_t port);

/* Three-way handshake from a fresh port. False: refused or no answer within 5 s. rig_tcp_connect6()
 * goes over IPv6. */
bool rig_tcp_connect(struct rig_tcp *t, uint16_t port);
bool rig_tcp_connect6(struct rig_tcp *t, uint16_t port);

/* Only the SYN; the answer is handled when it comes. rig_tcp_syn_from() is another host's. */
void rig_tcp_syn(struct rig_tcp *t, bool v6, uint16_t port);
void rig_tcp_syn_from(struct rig_tcp *t, unsigned host, bool v6, uint16_t port);

/* The peer listens on that port: the guest's k-th connection to it, in the order of its SYNs, is
 * pool[k], and further ones are reset. */
void rig_tcp_listen(uint16_t port, struct rig_tcp *pool, unsigned n);

/* Sends all of data, within the guest's window; returns how much was acknowledged when 5 s passed
 * without progress or the guest reset the connection. */
size_t rig_tcp_send(struct rig_tcp *t, const void *data, size_t len);

/* Waits until len bytes have come, the guest closes, or timeout_ms passes; takes them. */
size_t rig_tcp_recv(struct rig_tcp *t, void *data, size_t len, uint64_t timeout_ms);

/* Sends FIN and takes part in closing until the guest has closed too or 5 s pass. The memory of t
 * is freed. */
void rig_tcp_close(struct rig_tcp *t);

/* Sends FIN only (half-close). */
void rig_tcp_fin(struct rig_tcp *t);

/* Sends RST; the memory of t is freed. */
void rig_tcp_abort(struct rig_tcp *t);

/* Forgets the connection without a word: the client is gone. */
void rig_tcp_forget(struct rig_tcp *t);

/* One segment, as told, through the connection's addresses. */
void rig_tcp_segment(struct rig_tcp *t, uint8_t flags, uint32_t seq, uint32_t ack, const void *data,
                     uint32_t len);

/* ---- what the guest said ------------------------------------------------------------------------
 */

/* The newest record with that event, "" if there was none; how many there were. */
const char *rig_record(const char *event);
unsigned rig_record_count(const char *event);

/* lwIP's pool with that name ("TCP_PCB"): its elements; how many are in use, were at most, and were
 * asked for in vain. */
unsigned rig_pool_size(const char *name);
unsigned rig_pool_used(const char *name);
unsigned rig_pool_max(const char *name);
unsigned rig_pool_failures(const char *name);

/* The names of all pools, NULL at the end. */
const char *const *rig_pool_names(void);

/* The pool has one element less from now on. NULL: none has. */
void rig_pool_shorten(const char *name);

/* Frames and bytes of the NIC's pools that are not free. */
unsigned rig_nic_busy(void);

#endif
