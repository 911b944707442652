// SPDX-License-Identifier: BSD-3-Clause
/*
 * Refusals, as services report them: few records, and every one counted.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "app.h"
#include "netrig.h"
#include "rig_service.h"

static void records_of_refusals_are_few_and_their_count_exact(void **state)
{
    uint64_t before = apps_refusals();
    char text[4096];
    struct json j;

    (void)state;
    rig_advance_ms(2000);
    unsigned records = rig_record_count("refused");
    for (unsigned i = 0; i < 50; i++)
        apps_refused("test", "because");
    assert_int_equal(apps_refusals() - before, 50);
    assert_int_equal(rig_record_count("refused") - records, 10);
    rig_advance_ms(1001);
    apps_refused("test", "because");
    assert_int_equal(rig_record_count("refused") - records, 11);
    assert_non_null(strstr(rig_record("refused"), "\"count\":51"));

    json_init(&j, text, sizeof(text));
    json_array(&j, NULL);
    apps_json_refusals(&j);
    json_end_array(&j);
    assert_true(json_finish(&j) > 0);
    assert_non_null(strstr(text, "{\"what\":\"test\",\"reason\":\"because\",\"count\":51}"));
}

static void more_kinds_of_refusals_than_expected_are_counted_together(void **state)
{
    static char reasons[CONFIG_REFUSAL_KINDS + 5][8];
    static char text[8192];
    uint64_t before = apps_refusals();
    struct json j;

    (void)state;
    for (unsigned i = 0; i < CONFIG_REFUSAL_KINDS + 5; i++) {
        snprintf(reasons[i], sizeof(reasons[i]), "r%u", i);
        apps_refused("many", reasons[i]);
    }
    assert_int_equal(apps_refusals() - before, CONFIG_REFUSAL_KINDS + 5);
    json_init(&j, text, sizeof(text));
    json_array(&j, NULL);
    apps_json_refusals(&j);
    json_end_array(&j);
    assert_true(json_finish(&j) > 0);
    assert_non_null(strstr(text, "{\"what\":\"other\",\"reason\":\"other\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(records_of_refusals_are_few_and_their_count_exact,
                                        rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(more_kinds_of_refusals_than_expected_are_counted_together,
                                        rig_setup, rig_teardown),
    };

    return cmocka_run_group_tests_name("refused", tests, rig_service_init, NULL);
}
