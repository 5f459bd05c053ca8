// SPDX-License-Identifier: BSD-2-Clause
// Rows of numbers found by a few bytes: flat, so that many series cost little more than their
// bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/key_index.hpp"

namespace dynmon {

class SeriesRows {
public:
    static constexpr std::uint32_t none = KeyIndex::none;

    // Bytes of an id and numbers of a row; forgets all rows.
    void set_shape(std::size_t id_size, std::size_t width);

    // The row of `id` (id_size bytes); made, all zero, if there is none.
    std::uint32_t find_or_add(const char* id);
    // Leaves these, and numbers them in this order.
    void retain(const std::vector<std::uint32_t>& rows);

    std::size_t size() const { return flags_.size(); }
    std::string_view id(std::uint32_t row) const {
        return {ids_.data() + row * id_size_, id_size_};
    }
    // Valid until the next row is made.
    std::uint64_t* numbers(std::uint32_t row) { return numbers_.data() + row * width_; }
    const std::uint64_t* numbers(std::uint32_t row) const { return numbers_.data() + row * width_; }
    void mark(std::uint32_t row) { flags_[row] |= marked; }
    bool is_marked(std::uint32_t row) const { return (flags_[row] & marked) != 0; }
    void keep(std::uint32_t row) { flags_[row] |= kept; }
    bool is_kept(std::uint32_t row) const { return (flags_[row] & kept) != 0; }

private:
    static constexpr std::uint8_t marked = 1, kept = 2;

    std::size_t id_size_ = 0;
    std::size_t width_ = 0;
    std::string ids_;
    std::vector<std::uint64_t> numbers_;
    std::vector<std::uint8_t> flags_;
    KeyIndex index_;
};

} // namespace dynmon
