/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A header of the kernel itself: what monitors take of it is in polycube.h. */
