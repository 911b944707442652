// SPDX-License-Identifier: BSD-3-Clause
/*
 * kernel/json.c: every text it hands out is valid by a strict reader, or there is none.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "json.h"
#include "json_check.h"

static void commas_stand_between_elements_only(void **state)
{
    struct json j;
    char buf[256];

    (void)state;
    json_init(&j, buf, sizeof(buf));
    json_object(&j, NULL);
    json_u64(&j, "a", 1);
    json_array(&j, "b");
    json_end_array(&j);
    json_array(&j, "c");
    json_u64(&j, NULL, 2);
    json_object(&j, NULL);
    json_bool(&j, "d", true);
    json_bool(&j, "e", false);
    json_end_object(&j);
    json_str(&j, NULL, "f");
    json_end_array(&j);
    json_object(&j, "g");
    json_end_object(&j);
    json_i64(&j, "h", -3);
    json_end_object(&j);
    size_t n = json_finish(&j);
    assert_string_equal(
        buf, "{\"a\":1,\"b\":[],\"c\":[2,{\"d\":true,\"e\":false},\"f\"],\"g\":{},\"h\":-3}");
    assert_int_equal(n, strlen(buf));
}

static void numbers_reach_both_ends(void **state)
{
    struct json j;
    char buf[512];

    (void)state;
    json_init(&j, buf, sizeof(buf));
    json_array(&j, NULL);
    json_u64(&j, NULL, UINT64_MAX);
    json_i64(&j, NULL, INT64_MIN);
    json_i64(&j, NULL, INT64_MAX);
    json_fixed(&j, NULL, 1234, 3);
    json_fixed(&j, NULL, -5, 3);
    json_fixed(&j, NULL, 0, 2);
    json_fixed(&j, NULL, 42, 0);
    json_fixed(&j, NULL, INT64_MIN, 18);
    json_fixed(&j, NULL, INT64_MAX, 99);
    json_end_array(&j);
    assert_true(json_finish(&j) > 0);
    assert_string_equal(buf, "[18446744073709551615,-9223372036854775808,9223372036854775807,1.234,"
                             "-0.005,0.00,42,-9.223372036854775808,9.223372036854775807]");
    assert_true(json_is_valid(buf));
}

static void every_byte_survives_a_round_trip(void **state)
{
    struct json j;
    char buf[4096], text[256], back[256];

    (void)state;
    for (int i = 0; i < 255; i++)
        text[i] = (char)(i + 1);
    text[255] = '\0';
    json_init(&j, buf, sizeof(buf));
    json_object(&j, NULL);
    json_str(&j, text, text); /* keys are strings too */
    json_end_object(&j);
    assert_true(json_finish(&j) > 0);
    assert_true(json_is_valid(buf));
    assert_non_null(json_string(buf + 1, back));
    assert_string_equal(back, text);
    assert_string_equal(json_member(buf, text), text);
}

static void what_is_open_or_closed_twice_does_not_leave(void **state)
{
    struct json j;
    char buf[64];

    (void)state;
    json_init(&j, buf, sizeof(buf));
    json_object(&j, NULL);
    assert_int_equal(json_finish(&j), 0);
    json_end_object(&j);
    assert_int_equal(json_finish(&j), 2);
    json_end_object(&j);
    assert_int_equal(json_finish(&j), 0);

    json_init(&j, buf, 0);
    json_u64(&j, NULL, 1);
    assert_int_equal(json_finish(&j), 0);
}

static void nesting_has_an_end(void **state)
{
    struct json j;
    char buf[2048];

    (void)state;
    for (int deep = 254; deep <= 257; deep++) {
        json_init(&j, buf, sizeof(buf));
        for (int i = 0; i < deep; i++)
            json_array(&j, NULL);
        assert_int_equal(json_finish(&j), 0);
        for (int i = 0; i < deep; i++)
            json_end_array(&j);
        assert_int_equal(json_finish(&j), deep <= 255 ? 2 * deep : 0);
    }
}

/* One random element, and now and then a whole tree. */
static void random_element(struct json *j, const char *key, int depth)
{
    char text[24];
    size_t n = (size_t)rand() % (sizeof(text) - 1);

    for (size_t i = 0; i < n; i++)
        text[i] = (char)(1 + rand() % 255);
    text[n] = '\0';
    switch (rand() % (depth < 6 ? 7 : 5)) {
    case 0:
        json_u64(j, key, (uint64_t)rand() * (uint64_t)rand());
        break;
    case 1:
        json_i64(j, key, (int64_t)rand() - RAND_MAX / 2);
        break;
    case 2:
        json_bool(j, key, rand() % 2);
        break;
    case 3:
        json_str(j, key, text);
        break;
    case 4:
        json_fixed(j, key, (int64_t)rand() - RAND_MAX / 2, (unsigned)rand() % 20);
        break;
    case 5:
        json_object(j, key);
        for (int i = rand() % 5; i > 0; i--)
            random_element(j, text, depth + 1);
        json_end_object(j);
        break;
    default:
        json_array(j, key);
        for (int i = rand() % 5; i > 0; i--)
            random_element(j, NULL, depth + 1);
        json_end_array(j);
        break;
    }
}

/* The same tree with ample room and with too little: valid and equal, or nothing. */
static void a_text_is_whole_or_absent_at_every_size(void **state)
{
    unsigned cut = 0;

    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        static char ample[1 << 20];
        struct json j;

        srand(round);
        json_init(&j, ample, sizeof(ample));
        random_element(&j, NULL, 0);
        size_t n = json_finish(&j);
        assert_true(n > 0);
        assert_true(json_is_valid(ample));

        for (int tries = 0; tries < 8; tries++) {
            srand(round * 8 + (unsigned)tries);
            size_t cap = tries == 0 ? n + 1 : tries == 1 ? n : (size_t)rand() % (n + 2);
            char *buf = malloc(cap);
            srand(round);
            json_init(&j, buf, cap);
            random_element(&j, NULL, 0);
            assert_int_equal(json_finish(&j), cap > n ? n : 0);
            if (cap > n)
                assert_string_equal(buf, ample);
            else
                cut++;
            free(buf);
        }
    }
    assert_true(cut > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_stand_between_elements_only),
        cmocka_unit_test(numbers_reach_both_ends),
        cmocka_unit_test(every_byte_survives_a_round_trip),
        cmocka_unit_test(what_is_open_or_closed_twice_does_not_leave),
        cmocka_unit_test(nesting_has_an_end),
        cmocka_unit_test(a_text_is_whole_or_absent_at_every_size),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
