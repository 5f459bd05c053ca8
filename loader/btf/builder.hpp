// SPDX-License-Identifier: BSD-2-Clause
// The walk from a BTF type to a Layout; used by build.cpp and build_group.cpp only.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "btf/btf_type.hpp"
#include "btf/field_formats.hpp"
#include "btf/layout.hpp"

namespace dynmon {

inline constexpr std::uint64_t no_end = UINT32_MAX;

// Where a field stands: absolute position, and the end of what contains it.
struct Place {
    std::string name;
    std::uint64_t bit = 0;          // from the start of the root value
    std::uint32_t bit_size = 0;     // of a bitfield
    std::uint64_t end = no_end;     // bytes
    Semantic hint = Semantic::none; // from the names of struct and member
    bool element = false;           // of an array: shares the array's path and format
    bool anonymous = false;         // its members belong to the struct around it, as in C
};

class LayoutBuilder {
public:
    LayoutBuilder(const btf* types, std::string_view root, const Formats& formats)
        : types_(types), path_(root), formats_(types, root, formats) {}
    Layout build(std::uint32_t type_id, std::uint32_t expected_size);

private:
    class Level; // one step down: depth, cycle and path

    [[noreturn]] void refuse(const std::string& reason) const;
    Layout read(std::uint32_t type_id, const Place& place);
    std::uint32_t stored_size(std::uint32_t type_id, const Layout& field) const;
    void describe(Layout& field, const BareType& bare, const Place& place);
    void integer(Layout& field, const BareType& bare);
    void real(Layout& field, const BareType& bare);
    void opaque(Layout& field, std::string name) const;
    void group(Layout& field, const BareType& bare, const Place& place);
    void members(Layout& field, const BareType& bare);
    bool is_anonymous(const std::string& name, std::uint32_t type_id) const;
    std::string unique_name(const std::string& name);
    void section(Layout& field, const BareType& bare);
    void array(Layout& field, const BareType& bare, const Place& place);
    void narrow(Layout& field, std::uint32_t bit, std::uint32_t bit_size) const;
    void check_extent(const Layout& field, const Place& place) const;
    void assign_semantic(Layout& field, const BareType& bare, const Place& place);

    const btf* types_;
    std::string path_;
    FieldFormats formats_;
    std::string owner_;                     // the nearest struct around that has a name
    std::string owner_path_;                // from there, as semantic_of_member() wants it
    std::set<std::string> names_;           // taken where the next member will stand
    std::vector<std::uint32_t> open_types_; // ids from the root down, to see a cycle
    std::size_t nodes_ = 0;
    std::uint64_t repeats_ = 1; // of the field at hand: the counts of all arrays around it
    std::uint64_t printed_ = 0; // fields, each as often as it repeats
};

// Goes one member down for as long as it lives; throws when that is not possible.
class LayoutBuilder::Level {
public:
    Level(LayoutBuilder& builder, const std::string& step, std::uint32_t type_id);
    ~Level();
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

private:
    LayoutBuilder& builder_;
    std::size_t length_;
};

} // namespace dynmon
