// SPDX-License-Identifier: BSD-3-Clause
/*
 * Configuration space that lies: headers, BARs, capability lists.
 *
 * The input is a list of changes (offset, length, bytes) to the configuration space of a network
 * device that is otherwise in order, and a bridge whose header it may change too. Whatever it says,
 * the scan ends, no access leaves what is mapped, and the function is used or refused with one
 * record. A device that is used must carry a frame each way, or be reset.
 */
#include <string.h>
#include "config.h"
#include "fuzz.h"
#include "sim.h"
#include "virtio_net.h"

#define MS 1000000ull

/* The bus is looked at once, a list is walked to its bound, a BAR is sized once; a reset that does
 * not complete is waited for, for a second of the simulation's clock. */
#define ACCESSES_MAX 2000000
#define BOOT_NS      (1100 * MS)

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    fuzz_init();
    return 0;
}

static void change(struct sim_fn *f, struct input *in)
{
    uint8_t at = in_u8(in);
    size_t n = in_u8(in) & 31;
    const uint8_t *p;

    if (n > 256u - at)
        n = 256u - at;
    p = in_bytes(in, &n);
    memcpy(f->cfg + at, p, n);
}

static void use(struct sim_nic *nic)
{
    struct vnet *vn = vnet_get(0);
    struct netbuf *got[CONFIG_RX_BATCH], *nb;
    uint8_t frame[60] = {1};

    for (unsigned i = 0; i < 8; i++) {
        sim_rx(nic, frame, sizeof(frame));
        for (unsigned n = vnet_rx_poll(vn, got, CONFIG_RX_BATCH); n > 0; n--)
            vnet_rx_release(vn, got[n - 1]);
        nb = vnet_tx_get(vn, false);
        if (nb != NULL) {
            memset(netbuf_frame(nb), 0, 60);
            nb->len = 60;
            if (!vnet_tx(vn, nb))
                vnet_tx_put(vn, nb);
        }
        vnet_tx_flush(vn);
        sim_tx(nic, 8);
        vnet_tx_reclaim(vn);
        sim_now_ns += 200 * MS;
        vnet_heartbeat(vn, sim_now_ns);
        MUST(vnet_check(vn));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct vnet_options opt[CONFIG_NICS];
    struct input in = {data, size};
    struct sim_nic *nic;
    struct sim_fn *bridge;
    unsigned n;

    sim_power_on();
    sim_collect = true; /* a device that lies about where its registers are cannot complain */
    nic = sim_add_nic(3);
    bridge = sim_add_bridge(0, 4, 1);
    while (in.left > 0)
        change(in_u8(&in) & 1 ? bridge : nic->fn, &in);
    n = vnet_probe(opt);
    MUST(sim_pci_accesses <= ACCESSES_MAX && sim_now_ns <= BOOT_NS);
    MUST(n <= 1 && sim_records("nic") == n);
    MUST(sim_records("error") <= 1);
    if (n == 1)
        use(nic);
    sim_violation[0] = '\0';
    sim_power_off();
    return 0;
}
