// SPDX-License-Identifier: BSD-2-Clause
// Local storage of tasks, cgroups and sockets. The kernel has no list of its entries: every owner
// there is gets asked for. (A BPF iterator would be a tracing program, which needs more rights and
// leaves the system changed while it runs.)
#include <functional>

#include "kernel/processes.hpp"
#include "source/listing.hpp"
#include "source/synthetic.hpp"

namespace dynmon {

namespace {

constexpr std::uint32_t comm_size = 16;
constexpr std::uint32_t id_size = 4;
constexpr std::uint32_t long_id_size = 8;
constexpr std::uint32_t path_size = 4096;

// Owners are collected first: their number is that of processes, not of packets.
class StorageListing : public Listing {
public:
    struct Row {
        std::vector<std::byte> key;
        std::vector<std::byte> value;
    };
    using Collect = std::function<std::vector<Row>(const Fd& map, const StorageListing& listing)>;

    StorageListing(const MapFacts& facts, const MapTypes& types, Layout owner, Collect collect)
        : collect_(std::move(collect)) {
        key = std::move(owner);
        value = value_layout(types, facts);
    }

    std::unique_ptr<MapReader::Walk> walk(const Fd& map, Take, unsigned) const override {
        auto rows = std::make_shared<std::vector<Row>>(collect_(map, *this));
        return std::make_unique<RowWalk>(
            key->size, value.size,
            [rows, at = std::size_t{0}](std::byte* to_key, std::byte* to_value) mutable {
                if (at == rows->size())
                    return false;
                const Row& row = (*rows)[at++];
                std::memcpy(to_key, row.key.data(), row.key.size());
                std::memcpy(to_value, row.value.data(), row.value.size());
                return true;
            });
    }

    // Adds a row when the owner has an entry.
    template <typename FillKey>
    void add(std::vector<Row>& rows, const Fd& map, const Fd& owner, FillKey&& fill) const {
        Row row{std::vector<std::byte>(key->size), std::vector<std::byte>(value.size)};
        const int number = owner.get();
        if (!lookup_element(map, &number, row.value.data()))
            return;
        fill(row.key.data());
        rows.push_back(std::move(row));
    }

private:
    Collect collect_;
};

using Rows = std::vector<StorageListing::Row>;

void store_task(std::byte* at, const Task& task, bool with_thread) {
    store(at, task.pid);
    at += id_size;
    if (with_thread) {
        store(at, task.tid);
        at += id_size;
    }
    store_text(at, comm_size, task.comm);
}

} // namespace

std::unique_ptr<Listing> list_tasks(const MapFacts& facts, const MapTypes& types) {
    SyntheticStruct owner;
    owner.number("pid", id_size);
    owner.number("tid", id_size);
    owner.text("comm", comm_size);
    return std::make_unique<StorageListing>(
        facts, types, std::move(owner).layout(), [](const Fd& map, const StorageListing& listing) {
            Rows rows;
            for_each_task([&](const Fd& pidfd, const Task& task) {
                listing.add(rows, map, pidfd, [&](std::byte* at) { store_task(at, task, true); });
                return true;
            });
            return rows;
        });
}

std::unique_ptr<Listing> list_cgroups(const MapFacts& facts, const MapTypes& types) {
    SyntheticStruct owner;
    owner.number("id", long_id_size);
    owner.text("path", path_size);
    return std::make_unique<StorageListing>(
        facts, types, std::move(owner).layout(), [](const Fd& map, const StorageListing& listing) {
            Rows rows;
            for_each_cgroup([&](const Fd& directory, const Cgroup& cgroup) {
                listing.add(rows, map, directory, [&](std::byte* at) {
                    store(at, cgroup.id);
                    store_text(at + long_id_size, path_size, cgroup.path);
                });
                return true;
            });
            return rows;
        });
}

std::unique_ptr<Listing> list_owned_sockets(const MapFacts& facts, const MapTypes& types) {
    SyntheticStruct owner;
    owner.number("cookie", long_id_size);
    owner.number("pid", id_size);
    owner.text("comm", comm_size);
    return std::make_unique<StorageListing>(
        facts, types, std::move(owner).layout(), [](const Fd& map, const StorageListing& listing) {
            Rows rows;
            for_each_socket([&](const Fd& socket, const OwnedSocket& found) {
                listing.add(rows, map, socket, [&](std::byte* at) {
                    store(at, found.cookie);
                    store_task(at + long_id_size, found.owner, false);
                });
                return true;
            });
            return rows;
        });
}

} // namespace dynmon
