// SPDX-License-Identifier: BSD-2-Clause
// A BTF type as a tree of fields with offsets and semantics: paths to its fields, enums, addresses
// of interfaces, keys of tries, alignment, and how two layouts differ. Pure: needs no kernel and no
// root.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <bpf/btf.h>

namespace dynmon {

// What a scalar (or a small struct) stands for; decides how people see it.
enum class Semantic {
    none,
    ipv4,      // 4 bytes, network order
    ipv6,      // 16 bytes
    ip,        // 16 bytes: IPv6, or IPv4 as ::ffff:a.b.c.d, which is printed as a.b.c.d unless the
               // struct says that it is IPv6: see Layout::version_at
    mac,       // 6 bytes
    port,      // 2 bytes, network order
    ip_proto,  // an integer: "TCP"
    eth_proto, // 2 bytes, network order: "IPv4", or else "0x88cc"
    tcp_flags, // an integer: "SYN|ACK"
    tcp_state, // an integer: "ESTABLISHED"
    ifindex,   // an integer: the name of the interface where the reader knows it
    time_ns,   // since the Unix epoch: ISO 8601 UTC with as many digits as the unit has; 0 is null
    time_us,   // 4 or 8 bytes; so are time_ms and time_s
    time_ms,
    time_s,
    duration_ns, // seconds with the rest as fraction: "1.25s"
    duration_us, // 4 or 8 bytes; so are duration_ms and duration_s
    duration_ms,
    duration_s,
    ktime_ns,    // 8 bytes, since the host was booted: as a duration; 0 is null
    big_endian,  // __be16/32/64: the number it stands for
    boolean,     // an integer: true, false
    text,        // char[]
    hex,         // bytes as "02ab", an integer as "0x2ab"
    enumeration, // an integer with the names of an enum, see Layout::names
    flags,       // an integer whose bits have the names of an enum: "A|B|0x40", "0" for none
    cidr,        // the key of an LPM trie: a prefix length and an IPv4 or IPv6 address
};

// Name of a format in a manifest ("ipv4", "mac", …) → Semantic; `none` if unknown. The names are
// those of the types in bpf/dynmon.h without "dynmon_" and "_t", and others that need no type.
// "enum:NAME" and "flags:NAME" are not among them: they depend on the object's BTF.
Semantic semantic_from_name(std::string_view name);
const std::vector<std::string>& semantic_names();

struct EnumSet {
    std::string name;
    bool is_signed = false;
    // People see number and name, "3 (eth0)": the name may be the wrong one.
    bool numbered = false;
    // Sorted by value; of flags: in the order of print, as bits of the field they belong to.
    std::vector<std::pair<std::int64_t, std::string>> values;
    const std::string* find(std::int64_t value) const; // nullptr: unknown value
};

struct Layout {
    enum class Kind {
        integer,
        boolean,
        character,
        enumeration,
        real,
        pointer,
        structure,
        union_,
        array,
        opaque
    };

    std::string name;      // member name; "" for the root, for array elements and anonymous ones
    std::string type_name; // "__u32", "flow_key", "dynmon_ipv4_t"; "" if unnamed
    Kind kind = Kind::opaque;
    Semantic semantic = Semantic::none;
    bool is_signed = false;
    bool big_endian = false;     // its type says so (__be32), whatever else it means
    bool is_sum = false;         // of the CPUs' integers of up to 48 (size 8) or 64 bits (size 16)
    std::uint32_t offset = 0;    // bytes from the start of the root value
    std::uint32_t size = 0;      // bytes; of a bitfield: those of its storage unit's cover
    std::uint8_t bit_offset = 0; // of a bitfield: bits after `offset` (little endian counting)
    std::uint8_t bit_size = 0;   // 0: not a bitfield
    // Semantic::ip: how far behind its first byte the struct has the byte that is 4 or 6;
    // 0: nothing says it.
    std::int32_t version_at = 0;
    std::uint32_t count = 0;                    // elements, for arrays
    std::uint32_t stride = 0;                   // bytes from one element to the next
    std::shared_ptr<const EnumSet> enumerators; // of an enum
    // What people see instead: names of flags, states, interfaces; an opaque field has its own
    // name.
    std::shared_ptr<const EnumSet> names;
    std::vector<Layout> fields; // struct/union members, or the one element type of an array
                                // (whose offsets are those of element 0)
};

// Field path → format name, as a manifest gives it: "value.src", "key.addrs[].x" or "key.addrs.x".
// A path to an array means the array as a whole if the format fits it, or else every element;
// one element alone cannot have a format.
using Formats = std::map<std::string, std::string>;

// Walks the type once. `root` ("key" or "value") is the first part of the paths in `formats`.
// Throws Error{usage} with the path of the field for a BTF that lies (cycle, member beyond the
// end, absurd counts), for a size unlike `expected_size`, and for a format that does not fit.
// Names are unique where a reader sees them side by side: a second "a" becomes "a_2".
Layout build_layout(const btf* types, std::uint32_t type_id, std::uint32_t expected_size,
                    std::string_view root, const Formats& formats = {});

// For maps without BTF: unsigned integer of 1/2/4/8 bytes, otherwise bytes shown as hex.
Layout untyped_layout(std::uint32_t size);

// The key of an LPM trie: gives `key` the semantic `cidr` when it is a prefix length and an
// address.
void mark_trie_key(Layout& key);
// The key of a trie without BTF: the same for 8 and 20 bytes, else the prefix length and bytes.
Layout untyped_trie_key(std::uint32_t size);

// The field at `path` relative to `root` ("a.b[3].c"; "" is the root itself), members of anonymous
// structs reachable directly; nullptr if there is none. The result of an indexed path is a copy
// with the offset of that element.
std::unique_ptr<Layout> find_field(const Layout& root, std::string_view path);

// All leaf paths, for messages and CSV headers: {"saddr", "ports[0]", …}.
std::vector<std::string> leaf_paths(const Layout& root);

// Interfaces by index, for fields that are one. Plans made afterwards show the names to people.
bool has_interfaces(const Layout& layout);
void name_interfaces(Layout& layout, const std::shared_ptr<const EnumSet>& names);

bool is_scalar(const Layout& field); // prints as one value: not a struct, union or plain array

// Field paths as a manifest writes them: "value.addrs[].x" and "value.addrs.x" are the same field.

// Without the "[]" that says "every element"; numbered indices stay.
std::string without_brackets(std::string_view path);

// "key.proto" with root "key" → "proto"; "key" → "". False: the path starts with something else.
bool split_root(std::string_view path, std::string_view root, std::string_view& rest);

// The reverse: "key" and "addrs[0]" → "key.addrs[0]", "key" and "[0]" → "key[0]".
std::string join_path(std::string_view root, std::string_view path);

// Calls `visit` for each field that prints as one value, arrays unfolded: its path relative to
// `root`, the field, and how many bytes to add to its offset. Throws Error{usage} when there are
// more than limits::layout_nodes.
using LeafVisitor =
    std::function<void(const std::string& path, const Layout& leaf, std::uint32_t moved)>;
void for_each_leaf(const Layout& root, const LeafVisitor& visit);

// The member `name` of a struct or union, also of one within an anonymous member; nullptr if there
// is none.
const Layout* find_member(const Layout& group, std::string_view name);

// Sets version_at of the addresses in `group` and its anonymous members: the version of `saddr` is
// in the integer `saddr_version` of the same struct, or else in `ip_version`.
void link_versions(Layout& group);

// `field` and everything below moved by `bytes`.
void shift(Layout& field, std::uint32_t bytes);

// Whether what a program changes atomically stands on a multiple of its size in memory. Pure.
//
// x86 does it anyway, slowly; arm64 ends the kernel with an alignment fault. The verifier looks at
// the place within the value only and takes it that values begin on a multiple of 8, which those of
// an LPM trie do not.

struct MapInfo;
class Object;
struct ProgramInfo;

// By how many bytes a value of the map begins behind a multiple of 8 in the kernel's memory.
std::uint32_t value_misalignment(const MapInfo& map);

// "" or a sentence that names program, map and field.
std::string alignment_problem(const Object& object, const ProgramInfo& program);
inline constexpr const char* alignment_hint =
    "keep the counter in a hash, an array or a per-CPU map, in a struct that is not packed";

// Do two layouts describe the same bytes with the same names? What lets a map outlive its probe.

// "" when equal, else a sentence with the path of the first field that differs. Pure.
std::string layout_difference(const Layout& before, const Layout& after, const std::string& path);

} // namespace dynmon
