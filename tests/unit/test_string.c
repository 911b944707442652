// SPDX-License-Identifier: BSD-3-Clause
/*
 * kernel/string.c under other names, compared with libc. Blocks come from malloc with their exact
 * size, so that AddressSanitizer sees one byte too many.
 */
#define memcpy  k_memcpy
#define memmove k_memmove
#define memset  k_memset
#define memcmp  k_memcmp
#define memchr  k_memchr
#define strlen  k_strlen
#define strnlen k_strnlen
#define strcmp  k_strcmp
#define strncmp k_strncmp
#define strchr  k_strchr
#define strncpy k_strncpy
#include "string.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp
#undef strchr
#undef strncpy

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SIZE_MAX_TESTED 150 /* past four words four times, and every remainder */

static uint8_t *random_block(size_t n)
{
    uint8_t *p = malloc(n);

    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)rand();
    return p;
}

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

static void memcpy_copies_every_size_at_every_alignment(void **state)
{
    (void)state;
    for (size_t n = 0; n <= SIZE_MAX_TESTED; n++)
        for (size_t from = 0; from < 8; from++)
            for (size_t to = 0; to < 8; to++) {
                uint8_t *src = random_block(from + n), *dst = random_block(to + n);
                uint8_t *before = malloc(to + n);
                memcpy(before, dst, to + n);
                assert_ptr_equal(k_memcpy(dst + to, src + from, n), dst + to);
                assert_memory_equal(dst + to, src + from, n);
                assert_memory_equal(dst, before, to);
                free(src);
                free(dst);
                free(before);
            }
}

static void memmove_survives_every_overlap(void **state)
{
    (void)state;
    for (size_t n = 0; n <= SIZE_MAX_TESTED; n++)
        for (size_t shift = 0; shift <= n + 1; shift++) {
            uint8_t *up = random_block(n + shift), *down = random_block(n + shift);
            uint8_t *expect = malloc(n + shift);

            memcpy(expect, up, n + shift);
            memmove(expect + shift, expect, n);
            assert_ptr_equal(k_memmove(up + shift, up, n), up + shift);
            assert_memory_equal(up, expect, n + shift);

            memcpy(expect, down, n + shift);
            memmove(expect, expect + shift, n);
            assert_ptr_equal(k_memmove(down, down + shift, n), down);
            assert_memory_equal(down, expect, n + shift);

            free(up);
            free(down);
            free(expect);
        }
}

static void memset_fills_that_and_no_more(void **state)
{
    (void)state;
    for (size_t n = 0; n <= SIZE_MAX_TESTED; n++)
        for (size_t at = 0; at < 8; at++) {
            uint8_t *p = random_block(at + n), *expect = malloc(at + n);
            int value = rand() - RAND_MAX / 2;
            memcpy(expect, p, at + n);
            memset(expect + at, value, n);
            assert_ptr_equal(k_memset(p + at, value, n), p + at);
            assert_memory_equal(p, expect, at + n);
            free(p);
            free(expect);
        }
}

static void memcmp_orders_by_the_first_different_byte(void **state)
{
    (void)state;
    for (size_t n = 0; n <= SIZE_MAX_TESTED; n++) {
        uint8_t *a = random_block(n), *b = malloc(n);
        memcpy(b, a, n);
        assert_int_equal(k_memcmp(a, b, n), 0);
        for (size_t i = 0; i < n; i++) {
            b[i] = (uint8_t)(a[i] + 1 + rand() % 255);
            if (i + 1 < n)
                b[i + 1] = (uint8_t)rand();
            assert_int_equal(sign(k_memcmp(a, b, n)), sign(memcmp(a, b, n)));
            assert_int_equal(k_memcmp(a, b, i), 0);
            memcpy(b, a, n);
        }
        free(a);
        free(b);
    }
}

static void memchr_finds_the_first(void **state)
{
    (void)state;
    for (int round = 0; round < 2000; round++) {
        size_t n = (size_t)rand() % 40;
        uint8_t *p = random_block(n);
        int c = rand() % 3 == 0 ? rand() - RAND_MAX / 2 : n > 0 ? p[(size_t)rand() % n] : 0;
        assert_ptr_equal(k_memchr(p, c, n), memchr(p, c, n));
        free(p);
    }
}

/* A string of a three-letter alphabet, so that equal beginnings are common. */
static char *random_string(size_t max)
{
    static const char letters[] = {'a', 'b', (char)0xe9};
    size_t n = (size_t)rand() % max;
    char *s = malloc(n + 1);

    assert_non_null(s);
    for (size_t i = 0; i < n; i++)
        s[i] = letters[rand() % 3];
    s[n] = '\0';
    return s;
}

static void string_functions_agree_with_libc(void **state)
{
    (void)state;
    for (int round = 0; round < 20000; round++) {
        char *a = random_string(12), *b = random_string(12);
        size_t n = (size_t)rand() % 14;
        char mine[16], theirs[16];

        assert_int_equal(k_strlen(a), strlen(a));
        assert_int_equal(k_strnlen(a, n), strnlen(a, n));
        assert_int_equal(sign(k_strcmp(a, b)), sign(strcmp(a, b)));
        assert_int_equal(sign(k_strncmp(a, b, n)), sign(strncmp(a, b, n)));
        for (const char *c = "ab\xe9z"; *c != '\0'; c++)
            assert_ptr_equal(k_strchr(a, *c), strchr(a, *c));
        assert_ptr_equal(k_strchr(a, 0), a + strlen(a));
        memset(mine, 'x', sizeof(mine));
        memset(theirs, 'x', sizeof(theirs));
        k_strncpy(mine, a, n);
        for (size_t i = 0; i < n; i++) /* its definition; gcc warns of the real one */
            theirs[i] = i < strlen(a) ? a[i] : '\0';
        assert_memory_equal(mine, theirs, sizeof(mine));
        free(a);
        free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memcpy_copies_every_size_at_every_alignment),
        cmocka_unit_test(memmove_survives_every_overlap),
        cmocka_unit_test(memset_fills_that_and_no_more),
        cmocka_unit_test(memcmp_orders_by_the_first_different_byte),
        cmocka_unit_test(memchr_finds_the_first),
        cmocka_unit_test(string_functions_agree_with_libc),
    };
    srand(1);
    return cmocka_run_group_tests_name("string", tests, NULL, NULL);
}
