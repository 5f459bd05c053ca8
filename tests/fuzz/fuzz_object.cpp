// SPDX-License-Identifier: BSD-2-Clause
// An ELF object: what parse() accepts can be asked everything that the loader asks.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <elf.h>

#include <bpf/libbpf.h>

#include "fuzz/layouts.hpp"
#include "manifest/manifest.hpp"
#include "object/object.hpp"
#include "object/object_types.hpp"
#include "policy/behaviour.hpp"
#include "policy/rules.hpp"
#include "sandboxing.hpp"

using namespace dynmon;
using fuzz::expect;

namespace {

void decode(const Object& object, std::uint32_t type, std::uint32_t size) {
    if (type == 0)
        return;
    try {
        fuzz::check_layout(build_layout(object.types(), type, size, "value"), object.bytes());
    } catch (const Error& error) {
        expect(error.kind() == ErrorKind::usage, error.what());
    }
}

void check(const Object& object) {
    expect(object.sha256().size() == 64, "no SHA-256");
    expect(!object.programs().empty(), "no program");
    for (const ProgramInfo& program : object.programs()) {
        expect(object.program(program.name) == &program, "a name stands twice", program.name);
        for (const Effect& effect : behaviour_of(object, program, false))
            expect(!effect.what.empty() && !effect.place.empty(), "an effect of nothing");
    }
    map_problems({}, object);
    for (const MapInfo& map : object.maps()) {
        expect(object.map(map.name) == &map, "a name stands twice", map.name);
        decode(object, map.key_type_id, map.key_size);
        decode(object, map.value_type_id, map.value_size);
    }
    for (const GlobalInfo& global : object.globals()) {
        const MapInfo* section = object.map(".rodata");
        expect(section == nullptr ||
                   std::uint64_t{global.offset} + global.size <= section->value_size,
               "a global outside of .rodata", global.name);
        decode(object, global.type_id, global.size);
    }
    expect(!object.btf_bytes().empty(), "no BTF");
}

} // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    libbpf_set_print([](libbpf_print_level, const char*, va_list) { return 0; });
    dynmon::test::set_sandboxing(false); // the crash itself is wanted
    return 0;
}

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

// Mostly within one section, so that what is around it stays an ELF file; else anywhere.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
    Elf64_Ehdr header;
    if (size < sizeof header || seed % 8 == 0)
        return LLVMFuzzerMutate(data, size, most);
    std::memcpy(&header, data, sizeof header);
    const std::uint64_t count = std::max<std::uint64_t>(header.e_shnum, 1);
    const std::uint64_t at = header.e_shoff + seed / 8 % count * sizeof(Elf64_Shdr);
    Elf64_Shdr section;
    if (header.e_shoff > size || at > size || size - at < sizeof section)
        return LLVMFuzzerMutate(data, size, most);
    if (seed / 8 / count % 4 == 0) { // the header of the section itself
        LLVMFuzzerMutate(data + at, sizeof section, sizeof section);
        return size;
    }
    std::memcpy(&section, data + at, sizeof section);
    if (section.sh_type == SHT_NOBITS || section.sh_offset > size || section.sh_size == 0 ||
        section.sh_size > size - section.sh_offset)
        return LLVMFuzzerMutate(data, size, most);
    LLVMFuzzerMutate(data + section.sh_offset, section.sh_size, section.sh_size);
    return size;
}

template <typename Read>
void try_to(Read&& read) {
    try {
        read();
    } catch (const Error& error) {
        expect(error.kind() == ErrorKind::usage, error.what());
    }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto* begin = reinterpret_cast<const std::byte*>(data);
    try_to([&] { check(Object::parse({begin, begin + size}, "fuzz.bpf.o")); });
    try_to([&] { object_types({begin, size}); });
    return 0;
}
