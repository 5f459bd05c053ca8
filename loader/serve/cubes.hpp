// SPDX-License-Identifier: BSD-2-Clause
// What Polycube calls a cube, as a file: a monitor may be made before it is put on an interface,
// and the store in bpffs has no place for one that is nowhere.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace dynmon::serve {

struct Cube {
    std::string name;
    std::string service = "dynmon"; // or firewall
    std::string type = "TC";        // TC, XDP_SKB or XDP_DRV
    std::string loglevel = "INFO";
    std::string port;     // the interface that it was attached to last; "": none
    std::string document; // JSON, as parse_dynmon_document() takes it; "": none was injected
    // What `document` is about to become. A change that failed or was killed leaves it: which of
    // the two runs, the monitor says (Imported in its manifest).
    std::string next;
};

// A folder of them, NAME.json each. Written whole or not at all. Not thread-safe; one process at a
// time writes.
class Cubes {
public:
    explicit Cubes(std::string folder) : folder_(std::move(folder)) {}

    std::vector<std::string> names() const; // sorted
    // Nothing: there is none. Throws Error{failed} for a file that no server wrote.
    std::optional<Cube> find(const std::string& name) const;
    void save(const Cube& cube) const; // throws Error{failed}
    void remove(const std::string& name) const;

private:
    std::string path_of(const std::string& name) const;

    std::string folder_;
};

} // namespace dynmon::serve
