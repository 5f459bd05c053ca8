// SPDX-License-Identifier: BSD-2-Clause
// A folder that gets the files of windows, each window once and whole, whenever we are killed.
//
// A window is written into a folder of its own beside the files, .dynmon-staging. One rename of
// that to .dynmon-committed is the point from which on the window counts as stored; then its files
// are moved to their places, and last .dynmon-export.json, which says what was stored. The next
// run throws away what is staged and finishes what is committed.
//
// Others may be able to write to the folder. What they put there is not followed and not believed:
// what is read or appended to has to be a regular file with one name, of the user who runs this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.hpp"
#include "export/export_state.hpp"
#include "format/exporter.hpp"

namespace dynmon {

// Files of a folder that is open: whole reads and writes, errors with the path.

// Throws Error{failed} "WHAT PATH: ENOSPC", with what to do about it, for errno as it is now.
[[noreturn]] void fail_on_file(const char* what, const std::string& path);

// A file of ours (base/file.hpp). `flags` as for openat(2), without O_TRUNC; of a new one
// `mode`. Throws Error{failed} when it cannot be opened.
Fd open_file(int folder, const std::string& name, int flags, const std::string& path,
             unsigned mode = 0666);
// The same; empty where there is no such file.
Fd try_open_file(int folder, const std::string& name, int flags, const std::string& path);
// A folder that is ours alone.
Fd open_folder(int folder, const std::string& name, const std::string& path);
// Throws Error{rejected} for more than `limit` bytes.
std::string read_whole(const Fd& file, const std::string& path, std::size_t limit);
// What is left of one file behind what the other one has.
void copy_rest(const Fd& from, const Fd& to, const std::string& path);
void write_whole(int fd, std::string_view text, const std::string& path);
void sync_file(int fd, const std::string& path); // a folder too
// Within one folder or between two of one file system; never overwrites where the file system can
// tell. Throws Error{failed} (EEXIST).
void rename_new(int from, const std::string& name, int to, const std::string& new_name,
                const std::string& path);
std::vector<std::string> names_in(int folder, const std::string& path);

// A file in memory that the elements of a queue are drained into. Popping is the only way to see
// them: so the kernel copies each right to where it outlives the process. One whose bytes are all 0
// is none; what probes capture has a time, which is not.

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

// What a profile that writes files makes of a window. Pure: it sees entries and returns texts.

// A file of a window. `header` set: the text is put behind what the file holds, and the header in
// front of everything where the file is new.
struct OutFile {
    using Put = std::function<void(std::string_view)>;

    std::string name;
    std::string text;
    std::string header = {};
    // Hands the rest of the text to `put`, piece by piece, so that not all of it is in memory;
    // may throw Error. Unset: there is no more.
    std::function<void(const Put& put)> rest = {};
    bool appends() const { return !header.empty(); }
};

// A window on its way into files. `iteration` counts the windows of a folder from 0.
struct WindowName {
    std::string monitor;
    Window window;
    std::uint64_t iteration = 0;
};

struct WindowCounts {
    std::uint64_t sessions = 0;
    std::uint64_t packets = 0; // as there are records or counts of them
};

class WindowFormatter {
public:
    virtual ~WindowFormatter() = default;
    virtual const char* profile() const = 0;
    virtual const char* probe() const { return profile(); } // which one it is made for
    virtual std::vector<std::string> metrics() const = 0;   // by name; it needs all of them
    // Call order: clear(), for each of its metrics (begin(), add()…), then the rest.
    virtual void clear() = 0;
    // Throws Error{usage} when `metric`, one of metrics(), lacks a field. Must outlive add().
    virtual void begin(const MetricView& metric) = 0;
    virtual void add(const Batch& batch) = 0;
    virtual WindowCounts counts() const = 0;
    virtual std::vector<OutFile>
    files(const WindowName& name) const = 0; // none for an empty window
};

// Profile `ddos`: the packets of each session. `rows` of a CSV: 7, or 10 with length, TCP length
// and TCP acknowledgement.
std::unique_ptr<WindowFormatter> make_ddos_formatter(bool json, unsigned rows);
// Profile `crypto`: counters and ratios of each session.
std::unique_ptr<WindowFormatter> make_crypto_formatter(bool json);

struct LucidOptions {
    std::size_t packets = 10;      // of each flow
    double seconds = 10;           // of a window
    bool ipv6 = false;             // flows that LUCID itself leaves out
    bool flags_with_offset = true; // IP flags as a word with the fragment offset, not as three bits
};

// Profile `lucid`: the first packets of each flow as LUCID's features.
std::unique_ptr<WindowFormatter> make_lucid_formatter(const LucidOptions& options);

class OutputDir {
public:
    // Makes the folder if it is not there; throws Error{failed}.
    static void make(const std::string& path);
    // Makes it, locks it for as long as this lives and finishes what a killed run left. Throws
    // Error{busy} when another export is at work in it, Error{failed}, Error{rejected}.
    explicit OutputDir(const std::string& path);

    // Stored already, by this run or by one that was killed before it could say so.
    bool has(const std::string& monitor, const Window& window) const;
    // The number of the first window that was not stored yet; goes on where the run before ended.
    std::uint64_t next_iteration() const { return state_.next; }

    // Stores all of it, synced to the disk, or nothing: then it throws. Overwrites no file.
    void store(const WindowName& name, const std::vector<OutFile>& files);

    const std::string& path() const { return path_; }
    int fd() const { return dir_.get(); }

private:
    // A file that only its user can open, so that no other user can hold it up; gone with the lock.
    class Lock {
    public:
        Lock(int folder, const std::string& path);
        ~Lock();
        Lock(const Lock&) = delete;
        Lock& operator=(const Lock&) = delete;

    private:
        int folder_;
        Fd file_;
    };

    void load_state();
    ExportState state_behind(const WindowName& name, const std::vector<OutFile>& files) const;
    std::uint64_t append_at(const OutFile& file) const;
    void stage(const WindowName& name, const std::vector<OutFile>& files) const;
    void publish();
    void append(int committed, const std::string& name, const ExportState::Appended& rows) const;
    void remove_folder(const char* name) const;
    std::uint64_t after_existing() const; // a folder without a state: behind the files in it

    std::string path_;
    Fd dir_;
    Lock lock_;
    ExportState state_; // without what was appended
};

} // namespace dynmon
