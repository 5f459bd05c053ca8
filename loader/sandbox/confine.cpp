// SPDX-License-Identifier: BSD-2-Clause
#include "sandbox/confine.hpp"

#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/landlock.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "sandbox/restrict.hpp"
#include "sandbox/seccomp_filter.hpp"

namespace dynmon {

namespace {

// Names of their own where the headers are older.
constexpr std::uint64_t truncating = std::uint64_t{1} << 14; // LANDLOCK_ACCESS_FS_TRUNCATE

constexpr std::uint64_t may_read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t may_write = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
                                    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REFER;
constexpr std::uint64_t may_never = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                    LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

// Where the C library finds what it needs to look a name of the network up.
constexpr const char* for_names[] = {"/etc", "/run", "/usr", "/lib", "/lib64"};

class PathRules {
public:
    explicit PathRules(int version) : more_(version >= 3 ? truncating : 0) {
        landlock_ruleset_attr handled{};
        handled.handled_access_fs = may_read | may_write | may_never | more_;
        rules_ = Fd(static_cast<int>(
            syscall(SYS_landlock_create_ruleset, &handled, sizeof handled.handled_access_fs, 0)));
    }

    // A folder that is not there is nothing to allow.
    void allow(const std::string& path, std::uint64_t access) const {
        const Fd folder(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!folder && (errno == EMFILE || errno == ENFILE))
            throw Error(ErrorKind::failed, "open " + path, errno);
        if (!folder)
            return;
        if ((access & may_write) != 0)
            access |= more_;
        const landlock_path_beneath_attr rule{.allowed_access = access, .parent_fd = folder.get()};
        if (syscall(SYS_landlock_add_rule, rules_.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
            throw Error(ErrorKind::failed, "give up all files but those of " + path, errno);
    }

    void install() const { syscall(SYS_landlock_restrict_self, rules_.get(), 0); }

private:
    std::uint64_t more_;
    Fd rules_;
};

void restrict_paths(const Confinement& allowed) {
    const int version = landlock_version();
    if (version < 2) // the first one allows no rename from one folder to another, anywhere
        return;
    const PathRules rules(version);
    for (const char* path : {"/proc", "/sys", "/run/netns"})
        rules.allow(path, may_read);
    if (!allowed.store.empty())
        rules.allow(allowed.store, may_read | may_write);
    for (const std::string& folder : allowed.files)
        rules.allow(folder, may_read | may_write);
    if (allowed.sends)
        for (const char* path : for_names)
            rules.allow(path, may_read);
    rules.install();
}

// Nothing that brings a program into the kernel or takes one out of it.
constexpr std::uint64_t bpf_commands[] = {BPF_MAP_CREATE,
                                          BPF_MAP_LOOKUP_ELEM,
                                          BPF_MAP_UPDATE_ELEM,
                                          BPF_MAP_DELETE_ELEM,
                                          BPF_MAP_GET_NEXT_KEY,
                                          BPF_OBJ_PIN,
                                          BPF_OBJ_GET,
                                          BPF_PROG_GET_NEXT_ID,
                                          BPF_MAP_GET_NEXT_ID,
                                          BPF_PROG_GET_FD_BY_ID,
                                          BPF_MAP_GET_FD_BY_ID,
                                          BPF_OBJ_GET_INFO_BY_FD,
                                          BPF_PROG_QUERY,
                                          BPF_BTF_GET_FD_BY_ID,
                                          BPF_BTF_GET_NEXT_ID,
                                          BPF_MAP_LOOKUP_AND_DELETE_ELEM,
                                          BPF_MAP_FREEZE,
                                          BPF_MAP_LOOKUP_BATCH,
                                          BPF_MAP_UPDATE_BATCH,
                                          BPF_MAP_DELETE_BATCH,
                                          BPF_LINK_GET_FD_BY_ID,
                                          BPF_LINK_GET_NEXT_ID,
                                          BPF_MAP_LOOKUP_AND_DELETE_BATCH};

void allow_files(SeccompFilter& filter, const Confinement& allowed) {
    filter.allow("close");
    for (const char* call : {"mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename",
                             "renameat", "renameat2", "flock"})
        filter.allow(call);
    if (!allowed.files.empty()) {
        for (const char* call : {"open", "openat", "fsync", "fdatasync", "syncfs"})
            filter.allow(call);
        return;
    }
    constexpr std::uint64_t changing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
    filter.allow("open", {has_none_of(1, changing)});
    filter.allow("openat", {has_none_of(2, changing)});
}

// Netlink tells which interfaces there are, and what is attached to them.
void allow_sockets(SeccompFilter& filter, const Confinement& allowed) {
    filter.allow("socket", {is(0, AF_NETLINK)});
    for (const char* call : {"bind", "sendto", "sendmsg", "recvfrom", "recvmsg", "getsockname",
                             "setsockopt", "getsockopt"})
        filter.allow(call);
    for (const std::uint64_t request :
         {std::uint64_t{SIOCGIFNAME}, std::uint64_t{SIOCGIFINDEX}, std::uint64_t{FIONREAD}})
        filter.allow("ioctl", {is(1, request)});
    if (!allowed.sends)
        return;
    for (const std::uint64_t family : {std::uint64_t{AF_INET}, std::uint64_t{AF_INET6}})
        filter.allow("socket", {is(0, family)});
    for (const char* call : {"connect", "sendmmsg", "recvmmsg", "getpeername", "shutdown"})
        filter.allow(call);
    filter.allow("ioctl", {is(1, SIOCOUTQ)});
}

// Threads, and no processes: clone3(2) has its flags in memory, where a filter cannot look, and the
// C library goes on to clone(2) where it is not there.
void allow_threads(SeccompFilter& filter) {
    filter.allow("clone", {{0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD}});
    filter.answer("clone3", SCMP_ACT_ERRNO(ENOSYS));
    filter.allow("rt_sigprocmask");
}

void restrict_calls(const Confinement& allowed) {
    SeccompFilter filter(SCMP_ACT_ERRNO(EPERM));
    allow_harmless(filter);
    allow_files(filter, allowed);
    allow_sockets(filter, allowed);
    allow_threads(filter);
    for (const std::uint64_t command : bpf_commands)
        filter.allow("bpf", {is(0, command)});
    if (allowed.looks_at_processes)
        for (const char* call : {"pidfd_open", "pidfd_getfd", "name_to_handle_at"})
            filter.allow(call);
    filter.install();
}

} // namespace

int landlock_version() {
    const long version =
        syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return version > 0 ? static_cast<int>(version) : 0;
}

void confine(const Confinement& allowed) {
    if (sanitized) // the reports of sanitizers are files, too
        return;
    restrict_paths(allowed);
    restrict_calls(allowed);
}

void become_nobody() {
    constexpr uid_t nobody = 65534; // of the kernel too: who has no id here
    if (geteuid() != 0 || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
        return;
    if (::setgroups(0, nullptr) == 0 && ::setresgid(nobody, nobody, nobody) == 0)
        static_cast<void>(::setresuid(nobody, nobody, nobody) == 0);
    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
}

} // namespace dynmon
