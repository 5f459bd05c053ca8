/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Pointers to keys and values, held against the types of their map: helpers of the kernel take any
 * pointer, and read what lies behind it. */
#ifndef DYNMON_TYPED_H
#define DYNMON_TYPED_H

/* Stands for a map of which a function knows the address only (void*): nothing can be compared. */
struct dynmon_some_map {
    void* key;
    void* value;
};

/* The map for typeof(). It must be defined with __type(key, …) and __type(value, …). */
#define dynmon_types_of(map) _Generic((map), void* : (struct dynmon_some_map*)0, default : (map))

/* `what` is key or value. A void* on either side is its author's word. */
#define dynmon_fits(map, what, pointer)                                                            \
    (__builtin_types_compatible_p(typeof(*dynmon_types_of(map)->what), typeof(*(pointer))) ||      \
     __builtin_types_compatible_p(typeof(*dynmon_types_of(map)->what), void) ||                    \
     __builtin_types_compatible_p(typeof(*(pointer)), void))

#define DYNMON_REQUIRE_KEY(map, pointer)                                                           \
    _Static_assert(dynmon_fits(map, key, pointer), "the key is of another type than the map's "    \
                                                   "keys")
#define DYNMON_REQUIRE_VALUE(map, pointer)                                                         \
    _Static_assert(dynmon_fits(map, value, pointer),                                               \
                   "the value is of another type than the map's values")

#endif
