// SPDX-License-Identifier: BSD-2-Clause
#include "object/btf_check.hpp"

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <bpf/btf.h>

#include "base/error.hpp"
#include "base/limits.hpp"

namespace dynmon {

namespace {

// In one section; libbpf compares each with all symbols. A kernel has no symbols to compare with.
constexpr std::uint32_t most_variables = 8192;
constexpr std::uint32_t most_kernel_variables = 1u << 20;

[[noreturn]] void refuse(const std::string& what) {
    throw Error(ErrorKind::usage, "damaged BTF: " + what);
}

class BtfCheck {
public:
    // A copy, because a section may begin at any byte and records are read in place.
    BtfCheck(std::span<const std::byte> bytes, std::uint32_t variables)
        : bytes_(bytes.begin(), bytes.end()), most_variables_(variables) {}

    void run() {
        read_header();
        index_types();
        for (std::uint32_t id = 1; id <= last_id(); ++id)
            check_type(id);
        refuse_self_containing();
    }

private:
    enum class Visit : std::uint8_t { never, open, done };

    void read_header() {
        if (bytes_.size() < sizeof(btf_header))
            refuse("it ends within its header");
        btf_header header;
        std::memcpy(&header, bytes_.data(), sizeof header);
        if (header.magic != BTF_MAGIC)
            refuse(header.magic == __builtin_bswap16(BTF_MAGIC) ? "it has the other byte order"
                                                                : "no BTF magic");
        if (header.version != BTF_VERSION || header.hdr_len < sizeof header ||
            header.hdr_len > bytes_.size())
            refuse("a version that is not known here");
        const std::uint64_t body = bytes_.size() - header.hdr_len;
        if (std::uint64_t{header.str_off} + header.str_len > body ||
            std::uint64_t{header.type_off} + header.type_len > header.str_off ||
            (header.hdr_len + header.type_off) % 4 != 0)
            refuse("types or strings lie outside of its " + std::to_string(bytes_.size()) +
                   " bytes");
        const std::span<const std::byte> all(bytes_);
        types_ = all.subspan(header.hdr_len + header.type_off, header.type_len);
        strings_ = all.subspan(header.hdr_len + header.str_off, header.str_len);
        if (strings_.empty() || strings_.front() != std::byte{0} || strings_.back() != std::byte{0})
            refuse("strings without an end");
    }

    // Bytes that follow the btf_type record.
    static std::size_t tail_bytes(const btf_type& type, std::uint32_t id) {
        const std::size_t count = btf_vlen(&type);
        switch (btf_kind(&type)) {
        case BTF_KIND_PTR:
        case BTF_KIND_FWD:
        case BTF_KIND_TYPEDEF:
        case BTF_KIND_VOLATILE:
        case BTF_KIND_CONST:
        case BTF_KIND_RESTRICT:
        case BTF_KIND_FUNC:
        case BTF_KIND_FLOAT:
        case BTF_KIND_TYPE_TAG:
            return 0;
        case BTF_KIND_INT:
            return sizeof(std::uint32_t);
        case BTF_KIND_ARRAY:
            return sizeof(struct btf_array);
        case BTF_KIND_STRUCT:
        case BTF_KIND_UNION:
            return count * sizeof(btf_member);
        case BTF_KIND_ENUM:
            return count * sizeof(struct btf_enum);
        case BTF_KIND_ENUM64:
            return count * sizeof(struct btf_enum64);
        case BTF_KIND_FUNC_PROTO:
            return count * sizeof(btf_param);
        case BTF_KIND_VAR:
            return sizeof(struct btf_var);
        case BTF_KIND_DATASEC:
            return count * sizeof(btf_var_secinfo);
        case BTF_KIND_DECL_TAG:
            return sizeof(struct btf_decl_tag);
        default:
            refuse("type " + std::to_string(id) + " has kind " + std::to_string(btf_kind(&type)) +
                   ", which is not known here");
        }
    }

    void index_types() {
        offsets_ = {0}; // id 0 is void
        for (std::size_t at = 0; at < types_.size();) {
            if (types_.size() - at < sizeof(btf_type))
                refuse("the last type is cut off");
            btf_type type;
            std::memcpy(&type, types_.data() + at, sizeof type);
            const std::size_t size =
                sizeof type + tail_bytes(type, static_cast<std::uint32_t>(offsets_.size()));
            if (types_.size() - at < size)
                refuse("the last type is cut off");
            offsets_.push_back(at);
            at += size;
        }
    }

    std::uint32_t last_id() const { return static_cast<std::uint32_t>(offsets_.size() - 1); }
    const btf_type* type(std::uint32_t id) const {
        return reinterpret_cast<const btf_type*>(types_.data() + offsets_[id]);
    }
    unsigned kind(std::uint32_t id) const {
        return id == 0 || id > last_id() ? unsigned{BTF_KIND_UNKN} : btf_kind(type(id));
    }

    [[noreturn]] static void refuse_type(std::uint32_t id, const std::string& what) {
        refuse("type " + std::to_string(id) + " " + what);
    }
    void check_name(std::uint32_t id, std::uint32_t offset) const {
        if (offset >= strings_.size())
            refuse_type(id, "has a name outside of the strings");
    }
    // A type that values can have: neither a function nor a variable nor a section.
    void check_reference(std::uint32_t id, std::uint32_t to) const {
        if (to > last_id())
            refuse_type(id, "refers to type " + std::to_string(to) + ", which does not exist");
        const unsigned to_kind = kind(to);
        if (to_kind == BTF_KIND_FUNC || to_kind == BTF_KIND_VAR || to_kind == BTF_KIND_DATASEC ||
            to_kind == BTF_KIND_DECL_TAG)
            refuse_type(id,
                        "refers to type " + std::to_string(to) + ", which is no type of values");
    }

    void check_type(std::uint32_t id) const {
        const btf_type* t = type(id);
        check_name(id, t->name_off);
        switch (btf_kind(t)) {
        case BTF_KIND_INT:
            if (t->size == 0 || t->size > 16 || btf_int_bits(t) == 0 ||
                btf_int_offset(t) + btf_int_bits(t) > t->size * 8)
                refuse_type(id, "is an integer of impossible size");
            break;
        case BTF_KIND_PTR:
        case BTF_KIND_TYPEDEF:
        case BTF_KIND_VOLATILE:
        case BTF_KIND_CONST:
        case BTF_KIND_RESTRICT:
        case BTF_KIND_TYPE_TAG:
        case BTF_KIND_VAR:
            check_reference(id, t->type);
            break;
        case BTF_KIND_FUNC:
            if (kind(t->type) != BTF_KIND_FUNC_PROTO)
                refuse_type(id, "is a function without prototype");
            break;
        case BTF_KIND_ARRAY:
            check_reference(id, btf_array(t)->type);
            check_reference(id, btf_array(t)->index_type);
            break;
        case BTF_KIND_DECL_TAG:
            if (t->type > last_id())
                refuse_type(id, "tags a type that does not exist");
            break;
        default:
            check_members(id, t);
        }
    }

    void check_members(std::uint32_t id, const btf_type* t) const {
        const int count = btf_vlen(t);
        for (int i = 0; i < count; ++i) {
            switch (btf_kind(t)) {
            case BTF_KIND_STRUCT:
            case BTF_KIND_UNION:
                check_name(id, btf_members(t)[i].name_off);
                check_reference(id, btf_members(t)[i].type);
                break;
            case BTF_KIND_ENUM:
                check_name(id, btf_enum(t)[i].name_off);
                break;
            case BTF_KIND_ENUM64:
                check_name(id, btf_enum64(t)[i].name_off);
                break;
            case BTF_KIND_FUNC_PROTO:
                check_name(id, btf_params(t)[i].name_off);
                check_reference(id, btf_params(t)[i].type);
                break;
            case BTF_KIND_DATASEC:
                check_variable(id, btf_var_secinfos(t)[i].type);
                break;
            default:
                break;
            }
        }
        if (btf_kind(t) == BTF_KIND_FUNC_PROTO)
            check_reference(id, t->type);
        if (btf_kind(t) == BTF_KIND_DATASEC && static_cast<std::uint32_t>(count) > most_variables_)
            refuse_type(id, "is a section of " + std::to_string(count) + " variables");
    }

    // .ksyms lists functions as well as variables.
    void check_variable(std::uint32_t id, std::uint32_t variable) const {
        if (kind(variable) != BTF_KIND_VAR && kind(variable) != BTF_KIND_FUNC)
            refuse_type(id, "is a section with something that is no variable");
    }

    // The types whose values lie within a value of type `id`. A pointer contains nothing.
    std::vector<std::uint32_t> contained(std::uint32_t id) const {
        const btf_type* t = type(id);
        switch (btf_kind(t)) {
        case BTF_KIND_TYPEDEF:
        case BTF_KIND_VOLATILE:
        case BTF_KIND_CONST:
        case BTF_KIND_RESTRICT:
        case BTF_KIND_TYPE_TAG:
            return {t->type};
        case BTF_KIND_ARRAY:
            return {btf_array(t)->type};
        case BTF_KIND_STRUCT:
        case BTF_KIND_UNION: {
            std::vector<std::uint32_t> members;
            members.reserve(btf_vlen(t));
            for (int i = 0; i < btf_vlen(t); ++i)
                members.push_back(btf_members(t)[i].type);
            return members;
        }
        default:
            return {};
        }
    }

    // Depth-first with a stack of its own, since the depth is the input's to choose.
    void refuse_self_containing() {
        struct Step {
            std::uint32_t id;
            std::vector<std::uint32_t> rest;
        };
        std::vector<Visit> visits(offsets_.size(), Visit::never);
        visits[0] = Visit::done;
        std::vector<Step> stack;
        for (std::uint32_t start = 1; start <= last_id(); ++start) {
            if (visits[start] != Visit::never)
                continue;
            visits[start] = Visit::open;
            stack.push_back({start, contained(start)});
            while (!stack.empty()) {
                if (stack.back().rest.empty()) {
                    visits[stack.back().id] = Visit::done;
                    stack.pop_back();
                    continue;
                }
                const std::uint32_t next = stack.back().rest.back();
                stack.back().rest.pop_back();
                if (visits[next] == Visit::open)
                    refuse_type(next, "contains itself");
                if (visits[next] == Visit::never) {
                    visits[next] = Visit::open;
                    stack.push_back({next, contained(next)});
                }
            }
        }
    }

    std::vector<std::byte> bytes_;
    std::uint32_t most_variables_;
    std::span<const std::byte> types_;
    std::span<const std::byte> strings_;
    std::vector<std::size_t> offsets_; // of each type in types_
};

void check_size(std::size_t size, std::size_t most) {
    if (size > most)
        throw Error(ErrorKind::usage, "its BTF has " + std::to_string(size) + " bytes; at most " +
                                          std::to_string(most) + " are read");
}

} // namespace

void check_btf(std::span<const std::byte> bytes) {
    check_size(bytes.size(), limits::btf_bytes);
    try {
        BtfCheck(bytes, most_variables).run();
    } catch (Error& error) {
        throw error.hint("build the object again: clang -target bpf -g -O2");
    }
}

void check_kernel_btf(std::span<const std::byte> bytes) {
    check_size(bytes.size(), limits::kernel_btf_bytes);
    BtfCheck(bytes, most_kernel_variables).run();
}

} // namespace dynmon
