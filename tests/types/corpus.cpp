// SPDX-License-Identifier: BSD-2-Clause
#include "corpus.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "base/limits.hpp"
#include "format/export_options.hpp"

namespace dynmon::test {

namespace {

constexpr const char* section = ".data.cases";

[[noreturn]] void fail(const std::string& reason) {
    throw std::runtime_error(reason);
}

std::string_view view(const char* text) {
    return text ? text : "";
}

// On one line, and without blanks at its end.
std::string one_line(const std::string& text) {
    std::string line;
    for (const char c : text)
        line += c == '\n' ? "\u240a" : c == '\t' ? "\u2409" : std::string(1, c);
    line.resize(line.find_last_not_of(' ') + 1);
    return line;
}

// A document of one entry.
std::string printed(const MetricView& metric, const ExportOptions& options,
                    const std::byte* bytes) {
    Sink sink(-1);
    const auto exporter = make_exporter(options, sink);
    exporter->begin_document("", {});
    exporter->begin_metric(metric);
    exporter->entries({.count = 1, .values = bytes, .value_stride = metric.value.size});
    exporter->end_metric(0);
    exporter->end_document();
    return sink.buffer();
}

// "metric,a,b\r\nx,1,2\r\n" → "a,b | 1,2"
std::string csv(const MetricView& metric, const std::byte* bytes) {
    const std::string text = printed(metric, {.format = Format::csv}, bytes);
    const std::size_t row = text.find("\r\n");
    const std::string header = text.substr(0, row);
    const std::string cells = text.substr(row + 2, text.size() - row - 4);
    return one_line(header.substr(std::min(header.size(), sizeof "metric," - 1)) + " | " +
                    cells.substr(std::min(cells.size(), sizeof "x," - 1)));
}

// "x  queue  1 row\na   b\n1  2\n" → "a b | 1 2"
std::string table(const MetricView& metric, const std::byte* bytes) {
    std::istringstream rows(printed(metric, {.format = Format::table}, bytes));
    std::string line;
    std::string text;
    std::getline(rows, line);
    while (std::getline(rows, line)) {
        std::istringstream words(line);
        text += text.empty() ? "" : " |";
        for (std::string word; words >> word;)
            text += (text.empty() ? "" : " ") + word;
    }
    return text;
}

std::string json(const MetricView& metric, const std::byte* bytes, bool raw, bool strings) {
    ExportOptions options;
    options.value_only = true;
    options.raw = raw;
    options.wide_as_text = strings;
    const std::string text = printed(metric, options, bytes); // "[VALUE]\n"
    return text.substr(1, text.size() - 3);
}

} // namespace

std::vector<Case> read_cases(const std::string& path) {
    std::ifstream file(path);
    if (!file)
        fail("cannot read " + path);
    std::vector<Case> cases;
    for (std::string line; std::getline(file, line);) {
        if (line.empty() || line.front() == '#')
            continue;
        const std::size_t space = line.find(' ');
        const std::string word = line.substr(0, space);
        const std::size_t start = line.find_first_not_of(' ', space);
        const std::string rest = start == line.npos ? "" : line.substr(start);
        if (word == "=") {
            cases.push_back({rest, {}, {}});
        } else if (cases.empty()) {
            fail(path + ": no case before '" + line + "'");
        } else if (word == "format") {
            const std::size_t end = rest.find(' ');
            cases.back().formats[rest.substr(0, end)] = rest.substr(end + 1);
        } else if (!cases.back().expected.emplace(word, rest).second) {
            fail(path + ": a second '" + word + "' of " + cases.back().name);
        }
    }
    return cases;
}

std::vector<std::string> corpus_names() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(DYNMON_TYPES_CASES))
        names.push_back(entry.path().stem());
    std::sort(names.begin(), names.end());
    return names;
}

std::vector<std::string> object_folders() {
    std::vector<std::string> folders;
    std::istringstream list(DYNMON_TYPES_OBJECTS);
    for (std::string folder; std::getline(list, folder, ':');)
        folders.push_back(folder);
    return folders;
}

Values::Values(const std::string& path)
    : object_(Object::parse(read_file(path, limits::object_bytes), path)),
      opened_(bpf_object__open_file(path.c_str(), nullptr), bpf_object__close) {
    const bpf_map* map = nullptr;
    bpf_object__for_each_map(map, opened_.get()) {
        std::size_t size = 0;
        if (view(bpf_map__name(map)).ends_with(section))
            data_ = static_cast<const std::byte*>(
                bpf_map__initial_value(const_cast<bpf_map*>(map), &size));
    }
    const btf* types = object_.types();
    const __s32 id = btf__find_by_name_kind(types, section, BTF_KIND_DATASEC);
    if (!data_ || id <= 0)
        fail(path + " has no section " + section);
    const btf_type* type = btf__type_by_id(types, static_cast<__u32>(id));
    const btf_var_secinfo* infos = btf_var_secinfos(type);
    for (unsigned i = 0; i < btf_vlen(type); ++i) {
        const btf_type* variable = btf__type_by_id(types, infos[i].type);
        variables_[btf__name_by_offset(types, variable->name_off)] = {
            variable->type, infos[i].offset, infos[i].size};
    }
}

std::vector<std::string> Values::names() const {
    std::vector<std::string> names;
    for (const auto& [name, variable] : variables_)
        names.push_back(name);
    return names;
}

Layout Values::layout(const std::string& name, const Formats& formats) const {
    const Variable& variable = variables_.at(name);
    Layout layout =
        build_layout(object_.types(), variable.type_id, variable.size, "value", formats);
    auto interfaces = std::make_shared<EnumSet>();
    interfaces->values = {{7, "eth0"}};
    name_interfaces(layout, interfaces);
    return layout;
}

const std::byte* Values::bytes(const std::string& name) const {
    return data_ + variables_.at(name).offset;
}

std::map<std::string, std::string> show(const Layout& layout, const std::byte* bytes) {
    MetricView metric;
    metric.name = "x";
    metric.map_type = BPF_MAP_TYPE_QUEUE; // no keys
    metric.value = layout;
    return {{"people", json(metric, bytes, false, false)},
            {"raw", json(metric, bytes, true, false)},
            {"strings", json(metric, bytes, false, true)},
            {"csv", csv(metric, bytes)},
            {"table", table(metric, bytes)}};
}

} // namespace dynmon::test
