// SPDX-License-Identifier: BSD-2-Clause
// The operations on a scalar that are not worth being inlined.

#include "decode/scalar_text.hpp"

#include <array>
#include <cmath>
#include <limits>

#include "decode/text.hpp"

namespace dynmon {

namespace {

using Op = Scalar::Op;

constexpr std::uint64_t tcp_ae = 0x100; // the ninth flag, once NS

void put_quoted(Cursor& to, std::string_view text, bool json) {
    if (json)
        to.put('"');
    to.put(text);
    if (json) {
        to.reserve(1);
        to.put('"');
    }
}

void put_enumerator(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    const auto value = static_cast<std::int64_t>(load_word(scalar, root));
    if (const std::string* name = scalar.enumerators->find(value))
        put_quoted(to, *name, json);
    else
        put_nameless(scalar, root, to, json);
}

// Unlike an enumerator's, the name of an interface may hold any byte but '/' and blanks.
void put_interface(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    const auto index = static_cast<std::int64_t>(load_word(scalar, root));
    const std::string* name = scalar.enumerators->find(index);
    if (!name)
        return put_nameless(scalar, root, to, json);
    const bool numbered = scalar.enumerators->numbered;
    if (json)
        to.put("\"");
    if (numbered) {
        to.at = put_wide(to.at, load_integer(scalar, root), scalar.is_signed);
        to.put(" (");
    }
    put_text(to, *name, json);
    if (numbered)
        to.put(")");
    if (json)
        to.put("\"");
}

void put_protocol(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    const std::string_view name = protocol_name(load_word(scalar, root));
    if (name.empty())
        put_nameless(scalar, root, to, json);
    else
        put_quoted(to, name, json);
}

template <typename Real>
void put_finite_or_word(const Scalar& scalar, Real value, std::uint64_t bits, Cursor& to,
                        bool json) {
    if (!json || std::isfinite(value)) {
        to.at = put_real(to.at, value);
    } else if (!scalar.exact) { // JSON has neither infinities nor NaN
        to.put("null");
    } else {
        to.put('"');
        to.at = put_pointer(to.at, bits);
        to.put('"');
    }
}

void put_real_of(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    const std::byte* from = root + scalar.offset;
    if (scalar.op == Op::real64)
        return put_finite_or_word(scalar, load<double>(from), load<std::uint64_t>(from), to, json);
    const std::uint64_t bits =
        scalar.op == Op::real32 ? load<std::uint32_t>(from) : load<std::uint16_t>(from);
    put_finite_or_word(scalar, static_cast<float>(load_real(scalar, root)), bits, to, json);
}

void put_ethernet(const Scalar& scalar, const std::byte* root, Cursor& to) {
    const std::uint64_t value = load_word(scalar, root);
    const std::string_view name = ethernet_name(value);
    if (name.empty())
        to.at = put_pointer(to.at, value);
    else
        to.put(name);
}

void put_tcp_flags(const Scalar& scalar, const std::byte* root, Cursor& to) {
    const std::uint64_t value = load_word(scalar, root);
    const std::uint64_t rest = value & ~(2 * tcp_ae - 1);
    std::string_view separator = "";
    if ((value & 0xff) != 0 || value == 0) {
        to.put(tcp_flags_text(static_cast<std::uint8_t>(value)));
        separator = "|";
    }
    if ((value & tcp_ae) != 0) {
        to.put(separator);
        to.put("AE");
        separator = "|";
    }
    if (rest != 0) { // no flags that TCP knows
        to.put(separator);
        to.at = put_pointer(to.at, rest);
    }
}

// Names as long as they say something new; what is left over is a number.
void put_flags(const Scalar& scalar, const std::byte* root, Cursor& to) {
    std::uint64_t rest = load_word(scalar, root);
    if (width(scalar) < 64)
        rest &= (std::uint64_t{1} << width(scalar)) - 1;
    if (rest == 0)
        return to.put("0");
    std::string_view separator = "";
    for (const auto& [value, name] : scalar.enumerators->values) {
        const auto bits = static_cast<std::uint64_t>(value);
        if ((rest & bits) != bits)
            continue;
        to.put(separator);
        to.put(name);
        separator = "|";
        rest &= ~bits;
    }
    if (rest == 0)
        return;
    to.put(separator);
    to.reserve(longest_text);
    to.at = put_pointer(to.at, rest);
}

void put_hex_number(const Scalar& scalar, const std::byte* root, Cursor& to) {
    unsigned __int128 value = load_integer(scalar, root);
    if (width(scalar) < 128)
        value &= (static_cast<unsigned __int128>(1) << width(scalar)) - 1;
    const auto high = static_cast<std::uint64_t>(value >> 64);
    const auto low = static_cast<std::uint64_t>(value);
    to.at = put_pointer(to.at, high != 0 ? high : low);
    if (high == 0)
        return;
    for (int shift = 56; shift >= 0; shift -= 8)
        to.at = put_hex_byte(to.at, static_cast<std::uint8_t>(low >> shift));
}

void put_mac(const std::byte* bytes, Cursor& to) {
    for (int i = 0; i < 6; ++i) {
        to.at = put_hex_byte(to.at, load<std::uint8_t>(bytes + i));
        to.put(':');
    }
    --to.at;
}

// As it is stored: bits beyond the prefix are shown too.
void put_cidr(const Scalar& scalar, const std::byte* at, Cursor& to) {
    constexpr std::uint32_t with_ipv4 = 8;
    to.at = scalar.size == with_ipv4 ? put_ipv4(to.at, at + 4) : put_ipv6(to.at, at + 4);
    to.put('/');
    to.at = put_u32(to.at, load<std::uint32_t>(at));
}

// ::ffff:a.b.c.d, unless its struct says that it came in IPv6.
bool is_ipv4(const Scalar& scalar, const std::byte* at) {
    constexpr unsigned char mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::memcmp(at, mapped, sizeof mapped) == 0 && !is_known_ipv6(scalar.version_at, at);
}

// What is always quoted in JSON.
void put_string(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    const std::byte* at = root + scalar.offset;
    const std::string_view bytes(reinterpret_cast<const char*>(at), scalar.size);
    switch (scalar.op) {
    case Op::pointer:
        to.at = put_pointer(to.at, static_cast<std::uint64_t>(load_integer(scalar, root)));
        return;
    case Op::ipv6:
        to.at = put_ipv6(to.at, at);
        return;
    case Op::ip:
        to.at = is_known_ipv6(scalar.version_at, at) ? put_ipv6(to.at, at) : put_ip(to.at, at);
        return;
    case Op::mac:
        return put_mac(at, to);
    case Op::ethernet:
        return put_ethernet(scalar, root, to);
    case Op::cidr:
        return put_cidr(scalar, at, to);
    case Op::tcp_flags:
        return put_tcp_flags(scalar, root, to);
    case Op::flags:
        return put_flags(scalar, root, to);
    case Op::hex_number:
        return put_hex_number(scalar, root, to);
    case Op::name:
        return put_text(to, scalar.enumerators->name, json);
    case Op::text:
        return put_text(to, bytes, json);
    case Op::exact_text:
        return put_exact_text(to, bytes, json);
    default:
        return put_hex(to, bytes);
    }
}

} // namespace

std::uint64_t load_word(const Scalar& scalar, const std::byte* root) {
    if (scalar.size == 8 && scalar.bit_size == 0 && !scalar.swapped)
        return load<std::uint64_t>(root + scalar.offset);
    return static_cast<std::uint64_t>(load_integer(scalar, root));
}

void put_nameless(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    const bool quoted = json && scalar.quoted;
    if (quoted)
        to.put('"');
    to.at = put_wide(to.at, load_integer(scalar, root), scalar.is_signed);
    if (quoted)
        to.put('"');
}

void print_slow(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    switch (scalar.op) {
    case Op::null:
        return to.put(json ? "null" : "");
    case Op::u128:
    case Op::i128:
    case Op::wide:
        to.at = put_wide(to.at, load_integer(scalar, root), scalar.is_signed);
        return;
    case Op::boolean:
        return to.put(load_integer(scalar, root) != 0 ? "true" : "false");
    case Op::enumeration:
        return put_enumerator(scalar, root, to, json);
    case Op::real16:
    case Op::real32:
    case Op::real64:
        return put_real_of(scalar, root, to, json);
    case Op::interface:
        return put_interface(scalar, root, to, json);
    case Op::protocol:
        return put_protocol(scalar, root, to, json);
    case Op::time:
    case Op::duration:
    case Op::boot_time:
        return put_clock(scalar, root, to, json);
    case Op::ip:
        if (scalar.exact && is_ipv4(scalar, root + scalar.offset)) {
            to.at = put_u32(to.at, load<std::uint32_t>(root + scalar.offset + 12));
            return;
        }
        break;
    default:
        break;
    }
    if (json)
        to.put('"');
    put_string(scalar, root, to, json);
    if (json) {
        to.reserve(1);
        to.put('"');
    }
}

// Times and durations of every unit as text.

namespace {

// Seconds, rounded down, and the nanoseconds from there on.
struct Instant {
    std::int64_t second;
    std::uint32_t ns;
};

template <std::uint64_t per_second>
Instant split(std::uint64_t value, bool is_signed) {
    constexpr auto per = static_cast<std::int64_t>(per_second);
    auto second = static_cast<std::int64_t>(value / per_second);
    auto rest = static_cast<std::int64_t>(value % per_second);
    if (const auto below = static_cast<std::int64_t>(value); is_signed && below < 0) {
        second = (below + 1) / per - 1;
        rest = per == 1 ? 0 : (below + 1) % per + per - 1;
    }
    return {second, static_cast<std::uint32_t>(rest * (1'000'000'000 / per))};
}

Instant split(const Scalar& scalar, std::uint64_t value, bool is_signed) {
    switch (scalar.unit) {
    case 0:
        return split<1'000'000'000>(value, is_signed);
    case 1:
        return split<1'000'000>(value, is_signed);
    case 2:
        return split<1'000>(value, is_signed);
    default:
        return split<1>(value, is_signed);
    }
}

// What is beyond the years 0 to 9999 is a number.
void put_time_of(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    constexpr std::int64_t first = -62'167'219'200;
    constexpr std::int64_t last = 253'402'300'799;
    const std::uint64_t value = load_word(scalar, root);
    const Instant when = split(scalar, value, scalar.is_signed);
    const bool wrapped = !scalar.is_signed && when.second < 0; // more than 2^63 seconds
    if (when.second < first || when.second > last || wrapped)
        return put_nameless(scalar, root, to, json);
    if (json)
        to.put('"');
    to.at = put_time(to.at, when.second, when.ns);
    if (scalar.unit != 0) { // ".123456789Z": three digits less a unit, without them no point
        to.at -= 1 + 3 * scalar.unit + (scalar.unit == 3 ? 1 : 0);
        to.put('Z');
    }
    if (json)
        to.put('"');
}

void put_duration_of(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    const unsigned __int128 all = load_integer(scalar, root);
    const auto value = static_cast<std::uint64_t>(all);
    const auto extended =
        static_cast<unsigned __int128>(__int128{static_cast<std::int64_t>(value)});
    if (all != (scalar.is_signed ? extended : value)) // a sum of more than 500 years
        return put_nameless(scalar, root, to, json);
    const bool negative = scalar.is_signed && static_cast<std::int64_t>(value) < 0;
    const Instant length = split(scalar, negative ? 0 - value : value, false);
    if (json)
        to.put('"');
    to.at = put_seconds(to.at, static_cast<std::uint64_t>(length.second), length.ns, negative);
    if (json)
        to.put('"');
}

} // namespace

// A time of 0 is "never": no probe has seen 1970 or the host's first nanosecond.
void put_clock(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    if (scalar.op != Scalar::Op::duration && load_word(scalar, root) == 0)
        to.put(json ? "null" : "");
    else if (scalar.op == Scalar::Op::time)
        put_time_of(scalar, root, to, json);
    else
        put_duration_of(scalar, root, to, json);
}

// Names of IP protocols (IANA's keywords), of Ethernet's and of TCP flags.

namespace {

struct Protocol {
    std::uint8_t number;
    std::string_view name;
};

constexpr std::array protocols{
    Protocol{0, "HOPOPT"},     Protocol{1, "ICMP"},       Protocol{2, "IGMP"},
    Protocol{3, "GGP"},        Protocol{4, "IPv4"},       Protocol{5, "ST"},
    Protocol{6, "TCP"},        Protocol{8, "EGP"},        Protocol{9, "IGP"},
    Protocol{12, "PUP"},       Protocol{17, "UDP"},       Protocol{20, "HMP"},
    Protocol{22, "XNS-IDP"},   Protocol{27, "RDP"},       Protocol{29, "ISO-TP4"},
    Protocol{33, "DCCP"},      Protocol{36, "XTP"},       Protocol{37, "DDP"},
    Protocol{38, "IDPR-CMTP"}, Protocol{41, "IPv6"},      Protocol{43, "IPv6-Route"},
    Protocol{44, "IPv6-Frag"}, Protocol{45, "IDRP"},      Protocol{46, "RSVP"},
    Protocol{47, "GRE"},       Protocol{50, "ESP"},       Protocol{51, "AH"},
    Protocol{57, "SKIP"},      Protocol{58, "IPv6-ICMP"}, Protocol{59, "IPv6-NoNxt"},
    Protocol{60, "IPv6-Opts"}, Protocol{73, "CPHB"},      Protocol{81, "VMTP"},
    Protocol{88, "EIGRP"},     Protocol{89, "OSPFIGP"},   Protocol{93, "AX.25"},
    Protocol{94, "IPIP"},      Protocol{97, "ETHERIP"},   Protocol{98, "ENCAP"},
    Protocol{103, "PIM"},      Protocol{108, "IPComp"},   Protocol{112, "VRRP"},
    Protocol{113, "PGM"},      Protocol{115, "L2TP"},     Protocol{118, "STP"},
    Protocol{124, "ISIS"},     Protocol{132, "SCTP"},     Protocol{133, "FC"},
    Protocol{135, "Mobility"}, Protocol{136, "UDPLite"},  Protocol{137, "MPLS-in-IP"},
    Protocol{138, "manet"},    Protocol{139, "HIP"},      Protocol{140, "Shim6"},
    Protocol{141, "WESP"},     Protocol{142, "ROHC"},     Protocol{143, "Ethernet"},
    Protocol{144, "AGGFRAG"},  Protocol{145, "NSH"},
};

constexpr void append(ShortText& to, std::string_view text) {
    for (const char c : text)
        to.text[to.size++] = c;
}

constexpr std::array<ShortText, 256> make_protocol_texts() {
    std::array<ShortText, 256> texts{};
    for (const Protocol& protocol : protocols)
        append(texts[protocol.number], protocol.name);
    return texts;
}

constexpr std::array<ShortText, 256> make_flags_texts() {
    constexpr std::array<std::string_view, 8> names = {"FIN", "SYN", "RST", "PSH",
                                                       "ACK", "URG", "ECE", "CWR"};
    std::array<ShortText, 256> texts{};
    for (unsigned flags = 0; flags < texts.size(); ++flags) {
        for (unsigned bit = 0; bit < names.size(); ++bit) {
            if ((flags >> bit & 1) == 0)
                continue;
            append(texts[flags], texts[flags].size == 0 ? "" : "|");
            append(texts[flags], names[bit]);
        }
    }
    return texts;
}

} // namespace

constinit const std::array<ShortText, 256> protocol_texts = make_protocol_texts();
constinit const std::array<ShortText, 256> tcp_flags_texts = make_flags_texts();

std::string_view protocol_name(std::uint64_t protocol) {
    if (protocol >= protocol_texts.size())
        return {};
    return {protocol_texts[protocol].text, protocol_texts[protocol].size};
}

std::string_view ethernet_name(std::uint64_t protocol) {
    switch (protocol) {
    case 0x0800:
        return "IPv4";
    case 0x0806:
        return "ARP";
    case 0x22f3:
        return "TRILL";
    case 0x6558:
        return "TEB";
    case 0x8035:
        return "RARP";
    case 0x8100:
        return "802.1Q";
    case 0x86dd:
        return "IPv6";
    case 0x8808:
        return "PAUSE";
    case 0x8809:
        return "LACP";
    case 0x8847:
        return "MPLS";
    case 0x8848:
        return "MPLS-multicast";
    case 0x8863:
        return "PPPoE-discovery";
    case 0x8864:
        return "PPPoE";
    case 0x888e:
        return "802.1X";
    case 0x88a8:
        return "802.1ad";
    case 0x88cc:
        return "LLDP";
    case 0x88e5:
        return "MACsec";
    case 0x88f7:
        return "PTP";
    default:
        return "";
    }
}

std::string_view tcp_flags_text(std::uint8_t flags) {
    return {tcp_flags_texts[flags].text, tcp_flags_texts[flags].size};
}

float from_half(std::uint16_t bits) {
    const int exponent = bits >> 10 & 0x1f;
    const int fraction = bits & 0x3ff;
    float size = 0;
    if (exponent == 0x1f)
        size = fraction == 0 ? std::numeric_limits<float>::infinity()
                             : std::numeric_limits<float>::quiet_NaN();
    else if (exponent == 0)
        size = std::ldexp(static_cast<float>(fraction), -24);
    else
        size = std::ldexp(static_cast<float>(fraction + 0x400), exponent - 25);
    return std::copysign(size, bits & 0x8000 ? -1.0f : 1.0f);
}

std::uint16_t to_half(double value) {
    const unsigned sign = std::signbit(value) ? 0x8000 : 0;
    const double size = std::fabs(value);
    unsigned bits = 0;
    if (std::isnan(value))
        bits = 0x7e00;
    else if (size >= 65520)
        bits = 0x7c00;
    else if (size < 0x1p-14) // no leading one is implied: a carry makes the smallest normal
        bits = static_cast<unsigned>(std::nearbyint(std::ldexp(size, 24)));
    else {
        const int exponent = std::ilogb(size);
        const auto digits = static_cast<unsigned>(std::nearbyint(std::ldexp(size, 10 - exponent)));
        bits = (static_cast<unsigned>(exponent + 15) << 10) + digits - 0x400; // a carry fits too
    }
    return static_cast<std::uint16_t>(sign | bits);
}

} // namespace dynmon
