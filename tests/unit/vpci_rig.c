// SPDX-License-Identifier: BSD-3-Clause
#include "vpci_rig.h"

#include <string.h>

struct sim_nic *nic;
struct vpci vp;
struct vq vq;
uint8_t ring[VQ_SPLIT_BYTES(1024)] __attribute__((aligned(4096)));
struct vq_slot slots[1024];

int setup_bare(void **state)
{
    (void)state;
    sim_power_on();
    nic = sim_add_bare_nic(3);
    return 0;
}

int setup_modern(void **state)
{
    (void)state;
    sim_power_on();
    nic = sim_add_nic(3);
    return 0;
}

int setup_legacy(void **state)
{
    (void)state;
    sim_power_on();
    nic = sim_add_legacy_nic(3);
    return 0;
}

int setup_transitional(void **state)
{
    setup_modern(state);
    sim_add_legacy(nic, true);
    return 0;
}

int teardown(void **state)
{
    (void)state;
    sim_power_off();
    return 0;
}

void again(int (*setup)(void **state))
{
    sim_power_off();
    setup(NULL);
}

const char *probe(bool legacy)
{
    struct pci_dev d = {
        .bus = 0, .slot = 3, .vendor = 0x1af4, .device = sim_get16(nic->fn->cfg + 2)};

    return vpci_probe(&vp, &d, legacy);
}

void fails(const char *what)
{
    const char *why = probe(false);

    assert_non_null(why);
    assert_non_null(strstr(why, what));
}

void reset(void)
{
    vpci_reset_begin(&vp);
    assert_true(vpci_reset_done(&vp));
}

void works(void)
{
    assert_null(probe(false));
    reset();
    assert_true(vpci_offer(&vp) == nic->offer);
}

void negotiated(uint64_t features)
{
    works();
    assert_null(vpci_accept(&vp, features));
}

void prepare_queue(uint16_t index)
{
    vq_init(&vq, ring, slots, NULL);
    vq_start(&vq, &vq_split, vpci_queue_size(&vp, index, 256), 0);
}

const char *set_queue(uint16_t index)
{
    prepare_queue(index);
    return vpci_queue_set(&vp, index, &vq);
}
