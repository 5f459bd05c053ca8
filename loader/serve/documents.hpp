// SPDX-License-Identifier: BSD-2-Clause
// From a document of Dynmon to its probe: one that was imported, or that the compile helper makes.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "control/settings.hpp"
#include "serve/compiler.hpp"
#include "serve/imported.hpp"
#include "serve/request.hpp"

namespace dynmon {
struct DynmonDocument;
struct Imported;
struct Probe;
} // namespace dynmon

namespace dynmon::serve {

// 422: no probe here was made of the document.
class NotImported : public HttpError {
public:
    NotImported(const DynmonDocument& document, const std::string& text);

    const DynmonDocument& document() const { return *document_; }
    const std::string& text() const { return *text_; } // as it was sent

private:
    std::shared_ptr<const DynmonDocument> document_;
    std::shared_ptr<const std::string> text_;
};

struct CompilerOptions {
    std::string socket; // path of the helper's; "": nothing is compiled
    std::string folder; // of ImportedProbes
};

// Thread-safe.
class DocumentProbes {
public:
    DocumentProbes(const Settings& settings, CompilerOptions options)
        : settings_(settings), options_(std::move(options)), imported_(options_.folder) {}

    // `text` is the document as it was sent. Looks among the installed probes, then among those
    // that were compiled. Throws NotImported, and Error for one that may not be loaded.
    Probe open(const DynmonDocument& document, const std::string& text);

    bool compiles() const { return !options_.socket.empty(); }
    // Has the document compiled, so that open() finds it. Waits for the helper until the deadline.
    // Throws HttpError as compile_document() does, {400} for a probe that may not be loaded and
    // {502} for one that is not of this document or may do more than look; `missing` where there is
    // no helper.
    void compile(const NotImported& missing, Deadline deadline);

private:
    std::string find_compiled(const std::string& digest) const;

    const Settings& settings_;
    CompilerOptions options_;
    std::mutex mutex_; // of `imported_`
    ImportedProbes imported_;
};

// Whether a probe with this in its manifest was made of the document.
bool is_made_of(const std::optional<Imported>& imported, const DynmonDocument& document);

} // namespace dynmon::serve
