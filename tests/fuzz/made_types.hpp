// SPDX-License-Identifier: BSD-2-Clause
// A BTF built type by type from a fuzzer's choices: deeper than mutated bytes get on their own.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <fuzzer/FuzzedDataProvider.h>

#include <bpf/btf.h>

#include "btf/layout.hpp"

namespace dynmon::fuzz {

class MadeTypes {
public:
    struct Made {
        int id = 0;
        std::uint32_t size = 0;
        std::uint32_t bits = 0; // the widest bitfield of this type
    };

    explicit MadeTypes(FuzzedDataProvider& input)
        : input_(input), btf_(btf__new_empty(), btf__free) {}

    const btf* get() const { return btf_.get(); }

    Made any(int depth) {
        switch (input_.ConsumeIntegralInRange<int>(0, depth > 0 ? 10 : 6)) {
        case 0:
        case 1:
            return integer();
        case 2:
            return wrapped(integer());
        case 3:
            return enumeration();
        case 4:
            return real();
        case 5:
            return {btf__add_ptr(btf_.get(), 0), 8, 0};
        case 6:
            return known();
        case 7:
            return array(any(depth - 1));
        case 8:
            return wrapped(any(depth - 1));
        default:
            return group(depth - 1);
        }
    }

private:
    // With everything that a name may hold in a file, if not in C.
    std::string name() {
        const std::string text = input_.ConsumeRandomLengthString(6);
        const std::string name = text.substr(0, text.find('\0'));
        return name.empty() ? "n" : name;
    }

    Made integer() {
        static constexpr std::uint32_t sizes[] = {1, 1, 2, 4, 8, 16};
        const std::uint32_t size = input_.PickValueInArray(sizes);
        static constexpr int encodings[] = {0, BTF_INT_SIGNED, BTF_INT_CHAR, BTF_INT_BOOL};
        const int encoding = input_.PickValueInArray(encodings);
        const char* const plain = input_.ConsumeBool() ? "char" : "int";
        return {btf__add_int(btf_.get(), plain, size, encoding), size, size * 8};
    }

    Made enumeration() {
        static constexpr std::uint32_t sizes[] = {1, 2, 4, 8};
        const std::uint32_t size = input_.PickValueInArray(sizes);
        const bool wide = size == 8 && input_.ConsumeBool();
        const int id = wide ? btf__add_enum64(btf_.get(), "e", size, input_.ConsumeBool())
                            : btf__add_enum(btf_.get(), "e", size);
        for (int i = input_.ConsumeIntegralInRange<int>(0, 4); i > 0; --i) {
            if (wide)
                btf__add_enum64_value(btf_.get(), name().c_str(),
                                      input_.ConsumeIntegral<std::uint64_t>());
            else
                btf__add_enum_value(btf_.get(), name().c_str(),
                                    input_.ConsumeIntegral<std::int8_t>());
        }
        return {id, size, size * 8};
    }

    // Types with a semantic, as bpf/types.h and the kernel have them.
    Made known() {
        struct Known {
            const char* name;
            std::uint32_t element;
            std::uint32_t count;
        };
        static constexpr Known list[] = {
            {"dynmon_ipv4_t", 4, 0},  {"dynmon_ipv6_t", 1, 16}, {"dynmon_ip_t", 1, 16},
            {"dynmon_mac_t", 1, 6},   {"dynmon_port_t", 2, 0},  {"dynmon_proto_t", 1, 0},
            {"dynmon_proto_t", 8, 0}, {"__be16", 2, 0},         {"dynmon_tcp_flags_t", 1, 0},
            {"__be64", 8, 0},         {"__be32", 4, 0},         {"dynmon_tcp_flags_t", 8, 0},
            {"dynmon_text_t", 1, 9},  {"dynmon_hex_t", 1, 5},   {"dynmon_time_ns_t", 8, 0},
            {"dynmon_mac_t", 2, 3},   {"dynmon_ip_t", 4, 4},    {"dynmon_duration_ns_t", 8, 0},
        };
        const Known& known = input_.PickValueInArray(list);
        const int encoding = input_.ConsumeBool() ? BTF_INT_SIGNED : 0;
        Made made{btf__add_int(btf_.get(), "int", known.element, encoding), known.element,
                  known.element * 8};
        if (known.count != 0)
            made = {btf__add_array(btf_.get(), made.id, made.id, known.count),
                    known.element * known.count, 0};
        return {btf__add_typedef(btf_.get(), known.name, made.id), made.size, made.bits};
    }

    Made array(const Made& element) {
        // Elements of no bytes multiply with those around them: few say as much as many.
        const std::uint32_t most = element.size == 0 ? 2 : std::max(1u, 48 / element.size);
        const auto count = input_.ConsumeIntegralInRange<std::uint32_t>(0, most);
        return {btf__add_array(btf_.get(), element.id, element.id, count), element.size * count, 0};
    }

    Made wrapped(const Made& inner) {
        const int id = input_.ConsumeBool() ? btf__add_typedef(btf_.get(), "alias", inner.id)
                                            : btf__add_const(btf_.get(), inner.id);
        return {id, inner.size, inner.bits};
    }

    // Members first: their types must be complete before the group's record is begun.
    Made group(int depth) {
        std::vector<Made> members;
        for (int i = input_.ConsumeIntegralInRange<int>(0, 6); i > 0; --i)
            members.push_back(any(depth));
        const bool is_union = input_.ConsumeBool();
        std::uint32_t bit = 0;
        std::vector<Place> places;
        std::uint32_t size = 0;
        for (const Made& member : members) {
            places.push_back(place(member, is_union ? 0 : bit));
            bit = places.back().bit + places.back().taken;
            size = std::max(size, (bit + 7) / 8);
        }
        size += input_.ConsumeIntegralInRange<std::uint32_t>(0, 3);
        const int id = is_union ? btf__add_union(btf_.get(), "u", size)
                                : btf__add_struct(btf_.get(), "s", size);
        for (std::size_t i = 0; i < members.size(); ++i) {
            const bool anonymous = input_.ConsumeIntegralInRange<int>(0, 5) == 0;
            btf__add_field(btf_.get(), anonymous ? nullptr : name().c_str(), members[i].id,
                           places[i].bit, places[i].width);
        }
        return {id, size, 0};
    }

    struct Place {
        std::uint32_t bit = 0;
        std::uint32_t width = 0; // of a bitfield
        std::uint32_t taken = 0; // bits
    };

    Place place(const Made& member, std::uint32_t bit) {
        if (member.bits != 0 && input_.ConsumeBool()) {
            const auto width = input_.ConsumeIntegralInRange<std::uint32_t>(1, member.bits);
            return {bit, width, width};
        }
        return {(bit + 7) / 8 * 8, 0, member.size * 8};
    }

    Made real() {
        static constexpr std::uint32_t sizes[] = {2, 4, 8, 12, 16};
        const std::uint32_t size = input_.PickValueInArray(sizes);
        return {btf__add_float(btf_.get(), "real", size), size, 0};
    }

    FuzzedDataProvider& input_;
    std::unique_ptr<btf, decltype(&btf__free)> btf_;
};

} // namespace dynmon::fuzz
