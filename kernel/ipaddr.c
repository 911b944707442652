// SPDX-License-Identifier: BSD-3-Clause
/*
 * Internet addresses as text. Every parser consumes exactly n bytes or says false.
 */
#include "ipaddr.h"

#include "string.h"
#include "text.h"

/* Up to 3 decimal digits, no leading zero, at most max. Returns the digits used, 0 = none fits. */
static size_t parse_decimal(const char *s, size_t n, unsigned max, unsigned *v)
{
    size_t i = 0;

    for (*v = 0; i < n && i < 3 && s[i] >= '0' && s[i] <= '9'; i++)
        *v = *v * 10 + (unsigned)(s[i] - '0');
    if ((i > 1 && s[0] == '0') || *v > max)
        return 0;
    return i;
}

bool ipaddr_parse4(const char *s, size_t n, uint32_t *ip)
{
    uint32_t v = 0;

    for (int part = 0; part < 4; part++) {
        unsigned byte;
        if (part > 0) {
            if (n == 0 || *s != '.')
                return false;
            s++, n--;
        }
        size_t used = parse_decimal(s, n, 255, &byte);
        if (used == 0)
            return false;
        v = v << 8 | byte;
        s += used, n -= used;
    }
    if (n != 0)
        return false;
    *ip = v;
    return true;
}

/* Groups of 16 bits parted by colons, the last perhaps an IPv4 address. Returns the bytes written
 * to out, at most max; -1 if the text is wrong. An empty text is no groups. */
static int parse_groups(const char *s, size_t n, uint8_t *out, int max)
{
    int len = 0;

    if (n == 0)
        return 0;
    for (;;) {
        unsigned v = 0;
        size_t i = 0;
        for (; i < n && i < 4 && text_digit(s[i]) < 16; i++)
            v = v << 4 | text_digit(s[i]);
        if (i < n && s[i] == '.') {
            uint32_t ip;
            if (len + 4 > max || !ipaddr_parse4(s, n, &ip))
                return -1;
            for (int b = 0; b < 4; b++)
                out[len + b] = (uint8_t)(ip >> (24 - 8 * b));
            return len + 4;
        }
        if (i == 0 || len + 2 > max)
            return -1;
        out[len++] = (uint8_t)(v >> 8);
        out[len++] = (uint8_t)v;
        if (i == n)
            return len;
        if (s[i] != ':')
            return -1;
        s += i + 1, n -= i + 1;
    }
}

bool ipaddr_parse6(const char *s, size_t n, uint8_t ip[16])
{
    uint8_t head[16], tail[16];
    size_t gap = 0;

    while (gap + 1 < n && !(s[gap] == ':' && s[gap + 1] == ':'))
        gap++;
    if (gap + 1 >= n) { /* no "::" */
        if (parse_groups(s, n, head, 16) != 16)
            return false;
        memcpy(ip, head, 16);
        return true;
    }
    /* "::" stands for at least one group of zeros, and an IPv4 address only for the last two. */
    int head_len = parse_groups(s, gap, head, 14);
    int tail_len = parse_groups(s + gap + 2, n - gap - 2, tail, 14);
    if (head_len < 0 || tail_len < 0 || head_len + tail_len > 14 || memchr(s, '.', gap) != NULL)
        return false;
    memset(ip, 0, 16);
    memcpy(ip, head, (size_t)head_len);
    memcpy(ip + 16 - tail_len, tail, (size_t)tail_len);
    return true;
}

/* Finds the '/' and reads what is behind it; *addr_len = bytes in front of it. */
static bool parse_bits(const char *s, size_t n, unsigned max, size_t *addr_len, uint8_t *bits)
{
    const char *slash = memchr(s, '/', n);
    unsigned v;

    if (slash == NULL)
        return false;
    *addr_len = (size_t)(slash - s);
    size_t left = n - *addr_len - 1;
    if (left == 0 || parse_decimal(slash + 1, left, max, &v) != left)
        return false;
    *bits = (uint8_t)v;
    return true;
}

bool ipaddr_parse4_prefix(const char *s, size_t n, uint32_t *ip, uint8_t *bits)
{
    size_t len;

    return parse_bits(s, n, 32, &len, bits) && ipaddr_parse4(s, len, ip);
}

bool ipaddr_parse6_prefix(const char *s, size_t n, uint8_t ip[16], uint8_t *bits)
{
    size_t len;

    return parse_bits(s, n, 128, &len, bits) && ipaddr_parse6(s, len, ip);
}

bool ipaddr_is_host4(uint32_t ip, unsigned bits)
{
    uint32_t host = ip & ~ipaddr_mask4(bits);
    unsigned top = ip >> 24;

    if (top == 0 || top == 127 || top >= 224) /* this network, loopback, multicast and reserved */
        return false;
    return bits >= 31 || (host != 0 && host != ~ipaddr_mask4(bits));
}

bool ipaddr_is_host6(const uint8_t ip[16])
{
    static const uint8_t zeros[12];

    if (ip[0] == 0xff || (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80))
        return false;
    /* ::/96 has the unspecified and the loopback address, and the IPv4-compatible ones that nobody
     * uses any more [RFC 4291 2.5.5.1]; ::ffff:0:0/96 are IPv4 addresses. */
    if (memcmp(ip, zeros, 10) == 0)
        return !((ip[10] == 0 && ip[11] == 0) || (ip[10] == 0xff && ip[11] == 0xff));
    return true;
}
