// SPDX-License-Identifier: BSD-3-Clause
/*
 * Who uses the driver in the target `device`: turns as the main loop gives them, a stack that
 * sends, receives and keeps frames. After each turn it is seen whether what the driver promises
 * holds.
 */
#include <string.h>
#include "config.h"
#include "fuzz_device.h"
#include "json.h"
#include "virtio_net.h"

/* Accesses to ring memory that one turn may need: each entry of both rings a few times. */
#define TURN_READS 8192
#define TURN_NS    (2 * MS)

#define LARGE_MSS  1000

struct vnet *vn;

/* Frames that are not given back at once: in hand, or held where the driver can spare them. */
static struct {
    struct netbuf *nb;
    uint32_t len; /* as received */
    bool held;
} kept[CONFIG_RX_BATCH + CONFIG_RX_HELD];
static unsigned kept_n, keep_next;

void user_begin(void)
{
    kept_n = keep_next = 0;
}

void user_holds(unsigned n)
{
    keep_next = n;
}

void user_judges(void)
{
    if (!nic->at_odds && sim_violation[0] != '\0') {
        fprintf(stderr, "the driver breaks a rule: %s\n", sim_violation);
        abort();
    }
    sim_violation[0] = '\0';
}

void user_sends(unsigned n, uint32_t len)
{
    uint32_t max = vnet_mtu(vn) + 14;

    len = len < 60 ? 60 : len > max ? max : len;
    while (n-- > 0) {
        struct netbuf *nb = vnet_tx_get(vn, n & 1);
        if (nb == NULL)
            return;
        marks_make(&tx_marks, netbuf_frame(nb), len);
        nb->len = len;
        if (!vnet_tx(vn, nb))
            vnet_tx_put(vn, nb);
    }
}

/* In one piece or two, over either IP. */
void user_sends_large(unsigned n, uint32_t bytes)
{
    static uint8_t payload[65536];

    memset(payload, MARKS_FILL, sizeof(payload));
    bytes += LARGE_MSS + 1;
    for (; n > 0 && vnet_tx_cuts(vn, n & 1); n--) {
        const uint16_t first = (uint16_t)(n & 2 ? bytes : bytes / 3);
        const struct vnet_tso tso = {.piece = {payload, payload + first},
                                     .piece_bytes = {first, (uint16_t)(bytes - first)},
                                     .pieces = n & 2 ? 1 : 2,
                                     .mss = LARGE_MSS,
                                     .ip6 = n & 1};
        struct netbuf *nb = vnet_tx_get(vn, true);

        if (nb == NULL)
            return;
        nb->len = marks_make_headers(&tx_marks, netbuf_frame(nb), tso.ip6, bytes);
        nb->offload = NETBUF_CSUM_PARTIAL;
        nb->csum_start = (uint16_t)(nb->len - 20);
        nb->csum_offset = 16;
        if (!vnet_tx_tso(vn, nb, &tso))
            vnet_tx_put(vn, nb);
    }
}

/* The buffer's number is wiped, so that a device which claims it again has nothing to show. */
static void stack_receives(struct netbuf *nb)
{
    for (const struct netbuf *part = nb; part != NULL; part = part->next)
        MUST(part->len <= part->cap - part->offset);
    if (marks_fit(nb->len)) {
        uint32_t mark = marks_get(netbuf_frame(nb));
        bool first = marks_first(&rx_marks, mark);
        MUST(first || mark == 0 || mark >= rx_marks.next);
        marks_wipe(netbuf_frame(nb));
    }
    if (keep_next > 0 && kept_n < CONFIG_RX_BATCH + CONFIG_RX_HELD) {
        keep_next--;
        kept[kept_n].nb = nb;
        kept[kept_n].len = nb->len;
        kept[kept_n].held = keep_next % 4 != 0 && vnet_rx_hold(vn, nb);
        kept_n++;
    } else {
        vnet_rx_release(vn, nb);
    }
}

void user_lets_go(void)
{
    while (kept_n > 0) {
        struct netbuf *nb = kept[--kept_n].nb;

        MUST(nb->len == kept[kept_n].len);
        if (kept[kept_n].held)
            vnet_rx_let_go(vn, nb);
        else
            vnet_rx_release(vn, nb);
    }
}

void user_asks_for_statistics(void)
{
    char text[8192];
    struct json j;

    json_init(&j, text, sizeof(text));
    json_object(&j, NULL);
    json_array(&j, "queues");
    vnet_json_queues(vn, &j);
    json_end_array(&j);
    json_array(&j, "pools");
    vnet_json_pools(vn, &j);
    json_end_array(&j);
    vnet_json_buffers(vn, &j);
    json_end_object(&j);
    MUST(json_finish(&j) > 0);
}

void user_turn(uint64_t ns)
{
    struct netbuf *got[CONFIG_RX_BATCH];
    uint64_t begin = sim_now_ns += ns;
    unsigned n;

    nic_reads = 0;
    vnet_heartbeat(vn, sim_now_ns);
    n = vnet_rx_poll(vn, got, CONFIG_RX_BATCH);
    MUST(n <= CONFIG_RX_BATCH);
    for (unsigned i = 0; i < n; i++)
        stack_receives(got[i]);
    vnet_tx_reclaim(vn);
    vnet_tx_flush(vn);
    MUST(vnet_check(vn));
    MUST(nic_reads <= TURN_READS);
    MUST(sim_now_ns - begin <= TURN_NS);
    nic_turned();
    user_judges();
}
