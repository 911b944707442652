// SPDX-License-Identifier: BSD-3-Clause
/*
 * QEMU's firmware configuration device [QEMU docs/specs/fw_cfg].
 *
 * An item is selected by number and then read from its start, by port, a byte at a time, or where
 * the device offers it by DMA, which a virtual machine exit for each byte makes worth having. Item
 * 0x19 is the directory of named items. Numbers are big-endian.
 */
#include "fw_cfg.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include "cpu.h"
#include "dma.h"
#include "string.h"

#define PORT_SELECT    0x510
#define PORT_DATA      0x511
#define PORT_DMA_HI    0x514
#define PORT_DMA_LO    0x518 /* writing it starts the transfer */

#define ITEM_SIGNATURE 0x0000
#define ITEM_FEATURES  0x0001 /* little-endian, unlike all others */
#define ITEM_DIRECTORY 0x0019

#define FEATURE_DMA    (1u << 1)

#define DMA_ERROR      (1u << 0)
#define DMA_READ       (1u << 1)

#define NAME_BYTES     56
#define ENTRIES_MAX    1024 /* QEMU has some forty */

/* QEMU is done when the port write is; the bound is for a device that never is. */
#define DMA_TRIES 1000000

struct entry {
    uint32_t size;
    uint16_t item;
    uint16_t reserved;
    char name[NAME_BYTES];
};

struct dma_access {
    uint32_t control;
    uint32_t length;
    uint64_t address;
};

static_assert(sizeof(struct entry) == 64 && sizeof(struct dma_access) == 16,
              "layout of the device");

static bool dma;
static struct dma_access access __attribute__((aligned(16))); /* read and written by the device */

static void select_item(uint16_t item)
{
    cpu_out16(PORT_SELECT, item);
}

/* By DMA, on from where the last read of this item ended. */
static bool read_dma(void *buf, uint32_t n)
{
    volatile uint32_t *control = &access.control;
    uint64_t addr = dma_addr(&access);

    access.length = __builtin_bswap32(n);
    access.address = __builtin_bswap64(dma_addr(buf));
    *control = __builtin_bswap32(DMA_READ);
    cpu_mb(); /* the device reads the structure when the port is written */
    cpu_out32(PORT_DMA_HI, __builtin_bswap32((uint32_t)(addr >> 32)));
    cpu_out32(PORT_DMA_LO, __builtin_bswap32((uint32_t)addr));
    for (uint32_t i = 0; i < DMA_TRIES && (*control & ~__builtin_bswap32(DMA_ERROR)) != 0; i++)
        cpu_relax();
    return *control == 0;
}

static bool read_on(void *buf, uint32_t n)
{
    uint8_t *bytes = buf;

    if (dma)
        return read_dma(buf, n);
    for (uint32_t i = 0; i < n; i++)
        bytes[i] = cpu_in8(PORT_DATA);
    return true;
}

static bool present(void)
{
    static const char signature[4] = {'Q', 'E', 'M', 'U'};
    char found[sizeof(signature)];
    uint8_t features;

    dma = false; /* before we know */
    select_item(ITEM_SIGNATURE);
    read_on(found, sizeof(found));
    if (memcmp(found, signature, sizeof(found)) != 0)
        return false;
    select_item(ITEM_FEATURES);
    read_on(&features, sizeof(features));
    dma = features & FEATURE_DMA;
    return true;
}

/* The directory entry of a file, in host byte order. False: there is none. */
static bool find(const char *name, uint32_t *size, uint16_t *item)
{
    static struct entry e;
    static uint32_t count;
    uint32_t n;

    select_item(ITEM_DIRECTORY);
    if (!read_on(&count, sizeof(count)))
        return false;
    n = __builtin_bswap32(count);
    for (uint32_t i = 0; i < n && i < ENTRIES_MAX; i++) {
        if (!read_on(&e, sizeof(e)))
            return false;
        if (strncmp(e.name, name, NAME_BYTES) == 0) {
            *size = __builtin_bswap32(e.size);
            *item = __builtin_bswap16(e.item);
            return true;
        }
    }
    return false;
}

uint32_t fw_cfg_read(const char *name, void *buf, uint32_t cap)
{
    uint32_t size;
    uint16_t item;

    if (!present() || !find(name, &size, &item))
        return 0;
    select_item(item);
    if (!read_on(buf, size < cap ? size : cap))
        return 0;
    return size;
}
