// SPDX-License-Identifier: BSD-2-Clause
#include "export/export_state.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "base/json_text.hpp"

namespace dynmon {

bool MissedCounters::is_one(const MetricView& metric) {
    return metric.name.ends_with("_missed") && metric.merge != Merge::none;
}

void MissedCounters::begin(const MetricView& metric) {
    fields_.clear();
    rows_.emplace(metric);
    const Layout& value = rows_->view().value;
    for (const std::string& path : leaf_paths(value)) {
        const std::unique_ptr<Layout> field = find_field(value, path);
        if (field && field->kind == Layout::Kind::integer && (field->size <= 8 || field->is_sum))
            fields_.emplace_back(path.empty() ? metric.name : path, Field(*field));
    }
}

std::uint64_t& MissedCounters::count(const std::string& name) {
    for (auto& [known, count] : counts_)
        if (known == name)
            return count;
    return counts_.emplace_back(name, 0).second;
}

void MissedCounters::add(const Batch& batch) {
    rows_->for_each(batch, [this](const Row& row) {
        for (const auto& [name, field] : fields_)
            count(name) += field.number(row.value);
    });
}

std::vector<std::pair<std::string, std::uint64_t>> MissedCounters::counts() const {
    std::vector<std::pair<std::string, std::uint64_t>> some;
    std::copy_if(counts_.begin(), counts_.end(), std::back_inserter(some),
                 [](const auto& count) { return count.second != 0; });
    return some;
}

namespace {

using json = nlohmann::ordered_json;

constexpr int state_version = 1;
constexpr int deepest_state = 3;
constexpr std::size_t longest_header = 4096;

// The values of a state, each asked for by its place in it: "windows.web.to".
class StateReader {
public:
    explicit StateReader(const std::string& path) : path_(path) {}

    [[noreturn]] void refuse(const std::string& fault) const {
        throw Error(ErrorKind::rejected, path_ + " is damaged: " + fault)
            .hint("name another folder, or remove the file: then windows are numbered from behind "
                  "the files that are there");
    }

    const json& object(const json& in, const char* key, const std::string& place) const {
        const auto found = in.find(key);
        if (found == in.end() || !found->is_object())
            refuse(place + " is not an object");
        return *found;
    }

    std::uint64_t number(const json& in, const char* key, const std::string& place,
                         std::uint64_t most = std::numeric_limits<std::uint64_t>::max()) const {
        const auto found = in.find(key);
        if (found == in.end() || !found->is_number_unsigned() || found->get<std::uint64_t>() > most)
            refuse(place + " is not a number from 0 to " + std::to_string(most));
        return found->get<std::uint64_t>();
    }

    std::string header(const json& in, const std::string& place) const {
        const auto found = in.find("header");
        if (found == in.end() || !found->is_string() ||
            found->get_ref<const std::string&>().size() > longest_header)
            refuse(place + " is not a text of at most " + std::to_string(longest_header) +
                   " bytes");
        return found->get<std::string>();
    }

private:
    const std::string& path_;
};

// The name of a file in the folder itself, and none that dynmon keeps for its own use.
bool is_file_name(const std::string& name) {
    return !name.empty() && name.size() <= 255 && name.front() != '.' &&
           name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

void require_version(const json& document, const std::string& path) {
    const auto version = document.find("version");
    if (version != document.end() && version->is_number_unsigned() &&
        version->get<std::uint64_t>() != state_version)
        throw Error(ErrorKind::unsupported, path + " was written by another version of dynmon")
            .hint("export with that version, or name another folder");
}

} // namespace

ExportState ExportState::parse(std::string_view text, const std::string& path) {
    const StateReader reader(path);
    bool deep = false;
    const auto bounded = [&](int depth, json::parse_event_t, json&) {
        deep = deep || depth > deepest_state;
        return !deep;
    };
    const json document = json::parse(text, bounded, false);
    if (deep || !document.is_object())
        reader.refuse("it is no JSON object of dynmon");
    require_version(document, path);
    reader.number(document, "version", "version", state_version);

    ExportState state;
    state.next = reader.number(document, "next", "next", most_iterations);
    for (const auto& [monitor, window] : reader.object(document, "windows", "windows").items()) {
        const std::string place = "windows." + monitor;
        if (!is_identifier(monitor) || !window.is_object())
            reader.refuse(place + " is not a window of a monitor");
        state.windows[monitor] = {reader.number(window, "sequence", place + ".sequence"),
                                  reader.number(window, "to", place + ".to")};
    }
    if (!document.contains("appended"))
        return state;
    for (const auto& [name, rows] : reader.object(document, "appended", "appended").items()) {
        const std::string place = "appended." + name;
        if (!is_file_name(name) || !rows.is_object())
            reader.refuse(place + " is not a file of the folder");
        state.appended[name] = {
            reader.number(rows, "at", place + ".at", std::numeric_limits<std::int64_t>::max()),
            reader.header(rows, place + ".header")};
    }
    return state;
}

std::string ExportState::text() const {
    json written = json::object();
    for (const auto& [monitor, window] : windows)
        written[monitor] = {{"sequence", window.sequence}, {"to", window.to_ns}};
    json document{{"version", state_version}, {"next", next}, {"windows", written}};
    for (const auto& [name, rows] : appended)
        document["appended"][name] = {{"at", rows.at}, {"header", rows.header}};
    return json_text(document) + "\n";
}

} // namespace dynmon
