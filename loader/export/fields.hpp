// SPDX-License-Identifier: BSD-2-Clause
// The fields of a metric that a profile needs, found by their names whatever struct they are in.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "decode/scalar.hpp"
#include "format/exporter.hpp"

namespace dynmon {

// An address in 16 bytes, IPv4 as ::ffff:a.b.c.d.
using IpBytes = std::array<std::uint8_t, 16>;

// A field, or none: then it reads as 0. Copies are cheap.
class Field {
public:
    Field() = default;
    explicit Field(const Layout& layout);

    explicit operator bool() const { return size_ != 0; }
    // In the host's order; a sum over CPUs that has more than 64 bits is the largest number of 64.
    // `root`: the key or the value.
    std::uint64_t number(const std::byte* root) const {
        if (size_ == 0)
            return 0;
        const unsigned __int128 number = load_integer(scalar_, root);
        const bool beyond = !scalar_.is_signed && number > UINT64_MAX;
        return beyond ? UINT64_MAX : static_cast<std::uint64_t>(number);
    }
    // 4 bytes of IPv4 or 16 of either, in network order as they are stored.
    IpBytes address(const std::byte* root) const;

private:
    Scalar scalar_;
    std::uint32_t size_ = 0;
};

// Looks into the key and the value of one metric: "key.sport", "value.id.sport".
class FieldFinder {
public:
    // `needed_by` is for the errors: "profile 'ddos'". `metric` must outlive it.
    FieldFinder(const MetricView& metric, std::string needed_by)
        : metric_(metric), needed_by_(std::move(needed_by)) {}

    Field number(const std::string& path) const;        // throws Error{usage} when there is none
    Field number_if_any(const std::string& path) const; // none is fine; another kind is not
    Field address(const std::string& path) const;       // throws Error{usage} when there is none
    Field address_if_any(const std::string& path) const;

private:
    std::unique_ptr<Layout> find(const std::string& path) const;
    [[noreturn]] void refuse(const std::string& fault) const;

    const MetricView& metric_;
    std::string needed_by_;
};

} // namespace dynmon
