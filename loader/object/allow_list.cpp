#include "object/allow_list.hpp"

#include <algorithm>
#include <cctype>

#include "base/error.hpp"
#include "manifest/document.hpp"
#include "manifest/fields.hpp"
#include "object/trusted_file.hpp"

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
    faults.reject(path, "nothing is loaded until the list can be read");
    return list;
}

AllowList AllowList::read(const std::string& path) {
    return parse(read_trusted_file(path, "allow list"), path);
}

AllowLists allow_lists(const std::string& file) {
    return read_trusted<AllowList>(DYNMON_ALLOW_FILE, file);
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
