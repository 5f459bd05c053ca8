/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the loader and the programs agree on beyond BTF; plain C, for both sides. */
#ifndef DYNMON_ABI_H
#define DYNMON_ABI_H

/* Entries of a hook's PROG_ARRAY. Slot 0 is the first probe, any other is owned by one program. */
#define DYNMON_CHAIN_SLOTS 128

/* `dynmon_slot` of a program that hands over to no other: beyond the array, the tail call fails. */
#define DYNMON_NO_SLOT 0xffffffffU

/* `dynmon_clock_source`: the kernel clock to which `dynmon_clock_base` is added. */
enum dynmon_clock {
    DYNMON_CLOCK_KTIME = 0,  /* CLOCK_MONOTONIC; every kernel; stands still in suspend */
    DYNMON_CLOCK_BOOT = 1,   /* CLOCK_BOOTTIME, since 5.8 */
    DYNMON_CLOCK_TAI = 2,    /* CLOCK_TAI, since 6.1; follows NTP steps by itself */
    DYNMON_CLOCK_COARSE = 3, /* CLOCK_MONOTONIC_COARSE, since 5.11; cheap, 1 to 10 ms steps */
};

/* `dynmon_link`: what a frame starts with on the device the program is attached to. */
enum dynmon_link {
    DYNMON_LINK_ETHERNET = 0,
    DYNMON_LINK_RAW_IP = 1, /* tun, wireguard, ppp: no link-layer header */
};

#endif
