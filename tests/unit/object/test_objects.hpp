// SPDX-License-Identifier: BSD-2-Clause
// The objects that are compiled from bpf/*.bpf.c for these tests.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "object/object.hpp"

namespace dynmon::test {

inline std::string object_path(const std::string& name) {
    return std::string(DYNMON_TEST_OBJECTS) + "/" + name + ".bpf.o";
}

inline std::vector<std::byte> object_bytes(const std::string& name) {
    return read_file(object_path(name), 8u << 20);
}

inline Object parse_object(const std::string& name) {
    return Object::parse(object_bytes(name), name + ".bpf.o");
}

// A folder of its own that goes with the test.
class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "dynmon-test-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            throw std::runtime_error("mkdtemp");
        path_ = name;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

} // namespace dynmon::test
