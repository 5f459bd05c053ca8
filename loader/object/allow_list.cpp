#include "object/allow_list.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>

#include <unistd.h>

#include <sys/stat.h>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "manifest/document.hpp"
#include "manifest/fields.hpp"
#include "object/object.hpp"

namespace dynmon {

namespace {

bool is_sha256(std::string_view text) {
    return text.size() == 64 && std::all_of(text.begin(), text.end(),
                                            [](unsigned char c) { return std::isxdigit(c) != 0; });
}
constexpr TextRule sha256_text{is_sha256, "must be a SHA-256 of 64 hexadecimal digits"};

std::string lower_case(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

void require_ours(const struct stat& status, const std::string& path) {
    if (status.st_uid != 0 && status.st_uid != geteuid())
        throw Error(ErrorKind::rejected,
                    path + " belongs to user " + std::to_string(status.st_uid) + ", not to root")
            .hint("whoever owns it decides what is loaded: look at it, then chown root " + path);
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        throw Error(ErrorKind::rejected, path + " can be written to by others than its owner")
            .hint("look at it, then chmod go-w " + path);
}

void require_our_folder(const std::string& path) {
    const std::string folder = std::filesystem::path(path).parent_path().empty()
                                   ? "."
                                   : std::filesystem::path(path).parent_path().string();
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0)
        throw Error(ErrorKind::rejected, "stat " + folder, errno);
    require_ours(status, folder);
}

bool is_absent(const std::string& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

} // namespace

AllowList AllowList::parse(std::string_view text, const std::string& path) {
    AllowList list;
    list.path_ = path;
    Faults faults;
    if (const std::optional<Node> root = parse_document(text, faults.list())) {
        const Fields fields(*root, "an allow list", {"allow"}, {"allow"}, faults);
        if (const Node* allow = fields.find("allow"); allow != nullptr) {
            for (const Node& node : fields.list("allow")) {
                const Fields entry(node, "an entry", {"sha256", "name", "comment"}, {"sha256"},
                                   faults);
                entry.text("name", any_text);
                entry.text("comment", any_text);
                list.hashes_.insert(lower_case(entry.text("sha256", sha256_text)));
            }
        }
    }
    if (!faults.list().empty()) {
        const Diagnostic& first = faults.list().front();
        throw Error(ErrorKind::rejected, path + ":" + std::to_string(first.at.line) + ":" +
                                             std::to_string(first.at.column) + ": " + first.message)
            .hint(first.hint.empty() ? "nothing is loaded until the list can be read" : first.hint);
    }
    return list;
}

AllowList AllowList::read(const std::string& path) {
    std::vector<std::byte> bytes;
    try {
        bytes = read_file(path, limits::manifest_bytes,
                          [&](const struct stat& status) { require_ours(status, path); });
        require_our_folder(path);
    } catch (const Error& error) {
        if (error.kind() == ErrorKind::rejected)
            throw;
        throw Error(ErrorKind::rejected, std::string("allow list: ") + error.what())
            .hint(error.hint().empty() ? "nothing is loaded until the list can be read"
                                       : error.hint());
    }
    return parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

AllowLists allow_lists(const std::string& file) {
    AllowLists lists;
    const std::string machine = DYNMON_ALLOW_FILE;
    if (!is_absent(machine))
        lists.push_back(AllowList::read(machine));
    if (!file.empty())
        lists.push_back(AllowList::read(file));
    return lists;
}

void require_allowed(const AllowLists& lists, const std::string& sha256,
                     const std::string& object) {
    for (const AllowList& list : lists)
        if (!list.allows(sha256))
            throw Error(ErrorKind::rejected,
                        object + ": SHA-256 " + sha256 + " is not in " + list.path())
                .hint("if it is to be allowed, add to the list:  - sha256: " + sha256);
}

} // namespace dynmon
