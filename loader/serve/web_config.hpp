// SPDX-License-Identifier: BSD-2-Clause
// The web configuration file of Prometheus and its exporters, so that one file does for all.
// https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "serve/secret_file.hpp"
#include "serve/tls.hpp"

namespace dynmon::serve {

struct WebConfig {
    bool has_tls = false;
    std::string certificate_file, key_file, client_ca_file; // absolute, or beside the file
    TlsMaterial tls;                                        // without what is in those files
    std::map<std::string, std::string> basic_auth_users;    // name → bcrypt

    // Throws Error{rejected} "FILE:LINE:COL: …", also for what is known to the exporters and not
    // here, and for passwords without TLS.
    static WebConfig parse(std::string_view text, const std::string& path);
};

// The file and those that it names, read again when one has changed.
class WebConfigFile final : public TlsSource {
public:
    explicit WebConfigFile(std::string path); // throws Error

    std::uint64_t version() override;
    const TlsMaterial& material() override { return config_.tls; }
    bool has_tls() const { return config_.has_tls; }
    const std::map<std::string, std::string>& users() const { return config_.basic_auth_users; }
    std::vector<std::string> folders() const; // that the server has to be able to read

private:
    std::vector<FileStamp> stamps() const;
    void load();

    std::string path_;
    WebConfig config_;
    std::vector<FileStamp> stamps_;
    std::uint64_t version_ = 0;
};

// Passwords against bcrypt, which takes long by design: what was right is remembered for as long as
// the server runs, as a digest. Thread-safe.
class Passwords {
public:
    struct Credentials {
        std::string user, password;
    };
    // "Basic …" of an Authorization header; nothing: it is none.
    static std::optional<Credentials> read(const std::string& header);

    // Whether it was right before, for this bcrypt. Takes no time.
    bool is_remembered(const Credentials& shown, const std::string& hash);
    // Takes a tenth of a second, for a user that is not there too. `hash`: "" for such a user.
    bool is_right(const Credentials& shown, const std::string& hash);

private:
    static std::string digest(const Credentials& shown, const std::string& hash);

    std::mutex mutex_;
    std::set<std::string> remembered_;
};

std::string folder_of(const std::string& path); // "/etc/dynmon/" of "/etc/dynmon/web.yml"

} // namespace dynmon::serve
