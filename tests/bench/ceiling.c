// SPDX-License-Identifier: BSD-3-Clause
/*
 * The ceiling guest of `make bench`: what QEMU's network device can do when the guest does nothing
 * but hand it descriptors, and so the most that any guest on this host could reach.
 *
 *     ceiling=60, ceiling=1514   sends frames of so many bytes to a station that is not there
 *     ceiling=tso                the same with segments of 64 KiB that the device is to cut
 *     ceiling=rx                 gives each receive buffer back at once, unseen
 *
 * It stands on the guest's own boot code, transport and ring set-up. The descriptors are written
 * once and all mean the same memory; from then on a turn reads how far the device is and moves the
 * available index as far, which is the least a driver can do: a split ring of which the device
 * takes and returns the entries in order, as QEMU does [virtio 2.7].
 */
#include "acpi.h"
#include "boot_info.h"
#include "console.h"
#include "cpu.h"
#include "dma.h"
#include "irq.h"
#include "lapic.h"
#include "main.h"
#include "mmio.h"
#include "paging.h"
#include "panic.h"
#include "record.h"
#include "serial.h"
#include "string.h"
#include "text.h"
#include "time.h"
#include "trap.h"
#include "virtio_pci.h"
#include "virtqueue_split.h"

#define RING       256u        /* what the device offers by default */
#define HOST_CSUM  (1ull << 0) /* features of which only this guest needs both */
#define HOST_TSO4  (1ull << 11)
#define TSO_MSS    1448u
#define TSO_BYTES  (45 * TSO_MSS)    /* the most whole segments that an IP packet can hold */
#define TCP_HEADER 54u               /* Ethernet, IPv4, TCP */
#define NAP_NS     (100 * NS_PER_US) /* some thirty frames at the fastest: a fraction of the ring */
#define HDR        sizeof(struct virtio_net_hdr)

struct mode {
    const char *word;
    uint16_t queue;
    uint32_t frame_bytes;
    uint64_t features;
};

static const struct mode modes[] = {
    {"ceiling=60", VIRTIO_NET_TXQ, 60, 0},
    {"ceiling=1514", VIRTIO_NET_TXQ, 1514, 0},
    {"ceiling=tso", VIRTIO_NET_TXQ, TCP_HEADER + TSO_BYTES, HOST_CSUM | HOST_TSO4},
    {"ceiling=rx", VIRTIO_NET_RXQ, 1514, 0},
};

static uint8_t rings[2][VQ_SPLIT_BYTES(RING)] __attribute__((aligned(4096)));
static struct vq_slot slots[2][RING];
static uint8_t buffer[HDR + TCP_HEADER + TSO_BYTES] __attribute__((aligned(4096)));
static struct vpci device;
static struct vq queues[2];

static _Noreturn void fail(const char *why)
{
    record_error("%s", why);
    machine_exit(EXIT_FAIL);
}

static const struct mode *chosen(const char *cmdline)
{
    struct text rest = {cmdline, strlen(cmdline)}, word;

    while (text_next(&rest, ' ', &word))
        for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
            if (text_is(word, modes[i].word))
                return &modes[i];
    fail("the command line wants ceiling=60, 1514, tso or rx");
}

/* ---- what is sent -----------------------------------------------------------------------------
 */

static void put16(uint8_t *at, unsigned v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

/* A TCP segment over IPv4 as the device wants it that is to be cut: lengths and types right, the
 * checksum its business. The one of IPv4 is anybody's, since nobody takes this frame. */
static void write_segment(struct virtio_net_hdr *hdr, uint8_t *frame)
{
    static const uint8_t addresses[8] = {10, 255, 0, 2, 10, 255, 0, 1};

    *hdr = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                   .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                                   .hdr_len = TCP_HEADER,
                                   .gso_size = TSO_MSS,
                                   .csum_start = 34,
                                   .csum_offset = 16};
    put16(&frame[12], 0x0800);
    frame[14] = 0x45;
    put16(&frame[16], TCP_HEADER - 14 + TSO_BYTES);
    frame[22] = 64; /* hops */
    frame[23] = 6;  /* TCP */
    memcpy(&frame[26], addresses, sizeof(addresses));
    frame[46] = 0x50; /* a header of 20 bytes */
    frame[47] = 0x10; /* ACK */
}

static void write_frame(const struct mode *m)
{
    static const uint8_t stations[12] = {0x52, 0x54, 0, 0, 0x99, 0x99, 2, 0, 0, 0, 0, 1};
    uint8_t *frame = buffer + HDR;

    memcpy(frame, stations, sizeof(stations));
    put16(&frame[12], 0x88b5); /* a type for experiments */
    if (m->features & HOST_TSO4)
        write_segment((struct virtio_net_hdr *)(void *)buffer, frame);
}

/* ---- the device -------------------------------------------------------------------------------
 */

static bool is_net(uint16_t id)
{
    return id == VIRTIO_PCI_NET || id == VIRTIO_PCI_NET_TRANSITIONAL;
}

static void need(const char *why)
{
    if (why != NULL)
        fail(why);
}

/* Both queues are set up, since the device may want both; one is used. */
static void bring_up(const struct mode *m)
{
    uint64_t features = VIRTIO_F_VERSION_1 | m->features;
    struct pci_dev found;

    if (pci_find(VIRTIO_PCI_VENDOR, is_net, &found, 1) == 0)
        fail("there is no virtio-net device");
    need(vpci_probe(&device, &found, false));
    vpci_reset_begin(&device);
    while (!vpci_reset_done(&device))
        cpu_relax();
    if ((vpci_offer(&device) & features) != features)
        fail("the device does not offer what this mode needs");
    need(vpci_accept(&device, features));
    for (uint16_t i = 0; i < 2; i++) {
        vq_init(&queues[i], rings[i], slots[i], NULL);
        vq_start(&queues[i], &vq_split, vpci_queue_size(&device, i, RING), features);
        need(vpci_queue_set(&device, i, &queues[i]));
    }
    vpci_driver_ok(&device);
}

/* Every descriptor means the same buffer. */
static void fill(const struct mode *m)
{
    struct vq *vq = &queues[m->queue];
    struct vq_buf buf = {.token = buffer};

    buf.seg[0] = (struct vq_seg){dma_addr(buffer), (uint32_t)HDR + m->frame_bytes};
    buf.in_n = m->queue == VIRTIO_NET_RXQ;
    buf.out_n = (uint16_t)(1 - buf.in_n);
    while (vq_add(vq, &buf))
        continue;
    vq_publish(vq);
    vpci_notify(&device, m->queue);
}

/* Leaves the host's CPU to QEMU's main loop, which is the one with work. */
static void nap(void)
{
    lapic_timer_arm(NAP_NS);
    irq_begin_sleep();
    do
        cpu_wait_irq();
    while (!irq_ends_sleep());
}

/* Whatever the device has used is available again; a doorbell only where it wants one. */
static _Noreturn void work(const struct mode *m)
{
    struct vq *vq = &queues[m->queue];
    volatile struct virtq_avail *avail = vq->area_driver;
    volatile struct virtq_used *used = vq->area_device;
    uint16_t last = vq->size;

    for (;;) {
        uint16_t next = (uint16_t)(shm_read16(&used->idx) + vq->size);
        if (next == last) {
            nap();
            continue;
        }
        last = next;
        shm_write16(&avail->idx, next);
        cpu_mb(); /* the index before the device's wish, or both sides wait [virtio 2.7.13.4.1] */
        if (!(shm_read16(&used->flags) & VIRTQ_USED_F_NO_NOTIFY))
            vpci_notify(&device, m->queue);
    }
}

void kernel_main(const struct boot_info *from)
{
    const struct mode *m;

    panic_init();
    serial_init();
    paging_init(from->phys_base);
    trap_init();
    acpi_init(from->rsdp);
    if (!irq_init() || !time_init(from->entry_tsc))
        fail("no local APIC, or no clock of known rate");
    while (!time_calibrate())
        cpu_relax();
    m = chosen(from->cmdline);
    bring_up(m);
    write_frame(m);
    record_begin("ready");
    record_end();
    console_flush();
    fill(m);
    work(m);
}
