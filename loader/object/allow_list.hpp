// The objects that an administrator lets in, by the SHA-256 of their bytes.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dynmon {

class AllowList {
public:
    // A regular file of root or of the caller that nobody else can write to, in a folder of which
    // the same is true; throws Error{rejected} for any other, and for one that is no such list: a
    // list that cannot be trusted allows nothing.
    static AllowList read(const std::string& path);
    static AllowList parse(std::string_view text, const std::string& path);

    const std::string& path() const { return path_; }
    bool allows(const std::string& sha256) const { return hashes_.contains(sha256); }

private:
    std::string path_;
    std::set<std::string> hashes_;
};

using AllowLists = std::vector<AllowList>;

// The lists that hold for a load: that of the machine if it has one, and `file` unless it is "".
// An object has to be on each of them: no list makes another one wider.
AllowLists allow_lists(const std::string& file);

// Throws Error{rejected} that names the hash and the list which `object` is not on.
void require_allowed(const AllowLists& lists, const std::string& sha256, const std::string& object);

} // namespace dynmon
