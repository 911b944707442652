// SPDX-License-Identifier: BSD-3-Clause
/*
 * Frames from the wire against the stack with our options, and against the services behind it.
 *
 * The input is a byte that says whether the guest has an address or asks DHCP for one, then a list
 * of deeds of a peer: one byte that says which (enum deed), two that give a length or a number,
 * then bytes. Checksums are mended where they would only hide what lies behind them. What must hold
 * stands at fuzz_rig_end(): whatever came, the guest goes on answering.
 */
#include <string.h>
#include "fuzz_rig.h"
#include "netbuf.h"
#include "netrig_priv.h"

enum deed {
    RAW,      /* n bytes: a frame as it is */
    TO_US,    /* n bytes: behind our Ethernet addresses */
    IP4,      /* protocol, n bytes: with a right header and a right checksum */
    IP6,      /* the same */
    IP4_ANY,  /* n bytes: an IPv4 packet whose header checksum is mended */
    UDP,      /* port, n bytes */
    TCP_OPEN, /* port */
    TCP,     /* flags, sequence, acknowledgement (relative), n bytes on a connection that is open */
    TCP_ANY, /* n bytes: a segment with header and options, to the open connection's ports */
    DHCP,    /* n bytes: an answer to the guest's last DHCP message, with these options */
    TIME,    /* n milliseconds */
    STATE,   /* bits: link, transmission stuck, peer deaf to ARP */
    CSUM,    /* frames from now on have a checksum that is yet to be finished, see inject() */
    TCP_ROW, /* flags, length, n bytes: one of them changed in one place if n says so, see row() */
    DEEDS,
};

static const uint16_t ports[] = {5201, 7, 9, 19, 80, 68, 546, 1};

static struct rig_tcp conn;
static bool conn_used;
static uint8_t dhcp_xid[4];
static uint16_t csum; /* from the lowest: 8 bits of a place to begin, 6 of an offset, merged, on */

static void inject(const uint8_t *frame, uint32_t len)
{
    rig.rx_csum_start = csum & 0xff;
    rig.rx_csum_offset = csum >> 8 & 0x3f;
    /* the driver drops what has no Ethernet header, and looks for such a place in the frame */
    if (csum & 0x8000 && rig.rx_csum_start + rig.rx_csum_offset + 2u <= len)
        rig.rx_offload = (uint8_t)(NETBUF_CSUM_PARTIAL | (csum & 0x4000 ? NETBUF_MERGED : 0));
    if (len >= 14)
        rig_inject(frame, len);
    rig.rx_offload = 0;
    rig_pump();
}

static void ip_any(uint8_t *frame, const uint8_t *p, size_t n)
{
    memcpy(frame, rig_guest_mac, 6);
    memcpy(frame + 6, rig_peer_mac, 6);
    frame[12] = 0x08;
    frame[13] = 0x00;
    memcpy(frame + 14, p, n);
    if (n >= 20 && (frame[14] & 15u) * 4 <= n && (frame[14] & 15u) >= 5)
        rig_fix_ip(frame);
    inject(frame, (uint32_t)(14 + n));
}

static void tcp_any(uint8_t *frame, const uint8_t *p, size_t n)
{
    uint8_t tcp[2048] = {0};

    if (n > sizeof(tcp) || n < 20)
        return;
    memcpy(tcp, p, n);
    if (conn_used) {
        tcp[0] = (uint8_t)(conn.lport >> 8);
        tcp[1] = (uint8_t)conn.lport;
        tcp[2] = (uint8_t)(conn.rport >> 8);
        tcp[3] = (uint8_t)conn.rport;
        tcp[4] = (uint8_t)(conn.snd_nxt >> 24);
        tcp[5] = (uint8_t)(conn.snd_nxt >> 16);
        tcp[6] = (uint8_t)((conn.snd_nxt >> 8) + tcp[6]);
    }
    inject(frame, rig_build_ip(frame, conn_used && conn.v6, 6, tcp, (uint32_t)n));
}

/* Looks at what the guest sends, for the number of its DHCP request; loses nothing. */
static bool look(const uint8_t *frame, uint32_t len)
{
    if (len >= 50 && frame[12] == 0x08 && frame[23] == 17 && frame[36] == 0 && frame[37] == 67)
        memcpy(dhcp_xid, frame + 46, 4);
    return false;
}

static void dhcp(uint8_t *frame, const uint8_t *options, size_t n)
{
    uint8_t m[1500] = {2, 1, 6};

    memcpy(m + 4, dhcp_xid, 4);
    memcpy(m + 16, (const uint8_t[]){10, 0, 2, 2}, 4);
    memcpy(m + 28, rig_guest_mac, 6);
    memcpy(m + 236, (const uint8_t[]){0x63, 0x82, 0x53, 0x63}, 4);
    if (n > 1024)
        n = 1024;
    memcpy(m + 240, options, n);
    inject(frame, rig_build_udp(frame, false, 67, 68, m, (uint32_t)(240 + n)));
}

/* 16 bits around a number of 32. */
static uint32_t near_to(uint32_t base, uint16_t by)
{
    return by < 0x8000 ? base + by : base - (0x10000u - by);
}

static void tcp_deed(struct input *in, uint16_t n)
{
    uint8_t flags = in_u8(in);
    uint16_t seq = in_u16(in), ack = in_u16(in);
    size_t len = n % 1460;
    const uint8_t *p = in_bytes(in, &len);

    if (!conn_used)
        return;
    rig_tcp_segment(&conn, flags, near_to(conn.snd_nxt, seq), near_to(conn.rcv_nxt, ack), p,
                    (uint32_t)len);
    rig_pump();
}

/* Segments that lie in the ring together, each behind the one before, as they may be merged. Of one
 * of them a byte of its headers is another: by, at and which of them are the first bytes of p; of
 * what n & 0x800 says its checksums are right nevertheless. */
static void row(uint16_t n, const uint8_t *p, size_t len)
{
    static uint8_t tcp[20 + 600];
    uint8_t frame[14 + 40 + sizeof(tcp)];
    const uint32_t bytes = 200 + n % 400;

    if (!conn_used || len < 3)
        return;
    memset(tcp, 0, 20);
    rig_put16(tcp, conn.lport);
    rig_put16(tcp + 2, conn.rport);
    tcp[12] = 5 << 4;
    tcp[13] = RIG_ACK;
    rig_put32(tcp + 8, conn.rcv_nxt);
    rig_put16(tcp + 14, 1000);
    memcpy(tcp + 20, p, len < 600 ? len : 600);
    for (unsigned i = 0; i < 6; i++) {
        rig_put32(tcp + 4, conn.snd_nxt + i * bytes);
        const uint32_t total = rig_build_ip(frame, conn.v6, 6, tcp, 20 + bytes);
        if (i == p[2] % 8) {
            frame[p[1] % 80] ^= p[0];
            if (n & 0x800 && !conn.v6)
                rig_fix_ip(frame);
            if (n & 0x800)
                rig_fix_l4(frame, total);
        }
        rig_inject(frame, total);
    }
    rig_pump();
}

static void open_conn(uint16_t n)
{
    if (conn_used)
        rig_tcp_forget(&conn);
    rig_tcp_syn(&conn, n & 0x100, ports[n % 8]);
    rig_pump();
    conn_used = true;
}

static void act(struct input *in)
{
    uint8_t frame[RIG_FRAME_MAX] = {0}, deed = in_u8(in) % DEEDS, proto;
    uint16_t n = in_u16(in);
    size_t len = n & 0x7ff;
    const uint8_t *p;

    switch (deed) {
    case RAW:
        p = in_bytes(in, &len);
        inject(p, (uint32_t)len);
        break;
    case TO_US:
        p = in_bytes(in, &len);
        memcpy(frame, rig_guest_mac, 6);
        memcpy(frame + 6, rig_peer_mac, 6);
        memcpy(frame + 12, p, len);
        inject(frame, (uint32_t)(12 + len));
        break;
    case IP4:
    case IP6:
        proto = in_u8(in);
        p = in_bytes(in, &len);
        inject(frame, rig_build_ip(frame, deed == IP6, proto, p, (uint32_t)len));
        break;
    case IP4_ANY:
        p = in_bytes(in, &len);
        ip_any(frame, p, len);
        break;
    case UDP:
        proto = in_u8(in);
        p = in_bytes(in, &len);
        rig_udp_send(proto & 0x80, proto & 0x40 ? 67 : 30000, ports[proto & 7], p, (uint32_t)len);
        rig_pump();
        break;
    case TCP_OPEN:
        open_conn(n);
        break;
    case TCP:
        tcp_deed(in, n);
        break;
    case TCP_ANY:
        p = in_bytes(in, &len);
        tcp_any(frame, p, len);
        break;
    case DHCP:
        p = in_bytes(in, &len);
        dhcp(frame, p, len);
        break;
    case TIME:
        fuzz_rig_pass(n % 700);
        break;
    case STATE:
        rig.link_up = !(n & 1);
        rig.tx_stuck = n & 2;
        rig.arp_silent = n & 4;
        break;
    case CSUM:
        csum = n;
        break;
    case TCP_ROW:
        p = in_bytes(in, &len);
        row(n, p, len);
        break;
    }
    rig_drop_frames();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};

    memset(dhcp_xid, 0, sizeof(dhcp_xid));
    conn_used = false;
    csum = 0;
    fuzz_rig_begin(in_u8(&in) & 1);
    rig.filter = look;
    if (rig.conf.net[0].ip_mode == CONF_IP_AUTO)
        rig_advance_ms(2500); /* it asks again */
    while (in.left > 0)
        act(&in);
    if (conn_used)
        rig_tcp_forget(&conn);
    fuzz_rig_end();
    return 0;
}
