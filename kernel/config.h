// SPDX-License-Identifier: BSD-3-Clause
/*
 * Every compile-time number, in one place: the ledger.
 *
 * First the admission limits, which are choices; then the sizes, which follow from them. Work
 * beyond a limit is refused at the door, work within it fits by construction; the static_asserts at
 * the end and beside the pools prove it. `LEAN` is the same ledger with smaller choices, for a
 * guest of 6 MiB.
 */
#ifndef KERNEL_CONFIG_H
#define KERNEL_CONFIG_H

#include <assert.h>

#define CONFIG_VERSION "0.1.0"

/* ---- choices ----------------------------------------------------------------------------------
 */

#ifdef LEAN
#define CONFIG_NICS          1
#define CONFIG_MTU_MAX       1500 /* bytes of an IP packet; also the most `mtu=` accepts */
#define CONFIG_RX_RING       128  /* descriptors; the device may offer fewer */
#define CONFIG_TX_RING       128
#define CONFIG_RING_MAX      256 /* memory for rings; a legacy device says how long they are */
#define CONFIG_RX_BIG        0
#define CONFIG_IPERF_SESSION 4
#define CONFIG_IPERF_STREAM  64 /* streams of all sessions together, each direction counts */
#define CONFIG_IPERF_PENDING 8  /* connections before their cookie; the oldest gives way */
#define CONFIG_HTTP_CONN     8
#define CONFIG_ECHO_CONN     8 /* echo, discard and chargen connections together */
#define CONFIG_RELAYS        1 /* ports whose connections are carried on */
#define CONFIG_RELAY_CONN    2 /* connections of all of them; each has a second one behind it */
#define CONFIG_BACKLOG       6 /* half-open connections per listener */
#define CONFIG_TCP_SND_BUF   65536
#define CONFIG_TCP_SND_SEGS  45
#define CONFIG_TCP_WND       65536
#define CONFIG_OOSEQ_SHARED  128
#define CONFIG_NEIGHBORS     16
#define CONFIG_ECHO_RING     4096
#define CONFIG_RELAY_RING    4096
#define CONFIG_HTTP_INPUT    4096
#define CONFIG_HTTP_TEXTS    2
#define CONFIG_SINK_RUNS     2
#define CONFIG_SINK_BLOCKS   3
#define CONFIG_SINK_BITS_A   4096
#define CONFIG_SINK_BITS_B   256
#define CONFIG_FLOOD_RECENT  4096
#else
#define CONFIG_NICS          4
#define CONFIG_MTU_MAX       9000
#define CONFIG_RX_RING       1024
#define CONFIG_TX_RING       256
#define CONFIG_RING_MAX      1024
#define CONFIG_RX_BIG        256 /* ring of buffers for frames of 64 KiB, of one NIC; 0: none */
#define CONFIG_IPERF_SESSION 8
#define CONFIG_IPERF_STREAM  272 /* -P 128 --bidir is 256, and one -P 8 --bidir client beside it */
#define CONFIG_IPERF_PENDING 16
#define CONFIG_HTTP_CONN     32
#define CONFIG_ECHO_CONN     32
#define CONFIG_RELAYS        2
#define CONFIG_RELAY_CONN    8
#define CONFIG_BACKLOG       16
#define CONFIG_TCP_SND_BUF   524288  /* bytes a connection may have queued and unacknowledged */
#define CONFIG_TCP_SND_SEGS  59      /* the same in segments; 86 KB at a 1460-byte MSS */
#define CONFIG_TCP_WND       1048576 /* receive window, bytes; a sink frees it in the callback */
#define CONFIG_OOSEQ_SHARED  2048    /* out-of-order frames beyond each connection's own share */
#define CONFIG_NEIGHBORS     32      /* ARP entries, and as many IPv6 neighbours */
#define CONFIG_ECHO_RING     16384   /* bytes an echo connection may have on the way; its window */
#define CONFIG_RELAY_RING    65536   /* the same, each way of a relayed connection */
#define CONFIG_HTTP_INPUT    16384   /* bytes of further requests kept while one is answered */
#define CONFIG_HTTP_TEXTS    4       /* answers such as /stats that are on their way at once */
#define CONFIG_SINK_RUNS     4       /* runs of test frames that are counted apart at once */
#define CONFIG_SINK_BLOCKS   255     /* of flows beyond each run's first; one run of 65,536 flows */
#define CONFIG_SINK_BITS_A   32768   /* window of each of a run's first flows, in frames, */
#define CONFIG_SINK_BITS_B   2048    /* of each other one of its first block */
#define CONFIG_FLOOD_RECENT  65536   /* frames of a flood of which it is known how late they left */
#endif

/* Flows are kept in blocks: of a run's first one CONFIG_SINK_FIRST have the large window, since a
 * run of few flows has many frames of each on the way; flows of further blocks have the small one.
 */
#define CONFIG_SINK_BLOCK  256
#define CONFIG_SINK_FIRST  16
#define CONFIG_SINK_BITS_C 128

/* STAMP sessions whose answers are numbered apart. */
#define CONFIG_STAMP_SESSIONS 16

/* A run of test frames of which nothing came for so long is over. */
#define CONFIG_SINK_IDLE_MS 3000

/* HTTP: the longest request line and header fields together, the longest target in them, and the
 * room for an answer that is written as text: as much as the same object takes as a record. */
#define CONFIG_HTTP_HEAD_MAX   8192
#define CONFIG_HTTP_TARGET_MAX 256
#define CONFIG_HTTP_TEXT_BYTES CONFIG_RECORD_MAX

/* The longest body that is read, a job's parameters: twice what can be said of one. */
#define CONFIG_HTTP_BODY_MAX 2048

/* A request has to be complete up to its body within this time, whatever trickles in; and a
 * connection of any small service on which nothing moves for the longer one, or whose peer takes
 * nothing of what is sent, is given up, so that a peer that vanished does not keep its place. */
#define CONFIG_HTTP_HEAD_MS 10000
#define CONFIG_IDLE_MS      120000

/* A relay's target has to have answered within this time: its SYN may be lost twice in a row (lwIP
 * sends it again after 1 and 2 s), and 7 s are left for the answer. */
#define CONFIG_RELAY_CONNECT_MS 10000

/* An answer that is written as text has to be acknowledged within this time, whatever trickles out:
 * 16 KiB in 10 s are 13 kbit/s, below any network that the guest is put on, and a segment may be
 * lost three times in a row (lwIP sends it again after 1, 2 and 4 s). */
#define CONFIG_HTTP_TEXT_MS 10000

/* Jobs that run at once; those that are over are remembered until their places are needed. */
#define CONFIG_JOBS 4

/* Kinds of refusals (what and why) that are counted apart. */
#define CONFIG_REFUSAL_KINDS 32

/* TCP windows are announced in steps of 2^this bytes, so the largest is 2 MiB. */
#define CONFIG_TCP_WND_SHIFT 5

/* Out-of-order frames that a connection can keep whatever the others do. */
#define CONFIG_OOSEQ_OWN 4

/* Entries of a control queue, of which one command at a time takes two; a legacy device says how
 * many there are. */
#define CONFIG_CTRL_RING 64

/* Frames handled per direction in one turn of the main loop: large enough to spread one doorbell
 * over many frames, small enough that timers, control and log get their turn within 1 ms. */
#define CONFIG_RX_BATCH 64

/* Frames of a NIC that the stack may keep where the device put them; any other is copied. They are
 * of the spares that a batch needs, so the batches become smaller meanwhile, by half at most. */
#define CONFIG_RX_HELD (CONFIG_RX_BATCH / 2)

/* Segments that the senders of all receiving iperf3 streams together may have on their way to us. A
 * tap queues 1000 frames before it drops some, and among these are the acknowledgements of what we
 * send: data alone never fills it. Of 128 streams each gets 5. */
#define CONFIG_IPERF_FLIGHT 704
/* The smallest ring of big buffers, where there are as many NICs as there may be: a quarter of it
 * is in spares, and what that batch holds is as much as a full ring of 2 KiB buffers. */
#define CONFIG_RX_BIG_MIN 64

/* Transmit buffers that only small frames (ARP, ICMP, pure ACKs, SYNs) may take, so that control
 * answers while bulk data fills the ring. */
#define CONFIG_TX_RESERVE     16
#define CONFIG_TX_SMALL_BYTES 256

/* A doorbell is repeated this often while descriptors are outstanding: a lost kick costs at most
 * this, and a stall is noticed within 250 ms even if one heartbeat just missed it. */
#define CONFIG_HEARTBEAT_MS 100

/* A fault that is ordered while the guest runs is over within this time. */
#define CONFIG_FAULT_ORDER_MS 600000

/* The longest the loop sleeps, whatever it waits for. */
#define CONFIG_SLEEP_MAX_MS 10

/* Out of work the loop looks again for this long before it sleeps, where no more than so many bytes
 * came and went since the last time, which was no longer ago: a request and its answer, each in a
 * small frame. */
#define CONFIG_LINGER_US    100
#define CONFIG_LINGER_BYTES 1024

/* Console: room for 64 KiB of text not yet drained; one record is at most CONFIG_RECORD_MAX: the
 * statistics of all NICs, with every refusal and with counters of 20 digits. */
#define CONFIG_CONSOLE_RING 65536
#define CONFIG_RECORD_MAX   (CONFIG_NICS > 1 ? 24576 : 16384)

/* Listeners: iperf3, echo, discard, chargen, http, relays; one each, for IPv4 and IPv6 together. */
#define CONFIG_LISTENERS (5 + CONFIG_RELAYS)

/* UDP ports: iperf3 (one for all streams), echo, discard, chargen, STAMP; a STAMP sender's. */
#define CONFIG_UDP_PORTS 6

/* ---- consequences -----------------------------------------------------------------------------
 */

/* A buffer holds the virtio-net header (12 bytes) and the largest frame: MTU + Ethernet header +
 * one VLAN tag, rounded up to whole cache lines. 2048 for an MTU of up to 2018. A big one holds
 * what a device can merge TCP segments into: the largest IPv6 packet, whose length does not count
 * its header of 40 bytes [virtio 5.1.6.3.1]. */
#define CONFIG_FRAME_BYTES(mtu) (12 + (mtu) + 14 + 4)
#define CONFIG_BUF_BYTES_STD    2048
#define CONFIG_BUF_BYTES_BIG    ((CONFIG_FRAME_BYTES(40 + 65535) + 63) / 64 * 64)
#define CONFIG_BUF_BYTES_MAX                                                                       \
    (CONFIG_MTU_MAX <= 2018 ? 2048 : (CONFIG_FRAME_BYTES(CONFIG_MTU_MAX) + 63) / 64 * 64)

/* Beside each buffer and each ring, to see whether a device writes beyond its place: a cache line,
 * so that buffers stay aligned to lines. */
#define CONFIG_GUARD_BYTES 64

/* Receive pools: every ring slot full, and spares for a batch. One arena, which is divided among
 * the NICs there are and carved at bring-up into buffers of the size that the agreed features and
 * MTU need (drivers/virtio_net_bufs.c). Enough for CONFIG_RX_BIG big buffers and a batch of spares
 * in one NIC's ring, or for the full ring of 2 KiB buffers in every NIC's. */
#define CONFIG_RX_BUFS                                                                             \
    (CONFIG_RX_BIG > 0 ? CONFIG_RX_BIG + CONFIG_RX_BATCH                                           \
                       : CONFIG_NICS * (CONFIG_RX_RING + CONFIG_RX_BATCH))
#define CONFIG_RX_BUF_BYTES (CONFIG_RX_BIG > 0 ? CONFIG_BUF_BYTES_BIG : CONFIG_BUF_BYTES_STD)
/* A guard for each buffer of the largest MTU that lies where one of these could. */
#define CONFIG_RX_UNIT                                                                             \
    (CONFIG_RX_BUF_BYTES + CONFIG_RX_BUF_BYTES / CONFIG_BUF_BYTES_MAX * CONFIG_GUARD_BYTES)
#define CONFIG_RX_ARENA (CONFIG_RX_BUFS * CONFIG_RX_UNIT + CONFIG_NICS * CONFIG_GUARD_BYTES)

/* Transmit pool: one buffer per ring slot, any size. */
#define CONFIG_TX_BUFS CONFIG_TX_RING
#define CONFIG_TX_ARENA                                                                            \
    (CONFIG_TX_BUFS * (CONFIG_BUF_BYTES_MAX + CONFIG_GUARD_BYTES) + CONFIG_GUARD_BYTES)

/* Payload bytes of the largest TCP segment that is left to a device to cut: with up to 74 bytes of
 * headers it is a packet whose length has 16 bits; and four of them fit the send buffer, so that
 * some are on their way while the next one is written. */
#define CONFIG_TCP_CUT (CONFIG_TCP_SND_BUF / 4 < 65535 - 74 ? CONFIG_TCP_SND_BUF / 4 : 65535 - 74)

/* The constant payload: it repeats after a period, and the bytes of the largest segment follow each
 * place of that. */
#define CONFIG_PATTERN_PERIOD 65536
#define CONFIG_PATTERN_BYTES  (CONFIG_PATTERN_PERIOD + (CONFIG_TCP_CUT + 63) / 64 * 64)

/* TCP connections: everything admitted, and every listener's half-open ones. Closing connections
 * have the lowest priority and are recycled by the stack when a new one needs their place. */
#define CONFIG_TCP_CONN                                                                            \
    (CONFIG_IPERF_STREAM + CONFIG_IPERF_SESSION + CONFIG_IPERF_PENDING + CONFIG_HTTP_CONN +        \
     CONFIG_ECHO_CONN + 2 * CONFIG_RELAY_CONN + CONFIG_LISTENERS * CONFIG_BACKLOG)

static_assert((CONFIG_RX_RING & (CONFIG_RX_RING - 1)) == 0, "split rings are powers of two");
static_assert((CONFIG_TX_RING & (CONFIG_TX_RING - 1)) == 0, "split rings are powers of two");
static_assert(CONFIG_RX_RING <= CONFIG_RING_MAX && CONFIG_TX_RING <= CONFIG_RING_MAX, "memory");
static_assert(CONFIG_TX_RESERVE < CONFIG_TX_RING, "bulk data needs slots too");
static_assert(CONFIG_RECORD_MAX < CONFIG_CONSOLE_RING, "a record must fit the console's ring");

#endif
