// SPDX-License-Identifier: BSD-3-Clause
#include "sim_steps.h"

#include <string.h>
#include "paging.h"

struct sim_nic *nic;
volatile uint8_t *regs;
uint8_t ring[SIM_QUEUES][256] __attribute__((aligned(4096)));
uint8_t buf[8][LEN] __attribute__((aligned(64)));
static uint8_t status;

void power_on(uint16_t queue_size, uint64_t more)
{
    sim_power_on();
    nic = sim_add_nic(3);
    nic->offer |= more;
    nic->q[SIM_RXQ].max = nic->q[SIM_TXQ].max = queue_size;
    regs = mmio_map(0x800030000, SIM_BAR_BYTES);
    memset(ring, 0, sizeof(ring));
    memset(buf, 0, sizeof(buf));
    sim_collect = true;
    status = 0;
}

int teardown(void **state)
{
    (void)state;
    sim_power_off();
    return 0;
}

void reset(void)
{
    status = 0;
    mmio_write8(regs + R_STATUS, 0);
    while (mmio_read8(regs + R_STATUS) != 0)
        ;
}

void set_status(uint8_t bit)
{
    status |= bit;
    mmio_write8(regs + R_STATUS, status);
}

void accept_features(uint64_t f)
{
    for (unsigned i = 0; i < 2; i++) {
        mmio_write32(regs + 0x08, i);
        mmio_write32(regs + 0x0c, (uint32_t)(f >> 32 * i));
    }
}

void up_to_features(uint64_t f)
{
    sim_port_out(0xcf8, 4, 0x80001804);
    sim_port_out(0xcfc, 2, 0x0406); /* decode, master, no INTx */
    reset();
    set_status(SIM_ACKNOWLEDGE);
    set_status(SIM_DRIVER);
    accept_features(f);
    set_status(SIM_FEATURES_OK);
    assert_true(mmio_read8(regs + R_STATUS) & SIM_FEATURES_OK);
}

void address(unsigned at, const void *p)
{
    mmio_write32(regs + at, (uint32_t)(uintptr_t)p);
    mmio_write32(regs + at + 4, (uint32_t)((uintptr_t)p >> 32));
}

void fields_at(unsigned q, uint16_t size, unsigned driver, unsigned device)
{
    mmio_write16(regs + R_QUEUE_SELECT, (uint16_t)q);
    mmio_write16(regs + R_QUEUE_SIZE, size);
    address(R_QUEUE_DESC, ring[q]);
    address(R_QUEUE_DRIVER, ring[q] + driver);
    address(R_QUEUE_DEVICE, ring[q] + device);
}

void enable(void)
{
    mmio_write16(regs + R_QUEUE_ENABLE, 1);
}

void doorbell(unsigned q)
{
    mmio_write16(regs + SIM_NOTIFY + 4 * (2 - q), (uint16_t)q);
}

void fine(void)
{
    assert_string_equal(sim_violation, "");
}
