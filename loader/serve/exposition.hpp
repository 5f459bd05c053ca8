// SPDX-License-Identifier: BSD-2-Clause
// One OpenMetrics document of several: a family has to stand in one piece, with its metadata once,
// however many monitors have it.
// https://prometheus.io/docs/specs/om/open_metrics_spec/
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "serve/memory_file.hpp"

namespace dynmon::serve {

// A family as write_openmetrics() writes it: lines of metadata, then its samples.
struct FamilyText {
    std::string name;
    std::string_view metadata; // "# TYPE …", "# UNIT …", "# HELP …"
    std::string_view samples;
};

// Those of a document, in its order, pointing into it; without "# EOF". A family without metadata
// is named by its sample.
std::vector<FamilyText> families_of(std::string_view document);

// Joins documents of one form. Not thread-safe.
class JoinedExposition {
public:
    JoinedExposition() : file_(std::make_shared<MemoryFile>()) {}

    // "": it is in. Else why not: a family has the type or unit of none that is there, and then
    // nothing of the document is in.
    std::string add(std::string_view document);
    // `end`: "# EOF\n" or "".
    std::shared_ptr<MemoryFile> finish(std::string_view end);

private:
    struct Family {
        std::string kind; // its TYPE and UNIT lines
        std::vector<MemoryFile::Part> parts;
    };

    std::shared_ptr<MemoryFile> file_;
    std::map<std::string, Family> families_;
};

} // namespace dynmon::serve
