// SPDX-License-Identifier: BSD-2-Clause
#include "object/allow_list.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>

#include <sha2.h>

#include "base/error.hpp"
#include "base/text.hpp"
#include "manifest/document.hpp"
#include "manifest/fields.hpp"
#include "manifest/rules.hpp"
#include "object/trust.hpp"

namespace dynmon {

std::string sha256_hex(std::span<const std::byte> bytes) {
    std::array<char, SHA256_DIGEST_STRING_LENGTH> text{};
    SHA256Data(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), text.data());
    return text.data();
}

namespace {

bool is_sha256(std::string_view text) {
    return text.size() == 64 && std::all_of(text.begin(), text.end(),
                                            [](unsigned char c) { return std::isxdigit(c) != 0; });
}
constexpr TextRule sha256_text{is_sha256, "must be a SHA-256 of 64 hexadecimal digits"};

// "drop, loops"
std::string words(const std::set<Power>& powers) {
    std::string text;
    for (const auto& [name, power] : power_choices)
        if (powers.contains(power))
            text += (text.empty() ? "" : ", ") + name;
    return text;
}

std::string entry_for(const Candidate& candidate) {
    const std::string object = "- {sha256: " + candidate.sha256;
    return candidate.manifest_sha256.empty()
               ? object + "}"
               : object + ", manifest: " + candidate.manifest_sha256 + "}";
}

std::string reason(const AllowList& list, const Candidate& candidate) {
    if (!list.knows(candidate.sha256))
        return "SHA-256 " + candidate.sha256 + " is not in " + list.path();
    const std::string known =
        list.path() + " allows this object (SHA-256 " + candidate.sha256 + ")";
    if (candidate.manifest_sha256.empty())
        return known + " only with its manifest";
    const std::string claims =
        candidate.may.empty() ? "" : ", which claims `may: [" + words(candidate.may) + "]`";
    return known + ", but not with this manifest (SHA-256 " + candidate.manifest_sha256 + ")" +
           claims;
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
                const Fields entry(node, "an entry",
                                   {"sha256", "manifest", "may", "name", "comment"}, {"sha256"},
                                   faults);
                entry.text("name", rule::any_text);
                entry.text("comment", rule::any_text);
                if (entry.mentions("manifest") && entry.mentions("may"))
                    faults.add(entry.at("may"), "an entry has 'manifest' or 'may', not both",
                               "leave out 'may': the manifest itself says what the probe may do");
                list.entries_.push_back({lower_case(entry.text("sha256", sha256_text)),
                                         entry.mentions("manifest")
                                             ? lower_case(entry.text("manifest", sha256_text))
                                             : "",
                                         with_implied(read_powers(entry, "may"))});
            }
        }
    }
    faults.reject(path, "nothing is loaded until the list can be read");
    return list;
}

AllowList AllowList::read(const std::string& path) {
    return parse(read_trusted_text(path, "allow list"), path);
}

bool AllowList::knows(const std::string& sha256) const {
    return std::any_of(entries_.begin(), entries_.end(),
                       [&](const Entry& entry) { return entry.sha256 == sha256; });
}

bool AllowList::allows(const Candidate& candidate) const {
    return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
        if (entry.sha256 != candidate.sha256)
            return false;
        return entry.manifest.empty() ? std::includes(entry.may.begin(), entry.may.end(),
                                                      candidate.may.begin(), candidate.may.end())
                                      : entry.manifest == candidate.manifest_sha256;
    });
}

AllowLists allow_lists(const std::string& file) {
    return read_lists<AllowList>(DYNMON_ALLOW_FILE, file);
}

void require_allowed(const AllowLists& lists, const Candidate& candidate) {
    for (const AllowList& list : lists) {
        if (!list.allows(candidate))
            throw Error(ErrorKind::rejected, candidate.object + ": " + reason(list, candidate))
                .hint("if it is to be allowed, add to the list:  " + entry_for(candidate));
    }
}

} // namespace dynmon
