// SPDX-License-Identifier: BSD-3-Clause
/*
 * How a NIC wakes the loop: by MSI-X, by its INTx line, or not at all.
 *
 * Nothing depends on an interrupt but when the loop looks again, so whatever cannot be had is done
 * without: three vectors (receive, transmit, configuration), or two (queues, configuration), or one
 * for everything, or the line, or polling.
 *
 * The line may be shared, and stays asserted until the device's interrupt status is read, which
 * also says what it was about [virtio 4.1.4.5]. It is read once after each interrupt by the line,
 * then everything is looked at, as in every turn. kernel/irq.c bounds what a line can do that
 * nobody makes fall.
 */
#include <stddef.h>
#include "console.h"
#include "irq.h"
#include "time.h"
#include "virtio_net_state.h"

#define ISR_CONFIG 0x2u
#define ISR_GONE   0xffu /* what a function that is no longer there reads as */

/* A line that was given up is tried again after the first time, and after twice as long each time
 * it has to be given up anew, up to the second. */
#define LINE_PAUSE_NS     (10 * NS_PER_S)
#define LINE_PAUSE_MAX_NS (3600 * NS_PER_S)

/* Table entries of the receive queue, the transmit queue and the configuration; the number of
 * vectors that takes is the row's. */
static const uint16_t entries[VNET_VECTORS + 1][3] = {{0}, {0, 0, 0}, {0, 0, 1}, {0, 1, 2}};

const char *const vnet_irq_names[] = {"auto", "msix", "intx", "poll"};

static bool wanted(const struct vnet *vn, enum vnet_irq irq)
{
    return vn->opt.irq == VNET_IRQ_AUTO || vn->opt.irq == irq;
}

void vnet_irq_prepare(struct vnet *vn)
{
    struct pci_msix *msix = &vn->vpci.msix;
    uint16_t most = msix->cap == 0 || !wanted(vn, VNET_IRQ_MSIX) ? 0 : msix->n;

    while (vn->msix_n < most && vn->msix_n < VNET_VECTORS) {
        uint8_t vector = irq_vector_alloc();
        uint64_t addr;
        uint32_t data;

        if (vector == 0)
            break;
        irq_msi_message(vector, &addr, &data);
        pci_msix_set(msix, vn->msix_n, addr, data);
        vn->msix_vector[vn->msix_n++] = vector;
    }
}

static void use(struct vnet *vn, enum vnet_irq irq, uint16_t vectors, uint8_t rx, uint8_t tx,
                uint8_t config)
{
    vn->irq = irq;
    vn->vectors = vectors;
    vn->rx.vector = rx;
    vn->tx.vector = tx;
    vn->config_vector = config;
}

/* A device may refuse vectors [virtio 4.1.5.1.2.2]: then fewer, in the end none. */
static bool assign_msix(struct vnet *vn)
{
    static const uint16_t none[VPCI_QUEUES] = {VIRTIO_MSI_NO_VECTOR, VIRTIO_MSI_NO_VECTOR};

    if (vn->msix_n == 0)
        return false;
    vpci_msix(&vn->vpci, true);
    for (; vn->msix_n > 0; vn->msix_n--) {
        const uint16_t *e = entries[vn->msix_n];
        const uint16_t queue[VPCI_QUEUES] = {e[0], e[1]};
        const uint8_t *vector = vn->msix_vector;

        if (vpci_set_vectors(&vn->vpci, queue, e[2])) {
            use(vn, VNET_IRQ_MSIX, vn->msix_n, vector[e[0]], vector[e[1]],
                e[2] != e[0] ? vector[e[2]] : 0);
            return true;
        }
    }
    vpci_set_vectors(&vn->vpci, none, VIRTIO_MSI_NO_VECTOR);
    vpci_msix(&vn->vpci, false);
    return false;
}

static bool assign_line(struct vnet *vn)
{
    uint8_t line = pci_irq_line(&vn->vpci.pci), vector;

    if (!wanted(vn, VNET_IRQ_INTX) || vn->line_lost || !vpci_has_isr(&vn->vpci))
        return false;
    vector = irq_line_open(line);
    if (vector == 0)
        return false;
    vn->line = line;
    vn->line_mark = irq_count(vector);
    use(vn, VNET_IRQ_INTX, 1, vector, vector, 0);
    pci_intx(&vn->vpci.pci, true);
    return true;
}

const char *vnet_irq_assign(struct vnet *vn)
{
    if (assign_msix(vn) || assign_line(vn))
        return NULL;
    use(vn, VNET_IRQ_POLL, 0, 0, 0, 0);
    if (vn->known || wanted(vn, VNET_IRQ_POLL)) /* it did have it: better slow than not at all */
        return NULL;
    return vn->opt.irq == VNET_IRQ_MSIX
               ? "irq=msix asks for MSI-X, of which it has none that works"
               : "irq=intx asks for its interrupt line, of which it has none that works";
}

bool vnet_irq_again(struct vnet *vn, uint16_t index)
{
    return vn->irq != VNET_IRQ_MSIX ||
           vpci_queue_vector(&vn->vpci, index, entries[vn->vectors][index]);
}

/* Too many interrupts by the line were nobody's: it is stuck, or the device does not let go. */
static void give_line_up(struct vnet *vn)
{
    pci_intx(&vn->vpci.pci, false);
    use(vn, VNET_IRQ_POLL, 0, 0, 0, 0);
    vn->line_lost = true;
    vn->line_lost_ns = vn->now_ns;
    vn->line_pause_ns = vn->line_pause_ns == 0 ? LINE_PAUSE_NS : 2 * vn->line_pause_ns;
    if (vn->line_pause_ns > LINE_PAUSE_MAX_NS)
        vn->line_pause_ns = LINE_PAUSE_MAX_NS;
    kprintf("%s: interrupt line %u does not fall silent; polling for the next %u s", vn->name,
            vn->line, (unsigned)(vn->line_pause_ns / NS_PER_S));
}

void vnet_irq_retry(struct vnet *vn)
{
    if (!vn->line_lost || vn->now_ns - vn->line_lost_ns < vn->line_pause_ns)
        return;
    vn->line_lost = false;
    irq_line_retry(vn->line);
    if (vn->irq == VNET_IRQ_POLL)
        assign_line(vn);
}

bool vnet_irq_allow(struct vnet *vn)
{
    if (vn->irq != VNET_IRQ_INTX || irq_line_allow(vn->line))
        return true;
    give_line_up(vn);
    return false;
}

void vnet_irq_seen(struct vnet *vn)
{
    uint64_t count, done = vn->rx.completions + vn->tx.completions + vn->link_changes;
    uint8_t isr;

    if (vn->irq != VNET_IRQ_INTX)
        return;
    count = irq_count(vn->rx.vector);
    if (count == vn->line_mark)
        return;
    vn->line_mark = count;
    isr = vpci_isr(&vn->vpci);
    if (isr == 0 || isr == ISR_GONE)
        return; /* another function's, on the same line */
    vn->config_changed = vn->config_changed || isr & ISR_CONFIG;
    /* Progress since the one before: a device that interrupts for ever without a reason makes none.
     */
    if (done != vn->line_done)
        irq_line_claim(vn->line);
    vn->line_done = done;
}

bool vnet_irq_config(struct vnet *vn)
{
    bool changed = vn->config_changed;

    if (vn->config_vector != 0) {
        uint64_t count = irq_count(vn->config_vector);
        changed = changed || count != vn->config_mark;
        vn->config_mark = count;
    }
    vn->config_changed = false;
    return changed;
}
