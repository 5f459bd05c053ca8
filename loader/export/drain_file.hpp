// SPDX-License-Identifier: BSD-2-Clause
// A file in memory that the elements of a queue are drained into. Popping is the only way to see
// them: so the kernel copies each right to where it outlives the process. One whose bytes are all 0
// is none; what probes capture has a time, which is not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/fd.hpp"
#include "format/exporter.hpp"

namespace dynmon {

class DrainFile final : public DrainBuffer {
public:
    // Opens the one of this queue in `folder`, or makes it, for `window`; `bytes` more than it
    // holds can be drained into it. `folder` and its `path`, for errors, must outlive this.
    DrainFile(int folder, const std::string& path, const std::string& queue, const Window& window,
              std::size_t element, std::size_t bytes);
    ~DrainFile() override;
    DrainFile(const DrainFile&) = delete;
    DrainFile& operator=(const DrainFile&) = delete;

    // What a run that was killed had drained and not stored, one element behind the other.
    std::span<const std::byte> left_over() const { return {bytes_, left_over_}; }
    // Reserved on the disk: throws Error{failed} (ENOSPC).
    std::byte* next(std::size_t bytes) override;
    void remove(); // all of it was stored

    // Whether a run before has left the one of this queue and window.
    static bool exists(int folder, const std::string& queue, const Window& window);
    // Removes from `folder` what belongs to a window that was stored.
    static void remove_of(int folder, const std::string& path, std::uint64_t sequence,
                          std::uint64_t to_ns);

private:
    std::size_t keep_elements(std::size_t element, std::size_t held);

    int folder_;
    const std::string& path_;
    std::string name_;
    Fd file_;
    std::byte* bytes_ = nullptr;
    std::size_t mapped_ = 0;    // more than the file has: it grows
    std::size_t left_over_ = 0; // bytes
    std::size_t used_ = 0;      // and given out
};

} // namespace dynmon
