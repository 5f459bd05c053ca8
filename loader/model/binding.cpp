// SPDX-License-Identifier: BSD-2-Clause
#include "model/binding.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "../../bpf/forest_abi.h"
#include "base/error.hpp"
#include "base/identifier.hpp"

namespace dynmon {

namespace {

static_assert(sizeof(FeaturePlace) == sizeof(dynmon_gather));

constexpr unsigned word = 8; // bytes that the engine reads at once

[[noreturn]] void refuse_feature(const std::string& file, const std::string& name,
                                 const std::string& why, const std::string& hint = "") {
    throw Error(ErrorKind::usage, file + ": the feature '" + name + "' " + why).hint(hint);
}

bool is_integer(const Layout& field) {
    return field.kind == Layout::Kind::integer || field.kind == Layout::Kind::boolean ||
           field.kind == Layout::Kind::character || field.kind == Layout::Kind::enumeration;
}

bool is_big_endian(const Layout& field) {
    return field.size > 1 &&
           (field.big_endian || field.semantic == Semantic::port ||
            field.semantic == Semantic::eth_proto || field.semantic == Semantic::ipv4 ||
            field.semantic == Semantic::big_endian);
}

BoundFeature bound_feature(const Layout& field, const std::string& name, const std::string& file) {
    if (!is_integer(field) || field.size > word)
        refuse_feature(file, name, "is no integer of at most 64 bits in the probe's struct");
    const unsigned begin = field.offset % word * 8;
    const bool swapped = is_big_endian(field) && field.bit_size == 0;
    const unsigned bits = field.bit_size != 0 ? field.bit_size : field.size * 8;
    if (begin + field.bit_offset + bits > word * 8)
        refuse_feature(file, name, "lies across two aligned words of 8 bytes in the probe's struct",
                       "give it its natural alignment there");
    BoundFeature bound{.range = {.bits = bits, .is_signed = field.is_signed}, .place = {}};
    bound.place.at = static_cast<std::uint16_t>(field.offset / word * word + (swapped ? 1 : 0));
    bound.place.up =
        static_cast<std::uint8_t>(swapped ? begin : word * 8 - begin - field.bit_offset - bits);
    bound.place.down = static_cast<std::uint8_t>(word * 8 - bits);
    if (field.is_signed && bits > 32)
        refuse_feature(file, name, "is a signed integer of more than 32 bits",
                       "let the probe count it in 32 bits, or unsigned");
    bound.place.flip = field.is_signed ? std::uint32_t{1} << (bits - 1) : 0;
    return bound;
}

} // namespace

std::uint32_t BoundFeature::value(std::span<const std::byte> source) const {
    std::uint64_t value = 0;
    std::memcpy(&value, source.data() + (place.at & ~(word - 1)), sizeof value);
    if ((place.at & 1) != 0)
        value = __builtin_bswap64(value);
    value = (value << place.up >> place.down) ^ place.flip;
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(value, std::numeric_limits<std::uint32_t>::max()));
}

std::vector<BoundFeature> bind_features(const Forest& forest, const Layout& source,
                                        const std::string& file) {
    std::vector<BoundFeature> bound;
    for (const std::string& name : forest.features) {
        const auto field = find_field(source, name);
        if (!field) {
            const std::vector<std::string> known = leaf_paths(source);
            const std::string near = nearest_name(name, known);
            std::string all;
            for (const std::string& path : known)
                all += (all.empty() ? "" : ", ") + path;
            refuse_feature(file, name, "is not in the probe's struct",
                           near.empty() ? "there are " + all : "did you mean '" + near + "'?");
        }
        bound.push_back(bound_feature(*field, name, file));
    }
    return bound;
}

} // namespace dynmon
