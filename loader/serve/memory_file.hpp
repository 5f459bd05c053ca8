// SPDX-License-Identifier: BSD-2-Clause
// An answer that is kept outside of this process's memory while it goes out: a large map as text is
// many megabytes, and a slow client may take its time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/file.hpp"
#include "serve/reply.hpp"

namespace dynmon::serve {

// Bytes in a file without a name. Appended to by one thread; once that is done, any number of
// answers may read it.
class MemoryFile final : public Content {
public:
    MemoryFile(); // throws Error{failed}

    int descriptor() const { return fd_.get(); }  // to append to, as a Sink does
    std::uint64_t append(std::string_view bytes); // where they begin; throws Error{failed}

    // The content is these parts of the file, in this order. Without this call: all of it.
    struct Part {
        std::uint64_t at = 0;
        std::uint64_t size = 0;
    };
    void arrange(std::vector<Part> parts);

    std::optional<std::uint64_t> size() const override;
    std::optional<std::size_t> read(std::uint64_t at, char* into, std::size_t most) override;

private:
    struct Placed {
        std::uint64_t begin = 0; // in the content
        Part part;
    };

    std::uint64_t length() const;

    Fd fd_;
    bool arranged_ = false;
    std::vector<Placed> parts_;
    std::uint64_t arranged_size_ = 0;
};

} // namespace dynmon::serve
