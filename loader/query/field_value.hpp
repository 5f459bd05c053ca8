// The value of one field as something to compare: exact integers, reals, bytes in order, text.
#pragma once

#include <cstddef>
#include <string_view>

#include "layout/layout.hpp"
#include "layout/scalar.hpp"

namespace dynmon {

enum class ValueClass : unsigned char {
    integer, // also enums, ports, protocols, flags, times, pointers: by the number they stand for
    boolean,
    real,
    bytes,  // addresses, prefixes and what is shown as hexadecimal bytes
    text,   // up to the first NUL
    opaque, // cannot be seen
};
ValueClass value_class(const Layout& field); // `field` prints as one value

class FieldValue {
public:
    explicit FieldValue(const Layout& field);

    ValueClass kind() const { return kind_; }
    bool is_signed() const { return scalar_.is_signed; }
    std::size_t size() const { return scalar_.size; }

    // In all that follows `root` is the start of the key or value.
    unsigned __int128 integer(const std::byte* root) const { // sign-extended
        const std::byte* at = root + scalar_.offset;
        switch (width_) {
        case Width::one:
            return extended<std::int8_t>(load<std::uint8_t>(at));
        case Width::two:
            return extended<std::int16_t>(load<std::uint16_t>(at));
        case Width::four:
            return extended<std::int32_t>(load<std::uint32_t>(at));
        case Width::eight:
            return extended<std::int64_t>(load<std::uint64_t>(at));
        case Width::other:
            break;
        }
        return load_integer(scalar_, root);
    }
    double real(const std::byte* root) const;
    const std::byte* bytes(const std::byte* root) const { return root + scalar_.offset; }
    std::string_view text(const std::byte* root) const;

    // Below 0, 0 or above 0; NaN counts as less than everything.
    int compare(const std::byte* a, const std::byte* b) const;
    int compare(unsigned __int128 a, unsigned __int128 b) const;

private:
    // What is worth a load of its own; bitfields, 128 bits and network order are not.
    enum class Width : unsigned char { one, two, four, eight, other };
    static Width width_of(const Scalar& scalar);

    template <typename Signed, typename Unsigned>
    unsigned __int128 extended(Unsigned value) const {
        return scalar_.is_signed
                   ? static_cast<unsigned __int128>(__int128{static_cast<Signed>(value)})
                   : value;
    }

    ValueClass kind_;
    Width width_;
    Scalar scalar_;
};

} // namespace dynmon
