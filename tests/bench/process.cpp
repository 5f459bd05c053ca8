// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <sys/wait.h>

#include "base/file.hpp"
#include "measure.hpp"

namespace bench {

namespace {

class SpawnActions {
public:
    // Output to `output_fd`, or thrown away if that is negative.
    SpawnActions(int output_fd, int error_fd) {
        posix_spawn_file_actions_init(&actions_);
        if (output_fd < 0)
            posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        else
            posix_spawn_file_actions_adddup2(&actions_, output_fd, STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&actions_, error_fd, STDERR_FILENO);
    }
    SpawnActions(const SpawnActions&) = delete;
    SpawnActions& operator=(const SpawnActions&) = delete;
    ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }

    const posix_spawn_file_actions_t* get() const { return &actions_; }

private:
    posix_spawn_file_actions_t actions_{};
};

// A program on its way: started, waited for, and complained about if it fails.
class Process {
public:
    Process(const std::vector<std::string>& words, int output_fd)
        : words_(words), errors_(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)) {
        if (!errors_)
            throw std::runtime_error(std::string("temporary file: ") + std::strerror(errno));
        std::vector<char*> arguments;
        for (const std::string& word : words)
            arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        const SpawnActions actions(output_fd, errors_.get());
        const int result = ::posix_spawnp(&child_, arguments[0], actions.get(), nullptr,
                                          arguments.data(), environ);
        if (result != 0)
            throw std::runtime_error(words[0] + ": " + std::strerror(result));
    }

    // kB of memory at its highest so far; 0 when it has ended. (What wait4() tells begins with
    // the memory of the process that started it.)
    double peak_kilobytes() const {
        std::ifstream status("/proc/" + std::to_string(child_) + "/status");
        for (std::string word; status >> word;)
            if (double size = 0; word == "VmHWM:" && status >> size)
                return size;
        return 0;
    }

    void wait() {
        int status = 0;
        ::waitpid(child_, &status, 0);
        if (status == 0)
            return;
        std::string command;
        for (const std::string& word : words_)
            command += word + " ";
        throw std::runtime_error(command + "failed: " + text_of(errors_));
    }

private:
    static std::string text_of(const dynmon::Fd& file) {
        std::string text(4096, '\0');
        const ssize_t size = ::pread(file.get(), text.data(), text.size(), 0);
        text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
        return text;
    }

    const std::vector<std::string>& words_;
    dynmon::Fd errors_;
    pid_t child_ = 0;
};

} // namespace

double ns_of_process(const std::vector<std::string>& words) {
    return ns_of([&] { Process(words, -1).wait(); });
}

double megabytes_of_process(const std::vector<std::string>& words) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        throw std::runtime_error(std::string("pipe: ") + std::strerror(errno));
    const dynmon::Fd from(ends[0]);
    dynmon::Fd to(ends[1]);
    Process process(words, to.get());
    to = dynmon::Fd();
    std::vector<char> buffer(1u << 16);
    double most = 0;
    while (::read(from.get(), buffer.data(), buffer.size()) > 0)
        most = std::max(most, process.peak_kilobytes());
    process.wait();
    constexpr double kilobytes_per_megabyte = 1024;
    return most / kilobytes_per_megabyte;
}

} // namespace bench
