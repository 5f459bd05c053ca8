// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cstring>
#include <random>
#include <string>

#include <elf.h>

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "object/allow_list.hpp"
#include "object/object.hpp"
#include "object/test_objects.hpp"
#include "sandboxing.hpp"

using namespace dynmon;

namespace {

std::string fault(std::vector<std::byte> bytes) {
    try {
        Object::parse(std::move(bytes), "x.bpf.o");
        return "";
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::usage);
        return error.what();
    }
}

// Without a sandbox: what our own checks let through is not to crash libbpf in the first place.
struct InProcess {
    InProcess() { test::set_sandboxing(false); }
    ~InProcess() { test::set_sandboxing(true); }
};

// `change` gets the ELF header of the sample.
template <typename Change>
std::string fault_of_header(Change change) {
    std::vector<std::byte> bytes = test::object_bytes("sample");
    Elf64_Ehdr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    change(header);
    std::memcpy(bytes.data(), &header, sizeof header);
    return fault(std::move(bytes));
}

void check_program(const Object& object, const char* name, const char* section,
                   bpf_prog_type type) {
    CAPTURE(name);
    const ProgramInfo* program = object.program(name);
    REQUIRE(program != nullptr);
    CHECK(program->section == section);
    CHECK(program->type == type);
}

} // namespace

TEST_CASE("programs have the type of their section, whatever this libbpf knows of it") {
    const Object object = test::parse_object("sections");
    CHECK(object.programs().size() == 7);
    check_program(object, "on_tcx", "tcx/ingress", BPF_PROG_TYPE_SCHED_CLS);
    check_program(object, "on_tc_egress", "tc_egress", BPF_PROG_TYPE_SCHED_CLS);
    check_program(object, "on_demand", "tc", BPF_PROG_TYPE_SCHED_CLS);
    check_program(object, "on_frags", "xdp.frags", BPF_PROG_TYPE_XDP);
    check_program(object, "on_kprobe", "kprobe/do_nothing", BPF_PROG_TYPE_UNSPEC);
    check_program(object, "on_nonsense", "nonsense", BPF_PROG_TYPE_UNSPEC);
    check_program(object, "on_devmap", "xdp/devmap", BPF_PROG_TYPE_UNSPEC);
    CHECK(object.program("nobody") == nullptr);
}

TEST_CASE("maps are described as their source defines them") {
    const Object object = test::parse_object("sample");
    const auto type_name = [&](std::uint32_t id) -> std::string {
        const btf_type* type = btf__type_by_id(object.types(), id);
        return btf__name_by_offset(object.types(), type->name_off);
    };
    REQUIRE(object.map("FLOWS") != nullptr);
    const MapInfo& flows = *object.map("FLOWS");
    CHECK(flows.type == BPF_MAP_TYPE_PERCPU_HASH);
    CHECK(flows.key_size == 8);
    CHECK(flows.value_size == 64);
    CHECK(flows.max_entries == 128);
    CHECK(type_name(flows.key_type_id) == "address");
    CHECK(type_name(flows.value_type_id) == "counters");
    CHECK_FALSE(flows.global_data);
    CHECK(object.map("RECENT")->flags == BPF_F_NO_COMMON_LRU);
    CHECK(object.map("UNTYPED")->key_size == 6);
    CHECK(object.map("UNTYPED")->key_type_id == 0);
    CHECK(object.map("NOTHING") == nullptr);
}

TEST_CASE("a queue keeps the type of its values, which the kernel would not take") {
    const Object object = test::parse_object("sample");
    const MapInfo& events = *object.map("EVENTS");
    CHECK(events.type == BPF_MAP_TYPE_QUEUE);
    CHECK(events.key_size == 0);
    CHECK(events.key_type_id == 0);
    CHECK(events.value_type_id == object.map("FLOWS")->value_type_id);
}

TEST_CASE("global data has the name of its section") {
    const Object object = test::parse_object("sample");
    for (const char* name : {".rodata", ".data", ".bss", ".data.dynmon"}) {
        CAPTURE(name);
        REQUIRE(object.map(name) != nullptr);
        CHECK(object.map(name)->global_data);
    }
    CHECK(object.map(".data.dynmon")->value_size == 8);
}

TEST_CASE("globals are the const volatile ones of .rodata, without dynmon's own") {
    for (const char* name : {"sample", "sample_linked"}) {
        CAPTURE(name);
        const Object object = test::parse_object(name);
        std::vector<std::string> names;
        for (const GlobalInfo& global : object.globals())
            names.push_back(global.name);
        CHECK(names == std::vector<std::string>{
                           "p_u8",      "p_u16",     "p_u32",  "p_u64",  "p_s8",    "p_s16",
                           "p_s32",     "p_s64",     "p_bool", "p_char", "p_color", "p_flavour",
                           "p_swapped", "p_typedef", "p_port", "p_peer", "p_pause", "p_pause_us",
                           "p_array",   "p_struct",  "hidden"});
        CHECK(object.global("p_u64")->size == 8);
        CHECK(object.global("p_u64")->offset == 8);
        CHECK(object.global("p_u16")->offset == 2);
        CHECK(object.global("dynmon_slot") == nullptr);
        CHECK(object.global("plain_const") == nullptr);
        CHECK(object.global("LICENSE") == nullptr);
    }
}

TEST_CASE("a program hands over when it or a function that it calls refers to the chain") {
    const Object sample = test::parse_object("sample");
    CHECK(sample.program("on_ingress")->hand_over);
    CHECK(sample.program("on_xdp")->hand_over);
    CHECK_FALSE(sample.program("on_egress")->hand_over);
    const Object calls = test::parse_object("calls");
    CHECK(calls.program("through_function")->hand_over);
    CHECK_FALSE(calls.program("not_at_all")->hand_over);
}

TEST_CASE("the same source gives the same description as compiled and as linked by bpftool") {
    const Object object = test::parse_object("sample");
    const Object other = test::parse_object("sample_linked");
    CHECK(other.bytes().size() < object.bytes().size()); // without DWARF
    CHECK(other.maps().size() == object.maps().size());
    CHECK(other.programs().size() == object.programs().size());
    CHECK(other.license() == "Dual BSD/GPL");
    CHECK(other.program("on_ingress")->hand_over);
}

TEST_CASE("bytes, hash and BTF are those of the file") {
    const std::vector<std::byte> bytes = test::object_bytes("sample");
    const Object object = Object::parse(bytes, "here/sample.bpf.o");
    CHECK(object.bytes() == bytes);
    CHECK(object.sha256() == sha256_hex(bytes));
    CHECK(object.path() == "here/sample.bpf.o");
    const std::vector<std::byte> raw = object.btf_bytes();
    const BtfPtr again(btf__new(raw.data(), static_cast<std::uint32_t>(raw.size())));
    REQUIRE(again);
    CHECK(btf__type_cnt(again.get()) == btf__type_cnt(object.types()));
}

TEST_CASE("an object that lacks something says what") {
    CHECK(fault(test::object_bytes("sample_no_btf")).starts_with("x.bpf.o: no BTF"));
    CHECK(fault(test::object_bytes("maps_only")) == "x.bpf.o: no programs");
    CHECK(fault(test::object_bytes("strange_map")) ==
          "x.bpf.o: libbpf refuses it: map 'STRANGE': unknown field 'colour'.");
}

TEST_CASE("an object has at most 64 programs and 8192 maps, of which a program uses 64") {
    CHECK(fault(test::object_bytes("many_programs")) == "x.bpf.o: 65 programs; at most 64");
    CHECK(test::parse_object("many_maps").maps().size() == 65);
    CHECK(fault(test::object_bytes("too_many_maps")) == "x.bpf.o: 8193 maps; at most 8192");
}

TEST_CASE("names that could lead out of a folder, or stand twice, are refused") {
    const auto renamed = [](const std::string& from, const std::string& to) {
        std::vector<std::byte> bytes = test::object_bytes("sample");
        const auto* name = reinterpret_cast<const std::byte*>(from.c_str());
        auto at = bytes.begin();
        while ((at = std::search(at, bytes.end(), name, name + from.size() + 1)) != bytes.end())
            std::memcpy(&*at, to.data(), to.size());
        return fault(std::move(bytes));
    };
    CHECK(renamed("COUNTER", "COUNTED").empty());
    CHECK(renamed("COUNTER", "../../x") == "x.bpf.o: a map cannot be called '../../x'");
    CHECK(renamed("COUNTER", "COU.TER") == "x.bpf.o: a map cannot be called 'COU.TER'");
    CHECK(renamed("COUNTER", "COU\xc3\xb6\x01") != "");
    CHECK(renamed("on_xdp", "on/xdp") == "x.bpf.o: a program cannot be called 'on/xdp'");
    CHECK(renamed("RECENT", "EVENTS") == "x.bpf.o: two maps are called 'EVENTS'");
}

TEST_CASE("what is no BPF object of this machine is refused with the reason") {
    CHECK(fault({}) == "x.bpf.o: not an ELF file");
    CHECK(fault(std::vector<std::byte>(100)) == "x.bpf.o: not an ELF file");
    CHECK(fault(std::vector<std::byte>(9u << 20)) ==
          "x.bpf.o: 9437184 bytes; at most 8388608 are read");
    CHECK(fault_of_header([](auto& h) { h.e_machine = EM_X86_64; }) ==
          "x.bpf.o: compiled for machine 62, not for BPF");
    CHECK(fault_of_header([](auto& h) { h.e_ident[EI_CLASS] = ELFCLASS32; }) ==
          "x.bpf.o: not a 64-bit ELF");
    CHECK(fault_of_header([](auto& h) { h.e_ident[EI_DATA] = ELFDATA2MSB; }) ==
          "x.bpf.o: compiled for the other byte order");
    CHECK(fault_of_header([](auto& h) { h.e_type = ET_EXEC; }) ==
          "x.bpf.o: not a relocatable object file");
    CHECK(fault_of_header([](auto& h) {
              h.e_shoff = 1ull << 60;
          }).starts_with("x.bpf.o: damaged ELF: its table of sections ends at byte"));
    CHECK(fault_of_header([](auto& h) { h.e_shnum = 0; }) ==
          "x.bpf.o: damaged ELF: no table of sections");
    CHECK(fault_of_header([](auto& h) { h.e_shstrndx = 9999; }) ==
          "x.bpf.o: damaged ELF: no table of section names");
}

TEST_CASE("an object cut off at any length is refused") {
    const InProcess here;
    for (const char* name : {"sample", "sample_linked"}) {
        const std::vector<std::byte> whole = test::object_bytes(name);
        for (std::size_t size = 0; size < whole.size(); size += 64) {
            const std::string message =
                fault({whole.begin(), whole.begin() + static_cast<long>(size)});
            CHECK_MESSAGE(message.starts_with("x.bpf.o: "), name << " at " << size);
        }
    }
}

TEST_CASE("flipped bits are refused or harmless, never fatal") {
    const InProcess here;
    std::mt19937 random(42);
    std::size_t refused = 0;
    for (const char* name : {"sample", "sample_linked", "calls"}) {
        const std::vector<std::byte> whole = test::object_bytes(name);
        for (int round = 0; round < 800; ++round) {
            std::vector<std::byte> bytes = whole;
            for (unsigned flips = 1 + random() % 4; flips > 0; --flips)
                bytes[random() % bytes.size()] ^= std::byte(1u << random() % 8);
            refused += fault(std::move(bytes)).empty() ? 0 : 1;
        }
    }
    CHECK(refused > 600);
}

TEST_CASE("no byte of a table, a header or another small section can be wrong with harm") {
    const InProcess here;
    constexpr std::size_t small = 1024;
    const std::vector<std::byte> whole = test::object_bytes("sample");
    Elf64_Ehdr header;
    std::memcpy(&header, whole.data(), sizeof header);
    std::vector<std::pair<std::size_t, std::size_t>> places = {
        {0, sizeof header}, {header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr)}};
    for (std::size_t i = 1; i < header.e_shnum; ++i) {
        Elf64_Shdr section;
        std::memcpy(&section, whole.data() + header.e_shoff + i * sizeof section, sizeof section);
        if (section.sh_type != SHT_NOBITS && section.sh_size <= small)
            places.emplace_back(section.sh_offset, section.sh_size);
    }
    std::size_t refused = 0;
    std::size_t tried = 0;
    for (const auto& [begin, size] : places) {
        for (std::size_t at = begin; at < begin + size; ++at) {
            std::vector<std::byte> bytes = whole;
            bytes[at] ^= at % 2 == 0 ? std::byte{0xff} : std::byte(1u << at % 8);
            ++tried;
            refused += fault(std::move(bytes)).empty() ? 0 : 1;
        }
    }
    CHECK(tried > 3000);
    CHECK(refused > tried / 4);
}
