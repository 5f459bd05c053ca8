// SPDX-License-Identifier: BSD-2-Clause
// A layout compiled to a flat list of copies that turn raw bytes into a packed record of numbers
// and bytes, without text in between; for arrays of NumPy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "btf/layout.hpp"
#include "decode/decode_plan.hpp"
#include "decode/scalar.hpp"

namespace dynmon {

// The fields of a record are the leaves of the layout, named as the columns of a CSV are, but that
// an array of single values is one field with a shape. All numbers are little endian:
//
//   integers, enums, pointers   u1 … u8, i1 … i8; network order becomes the host's; bitfields widen
//   bool                        b1
//   float, double               f4, f8
//   addresses, prefixes         U of the longest one's length, as people write them; with
//                               Style::raw u1 with a shape, as stored
//   128 bits, u8[]              u1 with a shape, as stored
//   sums over CPUs              u8, i8: put() throws Error{failed} for one that needs more
//   char[]                      S, as stored
//   times, durations            their own width, in the unit that they count in
//   opaque, empty               left out
class RecordPlan {
public:
    struct Field {
        std::string name;                 // "key.saddr"
        std::string type;                 // as NumPy writes it: "<u4", "|S16", "<U39"
        std::vector<std::uint32_t> shape; // empty: a single value
    };

    // `style` is decoded or raw. Throws Error{usage} when there are more than limits::layout_nodes
    // fields.
    RecordPlan(const Layout& layout, std::string_view prefix, Style style = Style::decoded);

    const std::vector<Field>& fields() const { return fields_; }
    std::size_t size() const { return size_; } // bytes of a record

    // Writes size() bytes at `to` from the value at `bytes`; returns the end.
    char* put(const std::byte* bytes, char* to) const; // throws where a sum does not fit

private:
    class Builder;
    struct Step {
        enum class Op : std::uint8_t { copy, swap2, swap4, swap8, boolean, integer, sum, text };
        Op op = Op::copy;
        std::uint32_t size = 0;  // bytes written for one element
        std::uint32_t count = 1; // elements, `stride` bytes apart
        std::uint32_t stride = 0;
        Scalar scalar; // where the first one is; of integer and boolean all else too
    };
    static char* put_element(const Step& step, const std::byte* bytes, char* to);

    std::vector<Field> fields_;
    std::vector<Step> steps_;
    std::size_t size_ = 0;
};

} // namespace dynmon
