// SPDX-License-Identifier: BSD-3-Clause
/*
 * The 16550 at COM1. Interrupts stay off; the console's ring is the buffer, this is only the door.
 */
#include "serial.h"
#include "cpu.h"

#define COM1       0x3f8
#define DATA       (COM1 + 0) /* divisor latch, low byte, while LCR_DLAB is set */
#define IER        (COM1 + 1) /* divisor latch, high byte */
#define FCR        (COM1 + 2)
#define LCR        (COM1 + 3)
#define MCR        (COM1 + 4)
#define LSR        (COM1 + 5)
#define SCRATCH    (COM1 + 7)

#define LCR_8N1    0x03
#define LCR_DLAB   0x80
#define FCR_ON     0x07 /* enable and clear both FIFOs */
#define MCR_ON     0x03 /* DTR, RTS */
#define LSR_THRE   0x20 /* the transmit FIFO is empty */
#define LSR_TEMT   0x40 /* and its last byte is on the line */

#define FIFO_BYTES 16

static bool present;

void serial_init(void)
{
    cpu_out8(SCRATCH, 0x5a); /* an empty bus reads back ones */
    present = cpu_in8(SCRATCH) == 0x5a;
    if (!present)
        return;
    cpu_out8(IER, 0);
    cpu_out8(LCR, LCR_8N1 | LCR_DLAB);
    cpu_out8(DATA, 1); /* 115200 / 1 */
    cpu_out8(IER, 0);
    cpu_out8(LCR, LCR_8N1);
    cpu_out8(FCR, FCR_ON);
    cpu_out8(MCR, MCR_ON);
}

unsigned serial_put(const char *s, unsigned n)
{
    unsigned done = 0;

    if (!present)
        return n;
    while (done < n && (cpu_in8(LSR) & LSR_THRE)) {
        for (unsigned room = FIFO_BYTES; room > 0 && done < n; room--)
            cpu_out8(DATA, (uint8_t)s[done++]);
    }
    return done;
}

bool serial_idle(void)
{
    return !present || (cpu_in8(LSR) & LSR_TEMT) != 0;
}
