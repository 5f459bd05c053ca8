// SPDX-License-Identifier: BSD-2-Clause
// The formats that a manifest gives to fields, checked and handed out while a layout is built.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "btf/layout.hpp"

namespace dynmon {

class FieldFormats {
public:
    // Keeps the formats of paths that start with `root`; throws Error{usage} for unknown formats,
    // for enums that `types` does not have and for paths that start with neither key nor value.
    FieldFormats(const btf* types, std::string_view root, const Formats& formats);

    // Gives the field at `path` its format: as a whole, or else each element of an array.
    // Throws Error{usage} when it fits neither.
    void apply(const std::string& path, Layout& field);

    void require_all_used(const Layout& root) const; // throws Error{usage}: "no such field"

private:
    struct Format {
        std::string path; // as the user wrote it
        Semantic semantic = Semantic::none;
        std::shared_ptr<const EnumSet> names; // of "enum:NAME" and "flags:NAME"
        bool used = false;

        std::string name() const; // as the user wrote it
    };
    static Format parse(const btf* types, const std::string& path, const std::string& name);
    static bool give(const Format& format, Layout& field);

    std::string root_;
    std::map<std::string, Format> formats_; // by path without "[]"
};

} // namespace dynmon
