// SPDX-License-Identifier: BSD-2-Clause
#include <fstream>
#include <string>

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "object/object.hpp"
#include "object/object_types.hpp"
#include "object/test_objects.hpp"

using namespace dynmon;

namespace {

const btf_type* data_section(const btf* types, const char* name) {
    const int id = btf__find_by_name_kind(types, name, BTF_KIND_DATASEC);
    REQUIRE(id > 0);
    return btf__type_by_id(types, static_cast<__u32>(id));
}

std::string types_fault(const std::string& path) {
    try {
        read_object_types(path);
        return "";
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::usage);
        return error.what();
    }
}

} // namespace

TEST_CASE("types are read from objects that cannot be loaded") {
    for (const char* name : {"types_only", "maps_only", "many_maps", "many_programs", "kprobe",
                             "strange_map", "sample", "sample_linked"}) {
        CAPTURE(name);
        const BtfPtr types = read_object_types(test::object_path(name));
        CHECK(btf__find_by_name_kind(types.get(), "int", BTF_KIND_INT) > 0);
    }
    CHECK_THROWS_AS(test::parse_object("types_only"), Error); // loading is as strict as ever
}

TEST_CASE("global data has the sizes and places that libbpf gives it") {
    for (const char* name : {"sample", "sample_linked"}) {
        CAPTURE(name);
        const BtfPtr types = read_object_types(test::object_path(name));
        const Object object = test::parse_object(name);
        for (const char* data : {".rodata", ".bss"}) {
            CAPTURE(data);
            const btf_type* ours = data_section(types.get(), data);
            const btf_type* theirs = data_section(object.types(), data);
            CHECK(ours->size == theirs->size);
            REQUIRE(btf_vlen(ours) == btf_vlen(theirs));
            for (int i = 0; i < btf_vlen(ours); ++i) {
                CHECK(btf_var_secinfos(ours)[i].offset == btf_var_secinfos(theirs)[i].offset);
                CHECK(btf_var_secinfos(ours)[i].type == btf_var_secinfos(theirs)[i].type);
            }
        }
    }
    const BtfPtr types = read_object_types(test::object_path("types_only"));
    CHECK(data_section(types.get(), ".bss")->size == 16);
    CHECK(data_section(types.get(), ".data")->size == 4);
}

TEST_CASE("a file without types, or that is no object, is refused by its name") {
    const std::string bare = test::object_path("sample_no_btf");
    CHECK(types_fault(bare) == bare + ": no BTF, so nothing in it can be decoded");
    const test::TemporaryFolder folder;
    const std::string text = folder / "text.o";
    std::ofstream(text) << "no ELF";
    CHECK(types_fault(text) == text + ": not an ELF file");
    CHECK(types_fault(folder / "absent.o").find("absent.o") != std::string::npos);
}
