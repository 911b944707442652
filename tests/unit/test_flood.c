// SPDX-License-Identifier: BSD-3-Clause
/*
 * run=flood on the rig, which checks lengths and checksums of every frame: what each frame is, what
 * is counted, and what becomes of it when nobody answers, the ring is full or time stands still.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "flood.h"
#include "flood_frame.h"
#include "job.h"
#include "netrig.h"
#include "rig_job.h"
#include "rig_service.h"
#include "testframe.h"
#include "time.h"

const struct conf *apps_conf = &rig.conf;
const struct job_kind *const job_kinds[] = {&flood_job, NULL};

/* Frames of the flood that left and were not looked at. */
static struct rig_frame *kept, frame;
static unsigned kept_n, kept_max, looked;

static bool keep(const uint8_t *data, uint32_t len)
{
    const bool ip6 = data[12] == 0x86;

    if (data[12] != 0x81 && data[ip6 ? 20 : 23] != 17)
        return false;
    if (looked == kept_n)
        looked = kept_n = 0;
    if (kept_n == kept_max) {
        kept_max = kept_max == 0 ? 1000 : 2 * kept_max;
        kept = realloc(kept, kept_max * sizeof(*kept));
    }
    kept[kept_n].len = len;
    memcpy(kept[kept_n++].data, data, len);
    return true;
}

static int setup(void **state)
{
    int r = rig_setup(state);

    rig_job_setup("flood");
    rig_job_say("interval", "0");
    rig.filter = keep;
    looked = kept_n = 0;
    return r;
}

static int teardown(void **state)
{
    jobs_stop();
    rig.tx_stuck = false;
    rig_advance_ms(3000);
    assert_false(jobs_busy());
    rig_drop_frames();
    free(kept);
    kept = NULL;
    kept_max = 0;
    return rig_teardown(state);
}

/* The next frame of the flood; its fields. False: there is none. */
static bool next_frame(bool ip6, struct testframe *f)
{
    const uint32_t udp = rig_ip_payload(ip6);

    if (looked == kept_n)
        return false;
    frame = kept[looked++];
    assert_true(testframe_read(frame.data + udp + 8, frame.len - udp - 8, f));
    assert_int_equal(frame.data[udp + 2] << 8 | frame.data[udp + 3],
                     TESTFRAME_PORT + (f->flow >= FLOOD_PORTS));
    return true;
}

static uint64_t count(const char *key)
{
    return (uint64_t)rig_number(rig_record("result"), key, 0);
}

static void check_result(uint64_t frames, uint64_t bytes)
{
    assert_int_equal(count("offered"), frames);
    assert_int_equal(count("sent"), frames);
    assert_int_equal(count("unsent"), 0);
    assert_int_equal(count("tx_packets"), frames);
    assert_int_equal(count("tx_bytes"), bytes);
}

/* ---- frames -------------------------------------------------------------------------------- */

static void flows_take_turns_and_count_by_themselves(void **state)
{
    uint16_t ports[3];
    struct testframe f;

    (void)state;
    rig_job_say("flows", "3");
    rig_job_say("rate", "1kpps");
    rig_job_say("time", "30ms");
    rig_job_start();
    rig_advance_ms(200);
    for (unsigned i = 0; i < 30; i++) {
        assert_true(next_frame(false, &f));
        assert_int_equal(frame.len, 60);
        assert_int_equal(f.flow, i % 3);
        assert_int_equal(f.seq, i / 3);
        const uint16_t port = (uint16_t)(frame.data[34] << 8 | frame.data[35]);
        if (i < 3)
            ports[i] = port;
        assert_int_equal(port, ports[i % 3]);
    }
    assert_false(next_frame(false, &f));
    assert_true(ports[0] != ports[1] && ports[1] != ports[2] && ports[0] != ports[2]);
    assert_true(rig_says(rig_record("result"), "end", "done"));
    check_result(30, 1800);
    assert_int_equal(count("intended"), 30);
}

static void flows_beyond_the_ports_go_to_the_next_one(void **state)
{
    static uint8_t seen[2][65536];
    struct testframe f;
    unsigned n = 0;

    (void)state;
    memset(seen, 0, sizeof(seen));
    rig_job_say("flows", "65536");
    rig_job_say("bytes", "3932160"); /* one frame each */
    rig_job_start();
    for (unsigned i = 0; i < 5000 && jobs_busy(); i++) {
        rig_advance_ms(1);
        for (; next_frame(false, &f); n++) {
            const unsigned source = (unsigned)(frame.data[34] << 8 | frame.data[35]);
            const unsigned target = (unsigned)(frame.data[36] << 8 | frame.data[37]);

            assert_false(seen[target - TESTFRAME_PORT][source]++);
        }
    }
    assert_int_equal(n, 65536);
    check_result(65536, 3932160);
}

/* As if so many more had left. */
static void counters_go_on_beyond_32_bits(void **state)
{
    const uint64_t bit32 = 1ull << 32;

    (void)state;
    rig_job_say("interval", "100ms");
    rig_job_say("rate", "1kpps");
    rig_job_say("time", "250ms");
    rig_job_start();
    rig_advance_ms(105);
    rig.tx_more = bit32;
    rig_advance_ms(100);
    assert_int_equal(rig_number(rig_record("interval"), "tx_packets", 0), bit32 + 100);
    assert_int_equal(rig_number(rig_record("interval"), "tx_bytes", 0), 60 * (bit32 + 100));
    assert_int_equal(rig_number(rig_record("interval"), "sent", 0), bit32 + 200);
    rig_advance_ms(100);
    assert_int_equal(count("tx_packets"), bit32 + 250);
    assert_int_equal(count("tx_bytes"), 60 * (bit32 + 250));
}

/* Wherever in a batch that is. */
static void sequence_goes_on_beyond_what_its_low_bits_count(void **state)
{
    struct testframe f;
    uint64_t seq = 65536 - 333;

    (void)state;
    rig_job_say("first_seq", "65203");
    rig_job_say("bytes", "60000");
    rig_job_start();
    rig_advance_ms(3000);
    while (next_frame(false, &f))
        assert_int_equal(f.seq, seq++);
    assert_int_equal(seq, 65203 + 1000);
    check_result(1000, 60000);
}

/* Against the definition, for every sum that it has to be right for. */
static void checksum_is_the_complement_and_never_0(void **state)
{
    (void)state;
    for (uint32_t sum = 0; sum < 1u << 25; sum++) {
        const uint16_t complement = (uint16_t) ~(sum % 0xffff);

        if (flood_frame_checksum(sum) != __builtin_bswap16(complement))
            fail_msg("of %u", sum);
    }
}

/* Buffers come back with another size's frame in them, and with the stack's own. */
static void sizes_follow_each_other_as_listed(void **state)
{
    static const uint32_t sizes[] = {60, 1514, 61, 590, 1514};
    uint64_t bytes = 0;
    struct testframe f;

    (void)state;
    rig_job_say("len", "60,1514,61,590,1514");
    rig_job_say("rate", "1kpps");
    rig_job_say("time", "500ms");
    rig_job_start();
    for (unsigned i = 0; i < 500; i++) {
        rig_advance_ms(1);
        if (i % 50 == 0)
            rig_udp_send(false, 1000, 9, "to nobody", 9);
    }
    rig_advance_ms(200);
    for (unsigned i = 0; i < 500; i++) {
        assert_true(next_frame(false, &f));
        assert_int_equal(frame.len, sizes[i % 5]);
        assert_int_equal(f.seq, i);
        assert_int_equal(testframe_wrong(frame.data + 42, frame.len - 42, f.run), frame.len - 42);
        bytes += frame.len;
    }
    check_result(500, bytes);
    assert_int_equal(rig_number(rig_record("result"), "bytes", 0), 60);
}

static void ipv6_goes_to_its_neighbour(void **state)
{
    struct testframe f;

    (void)state;
    rig_job_say("target", "[fe80::1]");
    memcpy(rig_job.target.ip6, rig_peer_ip6, 16);
    rig_job_say("len", "81");
    rig_job_say("rate", "1kpps");
    rig_job_say("time", "20ms");
    rig_job_start();
    rig_advance_ms(2000);
    for (unsigned i = 0; i < 20; i++) {
        assert_true(next_frame(true, &f));
        assert_int_equal(frame.len, 81);
        assert_memory_equal(frame.data, rig_peer_mac, 6);
    }
    check_result(20, 20 * 81);
}

static void imix_is_seven_four_one(void **state)
{
    unsigned n[3] = {0};
    struct testframe f;

    (void)state;
    rig_job_say("len", "imix");
    rig_job_say("rate", "1200pps");
    rig_job_say("time", "100ms");
    rig_job_start();
    rig_advance_ms(300);
    while (next_frame(false, &f))
        n[frame.len == 60 ? 0 : frame.len == 590 ? 1 : 2]++;
    assert_int_equal(n[0], 70);
    assert_int_equal(n[1], 40);
    assert_int_equal(n[2], 10);
}

/* ---- when things go wrong ------------------------------------------------------------------ */

static void nobody_there_ends_it_with_an_error(void **state)
{
    (void)state;
    rig.arp_silent = true;
    rig_job_finds_nobody("10.0.2.77", "does not answer");
    assert_int_equal(rig_record_count("error"), 1);
    assert_non_null(strstr(rig_record("error"), "does not answer"));
    assert_true(rig_says(rig_record("result"), "status", "FAIL"));
    check_result(0, 0);
}

static void a_frame_beyond_the_mtu_ends_it_with_an_error(void **state)
{
    (void)state;
    rig_job_say("len", "60,1515");
    rig_job_start();
    rig_advance_ms(1000);
    assert_non_null(strstr(rig_record("error"), "MTU"));
    check_result(0, 0);
}

/* The device takes nothing for a while: what was due meanwhile is given up and counted. */
static void slots_without_room_slip(void **state)
{
    (void)state;
    rig_job_say("rate", "10kpps");
    rig_job_say("time", "2s");
    rig_job_start();
    rig_advance_ms(500);
    rig.tx_stuck = true;
    rig_advance_ms(1000);
    rig.tx_stuck = false;
    rig_advance_ms(2000);
    assert_true(rig_says(rig_record("result"), "end", "done"));
    assert_int_equal(count("intended"), 20000);
    assert_int_equal(count("offered") + count("slipped"), 20000);
    assert_true(count("slipped") > 8000 && count("slipped") < 9000);
    check_result(count("offered"), count("offered") * 60);
}

/* The stack's own frames have room in the ring that a flood does not take. */
static void a_share_of_the_ring_is_left_to_others(void **state)
{
    (void)state;
    rig.tx_stuck = true;
    rig_job_say("time", "1s");
    rig_job_say("dst_mac", "52:54:00:00:99:99");
    rig_job_start();
    rig_advance_ms(500);
    assert_true(flood_figures().offered > CONFIG_TX_RING / 2);
    assert_true(flood_figures().offered <=
                (CONFIG_TX_RING - CONFIG_TX_RESERVE) - (CONFIG_TX_RING - CONFIG_TX_RESERVE) / 8);
}

static void what_the_device_keeps_is_unsent(void **state)
{
    (void)state;
    rig_job_say("rate", "100pps");
    rig_job_say("time", "100ms");
    rig_job_say("dst_mac", "52:54:00:00:99:99");
    rig.tx_stuck = true;
    rig_job_start();
    rig_advance_ms(3000);
    assert_int_equal(count("offered"), 10);
    assert_int_equal(count("sent"), 0);
    assert_int_equal(count("unsent"), 10);
    assert_true(rig_says(rig_record("result"), "status", "FAIL"));
}

static void it_can_be_stopped_and_changed_while_it_runs(void **state)
{
    (void)state;
    rig_job_say("rate", "100pps");
    rig_job_say("time", "0");
    struct job *j = rig_job_start();
    rig_advance_ms(1000);
    const uint64_t before = flood_figures().sent;
    assert_in_range(before, 99, 101);
    rig_job_say("rate", "1kpps");
    assert_true(job_set_rate(j, &rig_job));
    rig_advance_ms(1000);
    assert_in_range(flood_figures().sent - before, 995, 1005);
    job_stop(j);
    rig_advance_ms(100);
    assert_true(rig_says(rig_record("result"), "end", "done"));
}

static void there_is_one_at_a_time(void **state)
{
    (void)state;
    rig_job_say("rate", "100pps");
    struct job_refusal why;

    rig_job_start();
    assert_null(job_start(&rig_job, &why));
    assert_string_equal(why.reason, "there is a flood already");
    assert_int_equal(rig_record_count("refused"), 1);
}

static void what_it_cannot_do_is_refused(void **state)
{
    static const char *const wrong[][2] = {
        {"len", "59"},      {"len", "60,10000"}, {"dir", "rx"},     {"gap", "poisson"},
        {"ramp", "1s"},     {"streams", "2"},    {"rate", "2Tpps"}, {"omit", "1s"},
        {"max_loss", "1%"}, {"proto", "tcp"}};

    (void)state;
    rig_job_refuses(wrong, sizeof(wrong) / sizeof(wrong[0]));
    rig_job_say("len", "60");
    rig_job_say("vlan", "7");
    rig_job_is_refused("len");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(flows_take_turns_and_count_by_themselves),
        TEST(flows_beyond_the_ports_go_to_the_next_one),
        TEST(counters_go_on_beyond_32_bits),
        TEST(sequence_goes_on_beyond_what_its_low_bits_count),
        cmocka_unit_test(checksum_is_the_complement_and_never_0),
        TEST(sizes_follow_each_other_as_listed),
        TEST(ipv6_goes_to_its_neighbour),
        TEST(imix_is_seven_four_one),
        TEST(nobody_there_ends_it_with_an_error),
        TEST(a_frame_beyond_the_mtu_ends_it_with_an_error),
        TEST(slots_without_room_slip),
        TEST(a_share_of_the_ring_is_left_to_others),
        TEST(what_the_device_keeps_is_unsent),
        TEST(it_can_be_stopped_and_changed_while_it_runs),
        TEST(there_is_one_at_a_time),
        TEST(what_it_cannot_do_is_refused),
    };

    return cmocka_run_group_tests(tests, rig_service_init, NULL);
}
