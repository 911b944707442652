// SPDX-License-Identifier: BSD-3-Clause
/*
 * kernel/job_params.c: what each key of a job takes, and what it does not.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "conf_reader.h"

#define S 1000000000ull

static void every_key_sets_its_field(void **state)
{
    static const uint8_t ip6[16] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    const struct job_params *p = &conf.job;

    (void)state;
    conf_accept("run=none target=10.0.0.2 port=5202 proto=udp dir=both streams=128 time=2m omit=3s "
                "bytes=2G rate=50kpps len=60,590,1514 flows=65536 interval=250ms");
    assert_int_equal(p->run, JOB_RUN_NONE);
    assert_int_equal(p->target.version, 4);
    assert_int_equal(p->target.ip, 0x0a000002);
    assert_int_equal(p->port, 5202);
    assert_true(p->udp);
    assert_int_equal(p->dir, JOB_BOTH);
    assert_int_equal(p->streams, 128);
    assert_int_equal(p->time_ns, 120 * S);
    assert_int_equal(p->omit_ns, 3 * S);
    assert_int_equal(p->bytes, 2 * S);
    assert_int_equal(p->rate.per_s, 50000);
    assert_true(p->rate.packets);
    assert_int_equal(p->n_lens, 3);
    assert_int_equal(p->lens[2], 1514);
    assert_int_equal(p->flows, 65536);
    assert_int_equal(p->interval_ns, S / 4);

    assert_int_equal(p->target.nic, JOB_NO_NIC);
    assert_int_equal(p->from, JOB_NO_NIC);

    conf_accept("target=net3 from=net1 count=1k reflector=stateful");
    assert_int_equal(p->target.version, 4);
    assert_int_equal(p->target.nic, 3);
    assert_int_equal(p->from, 1);
    assert_int_equal(p->count, 1000);
    assert_true(p->reflector_counts);

    conf_accept("target=[net0] count=off reflector=stateless");
    assert_int_equal(p->target.version, 6);
    assert_int_equal(p->target.nic, 0);
    assert_int_equal(p->count, 0);
    assert_false(p->reflector_counts);

    conf_accept("target=[fe80::1] len=imix rate=100M bytes=off");
    assert_int_equal(p->target.nic, JOB_NO_NIC);
    assert_int_equal(p->target.version, 6);
    assert_memory_equal(p->target.ip6, ip6, 16);
    assert_true(p->imix);
    assert_int_equal(p->n_lens, 0);
    assert_false(p->rate.packets);
    assert_int_equal(p->rate.per_s, 100000000);
    assert_int_equal(p->bytes, 0);
}

static void every_limit_is_read_in_its_unit(void **state)
{
    static const struct {
        const char *text;
        enum job_limit limit;
        uint64_t value;
    } cases[] = {
        {"min_bps=100M", JOB_MIN_BPS, 100000000},  {"min_pps=1k", JOB_MIN_PPS, 1000},
        {"min_cps=5k", JOB_MIN_CPS, 5000},         {"max_failed=9", JOB_MAX_FAILED, 9},
        {"max_loss=0", JOB_MAX_LOSS, 0},           {"max_loss=0.1%", JOB_MAX_LOSS, 1000000},
        {"max_loss=0.0000001%", JOB_MAX_LOSS, 1},  {"max_loss=100%", JOB_MAX_LOSS, 1000000000},
        {"max_lost=5", JOB_MAX_LOST, 5},           {"max_late=0", JOB_MAX_LATE, 0},
        {"max_reordered=1", JOB_MAX_REORDERED, 1}, {"max_duplicate=2", JOB_MAX_DUPLICATE, 2},
        {"max_corrupt=3", JOB_MAX_CORRUPT, 3},     {"max_gap=100ms", JOB_MAX_GAP, S / 10},
        {"max_p50=10us", JOB_MAX_P50, 10000},      {"max_p90=1s", JOB_MAX_P90, S},
        {"max_p99=200us", JOB_MAX_P99, 200000},    {"max_p99.9=1ms", JOB_MAX_P99_9, 1000000},
        {"max_p99.99=0us", JOB_MAX_P99_99, 0},     {"max_delay=1h", JOB_MAX_DELAY, 3600 * S},
    };
    bool seen[JOB_LIMITS] = {false};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        conf_defaults(NULL);
        assert_false(job_params_limited(&conf.job, cases[i].limit));
        conf_accept(cases[i].text);
        assert_true(job_params_limited(&conf.job, cases[i].limit));
        assert_int_equal(conf.job.limit[cases[i].limit], cases[i].value);
        seen[cases[i].limit] = true;
    }
    for (enum job_limit l = JOB_NO_LIMIT + 1; l < JOB_LIMITS; l++)
        assert_true(seen[l]);
}

static void only_what_was_said_counts_as_said(void **state)
{
    (void)state;
    assert_null(job_params_needless(&conf.job));
    conf_accept("run=serve interval=1s");
    assert_null(job_params_needless(&conf.job));
    assert_true(job_params_said(&conf.job, "interval"));
    assert_false(job_params_said(&conf.job, "dir"));
    conf_accept("dir=tx");
    assert_true(job_params_said(&conf.job, "dir"));
    assert_string_equal(job_params_needless(&conf.job), "dir");
}

static void what_was_said_is_kept_as_it_was(void **state)
{
    const struct job_key *rate = job_key_find(text_from("rate"));
    struct job_params *p = &conf.job;
    struct text words, key, value;
    char long_one[JOB_WORDS];

    (void)state;
    assert_null(job_params_word(p, "rate").s);
    conf_accept("rate=05k run=client len=1,2 rate=7pps target=10.0.0.1");
    assert_true(text_is(job_params_words(p), "run=client len=1,2 rate=7pps target=10.0.0.1 "));
    assert_true(text_is(job_params_word(p, "len"), "1,2"));
    words = job_params_words(p);
    for (unsigned i = 0; i < 4; i++)
        assert_true(job_params_next(&words, &key, &value));
    assert_true(text_is(key, "target") && text_is(value, "10.0.0.1"));
    assert_false(job_params_next(&words, &key, &value));

    assert_false(job_params_set(p, rate, text_from("x")));
    assert_false(job_params_set(p, rate, text_from("7 ")));
    assert_true(text_is(job_params_word(p, "rate"), "7pps"));
    memset(long_one, '0', sizeof(long_one));
    const size_t others = strlen("run=client len=1,2 target=10.0.0.1 rate= ");
    const struct text most = {long_one, JOB_WORDS - others}, more = {long_one, most.n + 1};
    assert_false(job_params_set(p, rate, more));
    assert_int_equal(p->rate.per_s, 7);
    assert_true(job_params_set(p, rate, most));
    assert_int_equal(p->words_n, JOB_WORDS);
    assert_int_equal(p->rate.per_s, 0);
    assert_true(text_is(job_params_word(p, "target"), "10.0.0.1"));
    assert_true(job_params_set(p, rate, text_from("8")));
    assert_true(text_is(job_params_words(p), "run=client len=1,2 target=10.0.0.1 rate=8 "));
}

static void values_out_of_range_or_malformed_are_refused(void **state)
{
    static const char *const bad[] = {
        "run=",
        "run=all",
        "run=Serve",
        "target=",
        "target=10.0.0",
        "target=10.0.0.1/24",
        "target=10.0.0.1:5201",
        "target=0.0.0.0",
        "target=127.0.0.1",
        "target=224.0.0.1",
        "target=255.255.255.255",
        "target=fd00::1",
        "target=[fd00::1",
        "target=[]",
        "target=[ff02::1]",
        "target=[::1]",
        "target=[::]",
        "target=[fe80::1%1]",
        "target=host.example",
        "target=net",
        "target=net4",
        "target=net01",
        "target=[net1",
        "target=eth0",
        "from=",
        "from=net4",
        "from=[net1]",
        "count=0",
        "count=-1",
        "reflector=yes",
        "port=0",
        "port=65536",
        "port=",
        "proto=sctp",
        "proto=",
        "dir=up",
        "streams=0",
        "streams=129",
        "streams=-1",
        "time=10",
        "time=-1s",
        "time=8761h",
        "omit=61s",
        "bytes=0",
        "bytes=",
        "bytes=1GB",
        "bytes=1g",
        "bytes=M",
        "bytes=9223372036854775808",
        "bytes=9223373T",
        "rate=",
        "rate=-1",
        "rate=1.5M",
        "rate=0pps",
        "rate=pps",
        "rate=10 pps",
        "rate=10bps",
        "len=",
        "len=0",
        "len=1048577",
        "len=60,",
        "len=60,imix",
        "len=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
        "flows=0",
        "flows=65537",
        "hold=99ms",
        "hold=61m",
        "min_bps=fast",
        "max_loss=1",
        "max_loss=%",
        "max_loss=.5%",
        "max_loss=1.%",
        "max_loss=100.1%",
        "max_loss=0.00000001%",
        "max_loss=-1%",
        "max_gap=5",
        "max_p99=us",
        "max_p99=1.5us",
        "max_p99=99999999999999999us",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct job_params untouched;
        char key[16], value[64] = "";

        if (strchr(bad[i], ' ') != NULL) {
            conf_defaults(NULL);
            assert_false(conf_read(bad[i]));
            continue;
        }
        sscanf(bad[i], "%15[^=]=%63s", key, value);
        conf_refused(bad[i], key, value);
        job_params_init(&untouched);
        assert_memory_equal(&conf.job, &untouched, sizeof(untouched));
    }
}

static void keys_are_not_those_of_a_nic(void **state)
{
    (void)state;
    conf_refused("net0.target=10.0.0.1", "net0.target", "10.0.0.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_key_sets_its_field, conf_defaults),
        cmocka_unit_test_setup(every_limit_is_read_in_its_unit, conf_defaults),
        cmocka_unit_test_setup(only_what_was_said_counts_as_said, conf_defaults),
        cmocka_unit_test_setup(what_was_said_is_kept_as_it_was, conf_defaults),
        cmocka_unit_test_setup(values_out_of_range_or_malformed_are_refused, conf_defaults),
        cmocka_unit_test_setup(keys_are_not_those_of_a_nic, conf_defaults),
    };
    return cmocka_run_group_tests_name("job_params", tests, NULL, NULL);
}
