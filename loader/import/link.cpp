// SPDX-License-Identifier: BSD-2-Clause
#include "import/link.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include <bpf/libbpf.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "object/object.hpp"
#include "sandbox/confine.hpp"
#include "sandbox/restrict.hpp"

namespace dynmon {

namespace {

namespace fs = std::filesystem;

class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string name = (fs::temp_directory_path() / "dynmon-import-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            throw Error(ErrorKind::failed, "make a folder in " + fs::temp_directory_path().string(),
                        errno);
        path_ = name;
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    std::string file(const std::string& name) const { return (path_ / name).string(); }
    std::string path() const { return path_.string(); }

private:
    fs::path path_;
};

std::string link_in(const TemporaryFolder& folder, std::size_t count) {
    const LibbpfLog log;
    LIBBPF_OPTS(bpf_linker_opts, options);
    bpf_linker* linker = bpf_linker__new(folder.file("out").c_str(), &options);
    if (linker == nullptr)
        return "cannot begin: " + last_complaint(log.text());
    int result = 0;
    for (std::size_t i = 0; i < count && result == 0; ++i)
        result = bpf_linker__add_file(linker, folder.file(std::to_string(i)).c_str(), nullptr);
    if (result == 0)
        result = bpf_linker__finalize(linker);
    bpf_linker__free(linker);
    return result == 0 ? "" : "libbpf: " + last_complaint(log.text());
}

[[noreturn]] void run_child(const TemporaryFolder& folder, std::size_t count, pid_t parent) {
    constexpr std::chrono::seconds most{10};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    die_of_crashes();
    limit_cpu(most);
    limit_files(limits::object_bytes);
    drop_all_but({2});
    confine({.store = "", .files = {folder.path()}});
    const std::string fault = link_in(folder, count);
    if (!fault.empty())
        std::ofstream(folder.file("fault")) << fault;
    _exit(fault.empty() ? 0 : 1);
}

} // namespace

std::vector<std::byte> link_objects(const std::vector<std::string>& objects) {
    const TemporaryFolder folder;
    for (std::size_t i = 0; i < objects.size(); ++i) {
        std::ofstream out(folder.file(std::to_string(i)), std::ios::binary);
        out << objects[i];
        if (!out.flush())
            throw Error(ErrorKind::failed, "write " + folder.file(std::to_string(i)), errno);
    }
    const pid_t parent = getpid();
    const pid_t child = ::fork();
    if (child < 0)
        throw Error(ErrorKind::failed, "make a process for the linker", errno);
    if (child == 0)
        run_child(folder, objects.size(), parent);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (status == 0)
        return read_file(folder.file("out"), limits::object_bytes);
    std::ifstream fault(folder.file("fault"));
    std::string said;
    std::getline(fault, said);
    throw Error(ErrorKind::rejected,
                "link the paths: " + (said.empty() ? "the linker of libbpf crashed" : said));
}

} // namespace dynmon
