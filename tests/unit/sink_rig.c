// SPDX-License-Identifier: BSD-3-Clause
/*
 * See sink_rig.h.
 */
#include "sink_rig.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

const struct conf *apps_conf = &rig.conf;
const struct job_kind *const job_kinds[] = {NULL};

int sink_setup(void **state)
{
    const int r = rig_setup(state);

    rig.poll = sink_service.poll;
    assert_true(sink_service.start());
    return r;
}

uint32_t sink_build(uint8_t *frame, bool v6, uint16_t port, const struct testframe *f,
                    uint32_t bytes)
{
    uint8_t payload[RIG_FRAME_MAX];

    testframe_pattern(payload, bytes, f->run);
    testframe_write(payload, bytes, f);
    return rig_build_udp(frame, v6, 40000, port, payload, bytes);
}

void sink_send(uint16_t run, uint16_t flow, uint64_t seq)
{
    const struct testframe f = {seq, rig.now_ns, run, flow, TESTFRAME_SENT};
    uint8_t frame[RIG_FRAME_MAX];

    rig_inject(frame, sink_build(frame, false, TESTFRAME_PORT, &f, TESTFRAME_BYTES));
}

const struct sink_run *sink_of(uint16_t run)
{
    const struct sink_run *r = sink_run_find(TESTFRAME_SENT, run);

    assert_non_null(r);
    return r;
}

const char *sink_stats(void)
{
    static char text[CONFIG_RECORD_MAX];
    struct json j;

    json_init(&j, text, sizeof(text));
    json_object(&j, NULL);
    sink_service.stats(&j);
    json_end_object(&j);
    assert_true(json_finish(&j) > 0);
    return text;
}

uint64_t sink_stat(const char *key)
{
    return (uint64_t)rig_number(sink_stats(), key, 0);
}
