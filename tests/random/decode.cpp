// SPDX-License-Identifier: BSD-2-Clause
// dynmon's half of the comparison: decodes values by the BTF of an object.
//
//     random-decode OBJECT VALUES
//
// For each line "NAME HEX" of VALUES: the value of the global NAME's type, one line for each style.
#include <bit>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <string>

#include "base/error.hpp"
#include "btf/layout.hpp"
#include "decode/decode_plan.hpp"
#include "decode/record_plan.hpp"
#include "decode/text.hpp"
#include "object/object.hpp"

using namespace dynmon;

namespace {

// All plans of one type.
struct Subject {
    explicit Subject(Layout made)
        : layout(std::move(made)), raw(layout, Style::raw), people(layout, Style::decoded),
          dynmon(layout, Style::dynmon), raw_cells(layout, "value", Style::raw),
          people_cells(layout, "value", Style::decoded), record(layout, "value", Style::raw) {}

    Layout layout;
    JsonPlan raw, people, dynmon;
    ColumnPlan raw_cells, people_cells;
    RecordPlan record;
};

std::string escaped(const std::string& cell) {
    std::string text;
    for (const char c : cell)
        if (c == '\n' || c == '\t' || c == '\\')
            text.append("\\").append(1, c == '\n' ? 'n' : c == '\t' ? 't' : c);
        else
            text += c;
    return text;
}

// "value.a=1<tab>value.b[0]=2<tab>…"; the field that a name leads to must read the same.
std::string cells(const Subject& subject, const ColumnPlan& plan, Style style,
                  const std::byte* value) {
    std::string line;
    for (std::size_t i = 0; i < plan.names().size(); ++i) {
        std::string cell;
        plan.append(i, value, cell);
        std::string_view path;
        if (!split_root(plan.names()[i], "value", path))
            throw Error(ErrorKind::failed, "column " + plan.names()[i]);
        const auto field = find_field(subject.layout, path);
        std::string same;
        if (field)
            append_scalar(*field, style, value, same);
        if (!field || same != cell)
            cell += " BUT find_field() reads " + same;
        line += plan.names()[i] + '=' + escaped(cell) + '\t';
    }
    return line;
}

// An element of a record as text, by nothing but its bytes and the type that NumPy gets; the
// layout knows whether bytes are one number.
std::string record_text(const RecordPlan::Field& field, const Layout& element,
                        const std::string& bytes) {
    char number[longest_text];
    std::string text;
    unsigned __int128 bits = 0;
    std::memcpy(&bits, bytes.data(), std::min(bytes.size(), sizeof bits));
    Cursor cursor(text);
    if (field.type[1] == 'S')
        put_exact_text(cursor, bytes, false);
    else if (!holds_number(element) && element.kind != Layout::Kind::pointer)
        put_hex(cursor, bytes);
    else if (field.type[1] == 'b')
        cursor.put(bits != 0 ? "true" : "false");
    else if (field.type[1] == 'f')
        cursor.put(
            {number,
             bytes.size() == 4
                 ? put_real(number, std::bit_cast<float>(static_cast<std::uint32_t>(bits)))
                 : put_real(number, std::bit_cast<double>(static_cast<std::uint64_t>(bits)))});
    else {
        const std::size_t unused = (sizeof bits - std::min(bytes.size(), sizeof bits)) * 8;
        if (element.is_signed)
            bits = static_cast<unsigned __int128>(static_cast<__int128>(bits << unused) >> unused);
        cursor.put({number, put_wide(number, bits, element.is_signed)});
    }
    cursor.finish();
    return text;
}

// The elements of an array one after the other, those of arrays within it too: "[0][1]=…".
void add_elements(const RecordPlan::Field& field, const Layout& layout, const std::string& path,
                  std::string_view bytes, std::string& line) {
    if (is_scalar(layout) || layout.kind != Layout::Kind::array) {
        line += path + '=' + escaped(record_text(field, layout, std::string(bytes))) + '\t';
        return;
    }
    const std::size_t size = bytes.size() / layout.count;
    for (std::uint32_t i = 0; i < layout.count; ++i)
        add_elements(field, layout.fields.front(), path + '[' + std::to_string(i) + ']',
                     bytes.substr(i * size, size), line);
}

std::size_t size_of(const RecordPlan::Field& field) {
    std::size_t size = std::stoul(field.type.substr(2));
    for (const std::uint32_t count : field.shape)
        size *= count;
    return size;
}

std::string record(const Subject& subject, const std::byte* value) {
    std::string bytes(subject.record.size(), '\0'), line;
    subject.record.put(value, bytes.data());
    std::size_t at = 0;
    for (const RecordPlan::Field& field : subject.record.fields()) {
        const std::size_t size = size_of(field);
        std::string_view path;
        if (!split_root(field.name, "value", path))
            throw Error(ErrorKind::failed, "field " + field.name);
        const auto layout = find_field(subject.layout, path);
        if (!layout)
            throw Error(ErrorKind::failed, "no field " + field.name);
        add_elements(field, *layout, field.name, std::string_view(bytes).substr(at, size), line);
        at += size;
    }
    return line;
}

std::vector<std::byte> unhex(const std::string& text) {
    std::vector<std::byte> bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
        bytes.push_back(static_cast<std::byte>(std::stoul(text.substr(i, 2), nullptr, 16)));
    return bytes;
}

Subject read_subject(const Object& object, const std::string& name, std::size_t size) {
    const int id = btf__find_by_name_kind(object.types(), name.c_str(), BTF_KIND_VAR);
    if (id < 0)
        throw Error(ErrorKind::failed, "no variable in the BTF");
    const std::uint32_t type = btf__type_by_id(object.types(), static_cast<__u32>(id))->type;
    return Subject(build_layout(object.types(), type, static_cast<std::uint32_t>(size), "value"));
}

void show(const Subject& subject, const std::byte* value) {
    std::string text;
    for (const JsonPlan* plan : {&subject.raw, &subject.people, &subject.dynmon}) {
        plan->append(value, text);
        text += '\n';
    }
    text += cells(subject, subject.raw_cells, Style::raw, value) + '\n';
    text += cells(subject, subject.people_cells, Style::decoded, value) + '\n';
    text += record(subject, value) + '\n';
    std::cout << text;
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 3)
        return 2;
    std::string name;
    try {
        const Object object = Object::parse(read_file(argv[1], 8u << 20), argv[1]);
        std::map<std::string, Subject> subjects;
        std::ifstream values(argv[2]);
        for (std::string line; std::getline(values, line);) {
            name = line.substr(0, line.find(' '));
            const std::vector<std::byte> value = unhex(line.substr(name.size() + 1));
            auto subject = subjects.find(name);
            if (subject == subjects.end())
                subject = subjects.emplace(name, read_subject(object, name, value.size())).first;
            show(subject->second, value.data());
        }
    } catch (const Error& error) {
        std::cerr << "random-decode: " << name << ": " << error.what() << '\n';
        return 1;
    }
    return 0;
}
