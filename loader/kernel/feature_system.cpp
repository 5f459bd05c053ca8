// SPDX-License-Identifier: BSD-2-Clause
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "kernel/bpf.hpp"
#include "kernel/feature_probes.hpp"
#include "kernel/fence.hpp"

namespace dynmon::feature {

namespace {

struct BtfFree {
    void operator()(btf* types) const { btf__free(types); }
};

// A bpffs that is mounted nowhere: gone with its descriptor. Negative errno when there is none.
int detached_bpffs() {
    const Fd context(static_cast<int>(syscall(SYS_fsopen, "bpf", FSOPEN_CLOEXEC)));
    if (!context || syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0))
        return -errno;
    const long mount = syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, 0);
    return mount < 0 ? -errno : static_cast<int>(mount);
}

Support renames(unsigned flags, bool target) {
    const int mount = detached_bpffs();
    if (mount < 0)
        return Support::unknown; // CAP_SYS_ADMIN; fsopen(2) itself is as old as 5.2
    const Fd owned(mount);
    if (mkdirat(mount, "from", 0700) != 0 || (target && mkdirat(mount, "to", 0700) != 0))
        return Support::unknown;
    return judge(renameat2(mount, "from", mount, "to", flags) == 0 ? 0 : -errno);
}

} // namespace

Support kernel_btf() {
    return judge(access("/sys/kernel/btf/vmlinux", R_OK) == 0 ? 0 : -errno);
}

Support enum64() {
    const std::unique_ptr<btf, BtfFree> types(btf__new_empty());
    if (!types || btf__add_enum64(types.get(), "dynmon_try", 8, false) < 0 ||
        btf__add_enum64_value(types.get(), "DYNMON_TRY", std::uint64_t{1} << 40) < 0)
        return Support::unknown;
    std::uint32_t size = 0;
    const void* bytes = btf__raw_data(types.get(), &size);
    const int fd = bpf_btf_load(bytes, size, nullptr);
    if (fd >= 0)
        Fd(fd).reset();
    return judge(fd);
}

Support membarrier_global() {
    return has_membarrier() ? Support::yes : Support::no;
}

Support rename_noreplace() {
    return renames(RENAME_NOREPLACE, false);
}

Support rename_exchange() {
    return renames(RENAME_EXCHANGE, true);
}

// Of a pin that does not exist, in attributes that headers of older systems do not name.
Support pin_below_directory() {
    constexpr std::uint32_t by_directory = 1u << 14; // BPF_F_PATH_FD
    struct {
        std::uint64_t path;
        std::uint32_t unused;
        std::uint32_t flags;
        std::int32_t directory;
        std::uint32_t padding;
    } attributes{reinterpret_cast<std::uintptr_t>("dynmon-no-such-pin"), 0, by_directory, AT_FDCWD,
                 0};
    const long result = syscall(SYS_bpf, BPF_OBJ_GET, &attributes, sizeof attributes);
    if (result >= 0)
        Fd(static_cast<int>(result)).reset();
    const int error = result < 0 ? -errno : 0;
    return error == -ENOENT ? Support::yes : judge(error);
}

} // namespace dynmon::feature
