// SPDX-License-Identifier: BSD-2-Clause
#include "serve/secret_file.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"

namespace dynmon::serve {

FileStamp::FileStamp(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0)
        throw Error(ErrorKind::failed, "look at " + path, errno);
    device_ = status.st_dev;
    inode_ = status.st_ino;
    size_ = static_cast<std::uint64_t>(status.st_size);
    changed_ns_ = std::int64_t{status.st_ctim.tv_sec} * 1'000'000'000 + status.st_ctim.tv_nsec;
}

std::string read_checked(const std::string& path, Secrecy secrecy) {
    constexpr off_t most = 1 << 20;
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status {};
    if (!fd || ::fstat(fd.get(), &status) != 0)
        throw Error(ErrorKind::failed, "open " + path, errno);
    if (!S_ISREG(status.st_mode) || status.st_size > most)
        throw Error(ErrorKind::rejected, path + " is not a file of up to 1 MiB");
    if (status.st_uid != 0 && status.st_uid != ::geteuid())
        throw Error(ErrorKind::rejected, path + " belongs to another user")
            .hint("chown it to root, or to the user that the server runs as");
    const mode_t wrong = secrecy == Secrecy::secret ? 0077 : 0022;
    if ((status.st_mode & wrong) != 0)
        throw Error(ErrorKind::rejected,
                    path + (secrecy == Secrecy::secret ? " can be read by other users"
                                                       : " can be written by other users"))
            .hint(secrecy == Secrecy::secret ? "chmod 0600 " + path : "chmod go-w " + path);
    std::string text(static_cast<std::size_t>(status.st_size), '\0');
    std::size_t done = 0;
    while (done < text.size()) {
        const ssize_t got = ::read(fd.get(), text.data() + done, text.size() - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            throw Error(ErrorKind::failed, "read " + path, errno);
        if (got == 0)
            break;
        done += static_cast<std::size_t>(got);
    }
    text.resize(done);
    return text;
}

bool equal_in_constant_time(const std::string& a, const std::string& b) {
    if (a.size() != b.size()) // which is no secret: both are digests
        return false;
    unsigned char differences = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        differences = static_cast<unsigned char>(
            differences | (static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i])));
    return differences == 0;
}

} // namespace dynmon::serve
