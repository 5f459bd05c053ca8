// SPDX-License-Identifier: BSD-2-Clause
// Keeps values in maps of the kernel for as long as its input lasts.
//
//     random-keep OBJECT
//
// For each line "NAME KEY VALUE" of its input (bytes in hexadecimal) makes a hash whose key and
// value have the type of the global NAME, or for the key "-" an array of one element; puts the
// value in and prints the id of the map. Maps end with this process, and one at a time is kept.
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

namespace {

[[noreturn]] void fail(const std::string& what) {
    std::cerr << "random-keep: " << what << ": " << strerror(errno) << '\n';
    std::exit(1);
}

std::vector<unsigned char> unhex(const std::string& text) {
    std::vector<unsigned char> bytes;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
        bytes.push_back(static_cast<unsigned char>(std::stoul(text.substr(i, 2), nullptr, 16)));
    return bytes;
}

std::uint32_t type_of(const btf* types, const std::string& name) {
    const int id = btf__find_by_name_kind(types, name.c_str(), BTF_KIND_VAR);
    if (id < 0)
        fail(name);
    return btf__type_by_id(types, static_cast<__u32>(id))->type;
}

std::uint32_t type_of_index(const btf* types) {
    const int id = btf__find_by_name_kind(types, "int", BTF_KIND_INT);
    if (id < 0)
        fail("int");
    return static_cast<std::uint32_t>(id);
}

// All types but the sections, where the kernel wants no variable of zero bytes; clang puts them
// last.
btf* without_sections(const btf* all) {
    btf* types = btf__new_empty();
    for (__u32 id = 1; id < btf__type_cnt(all); ++id) {
        const btf_type* type = btf__type_by_id(all, id);
        if (!btf_is_datasec(type) && btf__add_type(types, all, type) != static_cast<int>(id))
            fail("copy the BTF");
    }
    return types;
}

int make_map(const btf* types, const std::string& line) {
    std::istringstream words(line);
    std::string name, key_text, value_text;
    words >> name >> key_text >> value_text;
    const bool hash = key_text != "-";
    const std::uint32_t index = 0;
    const std::vector<unsigned char> key = unhex(hash ? key_text : "00000000");
    const std::vector<unsigned char> value = unhex(value_text);
    LIBBPF_OPTS(bpf_map_create_opts, options, .btf_fd = static_cast<__u32>(btf__fd(types)),
                .btf_key_type_id = hash ? type_of(types, name) : type_of_index(types),
                .btf_value_type_id = type_of(types, name));
    const int map = bpf_map_create(hash ? BPF_MAP_TYPE_HASH : BPF_MAP_TYPE_ARRAY, "random",
                                   static_cast<__u32>(key.size()), static_cast<__u32>(value.size()),
                                   1, &options);
    if (map < 0)
        fail("create a map of " + name);
    if (bpf_map_update_elem(map, hash ? static_cast<const void*>(key.data()) : &index, value.data(),
                            BPF_ANY) != 0)
        fail("fill the map of " + name);
    return map;
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2)
        return 2;
    btf* all = btf__parse(argv[1], nullptr);
    if (all == nullptr)
        fail(argv[1]);
    btf* types = without_sections(all);
    if (btf__load_into_kernel(types) != 0)
        fail("load the BTF");
    int map = -1;
    for (std::string line; std::getline(std::cin, line);) {
        if (map >= 0)
            close(map);
        map = make_map(types, line);
        bpf_map_info info = {};
        __u32 size = sizeof info;
        if (bpf_obj_get_info_by_fd(map, &info, &size) != 0)
            fail("ask for the id");
        std::cout << info.id << std::endl;
    }
    btf__free(types);
    btf__free(all);
    return 0;
}
