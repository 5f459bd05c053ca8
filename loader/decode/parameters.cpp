// SPDX-License-Identifier: BSD-2-Clause
#include "decode/parameters.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include <arpa/inet.h>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "decode/scalar.hpp"
#include "manifest/manifest.hpp"
#include "object/object.hpp"

namespace dynmon {

namespace {

static_assert(std::endian::native == std::endian::little, "the low bytes of a number come first");

constexpr WideInteger too_large = WideInteger{1} << 100; // far beyond every type, far from overflow

struct Suffix {
    std::string_view text;
    std::int64_t factor;
};

// Times become nanoseconds, the unit of every clock that programs have.
constexpr std::array suffixes = {
    Suffix{"", 1},   Suffix{"k", 1'000},  Suffix{"M", 1'000'000},  Suffix{"G", 1'000'000'000},
    Suffix{"ns", 1}, Suffix{"us", 1'000}, Suffix{"ms", 1'000'000}, Suffix{"s", 1'000'000'000}};

std::optional<int> digit_of(char c, int base) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : 16;
    return digit < base ? std::optional<int>(digit) : std::nullopt;
}

// "-12", "0xff", "10k", "250ms"; nothing when the text is no such number.
std::optional<WideInteger> read_number(std::string_view text) {
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+'))
        text.remove_prefix(1);
    const int base = text.starts_with("0x") || text.starts_with("0X") ? 16 : 10;
    if (base == 16)
        text.remove_prefix(2);
    WideInteger number = 0;
    std::size_t length = 0;
    for (; length < text.size(); ++length) {
        const auto digit = digit_of(text[length], base);
        if (!digit)
            break;
        number = std::min(number * base + *digit, too_large);
    }
    const std::string_view rest = text.substr(length);
    const auto suffix = std::find_if(suffixes.begin(), suffixes.end(),
                                     [&](const Suffix& s) { return s.text == rest; });
    if (length == 0 || suffix == suffixes.end() || (base == 16 && !rest.empty()))
        return std::nullopt;
    number = std::min(number, too_large / suffix->factor) * suffix->factor;
    return negative ? -number : number;
}

// A number without a unit could be of any, so that only 0 goes without. `unit`: of the result, in
// ns; what is no multiple of it is no number.
std::optional<WideInteger> read_duration(std::string_view text, std::int64_t unit) {
    constexpr std::array longer = {Suffix{"m", 60}, Suffix{"h", 3'600}, Suffix{"d", 86'400}};
    std::string in_seconds(text);
    std::int64_t factor = 1;
    for (const Suffix& suffix : longer)
        if (text.size() > 1 && text.ends_with(suffix.text) && digit_of(text[text.size() - 2], 10)) {
            in_seconds.back() = 's';
            factor = suffix.factor;
        }
    const bool has_unit = in_seconds.ends_with('s') || text == "0";
    const auto number = has_unit ? read_number(in_seconds) : std::nullopt;
    if (!number || *number % unit != 0)
        return std::nullopt;
    return *number * factor / unit;
}

// The unit of a duration in ns; 0: the type is none.
std::int64_t duration_unit(Semantic semantic) {
    switch (semantic) {
    case Semantic::duration_ns:
        return 1;
    case Semantic::duration_us:
        return 1'000;
    case Semantic::duration_ms:
        return 1'000'000;
    case Semantic::duration_s:
        return 1'000'000'000;
    default:
        return 0;
    }
}

std::optional<WideInteger> read_address(std::string_view text) {
    in_addr address{};
    if (inet_pton(AF_INET, std::string(text).c_str(), &address) != 1)
        return std::nullopt;
    return ntohl(address.s_addr);
}

// "hash" stands for BPF_MAP_TYPE_HASH.
constexpr std::string_view bare_map_type = "bpf_map_type";

std::string map_type_enumerator(std::string_view text) {
    std::string name = "BPF_MAP_TYPE_";
    for (const char c : text)
        name += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    return name;
}

std::string enum_names(const EnumSet& set) {
    std::string text;
    for (std::size_t i = 0; i < set.values.size(); ++i) {
        if (i > 0)
            text += i + 1 == set.values.size() ? " or " : ", ";
        text += set.values[i].second;
    }
    return text;
}

} // namespace

std::string to_text(WideInteger value) {
    const bool negative = value < 0;
    std::string reversed;
    for (WideInteger rest = negative ? -value : value; rest > 0 || reversed.empty(); rest /= 10)
        reversed += static_cast<char>('0' + static_cast<int>(rest % 10));
    if (negative)
        reversed += '-';
    return {reversed.rbegin(), reversed.rend()};
}

ParameterType::ParameterType(const Object& object, const GlobalInfo& global)
    : layout_(build_layout(object.types(), global.type_id, global.size, "value")) {
    switch (layout_.kind) {
    case Layout::Kind::integer:
    case Layout::Kind::boolean:
    case Layout::Kind::character:
    case Layout::Kind::enumeration:
        if (layout_.size <= sizeof(std::uint64_t))
            return;
        [[fallthrough]];
    default:
        throw Error(ErrorKind::usage, "'" + global.name + "' is no integer, bool, char or enum")
            .hint("only those can be set at load time");
    }
}

bool ParameterType::is_map_type() const {
    return layout_.kind == Layout::Kind::enumeration && layout_.type_name == bare_map_type;
}

WideInteger ParameterType::smallest() const {
    const bool is_signed = layout_.is_signed && layout_.kind != Layout::Kind::boolean;
    return is_signed ? -(WideInteger{1} << (layout_.size * 8 - 1)) : WideInteger{0};
}

WideInteger ParameterType::largest() const {
    if (layout_.kind == Layout::Kind::boolean)
        return 1;
    return (WideInteger{1} << (layout_.size * 8 - (layout_.is_signed ? 1 : 0))) - 1;
}

std::string ParameterType::describe() const {
    if (layout_.kind == Layout::Kind::boolean)
        return "true or false";
    if (is_map_type())
        return "a type of map such as hash, percpu_hash or lru_hash";
    if (duration_unit(layout_.semantic) != 0)
        return "a duration such as 30s, 250ms, 5m or 0";
    if (layout_.kind == Layout::Kind::enumeration)
        return enum_names(*layout_.enumerators);
    return "a number from " + to_text(smallest()) + " to " + to_text(largest()) + " (" +
           layout_.type_name + ")";
}

WideInteger ParameterType::parse(std::string_view text) const {
    std::optional<WideInteger> number;
    if (text == "true" || text == "false")
        number = text == "true";
    else if (text.size() == 3 && text.front() == '\'' && text.back() == '\'' && layout_.size == 1)
        number = layout_.is_signed ? static_cast<signed char>(text[1])
                                   : static_cast<unsigned char>(text[1]);
    else if (layout_.semantic == Semantic::ipv4 && text.find('.') != std::string_view::npos)
        number = read_address(text);
    else if (const std::int64_t unit = duration_unit(layout_.semantic); unit != 0)
        number = read_duration(text, unit);
    else
        number = read_number(text);

    if (layout_.kind == Layout::Kind::enumeration) {
        const std::string map_type = is_map_type() ? map_type_enumerator(text) : "";
        for (const auto& [value, name] : layout_.enumerators->values) {
            const WideInteger wide = layout_.is_signed
                                         ? WideInteger{value}
                                         : WideInteger{static_cast<std::uint64_t>(value)};
            if (name == text || name == map_type || number == wide)
                return wide;
        }
        number.reset();
    }
    if (!number || *number < smallest() || *number > largest())
        throw Error(ErrorKind::usage, "'" + std::string(text) + "' is not " + describe());
    return *number;
}

std::vector<std::byte> ParameterType::bytes(WideInteger value) const {
    std::vector<std::byte> bytes(layout_.size);
    std::memcpy(bytes.data(), &value, bytes.size());
    if (is_network_order(layout_) || layout_.semantic == Semantic::ipv4)
        std::reverse(bytes.begin(), bytes.end());
    return bytes;
}

namespace {

using Assignments = std::map<std::string, std::string>;

Assignments split_assignments(const std::vector<std::string>& texts) {
    Assignments assignments;
    for (const std::string& text : texts) {
        const std::size_t equals = text.find('=');
        if (equals == std::string::npos || equals == 0)
            throw Error(ErrorKind::usage, "'" + text + "' sets nothing")
                .hint("parameters are set as name=value");
        const std::string name = text.substr(0, equals);
        if (!assignments.emplace(name, text.substr(equals + 1)).second)
            throw Error(ErrorKind::usage, "parameter '" + name + "' is set twice");
    }
    return assignments;
}

std::vector<std::string> parameter_names(const Object& object) {
    std::vector<std::string> names;
    for (const GlobalInfo& global : object.globals())
        names.push_back(global.name);
    return names;
}

std::string no_such_hint(const Object& object, const std::string& name) {
    const std::vector<std::string> names = parameter_names(object);
    const std::string near = nearest_name(name, names);
    if (!near.empty())
        return "did you mean '" + near + "'?";
    std::string known;
    for (const std::string& other : names)
        known += (known.empty() ? "" : ", ") + other;
    return known.empty() ? "the object has no parameters: no global is const volatile"
                         : "its parameters are " + known;
}

GlobalValue make_value(const Object& object, const std::string& name, const std::string& text,
                       const Parameter* parameter) {
    const GlobalInfo* global = object.global(name);
    if (global == nullptr)
        throw Error(ErrorKind::usage, "no parameter '" + name + "' in " + object.path())
            .hint(no_such_hint(object, name));
    return during("parameter '" + name + "'", [&] {
        const ParameterType type(object, *global);
        const WideInteger value = type.parse(text);
        if (parameter != nullptr && parameter->min && value < type.parse(*parameter->min))
            throw Error(ErrorKind::usage, "'" + text + "' is below the minimum " + *parameter->min);
        if (parameter != nullptr && parameter->max && value > type.parse(*parameter->max))
            throw Error(ErrorKind::usage, "'" + text + "' is above the maximum " + *parameter->max);
        return GlobalValue{name, text, type.bytes(value)};
    });
}

} // namespace

std::vector<GlobalValue> resolve_parameters(const Manifest& manifest, const Object& object,
                                            const std::vector<std::string>& assignments) {
    Assignments open = split_assignments(assignments);
    std::vector<GlobalValue> values;
    for (const Parameter& parameter : manifest.parameters) {
        const auto assigned = open.find(parameter.name);
        if (assigned != open.end()) {
            values.push_back(make_value(object, parameter.name, assigned->second, &parameter));
            open.erase(assigned);
        } else if (parameter.preset) {
            values.push_back(make_value(object, parameter.name, *parameter.preset, &parameter));
        }
    }
    for (const auto& [name, text] : open)
        values.push_back(make_value(object, name, text, nullptr));
    return values;
}

} // namespace dynmon
