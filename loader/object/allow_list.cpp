// SPDX-License-Identifier: BSD-2-Clause
#include "object/allow_list.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <cstdint>
#include <cstring>

#include "base/error.hpp"
#include "manifest/document.hpp"
#include "manifest/fields.hpp"
#include "manifest/rules.hpp"
#include "object/trust.hpp"

namespace dynmon {

namespace {

constexpr std::size_t block_bytes = 64;
using State = std::array<std::uint32_t, 8>;
using Block = std::array<std::byte, block_bytes>;

// FIPS 180-4, 4.2.2: the first 32 bits of the fractional parts of the cube roots of 64 primes.
constexpr std::array<std::uint32_t, 64> round_constants = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

std::uint32_t big_endian_word(const std::byte* bytes) {
    std::uint32_t word = 0;
    for (int i = 0; i < 4; ++i)
        word = word << 8 | std::to_integer<std::uint32_t>(bytes[i]);
    return word;
}

// FIPS 180-4, 6.2.2.
void add_block(State& state, const std::byte* block) {
    std::array<std::uint32_t, 64> schedule{};
    for (std::size_t i = 0; i < 16; ++i)
        schedule[i] = big_endian_word(block + 4 * i);
    for (std::size_t i = 16; i < 64; ++i) {
        const std::uint32_t a = schedule[i - 15];
        const std::uint32_t b = schedule[i - 2];
        schedule[i] = schedule[i - 16] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) +
                      schedule[i - 7] + (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
    }
    auto [a, b, c, d, e, f, g, h] = state;
    for (std::size_t i = 0; i < 64; ++i) {
        const std::uint32_t sum1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
        const std::uint32_t choice = (e & f) ^ (~e & g);
        const std::uint32_t t1 = h + sum1 + choice + round_constants[i] + schedule[i];
        const std::uint32_t sum0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
        const std::uint32_t majority = (a & b) ^ (a & c) ^ (b & c);
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + sum0 + majority;
    }
    const State worked = {a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < state.size(); ++i)
        state[i] += worked[i];
}

} // namespace

std::string sha256_hex(std::span<const std::byte> bytes) {
    State state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::size_t done = 0;
    for (; bytes.size() - done >= block_bytes; done += block_bytes)
        add_block(state, bytes.data() + done);

    // The rest, a 1 bit, zeros, and the length in bits: one block, or two when the length is left
    // over.
    const std::size_t rest = bytes.size() - done;
    Block block{};
    if (rest > 0)
        std::memcpy(block.data(), bytes.data() + done, rest);
    block[rest] = std::byte{0x80};
    if (rest >= block_bytes - 8) {
        add_block(state, block.data());
        block = {};
    }
    const std::uint64_t bits = std::uint64_t{bytes.size()} * 8;
    for (std::size_t i = 0; i < 8; ++i)
        block[block_bytes - 1 - i] = static_cast<std::byte>(bits >> (8 * i));
    add_block(state, block.data());

    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (const std::uint32_t word : state) {
        for (int shift = 28; shift >= 0; shift -= 4)
            text += digits[word >> shift & 15];
    }
    return text;
}

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
