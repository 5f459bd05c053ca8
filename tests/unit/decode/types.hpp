// SPDX-License-Identifier: BSD-2-Clause
// BTF made in memory, and shorthands to decode bytes with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <bpf/btf.h>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "btf/layout.hpp"
#include "decode/decode_plan.hpp"

namespace dynmon::test {

struct Member {
    const char* name; // nullptr: anonymous
    int type;
    std::uint32_t bit;
    std::uint32_t bit_size = 0;
};

class Types {
public:
    Types() : btf_(btf__new_empty(), btf__free) {
        u8 = integer("unsigned char", 1);
        u16 = integer("unsigned short", 2);
        u32 = integer("unsigned int", 4);
        u64 = integer("unsigned long long", 8);
        s8 = integer("signed char", 1, BTF_INT_SIGNED);
        s16 = integer("short", 2, BTF_INT_SIGNED);
        s32 = integer("int", 4, BTF_INT_SIGNED);
        s64 = integer("long long", 8, BTF_INT_SIGNED);
        c8 = integer("char", 1, BTF_INT_SIGNED);
        b8 = integer("_Bool", 1, BTF_INT_BOOL);
    }

    const btf* get() const { return btf_.get(); }
    btf* edit() { return btf_.get(); }

    int integer(const char* name, std::size_t size, int encoding = 0) {
        return good(btf__add_int(btf_.get(), name, size, encoding));
    }
    int array(int element, std::uint32_t count) {
        return good(btf__add_array(btf_.get(), u32, element, count));
    }
    int alias(const char* name, int type) { return good(btf__add_typedef(btf_.get(), name, type)); }
    int group(const char* name, std::uint32_t size, const std::vector<Member>& members) {
        return fill(good(btf__add_struct(btf_.get(), name, size)), members);
    }
    int one_of(const char* name, std::uint32_t size, const std::vector<Member>& members) {
        return fill(good(btf__add_union(btf_.get(), name, size)), members);
    }
    int next_id() const { return static_cast<int>(btf__type_cnt(btf_.get())); }

    Layout layout(int type, std::uint32_t size, const Formats& formats = {},
                  std::string_view root = "value") const {
        return build_layout(btf_.get(), static_cast<std::uint32_t>(type), size, root, formats);
    }

    int u8, u16, u32, u64, s8, s16, s32, s64, c8, b8;

private:
    static int good(int id) {
        REQUIRE(id > 0);
        return id;
    }
    int fill(int id, const std::vector<Member>& members) {
        for (const Member& m : members)
            REQUIRE(btf__add_field(btf_.get(), m.name, m.type, m.bit, m.bit_size) == 0);
        return id;
    }

    std::unique_ptr<btf, decltype(&btf__free)> btf_;
};

inline std::vector<std::byte> bytes(std::initializer_list<unsigned> list) {
    std::vector<std::byte> result;
    for (const unsigned value : list)
        result.push_back(static_cast<std::byte>(value));
    return result;
}

template <typename T>
const std::byte* raw(const T& value) {
    return reinterpret_cast<const std::byte*>(&value);
}

// The JSON of a value; another parser must accept it too.
inline std::string json(const Layout& layout, const std::byte* value,
                        Style style = Style::decoded) {
    std::string text;
    JsonPlan(layout, style).append(value, text);
    CHECK_MESSAGE(nlohmann::json::accept(text), text);
    return text;
}

inline std::string json(const Layout& layout, const std::vector<std::byte>& value,
                        Style style = Style::decoded) {
    REQUIRE(value.size() == layout.size);
    return json(layout, value.data(), style);
}

// Message and hint of the Error that `body` throws; "" if it throws none.
inline std::string fault(const std::function<void()>& body) {
    try {
        body();
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::usage);
        return error.what() + (error.hint().empty() ? "" : " (" + error.hint() + ")");
    }
    return "";
}

} // namespace dynmon::test
