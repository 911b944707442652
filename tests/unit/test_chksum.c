// SPDX-License-Identifier: BSD-3-Clause
/* The checksum against the definition, at every alignment and around every length that it treats
 * apart. */
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

unsigned short netport_chksum(const void *data, int len);

/* RFC 1071: 16-bit words in network order, the carries added back. In host order, as lwIP wants it.
 */
static uint16_t by_definition(const uint8_t *p, int len)
{
    uint64_t sum = 0;

    for (int i = 0; i < len; i++)
        sum += (uint64_t)p[i] << (i % 2 == 0 ? 0 : 8);
    while (sum > 0xffff)
        sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)sum;
}

static void check(const uint8_t *bytes, int max)
{
    for (int offset = 0; offset < 9; offset++) {
        for (int len = 0; len <= max; len++) {
            uint8_t *exact = malloc((size_t)(offset + len)); /* what lies behind it is not read */

            if (offset + len > 0)
                memcpy(exact, bytes, (size_t)(offset + len));
            assert_int_equal(netport_chksum(exact + offset, len),
                             by_definition(bytes + offset, len));
            free(exact);
        }
    }
}

static void sum_is_that_of_the_definition(void **state)
{
    (void)state;
    uint8_t bytes[400];
    uint32_t x = 1;

    for (unsigned i = 0; i < sizeof(bytes); i++) {
        x = x * 1103515245u + 12345u;
        bytes[i] = (uint8_t)(x >> 16);
    }
    check(bytes, 150);
}

static void carries_are_not_lost(void **state)
{
    (void)state;
    uint8_t bytes[400];

    memset(bytes, 0xff, sizeof(bytes));
    check(bytes, 150);
    for (unsigned i = 0; i < sizeof(bytes); i += 3)
        bytes[i] = 0;
    check(bytes, 150);
    memset(bytes, 0, sizeof(bytes));
    check(bytes, 150);
}

static void jumbo_packets_are_summed(void **state)
{
    (void)state;
    uint8_t *bytes = malloc(65536);

    memset(bytes, 0xff, 65536);
    for (int len = 8900; len <= 9000; len++)
        assert_int_equal(netport_chksum(bytes + len % 8, len), by_definition(bytes, len));
    assert_int_equal(netport_chksum(bytes, 65535), by_definition(bytes, 65535));
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sum_is_that_of_the_definition),
        cmocka_unit_test(carries_are_not_lost),
        cmocka_unit_test(jumbo_packets_are_summed),
    };
    return cmocka_run_group_tests_name("chksum", tests, NULL, NULL);
}
