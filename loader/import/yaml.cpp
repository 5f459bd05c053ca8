// SPDX-License-Identifier: BSD-2-Clause
#include "import/yaml.hpp"

#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "manifest/manifest.hpp"

namespace dynmon {

namespace {

using nlohmann::ordered_json;

// Plain where no reader of YAML takes it for anything but this text; else as JSON, which is YAML.
std::string scalar(const ordered_json& value) {
    if (!value.is_string())
        return value.dump();
    const auto& text = value.get_ref<const std::string&>();
    const bool plain =
        !text.empty() && text.size() < 64 &&
        text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.-") ==
            std::string::npos &&
        text.find_first_of("abcdfghjkmpqrsuvwxzABCDEFGHIJKLMNOPQRSTUVWXYZ_") == 0 &&
        text.find('_') != std::string::npos;
    return plain ? text : json_text(value);
}

void write(const ordered_json& value, const std::string& indent, std::string& out) {
    bool first = true;
    for (const auto& [key, item] : value.items()) {
        const std::string lead = value.is_array() ? "- " : key + ":";
        out += (first ? "" : indent) + lead;
        first = false;
        if (!item.is_structured() || item.empty()) {
            out += (value.is_array() ? "" : " ") + scalar(item) + "\n";
        } else if (value.is_array()) {
            write(item, indent + "  ", out);
        } else {
            out += "\n" + indent + "  ";
            write(item, indent + "  ", out);
        }
    }
}

} // namespace

std::string manifest_to_yaml(const Manifest& manifest) {
    std::string out;
    write(ordered_json::parse(manifest_to_json(manifest)), "", out);
    return out;
}

} // namespace dynmon
