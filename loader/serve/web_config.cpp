// SPDX-License-Identifier: BSD-2-Clause
#include "serve/web_config.hpp"

#include <array>
#include <cstring>
#include <span>

#include <crypt.h>
#include <strings.h>

#include "base/error.hpp"
#include "manifest/document.hpp"
#include "manifest/fields.hpp"
#include "manifest/rules.hpp"
#include "object/allow_list.hpp"

namespace dynmon::serve {

namespace {

const Choices<ClientAuth> auth_choices{{"NoClientCert", ClientAuth::none},
                                       {"RequestClientCert", ClientAuth::request},
                                       {"RequireAnyClientCert", ClientAuth::require},
                                       {"VerifyClientCertIfGiven", ClientAuth::verify_if_given},
                                       {"RequireAndVerifyClientCert", ClientAuth::verify}};
enum class TlsVersion { tls12, tls13 };
const Choices<TlsVersion> version_choices{{"TLS12", TlsVersion::tls12},
                                          {"TLS13", TlsVersion::tls13}};

bool is_bcrypt(std::string_view text) {
    return text.size() == 60 && text.starts_with("$2") && text[3] == '$';
}
constexpr TextRule bcrypt_rule{is_bcrypt, "must be a bcrypt hash, as `htpasswd -nB` prints it"};

std::string beside(const std::string& file, const std::string& path) {
    return file.empty() || file.front() == '/' ? file : folder_of(path) + file;
}

void read_tls(const Node& node, const std::string& path, Faults& faults, WebConfig& config) {
    const Fields fields(node, "tls_server_config",
                        {"cert_file", "key_file", "client_auth_type", "client_ca_file",
                         "client_allowed_sans", "min_version", "max_version"},
                        {"cert_file", "key_file"}, faults);
    config.has_tls = true;
    config.certificate_file = beside(fields.text("cert_file", rule::some_text), path);
    config.key_file = beside(fields.text("key_file", rule::some_text), path);
    config.client_ca_file = beside(fields.text("client_ca_file", rule::some_text), path);
    config.tls.auth = fields.choice("client_auth_type", auth_choices).value_or(ClientAuth::none);
    for (const Node& name : fields.list("client_allowed_sans"))
        config.tls.allowed_sans.push_back(
            read_text(name, "client_allowed_sans", rule::some_text, faults));
    const auto least = fields.choice("min_version", version_choices).value_or(TlsVersion::tls12);
    const auto most = fields.choice("max_version", version_choices).value_or(TlsVersion::tls13);
    if (least > most)
        faults.add(fields.at("min_version"), "min_version is above max_version");
    config.tls.priorities = "NORMAL:-VERS-ALL";
    if (most == TlsVersion::tls13)
        config.tls.priorities += ":+VERS-TLS1.3";
    if (least == TlsVersion::tls12)
        config.tls.priorities += ":+VERS-TLS1.2";
    const bool verifies =
        config.tls.auth == ClientAuth::verify || config.tls.auth == ClientAuth::verify_if_given;
    if (verifies && config.client_ca_file.empty())
        faults.add(fields.at("client_auth_type"), "client_auth_type needs client_ca_file");
    if (!config.tls.allowed_sans.empty() && !verifies)
        faults.add(fields.at("client_allowed_sans"),
                   "client_allowed_sans needs a client_auth_type that verifies");
}

} // namespace

std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "./" : path.substr(0, slash + 1);
}

WebConfig WebConfig::parse(std::string_view text, const std::string& path) {
    WebConfig config;
    Faults faults;
    if (const std::optional<Node> root = parse_document(text, faults.list())) {
        const Fields fields(*root, "a web configuration",
                            {"tls_server_config", "http_server_config", "basic_auth_users"}, {},
                            faults);
        if (const Node* const tls = fields.find("tls_server_config"); tls != nullptr)
            read_tls(*tls, path, faults, config);
        if (const Node* const http = fields.find("http_server_config"); http != nullptr)
            Fields(*http, "http_server_config", {"http2"}, {}, faults).flag("http2");
        if (const Node* const users = fields.find("basic_auth_users"); users != nullptr) {
            if (users->kind != Node::Kind::mapping)
                faults.add(users->at, "'basic_auth_users' must be names with bcrypt hashes");
            for (std::size_t i = 0; i < users->keys.size(); ++i)
                config.basic_auth_users[users->keys[i].text] =
                    read_text(users->items[i], users->keys[i].text, bcrypt_rule, faults);
            if (!config.has_tls && !users->keys.empty())
                faults.add(users->at, "'basic_auth_users' needs 'tls_server_config'",
                           "passwords would go over the network as they are");
        }
    }
    faults.reject(path, "the server does not start until the file can be read");
    return config;
}

WebConfigFile::WebConfigFile(std::string path) : path_(std::move(path)) {
    load();
}

std::vector<FileStamp> WebConfigFile::stamps() const {
    std::vector<FileStamp> found;
    for (const std::string& file :
         {path_, config_.certificate_file, config_.key_file, config_.client_ca_file})
        if (!file.empty())
            found.emplace_back(file);
    return found;
}

void WebConfigFile::load() {
    WebConfig config = WebConfig::parse(read_checked(path_, Secrecy::open), path_);
    if (config.has_tls) {
        config.tls.certificate = read_checked(config.certificate_file, Secrecy::open);
        config.tls.key = read_checked(config.key_file, Secrecy::secret);
        if (!config.client_ca_file.empty())
            config.tls.client_ca = read_checked(config.client_ca_file, Secrecy::open);
    }
    config_ = std::move(config);
    stamps_ = stamps();
    ++version_;
}

std::uint64_t WebConfigFile::version() {
    if (stamps() != stamps_)
        load();
    return version_;
}

std::vector<std::string> WebConfigFile::folders() const {
    std::vector<std::string> found;
    for (const std::string& file :
         {path_, config_.certificate_file, config_.key_file, config_.client_ca_file})
        if (!file.empty())
            found.push_back(folder_of(file));
    return found;
}

namespace {

int base64_digit(char c) {
    constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const std::size_t at = digits.find(c);
    return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

std::optional<std::string> base64_decoded(std::string_view text) {
    while (!text.empty() && text.back() == '=')
        text.remove_suffix(1);
    std::string out;
    unsigned bits = 0;
    int count = 0;
    for (const char c : text) {
        const int digit = base64_digit(c);
        if (digit < 0)
            return std::nullopt;
        bits = (bits << 6 | static_cast<unsigned>(digit)) & 0xffffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            out += static_cast<char>(bits >> count & 0xff);
        }
    }
    return out;
}

// Costs as much as others do.
constexpr const char* no_users_hash =
    "$2b$10$abcdefghijklmnopqrstuuJ6nWTtzgfAzKd1DYCPkzX0H3dTiBnha";

} // namespace

std::optional<Passwords::Credentials> Passwords::read(const std::string& header) {
    constexpr std::size_t scheme = 6;
    if (header.size() <= scheme || ::strncasecmp(header.c_str(), "basic ", scheme) != 0)
        return std::nullopt;
    const auto decoded = base64_decoded(std::string_view(header).substr(scheme));
    const std::size_t colon = decoded ? decoded->find(':') : std::string::npos;
    if (colon == std::string::npos || decoded->find('\0') != std::string::npos)
        return std::nullopt;
    return Credentials{decoded->substr(0, colon), decoded->substr(colon + 1)};
}

std::string Passwords::digest(const Credentials& shown, const std::string& hash) {
    const std::string text = shown.user + '\0' + shown.password + '\0' + hash;
    return sha256_hex(std::as_bytes(std::span(text)));
}

bool Passwords::is_remembered(const Credentials& shown, const std::string& hash) {
    const std::lock_guard lock(mutex_);
    return !hash.empty() && remembered_.contains(digest(shown, hash));
}

bool Passwords::is_right(const Credentials& shown, const std::string& hash) {
    constexpr std::size_t most_remembered = 100;
    crypt_data data{};
    const std::string expected = hash.empty() ? no_users_hash : hash;
    const char* const made = ::crypt_r(shown.password.c_str(), expected.c_str(), &data);
    const bool right = !hash.empty() && made != nullptr && equal_in_constant_time(made, expected);
    if (right) {
        const std::lock_guard lock(mutex_);
        if (remembered_.size() >= most_remembered)
            remembered_.clear();
        remembered_.insert(digest(shown, hash));
    }
    return right;
}

} // namespace dynmon::serve
