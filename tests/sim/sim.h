// SPDX-License-Identifier: BSD-3-Clause
/*
 * A simulated machine: a PCI bus with virtio network devices on it, made from the specification
 * and not from the driver.
 *
 *     sim_pci.c      ports 0xcf8/0xcfc, configuration space, BARs, the window that registers are in
 *     sim_nic.c      a network device behind them: what both interfaces have in common
 *     sim_modern.c   the registers of the modern interface and their rules
 *     sim_legacy.c   those of the legacy interface
 *     sim_net.c      the rules that are about networks
 *     sim_ring.c     its rings: buffers, owners, what the monitor sees
 *     sim_work.c     the device at work: frames and commands
 *     sim_split.c    the split ring, and the rules of its format
 *     sim_packed.c   likewise the packed ring
 *     sim_kernel.c   the few kernel functions that drivers call
 *
 * The device enforces: every access is compared with what the specification allows (checklist
 * clauses are cited), and the first breach fails the running test, or is kept in sim_violation
 * while sim_collect is set. Buffers that the device owns are poisoned with AddressSanitizer, so
 * that merely reading one ends the program. Like a real one it works on a queue only after a
 * doorbell, stops when the queue is empty, and asks for the next doorbell as the negotiated
 * features say.
 *
 * And it can misbehave, in every way the fields of struct sim_nic allow.
 */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cpu.h"

/* ---- the machine ------------------------------------------------------------------------------
 */

struct sim_nic;

struct sim_fn { /* a PCI function */
    uint8_t bus, slot, fn;
    uint8_t cfg[256];
    uint32_t bar_bits[6]; /* bits of each BAR that can change; 0: none */
    struct sim_nic *nic;  /* NULL: nothing behind its BARs */
    bool bars_sized;      /* all ones were written to one of them */
};

/* Everything as after power-on, without any function. Call it in each test's set-up. */
void sim_power_on(void);

/* Forgets everything. Fails if a violation was collected and not looked at. */
void sim_power_off(void);

struct sim_fn *sim_add_fn(uint8_t bus, uint8_t slot, uint8_t fn, uint16_t vendor, uint16_t device);

/* A bridge at this place, to bus `secondary`. */
struct sim_fn *sim_add_bridge(uint8_t bus, uint8_t slot, uint8_t secondary);

/* Appends a capability of `len` bytes to the list; returns its offset. Behind 0xff the space is
 * full. */
uint8_t sim_add_cap(struct sim_fn *f, const uint8_t *cap, uint8_t len);

void sim_put16(uint8_t *p, uint16_t v);
void sim_put32(uint8_t *p, uint32_t v);
uint16_t sim_get16(const uint8_t *p);
uint32_t sim_get32(const uint8_t *p);

extern uint64_t sim_now_ns; /* each look at the clock moves it 100 ns */
extern bool sim_collect;    /* true: a violation is kept instead of failing the test */
extern char sim_violation[256];
extern unsigned sim_pci_accesses; /* accesses to configuration space */
extern unsigned sim_vectors_left; /* CPU vectors that irq_vector_alloc() still has */
extern uint64_t sim_irqs[256];    /* taken, by CPU vector */
extern bool sim_mmio_map_fails;
extern bool sim_line_given_up; /* irq_line_allow() refuses */
extern unsigned sim_line_claims, sim_line_retries;

/* A line of the interrupt controller, as kernel/irq.c has it: it interrupts once while it is
 * allowed to and any function holds it, then it is closed. To be called when something may have
 * changed. */
#define SIM_LINE_VECTOR 0x20
void sim_lines_settle(void);
bool sim_line_high(uint8_t line);

/* The driver broke a rule. `clause` as in CONFORMANCE.md. */
void sim_breach(const char *clause, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* True if the collected violation is one of this clause; forgets it. */
bool sim_breached(const char *clause);

/* The last record of this event as text, or NULL; how many there were. */
const char *sim_record(const char *event);
unsigned sim_records(const char *event);

/* ---- a virtio network device ------------------------------------------------------------------
 */

/* Queues of frames, and the control queue, which has no interrupt: SIM_QUEUES as an interrupt is
 * the configuration's. */
enum { SIM_RXQ, SIM_TXQ, SIM_QUEUES, SIM_CTLQ = SIM_QUEUES, SIM_SLOTS };

#define SIM_F_CSUM            (1ull << 0)
#define SIM_F_GUEST_CSUM      (1ull << 1)
#define SIM_F_MTU             (1ull << 3)
#define SIM_F_MAC             (1ull << 5)
#define SIM_F_GUEST_TSO4      (1ull << 7)
#define SIM_F_GUEST_TSO6      (1ull << 8)
#define SIM_F_GUEST_ECN       (1ull << 9)
#define SIM_F_HOST_TSO4       (1ull << 11)
#define SIM_F_HOST_TSO6       (1ull << 12)
#define SIM_F_MRG_RXBUF       (1ull << 15)
#define SIM_F_STATUS          (1ull << 16)
#define SIM_F_CTRL_VQ         (1ull << 17)
#define SIM_F_CTRL_RX         (1ull << 18)
#define SIM_F_GUEST_ANNOUNCE  (1ull << 21)
#define SIM_F_MQ              (1ull << 22)
#define SIM_F_ANY_LAYOUT      (1ull << 27)
#define SIM_F_INDIRECT_DESC   (1ull << 28)
#define SIM_F_EVENT_IDX       (1ull << 29)
#define SIM_F_VERSION_1       (1ull << 32)
#define SIM_F_ACCESS_PLATFORM (1ull << 33)
#define SIM_F_RING_PACKED     (1ull << 34)
#define SIM_F_ORDER_PLATFORM  (1ull << 36)
#define SIM_F_RING_RESET      (1ull << 40)

enum { /* the device's status [2.1] */
       SIM_ACKNOWLEDGE = 0x01,
       SIM_DRIVER = 0x02,
       SIM_DRIVER_OK = 0x04,
       SIM_FEATURES_OK = 0x08,
       SIM_NEEDS_RESET = 0x40,
       SIM_FAILED = 0x80,
};

#define SIM_NO_VECTOR 0xffff
#define SIM_SEGS      16 /* in one buffer; more than a driver of small frames has use for */

struct sim_seg {
    uint64_t addr;
    uint32_t len;
    bool writes; /* the device may write it; else read */
};

struct sim_entry { /* what the driver exposed under one id */
    bool exposed;
    unsigned segs;
    struct sim_seg seg[SIM_SEGS];
    unsigned own;   /* the first of them, which nobody else has; behind them is memory that never
                       changes */
    uint64_t sum;   /* of what is there */
    unsigned descs; /* that it takes of the ring */
    uint16_t desc[SIM_SEGS]; /* split: their numbers */
    uint64_t table;          /* that one of them leads to */
    uint32_t table_len;      /* 0: none */
    bool busy;               /* split: the descriptor of this number is taken by some buffer */
};

struct sim_slot {   /* of a packed ring */
    bool busy;      /* the device has the descriptor */
    uint16_t id;    /* of the list that begins here, … */
    unsigned descs; /* … and has so many */
};

struct sim_queue {
    uint16_t max;        /* offered queue size */
    uint16_t notify_off; /* offered place of the doorbell */

    /* Registers */
    uint16_t size, vector;
    bool enabled;
    bool resetting;      /* 1 was written to queue_reset, and it is not complete */
    bool was_reset;      /* it is, and the queue was not enabled since */
    unsigned reset_left; /* reads until then */
    uint64_t desc, driver, device;
    unsigned fields_written; /* bits: size, desc, driver, device, both halves each */
    bool vector_unread;

    /* The device's side of the ring */
    uint16_t last_avail; /* entries taken from the available ring */
    uint16_t used_idx;   /* completions published */
    uint16_t signalled;  /* used_idx when an interrupt was last considered */
    bool awake;          /* a doorbell came and the queue was not found empty since */
    unsigned doorbells;  /* that came */
    unsigned interrupts; /* that were sent */
    struct sim_entry *entries;

    /* Packed: positions in descriptors since the queue was enabled */
    uint32_t taken_pos, used_pos, signalled_pos;
    uint32_t driver_pos, seen_pos, weighed_pos; /* the monitor's */
    bool flags_seen;                            /* it looked, and the completion is there */
    struct sim_slot *slots;                     /* by place in the ring */

    /* The monitor's */
    uint16_t avail_idx; /* as the driver last wrote it */
    uint16_t weighed;   /* avail_idx when it last looked whether to ring the doorbell */
    uint16_t taken;     /* used entries the driver has read */
    uint16_t used_read; /* used.idx as the driver last read it */
    unsigned exposed_n;
    bool need_wmb;      /* ring or descriptor written since the last write barrier */
    bool need_mb_kick;  /* avail.idx written, no full barrier since */
    bool need_mb_sleep; /* interrupts asked for, no full barrier since */
    bool need_rmb;      /* used.idx read, no read barrier since */
    bool kick_due;      /* the driver looked whether to ring the doorbell and has to */
};

enum sim_interface { SIM_UNUSED, SIM_MODERN, SIM_LEGACY };

struct sim_nic {
    struct sim_fn *fn;

    /* What it offers. Change before the driver starts. */
    uint64_t offer;
    uint64_t refuse; /* accepting any of these makes it take FEATURES_OK back */
    uint16_t num_queues;
    uint32_t notify_multiplier;
    uint16_t msix_n;     /* entries of the table; 0: no MSI-X */
    uint16_t vectors_ok; /* so many vectors can be assigned at a time; more: NO_VECTOR */
    uint8_t mac[6];
    uint16_t link_status, mtu, max_pairs;
    uint32_t config_len; /* bytes of device configuration it announces */

    /* How it misbehaves */
    unsigned reset_reads; /* a reset completes after so many reads of the status */
    bool reset_never;
    unsigned queue_reset_reads; /* the same for the reset of one queue */
    bool queue_reset_never;
    bool generation_moves; /* at every read */
    unsigned config_moves; /* so many reads of the legacy configuration's first byte differ */
    bool gone;             /* all ones from everywhere */
    bool interrupts_lost;
    uint8_t isr_sticks; /* bits of the interrupt status that reading does not clear */
    bool doorbells_lost;
    uint8_t hdr_junk; /* fills the header of frames it delivers, where it means nothing */
    bool rx_hdr_set;  /* instead the header is this one */
    uint8_t rx_hdr[12];
    uint32_t rx_piece;    /* where buffers are mergeable: bytes it uses of each; 0: all */
    bool num_buffers_set; /* it says that a frame lies in so many, whatever it uses */
    uint16_t num_buffers;
    uint64_t (*shm_hook)(struct sim_nic *, const volatile void *p, unsigned width, uint64_t v);
    bool at_odds; /* see sim_lie() */

    /* Registers and state */
    enum sim_interface interface; /* that the driver reset it through */
    bool features_known;          /* it has accepted some */
    uint8_t isr;                  /* interrupt status [4.1.4.5] */
    uint8_t status, generation;
    bool resetting, reset_read, was_reset;
    unsigned reset_left;
    bool features_ok_read;
    uint32_t device_feature_select, driver_feature_select;
    uint64_t accepted;
    uint16_t queue_select, config_vector;
    bool config_vector_unread;
    unsigned vectors_used;
    unsigned resets; /* completed */
    struct sim_queue q[SIM_SLOTS];
    uint8_t msix_table[2048 * 16];

    /* What it sent */
    uint64_t tx_frames, tx_bytes;
    uint8_t tx_last[65536], tx_last_hdr[12];
    uint32_t tx_last_len;
};

/* Gives the function an INTx pin that leads to this line. */
void sim_add_line(struct sim_nic *n, uint8_t line);

/* Places of the structures in BAR 4, and of the MSI-X table in BAR 1. */
enum {
    SIM_COMMON = 0x0000,
    SIM_COMMON_LEN = 0x40,
    SIM_ISR = 0x0801, /* wherever it likes */
    SIM_CONFIG = 0x1000,
    SIM_NOTIFY = 0x2000,
    SIM_NOTIFY_LEN = 0x4000,
    SIM_BAR_BYTES = 0x8000,
};

/* The same structures once more in BAR 2, which is ports, where sim_add_ports() was called. */
enum {
    SIM_IO_COMMON = 0x000,
    SIM_IO_ISR = 0x041,
    SIM_IO_CONFIG = 0x080,
    SIM_IO_NOTIFY = 0x100,
    SIM_IO_BYTES = 0x200,
};

/* A device at bus 0, this slot, with everything in order: 256 entries a queue, all features a
 * driver like ours can want, three vectors. The second form places no capabilities: tests that lie
 * in them. */
struct sim_nic *sim_add_nic(uint8_t slot);
struct sim_nic *sim_add_bare_nic(uint8_t slot);

/* Gives the device the legacy interface in BAR 0, and the number of a transitional device; with
 * `modern_too` the other interface remains. The second form is a device with the legacy one only.
 */
void sim_add_legacy(struct sim_nic *n, bool modern_too);
struct sim_nic *sim_add_legacy_nic(uint8_t slot);

/* Gives the device BAR 2, of ports, with all structures in it. Its capabilities are the caller's.
 */
void sim_add_ports(struct sim_nic *n);

/* Capabilities with the true values (the notification one has the multiplier behind it). */
uint8_t sim_cap_common(struct sim_nic *n);
uint8_t sim_cap_notify(struct sim_nic *n);
uint8_t sim_cap_config(struct sim_nic *n);
uint8_t sim_cap_isr(struct sim_nic *n);
uint8_t sim_cap_msix(struct sim_nic *n);
/* And with any. */
uint8_t sim_cap_virtio(struct sim_nic *n, uint8_t type, uint8_t bar, uint32_t offset, uint32_t len);

/* Reads of shared memory that is no ring's since power-on. */
extern unsigned sim_shm_reads;

/* ---- what the device does ---------------------------------------------------------------------
 */

/* Takes the next available buffer. False: it has not been told of one. */
bool sim_take(struct sim_nic *n, unsigned q, uint16_t *id);

/* It sleeps, as if it had looked whether there is more before the driver's index got to memory. */
void sim_sleep(struct sim_nic *n, unsigned q);

/* Gives a buffer back, in order: used entry, index, interrupt. */
void sim_use(struct sim_nic *n, unsigned q, uint32_t id, uint32_t len);

/* The same without the checks a correct device makes: anything can be written. */
void sim_use_raw(struct sim_nic *n, unsigned q, uint32_t id, uint32_t len);
void sim_used_jump(struct sim_nic *n, unsigned q, uint16_t idx);

/* Writes this where the device says when it wants a doorbell. */
void sim_garbage_wish(struct sim_nic *n, unsigned q, uint16_t v);

/* Where the device of this enabled queue writes completions, and how many bytes that are. */
uint8_t *sim_used_memory(const struct sim_nic *n, unsigned q, uint32_t *bytes);

/* To be called before the device lies about what it completed. From then on it is at odds with the
 * driver over who owns what: what the driver reads as completed is the driver's, no buffer is
 * poisoned, and breaches of rules mean nothing; until the next reset, which ends all that. */
void sim_lie(struct sim_nic *n);

/* Bytes of the buffer with this id that the device may write (receive) or read (transmit); 0 if it
 * does not have it. */
uint32_t sim_room(const struct sim_nic *n, unsigned q, uint32_t id);

/* A frame arrives: into the next buffer, which is filled to its end. False: no buffer (the frame is
 * lost). */
bool sim_rx(struct sim_nic *n, const void *frame, uint32_t len);

/* Sends at most max frames and completes them; returns how many. */
unsigned sim_tx(struct sim_nic *n, unsigned max);

/* Which of q[] the device's queue of this number is; SIM_SLOTS: none that a driver may use. The
 * control queue is behind all pairs with MQ, else behind the first [5.1.2]. */
unsigned sim_slot(const struct sim_nic *n, uint32_t number);

/* Takes a command off the control queue and answers it; false: there is none. Class, command. */
bool sim_ctrl(struct sim_nic *n, uint8_t answer, uint8_t said[2]);

/* Asks for an announcement, and interrupts. */
void sim_announce(struct sim_nic *n);

/* Raises the interrupt of a queue or, with SIM_QUEUES, of a configuration change. */
void sim_interrupt(struct sim_nic *n, unsigned q);

/* Sets DEVICE_NEEDS_RESET; stops working. */
void sim_needs_reset(struct sim_nic *n);

/* Fails unless every rule that is about an end was kept as well: no doorbell is owed. */
void sim_settled(struct sim_nic *n);

/* ---- between the files of the simulation ------------------------------------------------------
 */

uint32_t sim_nic_read(struct sim_nic *n, unsigned bar, uint64_t offset, unsigned width);
void sim_nic_write(struct sim_nic *n, unsigned bar, uint64_t offset, unsigned width, uint32_t v);
uint32_t sim_common_read(struct sim_nic *n, uint32_t at, unsigned width);
void sim_common_write(struct sim_nic *n, uint32_t at, unsigned width, uint32_t v);
void sim_notify_write(struct sim_nic *n, uint32_t at, unsigned width, uint32_t v);
uint32_t sim_legacy_read(struct sim_nic *n, uint32_t at, unsigned width);
void sim_legacy_write(struct sim_nic *n, uint32_t at, unsigned width, uint32_t v);
struct sim_queue *sim_selected(struct sim_nic *n); /* NULL: there is no such queue */
void sim_reset_begin(struct sim_nic *n, enum sim_interface interface);
uint8_t sim_status_read(struct sim_nic *n);
uint8_t sim_isr_read(struct sim_nic *n);
uint32_t sim_config_read(struct sim_nic *n, uint32_t at, unsigned width);
uint16_t sim_vector_assign(struct sim_nic *n, uint16_t v);
void sim_check_vectors_read(const struct sim_nic *n);
bool sim_msix_on(const struct sim_nic *n);
uint32_t sim_header(const struct sim_nic *n);
void sim_check_dependencies(const struct sim_nic *n);
void sim_check_command(const struct sim_nic *n, uint8_t class, uint32_t bytes);
bool sim_tx_is_cut(const struct sim_nic *n, const uint8_t *hdr);
void sim_check_tx_header(const struct sim_nic *n, const uint8_t *hdr, const uint8_t *frame,
                         uint32_t have, uint32_t len);

/* Of the memory behind a buffer's own segments, as it is now. */
uint64_t sim_shared_sum(const struct sim_entry *e);
/* The header of a frame of so many bytes, header included, for buffers of *piece bytes; returns how
 * many these are, of which it uses *piece bytes each. */
#define SIM_PIECES 1024
uint32_t sim_rx_header(const struct sim_nic *n, uint8_t *hdr, uint32_t bytes, uint32_t *piece);
uint32_t sim_rx_min(const struct sim_nic *n);
void sim_queue_enable(struct sim_nic *n, unsigned q);
void sim_queue_reset(struct sim_nic *n, unsigned q);
void sim_doorbell(struct sim_nic *n, unsigned q);
bool sim_fn_decodes(const struct sim_fn *f);
bool sim_fn_masters(const struct sim_fn *f);
struct sim_nic *sim_nics(unsigned i);
void sim_forget_nics(void);
void sim_forget_records(void);

#endif
