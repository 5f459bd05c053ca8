// SPDX-License-Identifier: BSD-2-Clause
#include "serve/service.hpp"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "serve/api.hpp"
#include "serve/faults.hpp"
#include "serve/openapi.hpp"
#include "serve/polycube.hpp"

namespace dynmon::serve {

namespace {

constexpr const char* openmetrics_type = "application/openmetrics-text";
constexpr const char* text_type = "text/plain";

// From the request on. Clients of Polycube wait for 20 seconds.
constexpr std::chrono::seconds compile_patience{10};

// A reader that takes both alike gets the older text, unless it names the other.
Exposition form_for(const std::string& accept) {
    const double open = quality_of(accept, openmetrics_type, "version=1.0.0");
    const double classic = quality_of(accept, text_type, "version=0.0.4");
    const bool named = accept.find(openmetrics_type) != std::string::npos;
    return named && open > 0 && open >= classic ? Exposition::openmetrics : Exposition::classic;
}

std::string type_of(Exposition form) {
    return form == Exposition::openmetrics
               ? std::string(openmetrics_type) + "; version=1.0.0; charset=utf-8"
               : std::string(text_type) + "; version=0.0.4; charset=utf-8";
}

HttpError no_password() {
    return HttpError(401, "this server wants a user and a password", "authorization")
        .with("WWW-Authenticate", "Basic realm=\"dynmon\", charset=\"UTF-8\"");
}

Reply plain(int status, std::string text) {
    return {.status = status, .type = "text/plain; charset=utf-8", .text = std::move(text)};
}

template <typename Make>
Reply attempt(Make&& make, Reply (*reply_to)(const HttpError&)) {
    try {
        return make();
    } catch (const std::exception& fault) {
        return reply_to(http_error(fault));
    }
}

void log_change(const Request& request, const Reply& reply) {
    log::info(request.peer.key + ": " + request.method + " " + request.target.path() + ": " +
              std::to_string(reply.status));
}

} // namespace

Service::Service(Settings settings, Role role, Guards guards, std::string cubes,
                 CompilerOptions compiler)
    : settings_(std::move(settings)), role_(role), guards_(guards), cubes_(std::move(cubes)),
      streams_(settings_), probes_(settings_, std::move(compiler)), shared_(worker_, statistics_) {}

// Each worker gives jobs to the other one: both are there until neither does.
Service::~Service() {
    worker_.end();
    compiling_.end();
}

Match Service::match_for(const Request& request) const {
    const std::vector<std::string>& path = request.target.segments;
    const bool is_polycube = path.size() >= 2 && path[0] == "polycube" && path[1] == "v1";
    if (role_ != Role::polycube || (!path.empty() && path[0] == "-"))
        return route(request.method, request.target);
    if (!is_polycube)
        throw HttpError(404, "this server has /polycube/v1 only", "path",
                        "the servers of --role read and control have the rest");
    return polycube_match(request.method, request.target);
}

void Service::handle(const Request& request, const Respond& respond) {
    const Match match = match_for(request);
    const std::optional<std::string> hash = unchecked_password(request);
    if (!hash)
        return answer(match, request, respond);
    worker_.add([this, match, request, respond, hash] {
        if (!passwords_.is_right(*Passwords::read(request.header("authorization")), *hash))
            return respond(error_reply(no_password()));
        try {
            answer(match, request, respond);
        } catch (const std::exception& fault) {
            respond(error_reply(http_error(fault)));
        }
    });
}

void Service::answer(const Match& match, const Request& request, const Respond& respond) {
    switch (match.route->endpoint) {
    case Endpoint::metrics:
        return give_metrics(request, respond);
    case Endpoint::healthy:
        return respond(plain(200, "healthy\n"));
    case Endpoint::ready:
        return respond(ready());
    case Endpoint::openapi:
        return respond({.text = openapi_document()});
    case Endpoint::polycube:
        return give_polycube(request, respond);
    case Endpoint::events:
        if (request.method == "HEAD")
            throw HttpError(405, "a stream of events is for GET", "method").with("Allow", "GET");
        return respond(streams_.open(match, request));
    default:
        return match.route->right == Right::read ? look(match, request, respond)
                                                 : change(match, request, respond);
    }
}

void Service::look(const Match& match, const Request& request, const Respond& respond) {
    std::string key = request.target.path();
    for (const auto& [name, value] : request.target.query)
        key += '\n' + name + '=' + value;
    key += "\n" + request.header("if-none-match");
    shared_.give(
        key, [this, match, request] { return api_reply(settings_, match, request); }, respond);
}

void Service::change(const Match& match, const Request& request, const Respond& respond) {
    if (changing_.exchange(true))
        throw HttpError(503, "another change is under way").with("Retry-After", "1");
    worker_.add([this, match, request, respond] {
        const Reply reply =
            attempt([&] { return api_reply(settings_, match, request); }, error_reply);
        log_change(request, reply);
        changing_ = false;
        respond(reply);
    });
}

// One after the other: the clients know no "try again".
void Service::give_polycube(const Request& request, const Respond& respond) {
    const Deadline deadline = std::chrono::steady_clock::now() + compile_patience;
    worker_.add([this, deadline, request, respond] {
        std::optional<NotImported> missing;
        const Reply reply = try_polycube(request, missing);
        if (missing && probes_.compiles())
            return compile_first(*missing, deadline, request, respond);
        if (!request.reads())
            log_change(request, reply);
        respond(reply);
    });
}

Reply Service::try_polycube(const Request& request, std::optional<NotImported>& missing) {
    return attempt(
        [&] {
            try {
                return polycube_reply(settings_, cubes_, probes_, request);
            } catch (const NotImported& fault) {
                missing = fault;
                throw;
            }
        },
        polycube_error);
}

// Meanwhile other requests are answered. Then the request starts again, on what there is by then.
void Service::compile_first(const NotImported& missing, Deadline deadline, const Request& request,
                            const Respond& respond) {
    compiling_.add([this, missing, deadline, request, respond] {
        try {
            probes_.compile(missing, deadline);
        } catch (const std::exception& fault) {
            const Reply reply = polycube_error(http_error(fault));
            log_change(request, reply);
            return respond(reply);
        }
        worker_.add([this, request, respond] {
            std::optional<NotImported> still_missing;
            const Reply reply = try_polycube(request, still_missing);
            log_change(request, reply);
            respond(reply);
        });
    });
}

void Service::admit(const Request& request) {
    const Match match = match_for(request);
    if (role_ == Role::read && match.route->right != Right::read)
        throw HttpError(403, "this server only reads", "path",
                        "the server with --role control does this");
    require_rights(match, request);
}

bool Service::wants_password(const Request& request) const {
    return guards_.web != nullptr && !request.peer.local && !guards_.web->users().empty();
}

void Service::require_rights(const Match& match, const Request& request) {
    if (match.route->endpoint == Endpoint::healthy || match.route->endpoint == Endpoint::ready)
        return;
    if (wants_password(request) && Passwords::read(request.header("authorization")))
        return; // handle() looks at it
    if (guards_.access == nullptr) {
        if (wants_password(request))
            throw no_password();
        return; // whose socket this is decides, or their certificate
    }
    const AccessList* list = nullptr;
    try {
        list = &guards_.access->now();
    } catch (const Error& error) {
        throw HttpError(503, error.what(), "", error.hint());
    }
    require_right(list->grant_for(request), match, request.target);
}

std::optional<std::string> Service::unchecked_password(const Request& request) {
    if (!wants_password(request))
        return std::nullopt;
    const auto shown = Passwords::read(request.header("authorization"));
    if (!shown)
        return std::nullopt;
    const auto user = guards_.web->users().find(shown->user);
    const std::string hash = user == guards_.web->users().end() ? "" : user->second;
    return passwords_.is_remembered(*shown, hash) ? std::nullopt : std::optional(hash);
}

void Service::give_metrics(const Request& request, const Respond& respond) {
    const Exposition form = form_for(request.header("accept"));
    const std::string monitor = request.target.parameter("monitor");
    const std::string own = statistics_.text(form, counters_());
    const char* const kind = form == Exposition::openmetrics ? "openmetrics " : "classic ";
    shared_.give(
        "metrics " + std::string(kind) + monitor,
        [this, form, monitor, own] {
            Reply reply{.type = type_of(form)};
            reply.content = take_exposition(settings_, form, monitor, own);
            reply.headers = {{"Vary", "Accept"}};
            return reply;
        },
        respond);
}

Reply Service::ready() const {
    try {
        settings_.open_store(false);
        return plain(200, "ready\n");
    } catch (const Error& error) {
        return plain(503, "not ready: " + std::string(error.what()) + "\n");
    }
}

void Service::answered(const Request& request, int status, double seconds) {
    std::string handler = "none";
    try {
        handler = match_for(request).route->pattern;
    } catch (const HttpError&) { // what it asked for is not there
    }
    // What clients make up does not become labels.
    constexpr std::string_view known[] = {"GET", "HEAD", "POST", "PUT", "DELETE"};
    const bool is_known =
        std::find(std::begin(known), std::end(known), request.method) != std::end(known);
    statistics_.answered(handler, is_known ? request.method : "other", status, seconds);
}

} // namespace dynmon::serve
