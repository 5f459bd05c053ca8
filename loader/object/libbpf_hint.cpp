// SPDX-License-Identifier: BSD-2-Clause
#include "object/libbpf_hint.hpp"

#include <array>

namespace dynmon {

namespace {

struct Advice {
    std::string_view said; // part of what libbpf 1.1 to 1.5 say
    const char* hint;
};

constexpr const char* link_it =
    "it is one of several files of a program: link them with `bpftool gen object ALL.bpf.o "
    "ONE.bpf.o OTHER.bpf.o`";
constexpr const char* let_the_compiler =
    "let the compiler write its BTF (clang -g, bpf-gcc -gbtf): what pahole makes out of DWARF does "
    "not say where maps and variables are";

constexpr std::array<Advice, 7> advices{{
    {"failed to find BTF for extern", link_it},
    {"unrecognized extern section", link_it},
    {"DATASEC '.maps' not found", let_the_compiler},
    {"BTF is required, but is missing or corrupted", let_the_compiler},
    {"is static and not supported", "make the program global: leave out `static`"},
    {"legacy map definitions",
     "define maps by BTF: `struct { __uint(type, …); … } NAME SEC(\".maps\");`"},
    {"unknown field",
     "a map has the fields that <bpf/bpf_helpers.h> and libbpf know, such as type, "
     "max_entries, key, value and map_flags"},
}};

} // namespace

std::string libbpf_hint(std::string_view complaint) {
    for (const Advice& advice : advices)
        if (complaint.find(advice.said) != std::string_view::npos)
            return advice.hint;
    return "";
}

} // namespace dynmon
