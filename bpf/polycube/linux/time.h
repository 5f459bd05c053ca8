/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Time comes by pcn_get_time_epoch(). */
#ifndef DYNMON_POLYCUBE_LINUX_TIME_H
#define DYNMON_POLYCUBE_LINUX_TIME_H

#define NSEC_PER_SEC 1000000000L
#define NSEC_PER_MSEC 1000000L
#define NSEC_PER_USEC 1000L
#define USEC_PER_SEC 1000000L
#define MSEC_PER_SEC 1000L

#endif
