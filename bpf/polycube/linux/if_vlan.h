/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* BCC compiled against the headers of the kernel, where it has these. */
#ifndef DYNMON_POLYCUBE_LINUX_IF_VLAN_H
#define DYNMON_POLYCUBE_LINUX_IF_VLAN_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/types.h>

#define VLAN_HLEN 4
#define VLAN_ETH_HLEN 18
#define VLAN_PRIO_MASK 0xe000
#define VLAN_PRIO_SHIFT 13
#define VLAN_VID_MASK 0x0fff
#define VLAN_N_VID 4096
#define VLAN_MAX_DEPTH 8

struct vlan_hdr {
    __be16 h_vlan_TCI;
    __be16 h_vlan_encapsulated_proto;
};

struct vlan_ethhdr {
    unsigned char h_dest[ETH_ALEN];
    unsigned char h_source[ETH_ALEN];
    __be16 h_vlan_proto;
    __be16 h_vlan_TCI;
    __be16 h_vlan_encapsulated_proto;
};

#endif
