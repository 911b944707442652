// SPDX-License-Identifier: BSD-3-Clause
/*
 * Who wakes whom: driver and device on one ring, each of which sleeps when it finds nothing to do and
 * is woken by the other, but only if it has asked for that.
 *
 *     driver: writes avail, looks at the device's wish, rings the doorbell if it wants one
 *     device: writes used,  looks at the driver's wish, interrupts if it wants that
 *     before sleep: write the wish, fence, look again
 *
 * Memory is x86's: each side's stores wait in a buffer, in order, until they reach memory; loads do
 * not wait for them; a fence does. The doorbell and the interrupt are stores as well, so they
 * overtake nothing.
 *
 * TOTAL buffers go through a ring of SIZE. What is checked is that no state is reached from which
 * nothing goes on: Spin reports one in which both sleep as an invalid end state. With one of these
 * defined, a step is left out, and a lost wake-up must be found:
 *
 *     NO_KICK_FENCE       driver: between avail and the device's wish
 *     NO_SLEEP_FENCE      driver: between its own wish and used
 *     NO_LOOK_AGAIN       driver: does not look at used again before it sleeps
 *     NO_DEVICE_FENCE     device: between used and the driver's wish, between its wish and avail
 *     NO_DEVICE_LOOK      device: does not look at avail again before it sleeps
 *
 * EVENT_IDX selects how a wish is said: as an index that has to be passed, or as a flag.
 */
#ifndef TOTAL
#define TOTAL 4
#endif
#ifndef SIZE
#define SIZE 2
#endif

#define AVAIL      0
#define USED       1
#define KICK_WISH  2
#define IRQ_WISH   3
#define DOORBELL   4
#define INTERRUPT  5

#ifdef EVENT_IDX
#define NEVER      255
#define ASK(idx)   idx
#define UNASK(buf, where)
#define WANTED(wish, before, now) (wish >= before && wish < now)
#else
#define NEVER      0
#define ASK(idx)   1
#define UNASK(buf, where) buf ! where, 0
#define WANTED(wish, before, now) (wish == 1)
#endif

byte memory[6];

/* Stores that have not reached memory yet: where, what. */
chan driver_stores = [3] of { byte, byte };
chan device_stores = [3] of { byte, byte };

#define FENCE(buf) empty(buf)

/* One of a side's stores reaches memory, at any time. */
proctype drain(chan stores)
{
    byte where, what;

end:
    do
    :: atomic { stores ? where, what -> memory[where] = what; where = 0; what = 0 }
    od
}

proctype driver()
{
    byte posted, before, seen, v;

    do
    :: seen == TOTAL -> break
    :: else ->
        seen = memory[USED];
        if
        :: seen == TOTAL -> skip
        :: posted < TOTAL && posted - seen < SIZE ->
            before = posted;
            posted++;
            do /* as many at a time as it likes */
            :: posted < TOTAL && posted - seen < SIZE -> posted++
            :: break
            od;
            driver_stores ! AVAIL, posted;
#ifndef NO_KICK_FENCE
            FENCE(driver_stores);
#endif
            v = memory[KICK_WISH];
            if
            :: WANTED(v, before, posted) -> driver_stores ! DOORBELL, 1
            :: else
            fi
        :: seen < TOTAL && !(posted < TOTAL && posted - seen < SIZE) ->
            driver_stores ! IRQ_WISH, ASK(seen);
#ifndef NO_SLEEP_FENCE
            FENCE(driver_stores);
#endif
#ifndef NO_LOOK_AGAIN
            v = memory[USED];
#else
            v = seen;
#endif
            if
            :: v == seen -> atomic { memory[INTERRUPT] -> memory[INTERRUPT] = 0 } /* sleeps */
            :: else
            fi;
            UNASK(driver_stores, IRQ_WISH)
        fi;
        v = 0
    od
}

proctype device()
{
    byte done, before, v;

    do
    :: done == TOTAL -> break
    :: else ->
        v = memory[AVAIL];
        if
        :: done < v ->
            before = done;
            done++;
            do
            :: done < v -> done++
            :: break
            od;
            device_stores ! USED, done;
#ifndef NO_DEVICE_FENCE
            FENCE(device_stores);
#endif
            v = memory[IRQ_WISH];
            if
            :: WANTED(v, before, done) -> device_stores ! INTERRUPT, 1
            :: else
            fi
        :: else ->
            device_stores ! KICK_WISH, ASK(done);
#ifndef NO_DEVICE_FENCE
            FENCE(device_stores);
#endif
#ifndef NO_DEVICE_LOOK
            v = memory[AVAIL];
#else
            v = done;
#endif
            if
            :: v == done -> atomic { memory[DOORBELL] -> memory[DOORBELL] = 0 } /* sleeps */
            :: else
            fi;
            UNASK(device_stores, KICK_WISH)
        fi;
        v = 0
    od
}

init
{
    atomic {
        memory[IRQ_WISH] = NEVER;
        memory[KICK_WISH] = ASK(0); /* the first doorbell is always wanted */
        run drain(driver_stores);
        run drain(device_stores);
        run driver();
        run device()
    }
}
