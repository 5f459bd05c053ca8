// SPDX-License-Identifier: BSD-2-Clause
// Maps whose values are ids and handles of the kernel: shown with what these stand for.
#include "base/error.hpp"
#include "decode/scalar.hpp"
#include "kernel/map_flags.hpp"
#include "source/listing.hpp"
#include "source/map_kind.hpp"
#include "source/synthetic.hpp"

namespace dynmon {

namespace {

constexpr std::uint32_t id_size = 4;
constexpr std::uint32_t name_size = BPF_OBJ_NAME_LEN;
constexpr std::uint32_t type_size = 32;

// The map's own keys and values, of which those that are set become rows by `translate`.
class HandleListing : public Listing {
public:
    using Translate = std::function<void(const std::byte* from, std::byte* row)>;

    HandleListing(const MapFacts& facts, const MapTypes& types, Layout row, Translate translate)
        : facts_(facts), translate_(std::move(translate)) {
        key = key_layout(types, facts);
        value = std::move(row);
    }

    std::unique_ptr<MapReader::Walk> walk(const Fd& map, Take, unsigned) const override {
        return std::make_unique<HandleWalk>(*this, map);
    }

private:
    // By key: where slots are numbered the kernel walks all of them, and an empty one has no value.
    class HandleWalk : public MapReader::Walk {
    public:
        HandleWalk(const HandleListing& listing, const Fd& map)
            : translate_(listing.translate_), row_(listing.value.size),
              walk_(walk_by_key(map, listing.facts_, Take::look)) {}
        bool next(Batch& batch) override {
            if (!walk_->next(batch))
                return false;
            translate_(batch.values, row_.data());
            batch.values = row_.data();
            batch.value_stride = row_.size();
            return true;
        }
        bool approximate() const override { return walk_->approximate(); }

    private:
        Translate translate_;
        std::vector<std::byte> row_;
        std::unique_ptr<MapReader::Walk> walk_;
    };

    MapFacts facts_;
    Translate translate_;
};

// Names of programs are for CAP_SYS_ADMIN only: without it they are empty, and so are those of
// programs that are gone.
std::string program_name(std::uint32_t id) {
    const Fd program = id == 0 ? Fd() : try_open_program(id);
    return program ? program_facts(program).name : "";
}

// {u32; u32 program id}, or the first alone: how devmap and cpumap are looked up.
std::unique_ptr<Listing> list_with_program(const MapFacts& facts, const MapTypes& types,
                                           const char* what, Semantic semantic) {
    SyntheticStruct row;
    row.number(what, id_size, semantic);
    const bool with_program = facts.value_size >= 2 * id_size;
    if (with_program) {
        row.number("program_id", id_size);
        row.text("program", name_size);
    }
    return std::make_unique<HandleListing>(
        facts, types, std::move(row).layout(),
        [with_program](const std::byte* from, std::byte* to) {
            std::memcpy(to, from, (with_program ? 2 : 1) * id_size);
            if (with_program)
                store_text(to + 2 * id_size, name_size,
                           program_name(load<std::uint32_t>(from + id_size)));
        });
}

} // namespace

std::unique_ptr<Listing> list_programs(const MapFacts& facts, const MapTypes& types) {
    SyntheticStruct row;
    row.number("id", id_size);
    if (!next_program_id(0)) // not for us to see: the ids alone
        return std::make_unique<HandleListing>(
            facts, types, std::move(row).layout(),
            [](const std::byte* from, std::byte* to) { std::memcpy(to, from, id_size); });
    const std::uint32_t name = row.text("name", name_size);
    const std::uint32_t type = row.text("type", type_size);
    const std::uint32_t tag = row.bytes("tag", sizeof(ProgramFacts::tag));
    return std::make_unique<HandleListing>(
        facts, types, std::move(row).layout(), [=](const std::byte* from, std::byte* to) {
            const std::uint32_t id = load<std::uint32_t>(from);
            const Fd program = try_open_program(id);
            const ProgramFacts found = program ? program_facts(program) : ProgramFacts{};
            store(to, id);
            store_text(to + name, name_size, found.name);
            store_text(to + type, type_size, program ? program_type_name(found.type) : "");
            std::memcpy(to + tag, found.tag.data(), found.tag.size());
        });
}

std::unique_ptr<Listing> list_devices(const MapFacts& facts, const MapTypes& types) {
    return list_with_program(facts, types, "ifindex", Semantic::ifindex);
}

std::unique_ptr<Listing> list_cpus(const MapFacts& facts, const MapTypes& types) {
    return list_with_program(facts, types, "qsize", Semantic::none);
}

std::unique_ptr<Listing> list_sockets(const MapFacts& facts, const MapTypes& types) {
    constexpr std::uint32_t cookie_size = 8;
    if (facts.value_size != cookie_size)
        throw Error(ErrorKind::unsupported,
                    "map '" + facts.name + "' is of type " + map_type_name(facts.type) +
                        " with values of 4 bytes: the kernel shows the cookies of its sockets only "
                        "where values have 8");
    SyntheticStruct row;
    row.number("cookie", cookie_size);
    return std::make_unique<HandleListing>(
        facts, types, std::move(row).layout(),
        [](const std::byte* from, std::byte* to) { std::memcpy(to, from, cookie_size); });
}

std::unique_ptr<Listing> list_stacks(const MapFacts& facts, const MapTypes& types) {
    constexpr std::uint32_t address_size = 8;
    const bool addresses =
        (facts.flags & stack_build_id) == 0 && facts.value_size % address_size == 0;
    Layout row = value_layout(types, facts);
    if (addresses) {
        row = Layout{.kind = Layout::Kind::array,
                     .size = facts.value_size,
                     .count = facts.value_size / address_size,
                     .stride = address_size};
        row.fields.push_back(Layout{.kind = Layout::Kind::pointer, .size = address_size});
    }
    return std::make_unique<HandleListing>(
        facts, types, std::move(row),
        [size = facts.value_size](const std::byte* from, std::byte* to) {
            std::memcpy(to, from, size);
        });
}

std::unique_ptr<Listing> list_struct_ops(const MapFacts& facts) {
    MapTypes types{.name = facts.name,
                   .btf = BtfPtr(btf__load_vmlinux_btf()),
                   .value_id = facts.vmlinux_value_type_id};
    return std::make_unique<HandleListing>(
        facts, types, value_layout(types, facts),
        [size = facts.value_size](const std::byte* from, std::byte* to) {
            std::memcpy(to, from, size);
        });
}

} // namespace dynmon
