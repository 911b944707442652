// SPDX-License-Identifier: BSD-3-Clause
/*
 * Those of lwIP's own tests that do not hold with our options, and why that is meant. Each line:
 * the test, the reason. Included by main.c into a table.
 */

/* An interface without address conflict detection announces its address at once, with one ARP
 * frame; these count the frames that are sent, and are not written for it. */
{"test_ip4_frag", "an announcement is counted; and the guest sends no fragments"},
    {"test_127_0_0_1", "an announcement is counted; and the guest has no loopback interface"},
    {"test_ip4_icmp_replylen_short", "an announcement is counted"},
    {"test_ip4_icmp_replylen_first_8", "an announcement is counted"},
    {"test_dhcp", "an announcement is counted: the address is used without seconds of probing"},
    {"test_dhcp_nak", "an announcement is counted"},

    /* The guest reassembles nothing. */
    {"test_ip6_reass", "fragments are not reassembled: memory that strangers would hold"},

    /* There is no heap: mem_malloc() takes from two pools, which do not look for such errors. The
     * unit tests have each free element poisoned instead (tests/sim/netrig_mem.c). */
    {"test_mem_invalid_free", "there is no heap"}, {"test_mem_double_free", "there is no heap"},

    /* A pool's pbuf holds a whole frame of 1514 bytes; these want chains of pbufs of 592. */
    {"test_pbuf_copy_zero_pbuf", "1024 bytes make no chain"},
    {"test_pbuf_take_at_edge", "the edge of the first pbuf lies elsewhere"},
    {"test_pbuf_get_put_at_edge", "the edge of the first pbuf lies elsewhere"},

    /* The first retransmission comes after 1 s [RFC 6298] and not after lwIP's 3 s. */
    {"test_tcp_rto_rexmit_wraparound", "counts ticks until a retransmission after 3 s"},
