// SPDX-License-Identifier: BSD-2-Clause
#include "serve/cubes.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/identifier.hpp"
#include "base/json_text.hpp"

namespace dynmon::serve {

namespace {

constexpr const char* cube_suffix = ".json";

void write_whole(const std::string& path, const std::string& text) {
    const std::string fresh = path + ".new";
    const Fd file(
        ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file)
        throw Error(ErrorKind::failed, "write " + fresh, errno);
    if (const int reason = write_all(file.get(), text); reason != 0)
        throw Error(ErrorKind::failed, "write " + fresh, reason);
    if (::fsync(file.get()) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0)
        throw Error(ErrorKind::failed, "write " + path, errno);
}

} // namespace

std::string Cubes::path_of(const std::string& name) const {
    return folder_ + "/" + name + cube_suffix;
}

std::vector<std::string> Cubes::names() const {
    std::vector<std::string> names;
    std::error_code fault;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, fault))
        if (entry.path().extension() == cube_suffix && is_identifier(entry.path().stem().string()))
            names.push_back(entry.path().stem().string());
    std::sort(names.begin(), names.end());
    return names;
}

std::optional<Cube> Cubes::find(const std::string& name) const {
    const std::string path = path_of(name);
    std::ifstream file(path);
    if (!file)
        return std::nullopt;
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    try {
        const nlohmann::json document = nlohmann::json::parse(text);
        return Cube{.name = name,
                    .service = document.at("service"),
                    .type = document.at("type"),
                    .loglevel = document.at("loglevel"),
                    .port = document.at("port"),
                    .document = document.at("document"),
                    .next = document.at("next")};
    } catch (const nlohmann::json::exception& error) {
        throw Error(ErrorKind::failed, path + " is damaged: " + error.what())
            .hint("remove it, and create the cube again");
    }
}

void Cubes::save(const Cube& cube) const {
    std::error_code fault;
    std::filesystem::create_directories(folder_, fault);
    write_whole(path_of(cube.name), json_text(nlohmann::json{{"service", cube.service},
                                                             {"type", cube.type},
                                                             {"loglevel", cube.loglevel},
                                                             {"port", cube.port},
                                                             {"document", cube.document},
                                                             {"next", cube.next}}) +
                                        "\n");
}

void Cubes::remove(const std::string& name) const {
    if (::unlink(path_of(name).c_str()) != 0 && errno != ENOENT)
        throw Error(ErrorKind::failed, "remove " + path_of(name), errno);
}

} // namespace dynmon::serve
