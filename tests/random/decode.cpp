// dynmon's half of the comparison: decodes values by the BTF of an object.
//
//     random-decode OBJECT VALUES
//
// For each line "NAME HEX" of VALUES: the value of the global NAME's type, one line for each style.
#include <fstream>
#include <iostream>
#include <map>
#include <string>

#include "base/error.hpp"
#include "layout/decode_plan.hpp"
#include "layout/layout.hpp"
#include "layout/path.hpp"
#include "object/object.hpp"

using namespace dynmon;

namespace {

// All plans of one type.
struct Subject {
    explicit Subject(Layout made)
        : layout(std::move(made)), raw(layout, Style::raw), people(layout, Style::people),
          dynmon(layout, Style::dynmon), raw_cells(layout, "value", Style::raw),
          people_cells(layout, "value", Style::people) {}

    Layout layout;
    JsonPlan raw, people, dynmon;
    ColumnPlan raw_cells, people_cells;
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
    text += cells(subject, subject.people_cells, Style::people, value) + '\n';
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
