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

    // The row of `id` (id_size bytes); made, all zero, unless there are `most` already: none.
    std::uint32_t find_or_add(const char* id, std::size_t most);

    std::size_t size() const { return flags_.size(); }
    std::string_view id(std::uint32_t row) const {
        return {ids_.data() + row * id_size_, id_size_};
    }
    // Valid until the next row is made.
    std::uint64_t* numbers(std::uint32_t row) { return numbers_.data() + row * width_; }
    const std::uint64_t* numbers(std::uint32_t row) const { return numbers_.data() + row * width_; }
    void mark(std::uint32_t row) { flags_[row] = 1; }
    bool is_marked(std::uint32_t row) const { return flags_[row] != 0; }

private:
    std::size_t id_size_ = 0;
    std::size_t width_ = 0;
    std::string ids_;
    std::vector<std::uint64_t> numbers_;
    std::vector<std::uint8_t> flags_;
    KeyIndex index_;
};

} // namespace dynmon
