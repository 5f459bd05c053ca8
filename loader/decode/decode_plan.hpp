// SPDX-License-Identifier: BSD-2-Clause
// A layout compiled to a flat list of steps that turns raw bytes into text in one pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "btf/layout.hpp"
#include "manifest/words.hpp"

namespace dynmon {

// A small buffer in front of a string: fields are written into it without asking for room each.

// Write at `at` and move it on, after reserve(n) for at most n bytes; finish() at the end.
class Cursor {
public:
    static constexpr std::size_t capacity = 1024;
    static constexpr std::size_t slack = 64; // may be written beyond what was reserved

    explicit Cursor(std::string& out) : out_(out) {}
    Cursor(const Cursor&) = delete;
    Cursor& operator=(const Cursor&) = delete;

    void reserve(std::size_t bytes) {                                     // bytes <= capacity
        if (buffer_ + capacity - at < static_cast<std::ptrdiff_t>(bytes)) // may be below zero
            finish();
    }
    // For a position kept in a variable: beyond limit(n) there is no room for n bytes.
    const char* limit(std::size_t bytes) const { return buffer_ + capacity - bytes; }
    [[gnu::noinline]] char* finish_at(char* position) {
        at = position;
        finish();
        return at;
    }
    void put(char c) { *at++ = c; }   // reserved before
    void put(std::string_view text) { // of any length
        if (text.size() > capacity) {
            finish();
            out_.append(text);
            return;
        }
        reserve(text.size());
        std::memcpy(at, text.data(), text.size());
        at += text.size();
    }
    // `text` has `size` bytes and is readable up to the end of the last block: no call of memcpy.
    static constexpr std::size_t block = 16;
    void put_blocks(const char* text, std::size_t size) {
        if (size > capacity)
            return put(std::string_view(text, size));
        reserve(size);
        for (std::size_t done = 0; done < size; done += block)
            std::memcpy(at + done, text + done, block);
        at += size;
    }
    void finish() {
        out_.append(buffer_, static_cast<std::size_t>(at - buffer_));
        at = buffer_;
    }

private:
    std::string& out_;
    char buffer_[capacity + slack];

public:
    char* at = buffer_;
};

struct Scalar;

enum class Style {
    decoded, // addresses, ports, enums, times as people write them
    raw,     // bare numbers: exact, reversible
    dynmon,  // as Polycube's Dynmon printed it: host-order integers, enum names, unsigned char[] as
             // text
};

// JSON text of one value. Immutable after construction: share it between threads freely.
//
//              decoded                    raw                      dynmon
//   integers   numbers of any size, exact; in all styles
//   bool       true, false                0, 1, … as stored        true, false
//   enum       name, or number            number                   name, or number
//   real       shortest exact; null for   the same, but "0x7ff8…"  as for people
//              NaN and infinities         for NaN and infinities
//   pointer    "0xffff…"                  number                   number
//   char[]     text up to the NUL; bytes  text if that is all of   list of numbers
//              that are no UTF-8 become   it, or else "0x…", so
//              U+FFFD                     that nothing is lost
//   u8[], s8[] "02ab…", list of numbers   list of numbers          text up to the NUL
//   semantics  text; time 0 is null       as stored, host order    as stored, host order
//   union      all arms; anonymous members belong to the struct around them; in all styles
//   opaque     "bpf_spin_lock", …         null                     null
// What no C type of the host can hold (reals of 16 bytes) is hexadecimal bytes in all styles.
class JsonPlan {
public:
    // `before` and `after` are JSON text around the value, such as {"key": in front of it.
    // `wide_as_text`: integers whose type has more than 53 bits are JSON strings whatever their
    // value, for readers that keep numbers as doubles; not in Style::dynmon.
    JsonPlan(const Layout& layout, Style style, std::string_view before = {},
             std::string_view after = {}, bool wide_as_text = false);
    ~JsonPlan();
    JsonPlan(JsonPlan&&) noexcept;
    JsonPlan& operator=(JsonPlan&&) noexcept;
    // Appends the value at `bytes` (layout.size bytes) to `out`. Allocates only when `out` grows.
    void append(const std::byte* bytes, std::string& out) const;
    void append(const std::byte* bytes, Cursor& out) const; // for many values in a row

private:
    struct Step;
    class Builder;
    struct Run;
    std::vector<Step> steps_;
    std::string literals_; // what stands between the values, one after the other
    std::vector<std::shared_ptr<const EnumSet>> enums_; // kept alive for the steps
};

// One column per leaf field that can be seen: for CSV, tables, labels. The columns are the same in
// every style; raw shows addresses and the like as the hexadecimal bytes or the bare number.
class ColumnPlan {
public:
    ColumnPlan(const Layout& layout, std::string_view prefix, Style style);
    ~ColumnPlan();
    ColumnPlan(ColumnPlan&&) noexcept;
    ColumnPlan& operator=(ColumnPlan&&) noexcept;

    const std::vector<std::string>& names() const { return names_; } // "key.saddr", "value", …
    bool numeric(std::size_t column) const;                          // shown as a number
    // Never has a comma, a quote or a control character.
    bool plain(std::size_t column) const;
    // Bare text of one cell.
    void append(std::size_t column, const std::byte* bytes, std::string& out) const;
    void append(std::size_t column, const std::byte* bytes, Cursor& out) const;
    // The cells from `first` up to `end`, each with the separator in front: a line of CSV.
    void append_row(std::size_t first, std::size_t end, const std::byte* bytes, char separator,
                    Cursor& out) const;

private:
    std::vector<std::string> names_;
    std::vector<Scalar> cells_;
    std::vector<std::shared_ptr<const EnumSet>> enums_; // kept alive for the cells
};

// In all that follows `bytes` is the start of the root value: the field knows its own offset.

// Bare text of one scalar field, no quotes and no escaping; "" for what JSON shows as null.
void append_scalar(const Layout& field, Style style, const std::byte* bytes, std::string& out);

// Integers, booleans, characters, enums and reals, whatever they stand for.
bool holds_number(const Layout& field);

// A field that holds_number(), in the host's byte order: exact up to 64 bits, a double beyond.
struct Number {
    enum class Kind { u64, i64, f64 } kind = Kind::u64;
    std::uint64_t u = 0;
    std::int64_t i = 0;
    double f = 0;
};
Number read_number(const Layout& field, const std::byte* bytes);

// How the copies of a per-CPU value become one: each numeric leaf by its own rule.
// sum adds, max/min compare (min ignores zero: "not set yet on that CPU"), last takes the
// non-zero value of the highest CPU, or takes every bit that is set on any CPU. What says who or
// where is the same on every CPU that has seen it: under a preset, addresses, ports, protocols and
// enums take the first non-zero value, flags and booleans are or-ed, and for sum times take the
// latest. Bytes, texts and unions of different arms need a rule of their own, or first or last.
//
// Integers that are added up become 64 bits where that is enough for any number of CPUs, or else
// 128; a sum of 128 bits is taken modulo 2^128, a real keeps its width.
class MergePlan {
public:
    // `fields`: "value.first" → min; a path to a struct holds for all its fields, one to an array
    // for all elements. Throws Error{usage} for a path that does not exist, a rule that does not
    // fit its field and a field that the preset does not fit.
    MergePlan(const Layout& layout, Merge preset, const std::map<std::string, Merge>& fields);
    ~MergePlan();
    MergePlan(MergePlan&&) noexcept;
    MergePlan& operator=(MergePlan&&) noexcept;

    // The same fields under the same names, in the order and place that merge() writes them.
    const Layout& layout() const { return layout_; }
    // `copies` points to `cpus` values, `stride` bytes apart; writes layout().size bytes to `into`.
    void merge(const std::byte* copies, std::size_t cpus, std::size_t stride,
               std::byte* into) const;

private:
    struct Step;
    class Builder;
    struct Run;
    std::vector<Step> steps_;
    std::unique_ptr<Scalar> leader_; // the field that leads, if there is one
    Layout layout_;
};

} // namespace dynmon
