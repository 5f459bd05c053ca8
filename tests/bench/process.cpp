#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <sys/wait.h>

#include "base/fd.hpp"
#include "measure.hpp"

namespace bench {

namespace {

class SpawnActions {
public:
    explicit SpawnActions(int error_fd) {
        posix_spawn_file_actions_init(&actions_);
        posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_adddup2(&actions_, error_fd, STDERR_FILENO);
    }
    SpawnActions(const SpawnActions&) = delete;
    SpawnActions& operator=(const SpawnActions&) = delete;
    ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }

    const posix_spawn_file_actions_t* get() const { return &actions_; }

private:
    posix_spawn_file_actions_t actions_{};
};

std::string text_of(const dynmon::Fd& file) {
    std::string text(4096, '\0');
    const ssize_t size = ::pread(file.get(), text.data(), text.size(), 0);
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return text;
}

} // namespace

double ns_of_process(const std::vector<std::string>& words) {
    std::vector<char*> arguments;
    for (const std::string& word : words)
        arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const dynmon::Fd errors(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (!errors)
        throw std::runtime_error(std::string("temporary file: ") + std::strerror(errno));
    const SpawnActions actions(errors.get());
    int status = 0;
    int result = 0;
    const double ns = ns_of([&] {
        pid_t child = 0;
        result =
            ::posix_spawnp(&child, arguments[0], actions.get(), nullptr, arguments.data(), environ);
        if (result == 0)
            ::waitpid(child, &status, 0);
    });
    if (result != 0)
        throw std::runtime_error(words[0] + ": " + std::strerror(result));
    if (status != 0) {
        std::string command;
        for (const std::string& word : words)
            command += word + " ";
        throw std::runtime_error(command + "failed: " + text_of(errors));
    }
    return ns;
}

} // namespace bench
