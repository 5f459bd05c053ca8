/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Bounded reading at an offset of a frame, in few ways for the verifier. */
#ifndef DYNMON_CURSOR_H
#define DYNMON_CURSOR_H

#include "frame.h"

/* No header starts further in; also what the verifier needs to know of an offset. */
#define DYNMON_HEADERS_MAX 0x3fffU

/* A socket buffer may go on in pages which only the kernel can read, an XDP frame in fragments. */
static __always_inline bool dynmon_load_far(const struct dynmon_packet* pkt, __u32 offset,
                                            void* into, __u32 size) {
    if (pkt->hook == DYNMON_HOOK_TC)
        return bpf_skb_load_bytes(pkt->ctx, offset, into, size) == 0;
    return dynmon_frags && bpf_xdp_load_bytes(pkt->ctx, offset, into, size) == 0;
}

/* Fills `*into` with the bytes at `offset` of the frame. False: the frame ends before. Headers are
 * read in words of their type although Ethernet puts them at odd halves: x86 and arm64 allow it.
 * The barrier keeps the bound on the very register that is added to the pointer. */
#define dynmon_load(pkt, offset, into)                                                             \
    ({                                                                                             \
        __u64 offset_ = (offset);                                                                  \
        bool loaded_ = false;                                                                      \
        barrier_var(offset_);                                                                      \
        if (offset_ <= DYNMON_HEADERS_MAX) {                                                       \
            const typeof(*(into))* from_ = (pkt)->data + offset_;                                  \
            loaded_ = (const void*)(from_ + 1) <= (pkt)->data_end;                                 \
            if (loaded_)                                                                           \
                *(into) = *from_;                                                                  \
            else                                                                                   \
                loaded_ = dynmon_load_far((pkt), offset_, (into), sizeof(*(into)));                \
        }                                                                                          \
        loaded_;                                                                                   \
    })

/* For what is rare: the same in one way for the verifier, by the helper wherever there is one. */
#define dynmon_load_rare(pkt, offset, into)                                                        \
    ((pkt)->hook == DYNMON_HOOK_TC || dynmon_frags                                                 \
         ? dynmon_load_far((pkt), (offset), (into), sizeof(*(into)))                               \
         : dynmon_load((pkt), (offset), (into)))

#endif
