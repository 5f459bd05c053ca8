#include "export/series_rows.hpp"

#include <cstring>

namespace dynmon {

namespace {

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Eight bytes a multiplication: ids are short, and there are many.
std::uint64_t hash_bytes(std::string_view bytes) {
    constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
    std::uint64_t hash = bytes.size() + odd;
    for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
        std::uint64_t word;
        std::memcpy(&word, bytes.data(), 8);
        hash = mix(hash ^ word, odd);
    }
    std::uint64_t rest = 0;
    std::memcpy(&rest, bytes.data(), bytes.size());
    return mix(hash ^ rest, odd);
}

} // namespace

void SeriesRows::set_shape(std::size_t id_size, std::size_t width) {
    *this = SeriesRows();
    id_size_ = id_size;
    width_ = width;
}

std::size_t SeriesRows::slot_of(std::string_view wanted) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = hash_bytes(wanted) & mask;
    while (slots_[slot] != none && id(slots_[slot]) != wanted)
        slot = (slot + 1) & mask;
    return slot;
}

void SeriesRows::grow() {
    constexpr std::size_t least = 64;
    slots_.assign(slots_.empty() ? least : slots_.size() * 2, none);
    for (std::uint32_t row = 0; row < size(); ++row)
        slots_[slot_of(id(row))] = row;
}

std::uint32_t SeriesRows::find_or_add(const char* bytes, std::size_t most) {
    const std::string_view wanted(bytes, id_size_);
    if (slots_.empty())
        grow();
    std::size_t slot = slot_of(wanted);
    if (slots_[slot] != none)
        return slots_[slot];
    if (size() >= most)
        return none;
    if (2 * (size() + 1) > slots_.size()) {
        grow();
        slot = slot_of(wanted);
    }
    const auto row = static_cast<std::uint32_t>(size());
    slots_[slot] = row;
    ids_.append(wanted);
    numbers_.resize(numbers_.size() + width_);
    flags_.push_back(0);
    return row;
}

} // namespace dynmon
