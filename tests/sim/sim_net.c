// SPDX-License-Identifier: BSD-3-Clause
/*
 * What makes the simulated device a network device: which features need which, the header in front
 * of each frame, the size of receive buffers. Written from the specification's text [5.1.3, 5.1.6].
 */
#include "sim.h"

#include <string.h>

#define NEEDS_CSUM 1

enum { GSO_TCPV4 = 1, GSO_TCPV6 = 4 };
enum { ETH_BYTES = 14, IP4_BYTES = 20, IP6_BYTES = 40, TCP_BYTES = 20, TCP_CSUM = 16 };

/* Byte offsets in the header. */
enum {
    H_FLAGS,
    H_GSO_TYPE,
    H_HDR_LEN,
    H_GSO_SIZE = 4,
    H_CSUM_START = 6,
    H_CSUM_OFFSET = 8,
    H_NUM_BUFFERS = 10
};

void sim_check_dependencies(const struct sim_nic *n)
{
    static const struct {
        uint64_t bit, any;
    } needs[] = {
        {SIM_F_GUEST_TSO4, SIM_F_GUEST_CSUM},
        {SIM_F_GUEST_TSO6, SIM_F_GUEST_CSUM},
        {SIM_F_GUEST_ECN, SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6},
        {SIM_F_HOST_TSO4, SIM_F_CSUM},
        {SIM_F_HOST_TSO6, SIM_F_CSUM},
        {SIM_F_CTRL_RX, SIM_F_CTRL_VQ},
        {SIM_F_GUEST_ANNOUNCE, SIM_F_CTRL_VQ},
        {SIM_F_MQ, SIM_F_CTRL_VQ},
    };

    for (unsigned i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
        if (n->accepted & needs[i].bit && !(n->accepted & needs[i].any))
            sim_breach("5.1.3.1", "accepts 0x%llx without any of 0x%llx",
                       (unsigned long long)needs[i].bit, (unsigned long long)needs[i].any);
}

/* Bytes behind the header. */
uint32_t sim_rx_min(const struct sim_nic *n)
{
    if (n->accepted & SIM_F_MRG_RXBUF)
        return 0;
    return n->accepted & (SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6) ? 65550 : 1514;
}

static unsigned be16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

/* What a device that cuts relies on: the headers are those that the type names, the packet ends
 * where the frame does, the checksum is TCP's, and all that has to be repeated is within hdr_len.
 */
static const char *cut_fault(const uint8_t *h, const uint8_t *frame, uint32_t have, uint32_t len)
{
    bool ip6 = h[H_GSO_TYPE] == GSO_TCPV6;
    uint32_t l4 = ETH_BYTES + (ip6 ? IP6_BYTES : IP4_BYTES), headers;

    if (have < l4 + TCP_BYTES || be16(frame + 12) != (ip6 ? 0x86dd : 0x0800))
        return "a type that its packet is not of";
    if (frame[ETH_BYTES + (ip6 ? 6 : 9)] != 6)
        return "no TCP";
    if ((ip6 ? l4 + be16(frame + ETH_BYTES + 4) : ETH_BYTES + be16(frame + ETH_BYTES + 2)) != len)
        return "a packet of another length than its frame";
    headers = l4 + 4u * (frame[l4 + 12] >> 4);
    if (sim_get16(h + H_HDR_LEN) != headers)
        return "a header of another length than its headers";
    if (frame[l4 + 13] & 0x86)
        return "CWR, RST or SYN";
    if (h[H_FLAGS] != NEEDS_CSUM || sim_get16(h + H_CSUM_START) != l4 ||
        sim_get16(h + H_CSUM_OFFSET) != TCP_CSUM)
        return "a checksum that is not TCP's";
    if (sim_get16(h + H_GSO_SIZE) == 0 || len <= headers + sim_get16(h + H_GSO_SIZE))
        return "nothing to cut";
    return NULL;
}

bool sim_tx_is_cut(const struct sim_nic *n, const uint8_t *h)
{
    uint8_t type = h[H_GSO_TYPE];

    return (type == GSO_TCPV4 && n->accepted & SIM_F_HOST_TSO4) ||
           (type == GSO_TCPV6 && n->accepted & SIM_F_HOST_TSO6);
}

void sim_check_tx_header(const struct sim_nic *n, const uint8_t *h, const uint8_t *frame,
                         uint32_t have, uint32_t len)
{
    bool csum = n->accepted & SIM_F_CSUM && h[H_FLAGS] == NEEDS_CSUM;
    bool cut = sim_tx_is_cut(n, h);
    const char *fault = cut ? cut_fault(h, frame, have, len) : NULL;

    if (fault != NULL)
        sim_breach("5.1.6.2.1", "a frame of %u bytes to be cut: %s", len, fault);
    for (unsigned i = 0; i < sim_header(n); i++)
        if (h[i] != 0 &&
            !(csum && (i == H_FLAGS || (i >= H_CSUM_START && i < H_CSUM_OFFSET + 2))) &&
            !(cut && i < H_CSUM_START)) {
            sim_breach("5.1.6.2.1", "byte %u of a transmit header is 0x%02x", i, h[i]);
            return;
        }
    if (csum && sim_get16(h + H_CSUM_START) + sim_get16(h + H_CSUM_OFFSET) + 2u > len)
        sim_breach("5.1.6.2.1", "a checksum at %u + %u of a frame of %u bytes",
                   sim_get16(h + H_CSUM_START), sim_get16(h + H_CSUM_OFFSET), len);
}

/* What a correct device writes: its own choice where a field means nothing [5.1.6.4.1]. */
uint32_t sim_rx_header(const struct sim_nic *n, uint8_t *h, uint32_t bytes, uint32_t *piece)
{
    uint32_t pieces = 1;

    memset(h, n->hdr_junk, sim_header(n));
    if (n->accepted & SIM_F_GUEST_CSUM)
        h[H_FLAGS] &= 0xf8; /* bits that nobody has given a meaning */
    if (n->accepted & (SIM_F_GUEST_TSO4 | SIM_F_GUEST_TSO6))
        h[H_GSO_TYPE] = 0;
    if (n->rx_hdr_set)
        memcpy(h, n->rx_hdr, sim_header(n));
    if (n->accepted & SIM_F_MRG_RXBUF) {
        if (n->rx_piece != 0 && n->rx_piece < *piece)
            *piece = n->rx_piece;
        pieces = (bytes + *piece - 1) / *piece;
        sim_put16(h + H_NUM_BUFFERS, n->num_buffers_set ? n->num_buffers : (uint16_t)pieces);
    }
    return pieces;
}

unsigned sim_slot(const struct sim_nic *n, uint32_t number)
{
    uint32_t control = n->accepted & SIM_F_MQ ? 2u * n->max_pairs : 2;

    if (number < SIM_QUEUES)
        return number;
    return n->accepted & SIM_F_CTRL_VQ && number == control ? SIM_CTLQ : SIM_SLOTS;
}

/* Each class of commands has a feature and a length. */
void sim_check_command(const struct sim_nic *n, uint8_t class, uint32_t bytes)
{
    static const struct {
        uint64_t feature;
        uint8_t class;
        uint32_t bytes;
    } known[] = {{SIM_F_CTRL_RX, 0, 3}, {SIM_F_GUEST_ANNOUNCE, 3, 2}};

    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].class == class && known[i].bytes == bytes && n->accepted & known[i].feature)
            return;
    sim_breach("5.1.6.5", "a command of class %u and %u bytes", class, bytes);
}

void sim_announce(struct sim_nic *n)
{
    n->link_status |= 2;
    sim_interrupt(n, SIM_QUEUES);
}
