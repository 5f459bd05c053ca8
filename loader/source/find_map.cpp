// SPDX-License-Identifier: BSD-2-Clause
#include "source/find_map.hpp"

#include <cerrno>
#include <fstream>
#include <optional>
#include <sstream>

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/error.hpp"
#include "btf/layout.hpp"
#include "kernel/bpf.hpp"
#include "kernel/device.hpp"
#include "kernel/rights.hpp"

namespace dynmon {

namespace {

// A listing that the kernel itself puts into the bpffs that is mounted first.
constexpr const char* listing_path = "/sys/fs/bpf/maps.debug";

std::optional<std::string> read_listing() {
    std::ifstream file(listing_path);
    std::ostringstream text;
    if (!file || !(text << file.rdbuf()))
        return std::nullopt;
    return text.str();
}

} // namespace

std::vector<std::uint32_t> ids_in_listing(const std::string& listing, const std::string& name) {
    std::vector<std::uint32_t> ids;
    std::istringstream lines(listing);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::uint32_t id = 0;
        std::string word;
        if (words >> id >> word && word == name)
            ids.push_back(id);
    }
    return ids;
}

std::shared_ptr<const EnumSet> interfaces_of(const FoundMap& map) {
    return map.interfaces ? map.interfaces() : device_names();
}

Fd open_map_pin(const std::string& path) {
    if (path.empty())
        throw Error(ErrorKind::usage, "MAP is empty")
            .hint("MAP is a path in bpffs, `id N`, `name N` or MONITOR/MAP");
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0)
        throw Error(ErrorKind::usage, "no pin " + path, errno)
            .hint("MAP is a path in bpffs, `id N`, `name N` or MONITOR/MAP");
    if (S_ISDIR(status.st_mode))
        throw Error(ErrorKind::usage, path + " is a directory, not a map");
    struct statfs system {};
    if (statfs(path.c_str(), &system) == 0 && system.f_type != BPF_FS_MAGIC)
        throw Error(ErrorKind::usage, path + " is not on a BPF file system")
            .hint("maps are pinned below /sys/fs/bpf; `id N` and `name N` find those that are not");
    Fd pinned = open_readable_pin(path);
    if (object_kind(pinned) != "bpf-map")
        throw Error(ErrorKind::usage, path + " is not a map: it is a " + object_kind(pinned));
    return pinned;
}

Fd open_map_id(std::uint32_t id) {
    Fd map = try_open_map(id);
    if (!map && errno == EPERM)
        throw Error(ErrorKind::failed, "open map id " + std::to_string(id), EPERM)
            .hint(rights_hint({Right::sys_admin}))
            .or_hint("name the map by a pinned path, which needs no such right");
    if (!map)
        throw Error(ErrorKind::usage, "open map id " + std::to_string(id), errno)
            .hint("`bpftool map` lists the ids");
    return map;
}

std::vector<std::uint32_t> map_ids_by_name(const std::string& name) {
    const std::string kept = name.substr(0, BPF_OBJ_NAME_LEN - 1);
    if (const std::optional<std::string> listing = read_listing())
        return ids_in_listing(*listing, kept);
    std::vector<std::uint32_t> ids;
    for (auto id = next_map_id(0); id; id = next_map_id(*id))
        if (const Fd map = try_open_map(*id); map && map_facts(map).name == kept)
            ids.push_back(*id);
    return ids;
}

Fd open_map_name(const std::string& name) {
    const std::vector<std::uint32_t> ids = map_ids_by_name(name);
    if (ids.size() > 1) {
        std::string list;
        for (const std::uint32_t id : ids)
            list += (list.empty() ? "" : ", ") + std::to_string(id);
        throw Error(ErrorKind::usage,
                    std::to_string(ids.size()) + " maps have the name '" + name + "'")
            .hint("say which: `id N`, with N one of " + list);
    }
    if (ids.empty())
        throw Error(ErrorKind::usage, "no map has the name '" + name + "'")
            .hint("`bpftool map` lists them");
    return open_map_id(ids.front());
}

} // namespace dynmon
