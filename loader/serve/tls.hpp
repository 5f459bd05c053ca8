// SPDX-License-Identifier: BSD-2-Clause
// What TLS needs from files, and what a client's certificate says.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dynmon::serve {

enum class ClientAuth {
    none,            // NoClientCert
    request,         // RequestClientCert: asked for, not looked at
    require,         // RequireAnyClientCert: there, not looked at
    verify_if_given, // VerifyClientCertIfGiven
    verify,          // RequireAndVerifyClientCert
};

struct TlsMaterial {
    std::string certificate; // PEM, with the chain
    std::string key;         // PEM
    std::string client_ca;   // PEM; "": none
    std::string priorities;  // of GnuTLS
    ClientAuth auth = ClientAuth::none;
    std::vector<std::string> allowed_sans; // empty: any
};

// Where the material of a new connection comes from.
class TlsSource {
public:
    virtual ~TlsSource() = default;
    // Changes when the files do. Throws Error for files that cannot be used.
    virtual std::uint64_t version() = 0;
    virtual const TlsMaterial& material() = 0; // of that version
};

// What a session's client has shown. `session` is a gnutls_session_t. Throws HttpError{403} when it
// is not what `material` asks for; the names are those of a certificate that was verified.
std::vector<std::string> client_names(void* session, const TlsMaterial& material);

} // namespace dynmon::serve
