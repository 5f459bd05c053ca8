#include "profile/output_dir.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>

#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/json_text.hpp"
#include "profile/file.hpp"
#include "profile/popped_file.hpp"

namespace dynmon {

namespace {

using json = nlohmann::ordered_json;

constexpr const char* staging = ".dynmon-staging";
constexpr const char* committed = ".dynmon-committed";
constexpr const char* state_name = ".dynmon-export.json";
constexpr std::size_t few_files = 8;

bool exists(int folder, const char* name) {
    return ::faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

std::uint64_t size_of(int folder, const std::string& name) { // 0: not there
    struct stat status {};
    return ::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0
               ? static_cast<std::uint64_t>(status.st_size)
               : 0;
}

// The number in "…-iter12.csv" and "result_12.json".
std::optional<std::uint64_t> iteration_of(const std::string& name) {
    std::size_t at = name.rfind("-iter");
    at = at != std::string::npos ? at + 5 : name.starts_with("result_") ? 7 : name.size();
    std::uint64_t number = 0;
    const auto [end, fault] = std::from_chars(name.data() + at, name.data() + name.size(), number);
    if (fault != std::errc() || end == name.data() + name.size() || *end != '.')
        return std::nullopt;
    return number;
}

} // namespace

OutputDir::OutputDir(const std::string& path) : path_(path) {
    if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST)
        fail_on_file("make", path);
    dir_ = Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!dir_)
        fail_on_file("open", path);
    if (::flock(dir_.get(), LOCK_EX | LOCK_NB) != 0)
        throw Error(ErrorKind::busy, "another export writes to " + path)
            .hint("end it, or name another folder");
    during("finish what a run before left in " + path, [this] {
        if (exists(dir_.get(), committed))
            publish();
        remove_folder(staging);
        load_state();
        for (const Stored& last : stored_)
            PoppedFile::remove_of(dir_.get(), path_, last.sequence, last.to_ns);
    });
}

void OutputDir::load_state() {
    const auto text = read_small_file(dir_.get(), state_name, path_);
    if (!text) {
        next_ = after_existing();
        return;
    }
    const json state = json::parse(*text, nullptr, false);
    if (!state.is_object() || !state.contains("next") || !state.contains("windows"))
        throw Error(ErrorKind::failed, path_ + "/" + state_name + " is damaged")
            .hint("name another folder, or remove the file: then windows are numbered from behind "
                  "the files that are there");
    next_ = state.value("next", std::uint64_t{0});
    stored_.clear();
    for (const auto& [monitor, window] : state["windows"].items())
        stored_.push_back({monitor, window.value("sequence", std::uint64_t{0}),
                           window.value("to", std::uint64_t{0})});
}

std::uint64_t OutputDir::after_existing() const {
    std::uint64_t next = 0;
    for (const std::string& name : names_in(dir_.get(), path_))
        if (const auto number = iteration_of(name))
            next = std::max(next, *number + 1);
    return next;
}

bool OutputDir::has(const std::string& monitor, const Window& window) const {
    return std::any_of(stored_.begin(), stored_.end(), [&](const Stored& last) {
        return last.monitor == monitor && last.sequence == window.sequence &&
               last.to_ns == window.to_ns;
    });
}

void OutputDir::store(const WindowName& name, const std::vector<OutFile>& files) {
    for (const OutFile& file : files)
        if (!file.appends() && exists(dir_.get(), file.name.c_str())) {
            errno = EEXIST;
            fail_on_file("make", path_ + "/" + file.name);
        }
    remove_folder(staging);
    try {
        stage(name, files);
    } catch (...) {
        remove_folder(staging); // so that a full disk is not left fuller
        throw;
    }
    if (::renameat(dir_.get(), staging, dir_.get(), committed) != 0)
        fail_on_file("rename", path_ + "/" + staging);
    sync_file(dir_.get(), path_);
    publish();
    load_state();
}

// Where the rows of a file that is appended to will stand; throws when it is another kind of file.
std::uint64_t OutputDir::append_at(const OutFile& file) const {
    const std::uint64_t size = size_of(dir_.get(), file.name);
    if (size == 0)
        return 0;
    const Fd there = open_file(dir_.get(), file.name, O_RDONLY, path_);
    std::string start(file.header.size(), '\0');
    const ssize_t got = ::pread(there.get(), start.data(), start.size(), 0);
    if (got < 0)
        fail_on_file("read", path_ + "/" + file.name);
    if (start != file.header)
        throw Error(ErrorKind::usage, path_ + "/" + file.name + " has other columns")
            .hint("name another folder, or move the file away");
    return size;
}

std::string OutputDir::state_text(const WindowName& name, const std::vector<OutFile>& files) const {
    json windows = json::object();
    for (const Stored& last : stored_)
        windows[last.monitor] = {{"sequence", last.sequence}, {"to", last.to_ns}};
    windows[name.monitor] = {{"sequence", name.window.sequence}, {"to", name.window.to_ns}};
    json state{{"version", 1}, {"next", name.iteration + 1}, {"windows", windows}};
    for (const OutFile& file : files)
        if (file.appends())
            state["appended"][file.name] = {{"at", append_at(file)}, {"header", file.header}};
    return json_text(state) + "\n";
}

void OutputDir::stage(const WindowName& name, const std::vector<OutFile>& files) const {
    const std::string state = state_text(name, files);
    const std::string path = path_ + "/" + staging;
    if (::mkdirat(dir_.get(), staging, 0700) != 0)
        fail_on_file("make", path);
    const Fd folder = open_file(dir_.get(), staging, O_RDONLY | O_DIRECTORY, path_);
    const auto write = [&](const std::string& file_name, const std::string& text) {
        const Fd file = open_file(folder.get(), file_name, O_WRONLY | O_CREAT | O_EXCL, path);
        write_whole(file.get(), text, path + "/" + file_name);
        if (files.size() <= few_files)
            sync_file(file.get(), path + "/" + file_name);
    };
    for (const OutFile& file : files)
        write(file.name, file.text);
    write(state_name, state);
    if (files.size() > few_files && ::syncfs(folder.get()) != 0) // one flush for all of them
        fail_on_file("sync", path);
    sync_file(folder.get(), path);
}

// May be killed and repeated at any point: what was moved is not there to be moved any more, and
// what is appended goes to the same place again. The state comes last.
void OutputDir::publish() {
    const std::string path = path_ + "/" + committed;
    const Fd folder = open_file(dir_.get(), committed, O_RDONLY | O_DIRECTORY, path_);
    if (const auto text = read_small_file(folder.get(), state_name, path)) {
        const json state = json::parse(*text, nullptr, false);
        const json appended = state.is_object() ? state.value("appended", json::object()) : json();
        for (const std::string& name : names_in(folder.get(), path)) {
            if (name == state_name)
                continue;
            if (!appended.contains(name)) {
                rename_new(folder.get(), name, dir_.get(), name, path_);
                continue;
            }
            append(folder.get(), name, appended[name].value("header", ""),
                   appended[name].value("at", std::uint64_t{0}));
        }
        sync_file(dir_.get(), path_);
        if (::renameat(folder.get(), state_name, dir_.get(), state_name) != 0)
            fail_on_file("make", path_ + "/" + state_name);
    }
    if (::unlinkat(dir_.get(), committed, AT_REMOVEDIR) != 0)
        fail_on_file("remove", path);
    sync_file(dir_.get(), path_);
}

void OutputDir::append(int from, const std::string& name, const std::string& header,
                       std::uint64_t at) const {
    const std::string path = path_ + "/" + name;
    const std::string rows = read_small_file(from, name, path_ + "/" + committed).value_or("");
    const Fd file = open_file(dir_.get(), name, O_WRONLY | O_CREAT, path_);
    at = std::min(at, size_of(dir_.get(), name)); // somebody may have moved or emptied it meanwhile
    const auto cut = [&] {
        if (::ftruncate(file.get(), static_cast<off_t>(at)) != 0 ||
            ::lseek(file.get(), static_cast<off_t>(at), SEEK_SET) < 0)
            fail_on_file("cut", path);
    };
    cut();
    try {
        write_whole(file.get(), at == 0 ? header + rows : rows, path);
    } catch (...) {
        cut(); // no half line
        throw;
    }
    sync_file(file.get(), path);
    if (::unlinkat(from, name.c_str(), 0) != 0)
        fail_on_file("remove", path_ + "/" + committed + "/" + name);
}

void OutputDir::remove_folder(const char* name) const {
    const Fd folder(::openat(dir_.get(), name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (!folder && errno == ENOENT)
        return;
    if (!folder)
        fail_on_file("open", path_ + "/" + name);
    for (const std::string& inside : names_in(folder.get(), path_ + "/" + name))
        ::unlinkat(folder.get(), inside.c_str(), 0);
    if (::unlinkat(dir_.get(), name, AT_REMOVEDIR) != 0)
        fail_on_file("remove", path_ + "/" + name);
}

} // namespace dynmon
