// SPDX-License-Identifier: BSD-3-Clause
/*
 * Time from the time-stamp counter, calibrated against a clock of known rate: the ACPI
 * power-management timer, else the HPET, else the PIT.
 *
 * The interval is the boot itself: a sample (reference, TSC) at its start and one at its end.
 * Reading the reference takes a microsecond or more in a virtual machine, and at times much longer;
 * so each sample is the closest of several pairs of TSC readings around one of the reference.
 *
 * Time 0 lies before all that, at the entry, where only the TSC was read. A short first measurement
 * is good enough to say how long ago that was. From there the clock only ever goes on: the counter
 * takes over at the very time that the reference had reached.
 */
#include "time.h"

#include <stdbool.h>
#include <stddef.h>
#include "acpi.h"
#include "cpu.h"
#include "lapic.h"
#include "mmio.h"
#include "paging.h"

/* A sample is good to about half a microsecond; 100 ppm of this is 0.8 us. */
#define INTERVAL_MIN_NS (8 * NS_PER_MS)
#define SAMPLE_TRIES    6
#define RUNS_TRIES      10000 /* readings; each takes a tenth of a microsecond at least */

/* The first measurement: within some percent, of a time of some milliseconds. */
#define ROUGH_NS     (100 * NS_PER_US)

#define PM_TIMER_HZ  3579545
#define PIT_HZ       1193182

#define HPET_BYTES   0x100
#define HPET_PERIOD  0x04 /* femtoseconds a tick; the high half of the capabilities register */
#define HPET_CONFIG  0x10
#define HPET_COUNTER 0xf0
#define HPET_ENABLE  1u
#define FS_PER_S     1000000000000000ull

#define PIT_CHANNEL2 0x42
#define PIT_COMMAND  0x43
#define PIT_GATE     0x61

struct sample {
    uint64_t ref; /* ticks of the reference since time_init() */
    uint64_t tsc;
};

static struct {
    const char *name;
    uint32_t (*read)(void);
    uint32_t mask; /* of the bits that count */
    uint64_t hz;
    uint32_t last;    /* value of the last read */
    uint64_t elapsed; /* ticks since time_init(); right if no two reads are a whole wrap apart */
} ref;

static uint8_t *hpet;
static struct sample first;
static uint64_t first_ns;   /* the time at the first sample */
static uint64_t origin_tsc; /* the second sample, */
static uint64_t origin_ns;  /* and the time at it */
static uint64_t ns_mult;    /* ns a tick of the TSC, times 2^32; 0 before calibration */
static uint64_t tsc_hz;

static uint32_t read_pm_timer(void)
{
    return cpu_in32(acpi_pm_timer_port());
}

static uint32_t read_hpet(void)
{
    return mmio_read32(hpet + HPET_COUNTER);
}

static uint32_t read_pit(void)
{
    cpu_out8(PIT_COMMAND, 0x80); /* latch channel 2 */
    uint32_t low = cpu_in8(PIT_CHANNEL2);
    return 0u - (low | (uint32_t)cpu_in8(PIT_CHANNEL2) << 8); /* it counts down */
}

static bool use_hpet(void)
{
    uint32_t period;

    hpet = acpi_hpet_base() ? mmio_map(acpi_hpet_base(), HPET_BYTES) : NULL;
    if (hpet == NULL)
        return false;
    period = mmio_read32(hpet + HPET_PERIOD);
    if (period == 0 || period > 100000000) /* 100 ns at most [HPET 2.3.4] */
        return false;
    mmio_write32(hpet + HPET_CONFIG, mmio_read32(hpet + HPET_CONFIG) | HPET_ENABLE);
    ref.hz = FS_PER_S / period;
    ref.mask = UINT32_MAX;
    ref.read = read_hpet;
    ref.name = "hpet";
    return true;
}

static void use_pit(void)
{
    cpu_out8(PIT_GATE, (uint8_t)((cpu_in8(PIT_GATE) & ~2) | 1)); /* gate on, speaker off */
    cpu_out8(PIT_COMMAND, 0xb4); /* channel 2, two bytes, mode 2: counts down for ever */
    cpu_out8(PIT_CHANNEL2, 0);   /* 0 = 65536 */
    cpu_out8(PIT_CHANNEL2, 0);
    ref.hz = PIT_HZ;
    ref.mask = 0xffff;
    ref.read = read_pit;
    ref.name = "pit";
}

static void choose_reference(void)
{
    if (acpi_pm_timer_port() != 0) {
        ref.hz = PM_TIMER_HZ;
        ref.mask = acpi_pm_timer_is_32bit() ? UINT32_MAX : 0xffffff;
        ref.read = read_pm_timer;
        ref.name = "acpi_pm";
    } else if (!use_hpet()) {
        use_pit();
    }
    ref.last = ref.read();
}

static uint64_t ref_elapsed(void)
{
    uint32_t now = ref.read();

    ref.elapsed += (now - ref.last) & ref.mask;
    ref.last = now;
    return ref.elapsed;
}

static struct sample take_sample(void)
{
    struct sample best = {0, 0};
    uint64_t best_width = UINT64_MAX;

    for (unsigned i = 0; i < SAMPLE_TRIES; i++) {
        uint64_t before = cpu_tsc();
        uint64_t now = ref_elapsed();
        uint64_t width = cpu_tsc() - before;
        if (width < best_width) {
            best_width = width;
            best.ref = now;
            best.tsc = before + width / 2;
        }
    }
    return best;
}

/* A clock that is not there reads the same for ever. The slowest ticks every microsecond. */
static bool ref_runs(void)
{
    for (unsigned i = 0; i < RUNS_TRIES; i++)
        if (ref_elapsed() != 0)
            return true;
    return false;
}

static uint64_t scale(uint64_t ticks, uint64_t mult)
{
    return (uint64_t)(((unsigned __int128)ticks * mult) >> 32);
}

static uint64_t ref_ns(uint64_t ticks)
{
    return ticks * NS_PER_S / ref.hz;
}

/* Since the counter was at this value, as far as a short look at it tells. */
static uint64_t ns_since(uint64_t tsc)
{
    struct sample now;
    uint64_t ns, ticks;

    while (ref_elapsed() - first.ref < ROUGH_NS * ref.hz / NS_PER_S)
        ;
    now = take_sample();
    ns = ref_ns(now.ref - first.ref);
    ticks = now.tsc - first.tsc;
    if (ticks <= ns / 100) /* it stands still */
        return 0;
    return scale(first.tsc - tsc, (ns << 32) / ticks);
}

bool time_init(uint64_t entry_tsc)
{
    choose_reference();
    if (!ref_runs())
        return false;
    first = take_sample();
    lapic_timer_measure_start();
    first_ns = ns_since(entry_tsc);
    return true;
}

bool time_calibrate(void)
{
    struct sample second;
    uint64_t ns, ticks;
    uint32_t lapic_ticks;

    if (ref_elapsed() - first.ref < INTERVAL_MIN_NS * ref.hz / NS_PER_S)
        return false;
    second = take_sample();
    lapic_ticks = lapic_timer_measure_ticks();

    ticks = second.tsc - first.tsc;
    ns = ref_ns(second.ref - first.ref);
    if (ticks <= ns / 100) /* it stands still, or nearly: the reference has to do for good */
        return false;
    origin_tsc = second.tsc;
    origin_ns = first_ns + ns;
    for (; ns >= 4 * NS_PER_S; ns /= 2, lapic_ticks /= 2)
        ticks /= 2; /* (ns << 32) has to fit 64 bits */
    ns_mult = (ns << 32) / ticks;
    tsc_hz = ticks * NS_PER_S / ns;
    lapic_timer_set_hz(lapic_ticks * NS_PER_S / ns);
    return true;
}

uint64_t time_ns(void)
{
    if (ns_mult != 0)
        return origin_ns + scale(cpu_tsc() - origin_tsc, ns_mult);
    return ref.read != NULL ? first_ns + ref_ns(ref_elapsed() - first.ref) : 0;
}

const char *time_source(void)
{
    return ref.name;
}

uint64_t time_tsc_hz(void)
{
    return tsc_hz;
}
