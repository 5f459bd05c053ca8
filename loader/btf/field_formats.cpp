// SPDX-License-Identifier: BSD-2-Clause
// Checks format paths and names, and gives a field the semantic that its format asks for.
#include "btf/field_formats.hpp"

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "btf/btf_type.hpp"
#include "btf/layout.hpp"
#include "btf/semantic.hpp"

namespace dynmon {

namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& reason,
                         const std::string& hint) {
    throw Error(ErrorKind::usage, "format of '" + path + "': " + reason).hint(hint);
}

std::string suggest(const std::string& text, const std::vector<std::string>& known) {
    const std::string nearest = nearest_name(text, known);
    return nearest.empty() ? "" : "did you mean '" + nearest + "'?";
}

} // namespace

std::string FieldFormats::Format::name() const {
    return semantic_name(semantic) + (names ? names->name : "");
}

FieldFormats::Format FieldFormats::parse(const btf* types, const std::string& path,
                                         const std::string& name) {
    for (const Semantic kind : {Semantic::enumeration, Semantic::flags}) {
        const std::string prefix = semantic_name(kind);
        if (!name.starts_with(prefix))
            continue;
        const std::string wanted = name.substr(prefix.size());
        std::string nearest;
        if (auto names = find_enumerators(types, wanted, nearest))
            return {path, kind, std::move(names)};
        refuse(path, "no enum '" + wanted + "' in the BTF of the object",
               nearest.empty() ? "a compiler keeps an enum only where a variable has its type"
                               : "did you mean '" + prefix + nearest + "'?");
    }
    const Semantic semantic = semantic_from_name(name);
    if (semantic == Semantic::none) {
        const std::string hint = suggest(name, semantic_names());
        refuse(path, "unknown format '" + name + "'",
               hint.empty() ? "formats are " + all_semantic_names() : hint);
    }
    return {path, semantic, nullptr};
}

FieldFormats::FieldFormats(const btf* types, std::string_view root, const Formats& formats)
    : root_(root) {
    for (const auto& [path, name] : formats) {
        std::string_view rest;
        if (!split_root(path, "key", rest) && !split_root(path, "value", rest))
            refuse(path, "no such field", "a path starts with key or value, as in value." + path);
        Format format = parse(types, path, name);
        const std::string plain = without_brackets(path);
        if (plain.find('[') != std::string::npos)
            refuse(path, "one element alone cannot have a format",
                   "write '" + plain.substr(0, plain.find('[')) + "' for all elements");
        if (split_root(path, root, rest))
            formats_[plain] = std::move(format);
    }
}

bool FieldFormats::give(const Format& format, Layout& field) {
    if (fits(format.semantic, field)) {
        set_semantic(field, format.semantic);
        if (format.semantic == Semantic::enumeration)
            field.names = std::make_shared<const EnumSet>(as_values_of(*format.names, field));
        if (format.semantic == Semantic::flags)
            field.names = std::make_shared<const EnumSet>(as_flags_of(*format.names, field));
        return true;
    }
    if (field.kind != Layout::Kind::array || !give(format, field.fields.front()))
        return false;
    field.semantic = Semantic::none; // no longer one text: a list of elements with a format
    return true;
}

void FieldFormats::apply(const std::string& path, Layout& field) {
    if (formats_.empty())
        return;
    const auto found = formats_.find(without_brackets(path));
    if (found == formats_.end())
        return;
    Format& format = found->second;
    format.used = true;
    if (!give(format, field))
        refuse(format.path,
               "'" + format.name() + "' needs " + demand(format.semantic) + ", not " +
                   std::to_string(field.size) + " bytes of '" + field.type_name + "'",
               "");
}

void FieldFormats::require_all_used(const Layout& root) const {
    for (const auto& [plain, format] : formats_) {
        if (format.used)
            continue;
        std::vector<std::string> known;
        for (const std::string& leaf : leaf_paths(root))
            known.push_back(join_path(root_, leaf));
        refuse(format.path, "no such field", suggest(plain, known));
    }
}

} // namespace dynmon
