// SPDX-License-Identifier: BSD-2-Clause
// A small buffer in front of a string: fields are written into it without asking for room each.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace dynmon {

// Write at `at` and move it on, after reserve(n) for at most n bytes; finish() at the end.
class Cursor {
public:
    static constexpr std::size_t capacity = 1024;
    static constexpr std::size_t slack = 64; // may be written beyond what was reserved

    explicit Cursor(std::string& out) : out_(out) {}
    Cursor(const Cursor&) = delete;
    Cursor& operator=(const Cursor&) = delete;

    void reserve(std::size_t bytes) {                                     // bytes <= capacity
        if (buffer_ + capacity - at < static_cast<std::ptrdiff_t>(bytes)) // may be below zero
            finish();
    }
    // For a position kept in a variable: beyond limit(n) there is no room for n bytes.
    const char* limit(std::size_t bytes) const { return buffer_ + capacity - bytes; }
    [[gnu::noinline]] char* finish_at(char* position) {
        at = position;
        finish();
        return at;
    }
    void put(char c) { *at++ = c; }   // reserved before
    void put(std::string_view text) { // of any length
        if (text.size() > capacity) {
            finish();
            out_.append(text);
            return;
        }
        reserve(text.size());
        std::memcpy(at, text.data(), text.size());
        at += text.size();
    }
    // `text` has `size` bytes and is readable up to the end of the last block: no call of memcpy.
    static constexpr std::size_t block = 16;
    void put_blocks(const char* text, std::size_t size) {
        if (size > capacity)
            return put(std::string_view(text, size));
        reserve(size);
        for (std::size_t done = 0; done < size; done += block)
            std::memcpy(at + done, text + done, block);
        at += size;
    }
    void finish() {
        out_.append(buffer_, static_cast<std::size_t>(at - buffer_));
        at = buffer_;
    }

private:
    std::string& out_;
    char buffer_[capacity + slack];

public:
    char* at = buffer_;
};

} // namespace dynmon
