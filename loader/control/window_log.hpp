// SPDX-License-Identifier: BSD-2-Clause
// Windows that named readers have not taken yet: read --as, export --as.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "format/exporter.hpp"
#include "state/generation.hpp"

namespace dynmon {

// Where a reader is.
struct NamedReader {
    std::array<char, 64> name{}; // "": this place is free
    std::uint64_t taken = 0;     // the serial number of the last window that it took, or lost
    std::uint64_t lost = 0;      // windows
    std::uint64_t told = 0;      // of `lost`: those that it was warned of
    std::uint64_t read_ns = 0;   // when it was here; since the Unix epoch
    std::uint64_t keep_ns = 0;   // windows wait for it for so long
};

struct LoggedWindow {
    std::uint64_t serial = 0;
    Window window;
    std::uint64_t logged_ns = 0;
    std::uint64_t bytes = 0;
    std::uint32_t first_chunk = 0;
    std::uint32_t reserved = 0;
};

// Two pinned arrays in the directory of a monitor that has named readers. One has the bytes of the
// windows, in chunks that are used in a ring. The other has one element, which is written whole and
// says what is in the first and where each reader is: a process that is killed has made a change or
// has not. A caller that uses it holds the monitor's lock. docs/dev/protocol/store.md says in which
// order all is written.
class WindowLog {
public:
    static constexpr std::size_t most_readers = 16, most_windows = 1024;
    static constexpr std::uint64_t usual_keep_ns = 600'000'000'000; // 10 minutes
    static constexpr std::uint64_t usual_bytes = 16u << 20;

    // Nothing: the monitor has no named reader.
    static std::optional<WindowLog> open(const std::string& monitor_dir);
    static WindowLog make(const std::string& monitor_dir, std::uint64_t bytes);

    std::vector<NamedReader> readers() const;
    const NamedReader* find(const std::string& reader) const;
    // From the next window on. Throws Error{usage} when there are too many.
    void add(const std::string& reader, std::uint64_t now_ns);
    void set_keep(const std::string& reader, std::uint64_t keep_ns);
    // With the last one the log goes, and all that is in it.
    void remove(const std::string& reader);

    std::uint64_t capacity() const { return std::uint64_t{chunks_} * chunk_bytes; }
    // Whether this was the last window that was added: it comes again when it could not be emptied.
    bool has(const Window& window) const;
    bool has_generation(std::uint32_t generation) const;
    // Takes windows away from readers that are late, oldest first, where there is no room. Throws
    // Error{failed} when it would not fit even so.
    void append(const Window& window, const std::vector<std::byte>& bytes, std::uint64_t now_ns);
    // Takes windows away that have waited for too long; but not from `reader`, which is here.
    void expire(std::uint64_t now_ns, const std::string& reader);

    std::vector<LoggedWindow> waiting(const std::string& reader) const; // oldest first
    std::vector<std::byte> bytes_of(const LoggedWindow& window) const;
    void took(const std::string& reader, std::uint64_t serial, std::uint64_t now_ns);
    // How many windows the reader has lost since the last call for it.
    std::uint64_t tell_lost(const std::string& reader);

private:
    static constexpr std::size_t chunk_bytes = 16384;

    struct Index {
        std::uint32_t version = 1;
        std::uint32_t count = 0; // of windows
        std::uint64_t last_serial = 0;
        Window last; // that was added, whether it is here still or not
        std::array<NamedReader, most_readers> readers{};
        std::array<LoggedWindow, most_windows> windows{}; // oldest first
    };

    WindowLog(std::string monitor_dir, Fd index, Fd chunks);
    void load();
    bool is_sound() const;
    void write() const;
    NamedReader* reader(const std::string& name);
    std::uint64_t lose_oldest(); // how many readers had not taken it
    void drop_taken();
    std::uint32_t used_chunks() const;

    std::string dir_;
    Fd index_map_;
    Fd chunk_map_;
    std::uint32_t chunks_ = 0;
    Index index_;
};

// Whether windows of it wait for named readers: its record is needed to print them.
bool log_has_generation(const std::string& monitor_dir, std::uint32_t generation);

// A window as named readers find it: the raw entries of all metrics, as the kernel returned them.

// Puts the windows that it is given into a log: they may leave the kernel then.
class LogWriter final : public Exporter {
public:
    explicit LogWriter(WindowLog& log) : log_(log) {}

    void begin_document(const std::string& monitor, const Window& window) override;
    void begin_metric(const MetricView& metric) override;
    void entries(const Batch& batch) override;
    void end_metric(std::uint64_t timestamp_us) override;
    void end_document() override;

private:
    WindowLog& log_;
    Window window_;
    std::vector<std::byte> bytes_;
    std::size_t head_ = 0; // of the metric at hand
};

// A metric of a logged window. `entries` point into the bytes that it was read from.
struct LoggedMetric {
    Direction direction = Direction::ingress;
    std::string name;
    MapFacts facts; // type and sizes of its map
    std::uint64_t from_ns = 0;
    std::uint64_t timestamp_us = 0;
    std::vector<Batch> entries;
};

// Throws Damaged for what LogWriter does not write.
std::vector<LoggedMetric> read_logged(const std::vector<std::byte>& bytes);

} // namespace dynmon
