// SPDX-License-Identifier: BSD-2-Clause
// A document of Dynmon → the files of a probe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "import/document.hpp"

namespace dynmon {

struct ImportOptions {
    std::string name;        // of the probe
    bool allow_drop = false; // RX_DROP drops packets: the manifest says so
    std::string clang;       // "": the newest on PATH
};

struct ImportedFile {
    std::string name;
    std::string text;
};

struct ImportedProbe {
    std::vector<ImportedFile> files; // document, sources, object, probe.yaml, README.md
    std::string ingress;             // digests of the paths; "": no such path
    std::string egress;
    std::string no_xdp;               // why there is no XDP program for ingress; "": there is one
    std::vector<std::string> remarks; // what was changed and what behaves otherwise
};

// `original`: the document's bytes, kept as `document_name` in the probe; `file` is its path for
// messages. Throws Error{usage} "FILE:LINE:COL: …" for what its author has to change (with the line
// of the code in the message), Error{rejected} for what is not done here, and what the compiler's
// sandbox throws.
ImportedProbe import_document(const DynmonDocument& document, const std::string& original,
                              const std::string& document_name, const std::string& file,
                              const ImportOptions& options);

} // namespace dynmon
