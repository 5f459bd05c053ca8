// SPDX-License-Identifier: BSD-2-Clause
#include "serve/documents.hpp"

#include <span>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "import/document.hpp"
#include "object/allow_list.hpp"
#include "policy/checked_probe.hpp"

namespace dynmon::serve {

namespace {

// What `import` writes into the manifest of a probe that it makes of this document.
Imported import_of(const DynmonDocument& document) {
    Imported import;
    for (const DocumentPath& path : document.paths)
        (path.direction == Direction::ingress ? import.ingress : import.egress) = path_digest(path);
    return import;
}

bool is_import(const std::optional<Imported>& imported, const Imported& wanted) {
    return imported && imported->ingress == wanted.ingress && imported->egress == wanted.egress;
}

// A name of a folder, made of both paths.
std::string digest_of_both(const Imported& import) {
    const std::string both = import.ingress + "\n" + import.egress;
    return sha256_hex(std::as_bytes(std::span(both)));
}

// "": there is none. A probe that cannot be read is none.
std::string find_installed(const Imported& wanted) {
    for (const InstalledProbe& probe : installed_probes()) {
        try {
            const std::string manifest = read_manifest_text(find_installed_probe(probe.name)).text;
            // Far less work than to parse each manifest, of which there may be hundreds.
            if (manifest.find(wanted.ingress) == std::string::npos ||
                manifest.find(wanted.egress) == std::string::npos)
                continue;
            const ParsedManifest parsed = parse_manifest(manifest);
            if (parsed.diagnostics.empty() && is_import(parsed.manifest.imported, wanted))
                return probe.name;
        } catch (const Error&) {
            continue;
        }
    }
    return "";
}

constexpr std::size_t longest_quotation = 300;

HttpError wrong_answer(const std::string& what) {
    return {502, "the compile helper answers " + what, "", "nothing of it is kept"};
}

// What the helper says of its probe is looked at before anything of it becomes a file.
void require_of(const CompileMessage& answer, const DynmonDocument& document) {
    const std::string& text = answer.field("probe.yaml");
    if (text.empty() || text.size() > compile_limits::manifest_bytes)
        throw wrong_answer("a probe without a manifest");
    const ParsedManifest parsed = parse_manifest(text);
    if (!parsed.diagnostics.empty())
        throw wrong_answer("a manifest that is none: " +
                           printable_line(parsed.diagnostics.front().message, longest_quotation));
    const Manifest& manifest = parsed.manifest;
    if (manifest.name != compiled_probe || manifest.object != compiled_files[1])
        throw wrong_answer("a probe of another name");
    if (!is_made_of(manifest.imported, document))
        throw wrong_answer("the probe of another document");
    if (!manifest.may.empty())
        throw wrong_answer("a probe that may do more than look");
}

// As `check` sees it; without that it is none that can be loaded later.
void require_loadable(const std::string& folder, const Settings& settings) {
    const CheckedProbe checked = check_files(folder, Purpose::load, settings.allowed());
    if (checked.diagnostics.empty())
        return;
    const Diagnostic& first = checked.diagnostics.front();
    throw HttpError(400, "document: " + first.message, "", first.hint);
}

} // namespace

NotImported::NotImported(const DynmonDocument& document, const std::string& text)
    : HttpError(422, "no probe here was made of this document", "dataplane-config",
                "`dynmon-load import DOCUMENT --out FOLDER/NAME` makes one; FOLDER is one of "
                "DYNMON_PROBE_PATH of this server. Or start the compile helper: dynmon-compile(1)"),
      document_(std::make_shared<DynmonDocument>(document)),
      text_(std::make_shared<std::string>(text)) {}

bool is_made_of(const std::optional<Imported>& imported, const DynmonDocument& document) {
    return is_import(imported, import_of(document));
}

Probe DocumentProbes::open(const DynmonDocument& document, const std::string& text) {
    const Imported wanted = import_of(document);
    if (const std::string name = find_installed(wanted); !name.empty())
        return open_installed_probe(name, settings_.allowed());
    if (compiles()) {
        const std::lock_guard lock(mutex_);
        const std::string digest = digest_of_both(wanted);
        if (const std::string folder = find_compiled(digest); !folder.empty()) {
            try {
                Probe probe = open_checked_probe(folder, settings_.allowed());
                if (is_import(probe.manifest.imported, wanted) && probe.manifest.may.empty())
                    return probe;
            } catch (const Error& error) {
                if (error.kind() == ErrorKind::rejected)
                    throw;
                log::warn(std::string(error.what()) + ": it is compiled again");
            }
            imported_.remove(digest); // of another version of dynmon, or damaged
        }
    }
    throw NotImported(document, text);
}

std::string DocumentProbes::find_compiled(const std::string& digest) const {
    try {
        return imported_.find(digest);
    } catch (const Error& error) {
        throw HttpError(500, error.what(), "", error.hint());
    }
}

void DocumentProbes::compile(const NotImported& missing, Deadline deadline) {
    const auto answer = compile_document(options_.socket, missing.text(), deadline);
    if (!answer)
        throw missing;
    require_of(*answer, missing.document());
    std::vector<NewFile> files{{compiled_document, missing.text()}};
    for (const auto& [name, bytes] : answer->fields)
        files.push_back({name, bytes});
    try {
        const std::lock_guard lock(mutex_);
        imported_.add(digest_of_both(import_of(missing.document())), files,
                      [&](const std::string& folder) { require_loadable(folder, settings_); });
    } catch (const Error& error) {
        throw HttpError(error.kind() == ErrorKind::failed ? 500 : 400, error.what(), "",
                        error.hint());
    }
}

} // namespace dynmon::serve
