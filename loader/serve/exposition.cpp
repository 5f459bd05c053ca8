// SPDX-License-Identifier: BSD-2-Clause
#include "serve/exposition.hpp"

#include <algorithm>
#include <utility>

namespace dynmon::serve {

namespace {

std::string_view line_at(std::string_view text) {
    return text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
}

bool is_metadata(std::string_view line) {
    return line.starts_with("# TYPE ") || line.starts_with("# HELP ") ||
           line.starts_with("# UNIT ");
}

std::string_view name_in(std::string_view line) {
    if (is_metadata(line))
        line.remove_prefix(7);
    return line.substr(0, line.find_first_of(" {\n"));
}

// Whether a sample of that name is one of the family: its name, or with a suffix where a type says
// what that means.
bool belongs_to(std::string_view sample, const FamilyText& family) {
    if (family.metadata.empty() || !sample.starts_with(family.name))
        return sample == family.name;
    const std::string_view suffix = sample.substr(family.name.size());
    for (const char* known : {"", "_total", "_created", "_bucket", "_count", "_sum", "_info"})
        if (suffix == known)
            return true;
    return false;
}

// The lines that two documents have to agree on; help may differ.
std::string kind_of(std::string_view metadata) {
    std::string kind;
    while (!metadata.empty()) {
        const std::string_view line = line_at(metadata);
        if (!line.starts_with("# HELP "))
            kind += line;
        metadata.remove_prefix(line.size());
    }
    return kind;
}

} // namespace

std::vector<FamilyText> families_of(std::string_view document) {
    std::vector<FamilyText> families;
    const auto grow = [](std::string_view& part, std::string_view line) {
        part = part.empty() ? line : std::string_view(part.data(), part.size() + line.size());
    };
    while (!document.empty()) {
        const std::string_view line = line_at(document);
        document.remove_prefix(line.size());
        if (line == "# EOF\n" || line == "\n")
            continue;
        const std::string_view name = name_in(line);
        const bool metadata = is_metadata(line);
        const bool same = !families.empty() && (metadata ? name == families.back().name &&
                                                               families.back().samples.empty()
                                                         : belongs_to(name, families.back()));
        if (!same)
            families.push_back({.name = std::string(name), .metadata = {}, .samples = {}});
        grow(metadata ? families.back().metadata : families.back().samples, line);
    }
    return families;
}

std::string JoinedExposition::add(std::string_view document) {
    const std::vector<FamilyText> added = families_of(document);
    for (const FamilyText& family : added)
        if (const auto known = families_.find(family.name);
            known != families_.end() && known->second.kind != kind_of(family.metadata))
            return "its family '" + family.name + "' has another type or unit than that of a " +
                   "monitor before it";
    const std::uint64_t begin = file_->append(document);
    const auto part_of = [&](std::string_view text) {
        if (text.empty())
            return MemoryFile::Part{};
        return MemoryFile::Part{begin + static_cast<std::uint64_t>(text.data() - document.data()),
                                text.size()};
    };
    for (const FamilyText& text : added) {
        Family& family = families_[text.name];
        if (family.parts.empty()) {
            family.kind = kind_of(text.metadata);
            family.parts.push_back(part_of(text.metadata));
        }
        family.parts.push_back(part_of(text.samples));
    }
    return "";
}

std::shared_ptr<MemoryFile> JoinedExposition::finish(std::string_view end) {
    std::vector<MemoryFile::Part> parts;
    for (const auto& [name, family] : families_)
        for (const MemoryFile::Part& part : family.parts)
            if (part.size > 0)
                parts.push_back(part);
    if (!end.empty())
        parts.push_back({file_->append(end), end.size()});
    file_->arrange(std::move(parts));
    return file_;
}

} // namespace dynmon::serve
