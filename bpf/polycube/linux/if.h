/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What headers of packets want of it, without <sys/socket.h> of the C library. */
#ifndef DYNMON_POLYCUBE_LINUX_IF_H
#define DYNMON_POLYCUBE_LINUX_IF_H

#define IFNAMSIZ 16
#define IFALIASZ 256

#endif
