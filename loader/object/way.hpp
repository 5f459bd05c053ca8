// SPDX-License-Identifier: BSD-2-Clause
// The way to a file, gone folder by folder: what is checked is what was gone through, whatever
// others rename meanwhile.
#pragma once

#include <deque>
#include <string>

#include "base/fd.hpp"
#include "object/trust.hpp"

namespace dynmon {

class Way {
public:
    // To the end of `path`, through symbolic links. Throws Error{usage} "open PATH: …".
    explicit Way(const std::string& path);

    const Steps& steps() const { return steps_; } // from "/" to the end, links among them
    int fd() const { return at_.get(); }          // of the end, with O_PATH

    // A file in the folder at the end, as `status` says.
    Step step_into(const std::string& name, const struct stat& status) const;

private:
    void go_to_root();
    void go_on(const std::string& name);
    void follow(const Fd& link);
    void put_first(const std::string& path);
    [[noreturn]] void fail(int error) const;

    std::string path_;
    std::deque<std::string> rest_;
    Fd at_;
    Step end_;
    Steps steps_;
    int links_ = 0;
};

// For what is written: throws Error{rejected} unless `path` leads to the open `fd` through no
// symbolic link but those of root and the caller. Others could lead to any folder of theirs.
void require_own_way(int fd, const std::string& path);

} // namespace dynmon
