// SPDX-License-Identifier: BSD-3-Clause
#include "vnet_rig.h"

#include <stdio.h>
#include <string.h>
#include "json.h"

enum rig_kind rig_kind;
struct sim_nic *nic;
struct vnet *vn;
struct vnet_options opt[CONFIG_NICS];
struct netbuf *frames[CONFIG_RX_RING];
uint8_t frame[FRAME_MAX + 64];

/* ---- the machine ------------------------------------------------------------------------------
 */

int setup_empty(void **state)
{
    (void)state;
    sim_power_on();
    nic = NULL;
    vn = NULL;
    memset(opt, 0, sizeof(opt));
    for (unsigned i = 0; i < sizeof(frame); i++)
        frame[i] = (uint8_t)(i * 31 + (i >> 8));
    return 0;
}

int setup(void **state)
{
    setup_empty(state);
    nic = rig_kind == RIG_LEGACY ? sim_add_legacy_nic(3) : sim_add_nic(3);
    nic->offer |= rig_kind == RIG_PACKED ? SIM_F_RING_PACKED : 0;
    return 0;
}

int teardown(void **state)
{
    (void)state;
    if (vn != NULL) {
        sim_settled(nic);
        assert_true(vnet_check(vn));
    }
    sim_power_off();
    return 0;
}

void again(void)
{
    sim_power_off();
    setup(NULL);
}

void again_empty(void)
{
    sim_power_off();
    setup_empty(NULL);
}

void again_bare(void)
{
    again_empty();
    nic = sim_add_bare_nic(3);
}

void up(void)
{
    assert_int_equal(vnet_probe(opt), 1);
    vn = vnet_get(0);
}

void up_with(uint64_t more)
{
    nic->offer |= more;
    up();
}

void again_up_event_idx(bool offered)
{
    again();
    nic->offer &= offered ? ~0ull : ~SIM_F_EVENT_IDX;
    up();
}

uint8_t status_up(void)
{
    return rig_kind == RIG_LEGACY ? 0x07 : 0x0f;
}

void turn(uint64_t ns)
{
    sim_now_ns += ns;
    vnet_heartbeat(vn, sim_now_ns);
}

void turns(unsigned n, uint64_t ns)
{
    for (; n > 0; n--) {
        turn(ns);
        assert_true(vnet_check(vn));
    }
}

/* ---- frames -----------------------------------------------------------------------------------
 */

static bool send_data(const uint8_t *data, uint32_t len)
{
    struct netbuf *nb = vnet_tx_get(vn, true);

    if (nb == NULL)
        return false;
    memcpy(netbuf_frame(nb), data, len);
    nb->len = len;
    if (vnet_tx(vn, nb))
        return true;
    vnet_tx_put(vn, nb);
    return false;
}

bool send_frame(uint32_t len)
{
    return send_data(frame, len);
}

unsigned send_frames(unsigned n, uint32_t len)
{
    unsigned sent = 0;

    while (sent < n && send_frame(len))
        sent++;
    vnet_tx_flush(vn);
    return sent;
}

/* Compares each with `data` unless that is NULL. */
static unsigned receive_data(struct vnet *v, const uint8_t *data)
{
    unsigned n, total = 0;

    while ((n = vnet_rx_poll(v, frames, CONFIG_RX_RING)) > 0) {
        assert_true(n <= CONFIG_RX_BATCH);
        for (unsigned i = 0; i < n; i++) {
            if (data != NULL)
                assert_memory_equal(netbuf_frame(frames[i]), data, frames[i]->len);
            vnet_rx_release(v, frames[i]);
        }
        total += n;
    }
    return total;
}

unsigned receive(void)
{
    return receive_data(vn, frame);
}

unsigned drain(struct vnet *v)
{
    return receive_data(v, NULL);
}

int receive_behind(uint8_t flags, uint8_t gso_type, uint16_t start, uint16_t offset, uint32_t len)
{
    int offload;

    memset(nic->rx_hdr, 0xee, sizeof(nic->rx_hdr));
    nic->rx_hdr[HDR_FLAGS] = flags;
    nic->rx_hdr[HDR_GSO_TYPE] = gso_type;
    sim_put16(nic->rx_hdr + HDR_CSUM_START, start);
    sim_put16(nic->rx_hdr + HDR_CSUM_OFFSET, offset);
    nic->rx_hdr_set = true;
    assert_true(sim_rx(nic, frame, len));
    nic->rx_hdr_set = false;
    if (vnet_rx_poll(vn, frames, 1) == 0)
        return -1;
    assert_int_equal(frames[0]->len, len);
    assert_memory_equal(netbuf_frame(frames[0]), frame, len);
    offload = frames[0]->offload;
    if (offload & NETBUF_CSUM_PARTIAL) {
        assert_int_equal(frames[0]->csum_start, start);
        assert_int_equal(frames[0]->csum_offset, offset);
    }
    vnet_rx_release(vn, frames[0]);
    return offload;
}

/* The content begins elsewhere each time, so that none can be mistaken for the one before. */
void traffic_flows(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *data = frame + i % 64;
        const uint32_t len = 60 + i % 1400;
        const uint64_t before = nic->tx_frames;

        assert_true(sim_rx(nic, data, len));
        assert_int_equal(receive_data(vn, data), 1);
        assert_true(send_data(data, len));
        vnet_tx_flush(vn);
        assert_int_equal(sim_tx(nic, 10), 1);
        assert_int_equal(nic->tx_frames, before + 1);
        assert_int_equal(nic->tx_last_len, len);
        assert_memory_equal(nic->tx_last, data, len);
        assert_int_equal(vnet_tx_reclaim(vn), 1);
        assert_true(vnet_check(vn));
    }
}

void bursts_flow(unsigned rounds)
{
    for (; rounds > 0; rounds--) {
        unsigned sent = 0;

        while (sim_rx(nic, frame, 1514))
            sent++;
        assert_true(sent > 0);
        assert_int_equal(drain(vn), sent);
    }
    assert_int_equal(stat_of("rx", "no_buffer"), 0);
    assert_int_equal(vnet_alloc_failures(vn), 0);
    assert_true(vnet_check(vn));
}

void recover(void)
{
    sim_needs_reset(nic);
    turns(20, 100 * MS);
    assert_int_equal(nic->status, status_up());
}

void after_the_reset_traffic_flows(unsigned resets)
{
    for (unsigned i = 0; i < 1000 && nic->resets < resets + 1; i++) {
        turn(MS);
        receive();
        vnet_tx_reclaim(vn);
        vnet_tx_flush(vn);
    }
    for (unsigned i = 0; i < 600 && nic->status != status_up(); i++)
        turn(MS);
    assert_int_equal(nic->resets, resets + 1);
    assert_int_equal(nic->status, status_up());
    assert_int_equal(stat_of("rx", "resets"), resets);
    traffic_flows(1);
}

/* ---- what the driver says ---------------------------------------------------------------------
 */

void said(const char *event, const char *text)
{
    const char *record = sim_record(event);

    if (record == NULL || strstr(record, text) == NULL)
        fail_msg("no %s in %s", text, record);
}

/* The number behind "key": that follows `part` in the text. */
static uint64_t number_in(const char *text, const char *part, const char *key)
{
    char needle[64];
    unsigned long long v;

    assert_non_null(text);
    text = strstr(text, part);
    assert_non_null(text);
    snprintf(needle, sizeof(needle), "\"%s\":", key);
    text = strstr(text, needle);
    assert_non_null(text);
    assert_int_equal(sscanf(text + strlen(needle), "%llu", &v), 1);
    return v;
}

uint64_t number(const char *event, const char *key)
{
    return number_in(sim_record(event), "", key);
}

static const char *written(void (*open)(struct json *, const char *),
                           void (*write)(const struct vnet *, struct json *),
                           void (*close)(struct json *))
{
    static char text[8192];
    struct json j;

    json_init(&j, text, sizeof(text));
    open(&j, NULL);
    write(vn, &j);
    close(&j);
    assert_true(json_finish(&j) > 0);
    return text;
}

uint64_t stat_of(const char *queue, const char *key)
{
    char part[64];

    snprintf(part, sizeof(part), "\"queue\":\"%s\"", queue);
    return number_in(written(json_array, vnet_json_queues, json_end_array), part, key);
}

uint64_t owned(const char *pool, const char *owner)
{
    char part[64];

    snprintf(part, sizeof(part), "%s\":{", pool);
    return number_in(written(json_object, vnet_json_buffers, json_end_object), part, owner);
}

void refused(const char *why)
{
    assert_int_equal(vnet_probe(opt), 0);
    assert_int_equal(sim_records("nic"), 0);
    assert_int_equal(sim_records("error"), 1);
    said("error", why);
    assert_false(sim_fn_masters(nic->fn));
}

int run_kinds(const char *name, enum rig_kind last, const struct CMUnitTest *tests, size_t n)
{
    static const char *const over[] = {"", "_packed", "_legacy"};
    char group[64];
    int failed = 0;

    for (unsigned kind = RIG_SPLIT; kind <= last; kind++) {
        rig_kind = (enum rig_kind)kind;
        snprintf(group, sizeof(group), "%s%s", name, over[kind]);
        failed += _cmocka_run_group_tests(group, tests, n, NULL, NULL);
    }
    return failed;
}
