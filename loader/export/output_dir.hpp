// SPDX-License-Identifier: BSD-2-Clause
// A folder that gets the files of windows, each window once and whole, whenever we are killed.
//
// A window is written into a folder of its own beside the files, .dynmon-staging. One rename of
// that to .dynmon-committed is the point from which on the window counts as stored; then its files
// are moved to their places, and last .dynmon-export.json, which says what was stored. Who comes
// next throws away what is staged and finishes what is committed.
//
// Others may be able to write to the folder. What they put there is not followed and not believed:
// what is read or appended to has to be a regular file with one name, of the user who runs this.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "export/export_state.hpp"
#include "export/window_formatter.hpp"

namespace dynmon {

class OutputDir {
public:
    // Makes the folder if it is not there; throws Error{failed}.
    static void make(const std::string& path);
    // Makes it, locks it for as long as this lives and finishes what a killed run left. Throws
    // Error{busy} when another export is at work in it, Error{failed}, Error{rejected}.
    explicit OutputDir(const std::string& path);

    // Stored already, by this run or by one that was killed before it could say so.
    bool has(const std::string& monitor, const Window& window) const;
    // Of the first window that was not stored yet; goes on where the run before ended.
    std::uint64_t next_iteration() const { return state_.next; }

    // Stores all of it, synced to the disk, or nothing: then it throws. Overwrites no file.
    void store(const WindowName& name, const std::vector<OutFile>& files);

    const std::string& path() const { return path_; }
    int fd() const { return dir_.get(); }

private:
    // A file that only its user can open, so that nobody else can hold it up; gone with the lock.
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
