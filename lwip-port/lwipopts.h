// SPDX-License-Identifier: BSD-3-Clause
/*
 * lwIP's configuration: one context, raw API, no heap, and every pool as large as its worst case.
 *
 * The sizes follow from the admission limits in kernel/config.h. How many elements of each kind can
 * exist at once is derived at its pool; with these sizes no lwIP allocation can fail, and
 * MEMP_STATS counts the failures to prove it. What the bounds rest on:
 *
 *   - payload is written without TCP_WRITE_FLAG_COPY, from memory that stays unchanged until it is
 *     acknowledged; so a data segment is one small header pbuf and at least one PBUF_ROM
 *   - receive callbacks consume: an application keeps no pbuf after it returned, refuses none, and
 *     may queue at most one reply of its own per datagram
 *   - a packet waiting for ARP or ND is the only one that anybody holds across calls (one an entry)
 *   - transmit copies into driver buffers, or refers to constant memory, and keeps no pbuf
 */
#ifndef LWIP_PORT_LWIPOPTS_H
#define LWIP_PORT_LWIPOPTS_H

#include <assert.h>
#include "config.h"

/* ---- platform ----------------------------------------------------------------------------------
 */

#define NO_SYS                         1
#define SYS_LIGHTWEIGHT_PROT           0
#define LWIP_NETCONN                   0
#define LWIP_SOCKET                    0
#define MEM_ALIGNMENT                  8
#define LWIP_HOOK_FILENAME             "lwip_hooks.h"
#define LWIP_CHKSUM                    netport_chksum
#define LWIP_CHECKSUM_CTRL_PER_NETIF   1 /* some are left to the port and the device: ethif.c */
#define LWIP_PBUF_REF_T                unsigned short
#define LWIP_NETIF_TX_SINGLE_PBUF      0
#define LWIP_SUPPORT_CUSTOM_PBUF       1 /* received TCP payload stays where it is: ethif_held.h */
#define LWIP_DISABLE_TCP_SANITY_CHECKS 0

/* Declared here, since lwIP calls it under this name wherever LWIP_CHKSUM stands: the sum, in host
 * order and not inverted, of len bytes at any address. */
unsigned short netport_chksum(const void *data, int len);

/* ---- protocols ---------------------------------------------------------------------------------
 */

#define LWIP_IPV4       1
#define LWIP_IPV6       1
#define LWIP_ARP        1
#define LWIP_ICMP       1
#define LWIP_UDP        1
#define LWIP_TCP        1
#define LWIP_DHCP       1
#define LWIP_RAW        0
#define LWIP_DNS        0
#define LWIP_IGMP       0
#define LWIP_IPV6_MLD   1
#define LWIP_IPV6_DHCP6 0

/* Probing an address before use takes seconds [RFC 5227], and the server has probed it already. */
#define LWIP_ACD                 0
#define LWIP_DHCP_DOES_ACD_CHECK 0

/* Leases in seconds, 32 bits of them: lwIP's own minutes round a short one up to what is no longer
 * ours, and 16 bits of seconds end after 18 hours. Renewals are at least a minute apart
 * [RFC 2131, 4.4.5]. */
#define DHCP_COARSE_TIMER_SECS 1
#define DHCP_TIMEOUT_SIZE_T    u32_t
#define DHCP_DEFINE_CUSTOM_TIMEOUTS
#define DHCP_TICKS(res, offered)                                                                   \
    ((res) = (offered) > DHCP_COARSE_TIMER_SECS ? (offered) / DHCP_COARSE_TIMER_SECS : 1)
#define DHCP_SET_TIMEOUT_FROM_OFFERED_T0_LEASE(res, dhcp) DHCP_TICKS(res, (dhcp)->offered_t0_lease)
#define DHCP_SET_TIMEOUT_FROM_OFFERED_T1_RENEW(res, dhcp) DHCP_TICKS(res, (dhcp)->offered_t1_renew)
#define DHCP_SET_TIMEOUT_FROM_OFFERED_T2_REBIND(res, dhcp)                                         \
    DHCP_TICKS(res, (dhcp)->offered_t2_rebind)
#define DHCP_NEXT_TIMEOUT_THRESHOLD          (60 / DHCP_COARSE_TIMER_SECS)
#define DHCP_REQUEST_BACKOFF_SEQUENCE(tries) ((u16_t)(((tries) < 6 ? 1 << (tries) : 60) * 1000))

/* A traffic source needs no fragments, and a reassembly buffer is memory that strangers hold. */
#define IP_FRAG               0
#define IP_REASSEMBLY         0
#define LWIP_IPV6_FRAG        0
#define LWIP_IPV6_REASS       0
#define IP_FORWARD            0
#define LWIP_IPV6_FORWARD     0

#define LWIP_NETIF_LOOPBACK   0
#define LWIP_HAVE_LOOPIF      0
#define LWIP_NETIF_HOSTNAME   1
#define LWIP_NETIF_HWADDRHINT 1

/* One packet waits per unresolved neighbour; lwIP's longer queues have no bound per entry. */
#define ARP_TABLE_SIZE                 CONFIG_NEIGHBORS
#define ARP_QUEUEING                   0
#define LWIP_ND6_NUM_NEIGHBORS         CONFIG_NEIGHBORS
#define LWIP_ND6_NUM_DESTINATIONS      CONFIG_NEIGHBORS
#define LWIP_ND6_QUEUEING              0
#define ETHARP_SUPPORT_VLAN            0
#define ETHARP_TABLE_MATCH_NETIF       1

#define LWIP_IPV6_NUM_ADDRESSES        3 /* link-local, static or SLAAC, one more prefix */
#define LWIP_IPV6_AUTOCONFIG           1
#define LWIP_IPV6_SEND_ROUTER_SOLICIT  1
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS  1
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS 0

/* ---- TCP ---------------------------------------------------------------------------------------
 */

#define TCP_MSS                   (CONFIG_MTU_MAX - 40) /* IPv4; less where MTU or IPv6 ask for it */
#define LWIP_WND_SCALE            1
#define TCP_RCV_SCALE             CONFIG_TCP_WND_SHIFT
#define TCP_WND                   CONFIG_TCP_WND
#define TCP_SND_BUF               CONFIG_TCP_SND_BUF
#define TCP_SND_QUEUELEN          (2 * CONFIG_TCP_SND_SEGS) /* counts pbufs: header and payload */
#define TCP_SNDLOWAT              (2 * TCP_MSS + 1)
#define TCP_OVERSIZE              0 /* nothing is copied, so nothing is appended */
#define LWIP_TCP_TIMESTAMPS       0
#define LWIP_TCP_KEEPALIVE        1
#define LWIP_TCP_PCB_NUM_EXT_ARGS 1 /* a service bounds the window of its SYN-ACKs with it */
#define LWIP_TCP_SACK_OUT         1
#define LWIP_TCP_MAX_SACK_NUM     4

/* A window is announced by itself when so much of it has been consumed; else with what is
 * acknowledged. Smaller steps would be an acknowledgement for each frame of merged segments. */
#define TCP_WND_UPDATE_THRESHOLD (TCP_WND_MAX(pcb) / 4)

/* First retransmission after 1 s [RFC 6298]; lwIP's default is the older 3 s. */
#define LWIP_TCP_RTO_TIME 1000

/* lwIP counts retransmission times in ticks of twice this, and after the first measured round trip
 * none is below 3 ticks: 0.3 s, where its default of 250 ms makes it 1 s and more. Twelve of them,
 * each twice the one before up to 128 times the first, give a silent peer up after 4.5 minutes
 * [RFC 9293 3.8.3: at least 100 s]. */
#define TCP_TMR_INTERVAL 50

/* TIME_WAIT lasts two of these. Its purpose is that no segment of an old connection meets a new one
 * of the same ports; on the links that this guest is made for a segment lives for milliseconds, and
 * a thousand short connections have to give their control blocks back within seconds. */
#define TCP_MSL 1000UL

/* Half-open connections are bounded by the backlog of each listener. */
#define TCP_LISTEN_BACKLOG         1
#define TCP_DEFAULT_LISTEN_BACKLOG CONFIG_BACKLOG

/* Out of order: each connection's own share, and as much more as the shared part of the pool has
 * left. The byte limit only has to be there; frames are what costs memory. */
#define TCP_QUEUE_OOSEQ            1
#define TCP_OOSEQ_MAX_BYTES        CONFIG_TCP_WND
#define TCP_OOSEQ_MAX_PBUFS        CONFIG_OOSEQ_OWN
#define TCP_OOSEQ_PBUFS_LIMIT(pcb) netport_ooseq_limit(pcb)

/* How many out-of-order pbufs a connection may keep now. */
struct tcp_pcb;
unsigned short netport_ooseq_limit(const struct tcp_pcb *pcb);

#define LWIP_HOOK_TCP_ISN netport_tcp_isn

/* A frame of merged segments counts as the several it is; what is received together is acknowledged
 * together (acks.h). */
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, hdr, optlen, opt1len, opt2, p) netport_tcp_in((pcb), (p))

/* A TCP segment may be larger than the MSS, for the device or ethif_tx.c to cut: then its first
 * pbuf says what the MSS is. */
#define LWIP_PBUF_CUSTOM_DATA         u16_t tcp_mss;
#define LWIP_PBUF_CUSTOM_DATA_INIT(p) ((p)->tcp_mss = 0)
#define LWIP_HOOK_TCP_OUT_ADD_TCPOPTS(p, hdr, pcb, opts)                                           \
    (netport_tcp_out((pcb), (p), (hdr)), (opts))

/* An address that no host can have is not taken, whoever offers it. */
#define LWIP_HOOK_DHCP_LEASE netport_dhcp_lease

/* ---- pools -------------------------------------------------------------------------------------
 */

#define MEMP_MEM_MALLOC               0
#define MEM_LIBC_MALLOC               0
#define MEM_USE_POOLS                 1
#define MEMP_USE_CUSTOM_POOLS         1
#define MEM_USE_POOLS_TRY_BIGGER_POOL 1

#define MEMP_NUM_TCP_PCB              CONFIG_TCP_CONN
#define MEMP_NUM_TCP_PCB_LISTEN       CONFIG_LISTENERS
/* The services' ports and a STAMP sender's; one for each stream of iperf3 clients; one for the DHCP
 * clients of all NICs. */
#define MEMP_NUM_UDP_PCB (CONFIG_UDP_PORTS + CONFIG_IPERF_STREAM + 1)

/* Frames held while their neighbour is unknown: one an entry, in each of the two tables. */
#define STACK_PENDING (2 * CONFIG_NEIGHBORS)

/* Pbufs that one received frame takes: any, and the packet in one of merged TCP segments. */
#define PBUF_POOL_BUFSIZE 1536 /* a whole frame of an MTU of 1500 */
#define STACK_FRAME_PBUFS ((CONFIG_MTU_MAX + 18 + PBUF_POOL_BUFSIZE - 1) / PBUF_POOL_BUFSIZE)
#define STACK_TCP_PBUFS                                                                            \
    (CONFIG_RX_BIG > 0 ? (65535 + PBUF_POOL_BUFSIZE - 1) / PBUF_POOL_BUFSIZE : STACK_FRAME_PBUFS)

/* Out of order, over all connections. netport_ooseq_limit() lets a connection grow beyond its own
 * share only while less than the shared part of the pool is in use: at worst one connection has
 * taken that, and every other one has its own share. The limit is enforced after each insertion,
 * so the frame in hand comes on top. */
#define STACK_OOSEQ (CONFIG_OOSEQ_SHARED - 1 + (CONFIG_TCP_CONN - 1) * CONFIG_OOSEQ_OWN)

/* Those out of order, those waiting for a neighbour, which are never TCP, the frame in hand.
 * Payload that stays where the device put it takes none of them, and counts as if it did. */
#define PBUF_POOL_SIZE (STACK_OOSEQ + STACK_PENDING * STACK_FRAME_PBUFS + STACK_TCP_PBUFS)

/* Sending: data segments, of at least two pbufs each; the rest of one that was split for a small
 * window while the queue was full (patch 0017: only then); a FIN. Receiving: each out-of-order pbuf
 * may be a segment of its own, and so may the frame in hand. */
#define STACK_TCP_TX_SEGS (CONFIG_TCP_SND_SEGS + 2)
#define MEMP_NUM_TCP_SEG  (CONFIG_TCP_CONN * STACK_TCP_TX_SEGS + STACK_OOSEQ + 1)

/* Payload references. One segment may be all of a queue: a header and, for the rest, references. A
 * split cuts one in two, and for a moment there are two of all but the bytes in front. A neighbour
 * that is unknown may hold such a segment when its connection has forgotten it. */
#define STACK_TCP_TX_REFS TCP_SND_QUEUELEN
#define MEMP_NUM_PBUF                                                                              \
    (CONFIG_TCP_CONN * STACK_TCP_TX_REFS + STACK_TCP_TX_REFS - 2 +                                 \
     STACK_PENDING * (STACK_TCP_TX_REFS - 1))

/* Headers of segments that are queued; packets without payload, or headers, that wait for a
 * neighbour; and one more in hand: the packet that replaces a waiting one, or the question for the
 * address that the last one needs. */
#define STACK_SMALL_NUM (CONFIG_TCP_CONN * STACK_TCP_TX_SEGS + STACK_PENDING + 1)

/* Up to a TCP header with four SACK blocks, and every ARP, ND and MLD message. */
#define STACK_SMALL_BYTES 144

/* Whole packets that wait for a neighbour: over IPv6 echo replies and errors, over IPv4 each NIC's
 * request to its DHCP server (what else is answered there goes back in the buffer that it came in);
 * and the one in hand. */
#define STACK_LARGE_NUM   (CONFIG_NEIGHBORS + CONFIG_NICS + 1)
#define STACK_LARGE_BYTES (32 + 80 + CONFIG_MTU_MAX + 8) /* struct pbuf, headers, data */

/* Solicited-node groups: link-local and SLAAC addresses end in the same bytes, a static one in its
 * own. */
#define MEMP_NUM_MLD6_GROUP (2 * CONFIG_NICS)
#define MEMP_NUM_RAW_PCB    0

static_assert(TCP_SND_QUEUELEN % 2 == 0, "a queue of headers and references, in pairs");
static_assert(CONFIG_OOSEQ_SHARED > CONFIG_OOSEQ_OWN, "the worst is one connection with all of it");
static_assert(MEMP_NUM_TCP_SEG < 65536, "lwIP counts a pool's elements in 16 bits");
static_assert(MEMP_NUM_PBUF < 65536, "lwIP counts a pool's elements in 16 bits");
static_assert(STACK_SMALL_NUM < 65536, "lwIP counts a pool's elements in 16 bits");
static_assert(PBUF_POOL_SIZE < 65536, "lwIP counts a pool's elements in 16 bits");
static_assert(STACK_LARGE_BYTES < 65536, "lwIP counts an element's bytes in 16 bits");
static_assert(CONFIG_BACKLOG < 256, "lwIP counts a backlog in 8 bits");
static_assert(CONFIG_NEIGHBORS < 128, "lwIP numbers neighbours in 7 bits");
static_assert(CONFIG_TCP_WND <= (0xffff << TCP_RCV_SCALE), "the window field has 16 bits");

/* ---- statistics: the evidence ------------------------------------------------------------------
 */

#define LWIP_STATS          1
#define LWIP_STAT_COUNTER   unsigned long long /* 64 bits */
#define LWIP_STAT_COUNTER_F "llu"
#define LWIP_STATS_DISPLAY  0
#define MEM_STATS           0 /* its pools are counted one by one */
#define MEMP_STATS          1
#define MIB2_STATS          1

#endif
