// SPDX-License-Identifier: BSD-2-Clause
#include "serve/tls.hpp"

#include <algorithm>
#include <array>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "serve/request.hpp"

namespace dynmon::serve {

namespace {

class Certificate {
public:
    explicit Certificate(const gnutls_datum_t& der) {
        if (gnutls_x509_crt_init(&certificate_) != 0 ||
            gnutls_x509_crt_import(certificate_, &der, GNUTLS_X509_FMT_DER) != 0)
            throw HttpError(403, "the client's certificate cannot be read", "certificate");
    }
    ~Certificate() { gnutls_x509_crt_deinit(certificate_); }
    Certificate(const Certificate&) = delete;
    Certificate& operator=(const Certificate&) = delete;

    // DNS names, addresses of mail, URIs and the common name.
    std::vector<std::string> names() const {
        std::vector<std::string> names;
        for (unsigned i = 0;; ++i) {
            std::array<char, 1024> text{};
            std::size_t size = text.size();
            const int kind =
                gnutls_x509_crt_get_subject_alt_name(certificate_, i, text.data(), &size, nullptr);
            if (kind == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
                break;
            if (kind == GNUTLS_SAN_DNSNAME || kind == GNUTLS_SAN_RFC822NAME ||
                kind == GNUTLS_SAN_URI)
                names.emplace_back(text.data(), size);
        }
        return names;
    }

private:
    gnutls_x509_crt_t certificate_ = nullptr;
};

bool is_verified(gnutls_session_t session) {
    unsigned faults = 0;
    return gnutls_certificate_verify_peers2(session, &faults) == 0 && faults == 0;
}

} // namespace

std::vector<std::string> client_names(void* session_, const TlsMaterial& material) {
    auto* const session = static_cast<gnutls_session_t>(session_);
    if (material.auth == ClientAuth::none || material.auth == ClientAuth::request)
        return {};
    unsigned count = 0;
    const gnutls_datum_t* const shown = gnutls_certificate_get_peers(session, &count);
    if (shown == nullptr || count == 0) {
        if (material.auth == ClientAuth::verify_if_given)
            return {};
        throw HttpError(403, "the client has shown no certificate", "certificate");
    }
    if (material.auth == ClientAuth::require)
        return {};
    if (!is_verified(session))
        throw HttpError(403, "the client's certificate is not of an authority in client_ca_file",
                        "certificate");
    std::vector<std::string> names = Certificate(shown[0]).names();
    const bool allowed =
        material.allowed_sans.empty() ||
        std::any_of(names.begin(), names.end(), [&](const std::string& name) {
            return std::find(material.allowed_sans.begin(), material.allowed_sans.end(), name) !=
                   material.allowed_sans.end();
        });
    if (!allowed)
        throw HttpError(403, "the client's certificate has no name of client_allowed_sans",
                        "certificate");
    return names;
}

} // namespace dynmon::serve
