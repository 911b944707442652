// SPDX-License-Identifier: BSD-3-Clause
/*
 * iperf3's protocol in numbers: the state bytes of the control connection, the error codes that may
 * follow a refusal, and the sizes on the wire. Names are the protocol's own.
 */
#ifndef APPS_IPERF3_PROTO_H
#define APPS_IPERF3_PROTO_H

#define IPERF3_PORT         5201
#define IPERF3_COOKIE_BYTES 37

/* First byte of each message on the control connection, signed. */
enum iperf3_message {
    IPERF3_TEST_START = 1,
    IPERF3_TEST_RUNNING = 2,
    IPERF3_TEST_END = 4,
    IPERF3_PARAM_EXCHANGE = 9,
    IPERF3_CREATE_STREAMS = 10,
    IPERF3_SERVER_TERMINATE = 11,
    IPERF3_CLIENT_TERMINATE = 12,
    IPERF3_EXCHANGE_RESULTS = 13,
    IPERF3_DISPLAY_RESULTS = 14,
    IPERF3_DONE = 16,
    IPERF3_ACCESS_DENIED = -1,
    IPERF3_SERVER_ERROR = -2, /* an error code and an errno follow, 32 bits each, big-endian */
};

/* Error codes, as the peer turns them into words. */
enum iperf3_error {
    IPERF3_OK = 0,
    IPERF3_E_DURATION = 5,
    IPERF3_E_STREAMS = 6,
    IPERF3_E_BLOCK = 7,
    IPERF3_E_OMIT = 12,
    IPERF3_E_SCTP = 18,
    IPERF3_E_UDP_BLOCK = 20,
    IPERF3_E_MESSAGE = 110,
    IPERF3_E_PARAMS = 114,
    IPERF3_E_RESULTS = 117,
    IPERF3_E_BUSY = 121,
    IPERF3_E_ACCEPT = 204,
};

#define IPERF3_STREAMS_MAX 128 /* in one direction: what the original's command line accepts */

/* Seconds. Far beyond the original's one day, and small enough that nanoseconds fit 64 bits. */
#define IPERF3_TIME_MAX 1000000000

/* A datagram begins with seconds, microseconds and its number: 32 bits each, the last one 64 bits
 * if the parameters ask for it. The original sends nothing shorter than the longer form. */
#define IPERF3_UDP_HEADER        12
#define IPERF3_UDP_HEADER_WIDE   16
#define IPERF3_UDP_BLOCK_MIN     16
#define IPERF3_UDP_BLOCK_MAX     65507
#define IPERF3_UDP_BLOCK_DEFAULT 1460

/* What a client sends from each new port, and what it waits for. Clients before 3.12 send four
 * other bytes and take any answer. */
#define IPERF3_UDP_HELLO_BYTES 4
#define IPERF3_UDP_HELLO       "9876"
#define IPERF3_UDP_REPLY       "6789"

#endif
