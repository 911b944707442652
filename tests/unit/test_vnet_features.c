// SPDX-License-Identifier: BSD-3-Clause
/*
 * Which features the driver accepts: what each needs besides, and by which name it is masked.
 */
#include <stdio.h>
#include <string.h>
#include "conf.h"
#include "vnet_rig.h"

static const struct {
    uint64_t bit, any;
} bits[] = {{SIM_F_CSUM, 0},
            {SIM_F_GUEST_CSUM, 0},
            {SIM_F_GUEST_TSO4, SIM_F_GUEST_CSUM},
            {SIM_F_GUEST_TSO6, SIM_F_GUEST_CSUM},
            {SIM_F_GUEST_ECN, TSO},
            {SIM_F_HOST_TSO4, SIM_F_CSUM},
            {SIM_F_HOST_TSO6, SIM_F_CSUM},
            {SIM_F_STATUS, 0},
            {SIM_F_CTRL_VQ, 0},
            {SIM_F_MQ, SIM_F_CTRL_VQ},
            {SIM_F_CTRL_RX, SIM_F_CTRL_VQ},
            {SIM_F_GUEST_ANNOUNCE, SIM_F_CTRL_VQ},
            {SIM_F_GUEST_ANNOUNCE, SIM_F_STATUS}};
#define BITS COUNT(bits)

static uint64_t subset(unsigned set)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < BITS; i++)
        v |= set & 1u << i ? bits[i].bit : 0;
    return v;
}

/* Without what lacks its prerequisite. */
static uint64_t closed(uint64_t v)
{
    for (unsigned i = 0; i < BITS; i++)
        if (bits[i].any != 0 && !(v & bits[i].any))
            v &= ~bits[i].bit;
    return v;
}

static void nothing_is_accepted_without_its_prerequisite(void **state)
{
    const uint64_t others = SIM_F_VERSION_1 | SIM_F_MAC | SIM_F_EVENT_IDX;

    (void)state;
    for (unsigned offered = 0; offered < 1u << BITS; offered++)
        for (unsigned masked = 0; masked < 1u << BITS; masked++) {
            uint64_t want = closed(subset(offered) & ~subset(masked));

            if (masked != 0 && offered % 1153 != 0)
                continue; /* all offers, and all masks for some of them */
            again();
            nic->offer = others;
            opt[0].features_off = subset(masked);
            up_with(subset(offered));
            assert_true(nic->accepted == (others | want));
            if (masked == 0)
                traffic_flows(1);
        }
}

/* Whether the record has it among the features. */
static bool listed(const char *name)
{
    char quoted[64];
    const char *list = strstr(sim_record("nic"), "\"features\":["), *at;

    snprintf(quoted, sizeof(quoted), "\"%s\"", name);
    at = strstr(list, quoted);
    return at != NULL && at < strchr(list, ']');
}

static void every_name_masks_what_the_record_calls_so(void **state)
{
    char names[512], *name, *rest;
    unsigned n = 0;
    struct conf c;

    (void)state;
    conf_init(&c);
    assert_false(conf_parse(&c, "test", "features=?"));
    rest = strstr(sim_record("error"), " of ");
    snprintf(names, sizeof(names), "%s", rest + 4);
    *strchr(names, '"') = '\0';
    for (name = strtok_r(names, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest), n++) {
        char word[64];

        again();
        opt[0].mergeable = true;
        snprintf(word, sizeof(word), "features=-%s", name);
        conf_init(&c);
        assert_true(conf_parse(&c, "test", word));
        if (c.features_off & (SIM_F_VERSION_1 | SIM_F_ANY_LAYOUT))
            continue; /* another interface, if there is one, and a feature of that */
        up_with(~0ull);
        if (strcmp(name, "tso") != 0 && !listed(name))
            fail_msg("%s is not in %s", name, sim_record("nic"));
        again();
        opt[0].mergeable = true;
        opt[0].features_off = c.features_off;
        up_with(~0ull);
        if (listed(name))
            fail_msg("%s is in %s", name, sim_record("nic"));
        if (strcmp(name, "tso") == 0)
            assert_int_equal(nic->accepted & (TSO | HOST_TSO | SIM_F_GUEST_ECN), 0);
        traffic_flows(1);
    }
    assert_true(n >= 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nothing_is_accepted_without_its_prerequisite),
        T(every_name_masks_what_the_record_calls_so),
    };
    return cmocka_run_group_tests_name("vnet_features", tests, NULL, NULL);
}
