// SPDX-License-Identifier: BSD-3-Clause
/*
 * Configuration text. The input is up to three sources with zero bytes between them, as the guest
 * reads them one after the other. It must be accepted, or refused with one record; what is accepted
 * must lie within the bounds that the code behind relies on, and mean the same when read again.
 */
#include <string.h>
#include "conf.h"
#include "console.h"
#include "fuzz.h"

static unsigned records;

uint64_t time_ns(void);
uint64_t time_ns(void)
{
    return 0;
}

bool console_write(const char *s, size_t len)
{
    MUST(len > 1 && s[0] == '{' && s[len - 1] == '\n' && memchr(s, '\n', len) == s + len - 1);
    for (size_t i = 0; i < len - 1; i++)
        MUST((uint8_t)s[i] >= 0x20 && (uint8_t)s[i] < 0x7f);
    records++;
    return true;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}

static void check(const struct conf *c)
{
    MUST((c->services & ~(uint32_t)(SERVICE_ALL | SERVICE_RELAY)) == 0);
    for (unsigned i = 0; i < CONFIG_NICS; i++) {
        MUST(c->net[i].ip_bits <= 32);
        MUST(c->net[i].mtu == 0 || (c->net[i].mtu >= 68 && c->net[i].mtu <= 9000));
    }
}

/* All sources; false: one was refused, and said why. */
static bool read_all(struct conf *c, const uint8_t *data, size_t size)
{
    conf_init(c);
    for (unsigned source = 0; source < 3; source++) {
        size_t n = strnlen((const char *)data, size);
        char *text = malloc(n + 1); /* reading beyond its end is found */
        bool ok;

        memcpy(text, data, n);
        text[n] = '\0';
        records = 0;
        ok = conf_parse(c, "cmdline", text);
        free(text);
        MUST(records == (ok ? 0 : 1));
        check(c);
        if (!ok)
            return false;
        data += n < size ? n + 1 : n;
        size -= n < size ? n + 1 : n;
    }
    records = 0;
    return conf_check(c) && conf_check_nics(c, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct conf first, second;
    bool ok;

    memset(&first, 0, sizeof(first));
    memset(&second, 0, sizeof(second));
    ok = read_all(&first, data, size);
    MUST(records == (ok ? 0 : 1));
    MUST(read_all(&second, data, size) == ok);
    MUST(memcmp(&first, &second, sizeof(first)) == 0);
    return 0;
}
