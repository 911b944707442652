// SPDX-License-Identifier: BSD-3-Clause
/*
 * The rig's peer: it checks every frame from the guest, answers ARP and neighbour solicitations,
 * and keeps what the test may want to see. Its TCP is netrig_tcp.c.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include "netrig.h"
#include "netrig_priv.h"

struct packet {
    struct packet *next;
    uint32_t len;
    uint8_t data[];
};

static struct packet *others, **others_tail = &others;          /* whole frames */
static struct packet *datagrams, **datagrams_tail = &datagrams; /* [port][data] */

/* ---- what is kept -------------------------------------------------------------------------- */

static struct packet *packet_new(const void *data, uint32_t len)
{
    struct packet *k = malloc(sizeof(*k) + len);

    k->next = NULL;
    k->len = len;
    memcpy(k->data, data, len);
    return k;
}

static void push(struct packet ***tail, struct packet *k)
{
    **tail = k;
    *tail = &k->next;
}

static void clear(struct packet **head, struct packet ***tail)
{
    while (*head != NULL) {
        struct packet *k = *head;

        *head = k->next;
        free(k);
    }
    *tail = head;
}

bool rig_next_frame(struct rig_frame *f)
{
    struct packet *k = others;

    if (k == NULL)
        return false;
    f->len = k->len;
    memcpy(f->data, k->data, k->len);
    others = k->next;
    if (others == NULL)
        others_tail = &others;
    free(k);
    return true;
}

void rig_drop_frames(void)
{
    clear(&others, &others_tail);
    clear(&datagrams, &datagrams_tail);
}

/* ---- what comes from the guest ------------------------------------------------------------- */

static void check_frame(const uint8_t *frame, uint32_t len)
{
    assert_true(len >= 60);
    assert_memory_equal(frame + 6, rig_guest_mac, 6);
    if (rig_get16(frame + 12) == 0x0800) {
        assert_int_equal(frame[14], 0x45);
        assert_int_equal(rig_sum(frame + 14, 20, 0), 0xffff);
        assert_true(14 + rig_get16(frame + 16) <= (int)len);
        assert_true(len == 60 || 14 + rig_get16(frame + 16) == (int)len);
    } else if (rig_is_v6(frame)) {
        assert_int_equal(frame[14] >> 4, 6);
        assert_true(14 + 40 + rig_get16(frame + 18) <= (int)len);
    } else {
        assert_int_equal(rig_get16(frame + 12), 0x0806);
        return;
    }
    const uint8_t proto = rig_proto_of(frame);
    const uint8_t *l4 = rig_l4_of((uint8_t *)(uintptr_t)frame);

    if (proto == 6 || proto == 1 || proto == 58 || (proto == 17 && rig_get16(l4 + 6) != 0))
        assert_int_equal(rig_l4_sum(frame, l4, rig_l4_len(frame)), 0xffff);
}

static bool answer_arp(const uint8_t *frame)
{
    uint8_t reply[60] = {0};

    if (rig_get16(frame + 12) != 0x0806 || rig_get16(frame + 20) != 1 ||
        rig_host_of(false, frame + 38) < 0)
        return false;
    if (rig.arp_silent)
        return true;
    memcpy(reply, frame + 6, 6);
    memcpy(reply + 6, rig_peer_mac, 6);
    memcpy(reply + 12, frame + 12, 8);
    rig_put16(reply + 20, 2);
    memcpy(reply + 22, rig_peer_mac, 6);
    memcpy(reply + 28, frame + 38, 4);
    memcpy(reply + 32, frame + 22, 10);
    rig_inject(reply, sizeof(reply));
    return true;
}

static bool answer_solicitation(const uint8_t *frame)
{
    uint8_t out[RIG_FRAME_MAX], na[32] = {136, 0, 0, 0, 0x60};
    const uint8_t *icmp = frame + 54;

    if (!rig_is_v6(frame) || frame[20] != 58 || icmp[0] != 135 || rig_host_of(true, icmp + 8) < 0)
        return false;
    if (rig.arp_silent)
        return true;
    memcpy(na + 8, icmp + 8, 16);
    na[24] = 2;
    na[25] = 1;
    memcpy(na + 26, rig_peer_mac, 6);
    rig_inject(out, rig_build_ip(out, true, 58, na, sizeof(na)));
    return true;
}

static bool take_udp(uint8_t *frame)
{
    if ((rig_get16(frame + 12) != 0x0800 && !rig_is_v6(frame)) || rig_proto_of(frame) != 17)
        return false;
    const uint8_t *udp = rig_l4_of(frame);
    const uint32_t n = rig_get16(udp + 4);

    assert_int_equal(n, rig_l4_len(frame));
    if (rig_get16(udp + 2) < 1024)
        return false; /* DHCP and the like: the test's own business */
    struct packet *k = packet_new(udp, n);
    push(&datagrams_tail, k);
    return true;
}

int rig_udp_recv(uint16_t port, void *data, uint32_t cap)
{
    uint16_t from;

    return rig_udp_recv_from(port, &from, data, cap);
}

int rig_udp_recv_from(uint16_t port, uint16_t *from, void *data, uint32_t cap)
{
    for (struct packet **at = &datagrams; *at != NULL; at = &(*at)->next) {
        struct packet *k = *at;

        if (rig_get16(k->data + 2) != port)
            continue;
        const uint32_t n = k->len - 8;

        *from = rig_get16(k->data);
        memcpy(data, k->data + 8, n < cap ? n : cap);
        *at = k->next;
        if (k->next == NULL)
            datagrams_tail = at;
        free(k);
        return (int)n;
    }
    return -1;
}

void rig_udp_send(bool v6, uint16_t sport, uint16_t dport, const void *data, uint32_t len)
{
    uint8_t frame[RIG_FRAME_MAX];

    rig_inject(frame, rig_build_udp(frame, v6, sport, dport, data, len));
}

void rig_deliver(uint8_t *frame, uint32_t len)
{
    if ((!(answer_arp(frame) || answer_solicitation(frame)) || rig.watch_questions) &&
        !rig_tcp_take(frame) && !take_udp(frame))
        push(&others_tail, packet_new(frame, len));
}

void rig_peer_take(uint8_t *frame, uint32_t len)
{
    check_frame(frame, len);
    if (!(rig.filter != NULL && rig.filter(frame, len)))
        rig_deliver(frame, len);
}
