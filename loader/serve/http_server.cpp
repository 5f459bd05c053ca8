// SPDX-License-Identifier: BSD-2-Clause
#include "serve/http_server.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <microhttpd.h>
#include <poll.h>

#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "serve/faults.hpp"
#include "serve/tls.hpp"

namespace dynmon::serve {

namespace {

using Clock = ConnectionTable::Clock;

// What we know of a connection, for as long as the library has it.
struct Link {
    ConnectionTable::Id id = 0;
    int fd = -1; // the library's
    Peer peer;
    const TlsMaterial* tls = nullptr; // null: not encrypted
};

// A request, from its first line until the library is done with it.
struct Exchange {
    std::string target; // as it came
    Link* link = nullptr;
    MHD_Connection* connection = nullptr; // null: it is over
    Clock::time_point began;
    bool has_header = false;
    bool has_body = false;   // all of it
    bool suspended = false;  // waits for its answer
    bool over_limit = false; // its body is longer than it may be
    bool queued = false;     // an answer was given to the library
    bool left = false;       // the client of a stream has gone
    int status = 0;
    Request request;
    std::optional<Reply> reply;
};

// Answers that other threads have made.
class Arrivals {
public:
    Arrivals() : wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
        if (!wake_)
            throw Error(ErrorKind::failed, "make an eventfd", errno);
    }
    int fd() const { return wake_.get(); }

    void add(std::shared_ptr<Exchange> exchange, Reply reply) {
        {
            const std::lock_guard lock(mutex_);
            waiting_.emplace_back(std::move(exchange), std::move(reply));
        }
        const std::uint64_t one = 1;
        static_cast<void>(::write(wake_.get(), &one, sizeof one) == sizeof one);
    }

    std::deque<std::pair<std::shared_ptr<Exchange>, Reply>> take() {
        std::uint64_t count = 0;
        static_cast<void>(::read(wake_.get(), &count, sizeof count) == sizeof count);
        const std::lock_guard lock(mutex_);
        return std::exchange(waiting_, {});
    }

private:
    Fd wake_;
    std::mutex mutex_;
    std::deque<std::pair<std::shared_ptr<Exchange>, Reply>> waiting_;
};

// What the library hands a content reader.
struct Reading {
    std::shared_ptr<Content> content;
    std::shared_ptr<Exchange> exchange;
};

// Headers whose second appearance would let two programs see two requests in one.
constexpr const char* single_headers[] = {"host", "content-length", "transfer-encoding",
                                          "authorization", "content-type"};

struct HeaderSum {
    Request* request;
    std::size_t bytes = 0;
    std::string twice;
};

MHD_Result note_header(void* into, MHD_ValueKind, const char* key, const char* value) {
    auto& sum = *static_cast<HeaderSum*>(into);
    const std::string name = lower_case(key);
    const std::string text = value == nullptr ? "" : value;
    sum.bytes += name.size() + text.size() + 4; // ": " and CR LF
    const auto [at, fresh] = sum.request->headers.emplace(name, text);
    if (fresh)
        return MHD_YES;
    if (std::find(std::begin(single_headers), std::end(single_headers), name) !=
        std::end(single_headers))
        sum.twice = name;
    at->second += ", " + text;
    return MHD_YES;
}

void require_plain_framing(const Request& request, std::size_t most_body) {
    const std::string length = request.header("content-length");
    const std::string coding = lower_case(request.header("transfer-encoding"));
    if (!coding.empty() && (coding != "chunked" || !length.empty()))
        throw HttpError(400, "the body is framed in a way that can be read as two requests",
                        "transfer-encoding");
    if (length.empty())
        return;
    if (!std::all_of(length.begin(), length.end(), [](char c) { return c >= '0' && c <= '9'; }))
        throw HttpError(400, "the length of the body is not a number", "content-length");
    if (length.size() > 10 || std::stoull(length) > most_body)
        throw HttpError(413, "the body is longer than " + std::to_string(most_body) + " bytes",
                        "content-length");
}

} // namespace

class HttpServer::Loop {
public:
    Loop(ServerOptions options, std::vector<Listener> listeners, Handler& handler, TlsSource* tls)
        : options_(std::move(options)), listeners_(std::move(listeners)), handler_(handler),
          tls_(tls), table_(options_.limits), arrivals_(std::make_shared<Arrivals>()) {
        plain_ = start(nullptr);
    }

    ~Loop() {
        for (const auto& exchange : exchanges_)
            if (exchange.second->suspended && exchange.second->connection != nullptr)
                MHD_resume_connection(exchange.second->connection);
        for (const auto& daemon : daemons_) {
            MHD_stop_daemon(daemon->handle); // which calls back meanwhile
            daemon->handle = nullptr;
        }
        remove_sockets();
    }

    void run(int stop) {
        idle_since_ = Clock::now();
        while (true) {
            const bool stopped = wait(stop);
            for (const auto& [exchange, reply] : arrivals_->take())
                arrived(exchange, reply);
            for (const Listener& listener : listeners_)
                accept_all(listener);
            const Clock::time_point now = Clock::now();
            for (const ConnectionTable::Id id : table_.expired(now))
                expire(id);
            for (const auto& daemon : daemons_)
                MHD_run(daemon->handle);
            drop_old_daemons();
            if (table_.size() > 0 || !exchanges_.empty())
                idle_since_ = Clock::now();
            if (stopped)
                return finish();
            if (options_.idle_exit.count() > 0 && Clock::now() - idle_since_ >= options_.idle_exit)
                return;
        }
    }

    ServerCounters counters() const {
        return {.accepted = accepted_,
                .refused = refused_,
                .evicted = evicted_,
                .expired = expired_,
                .open = open_};
    }

private:
    struct Daemon {
        MHD_Daemon* handle = nullptr;
        int epoll = -1;
        std::optional<TlsMaterial> tls;
        std::size_t connections = 0;

        ~Daemon() {
            if (handle != nullptr)
                MHD_stop_daemon(handle);
        }
    };

    // For connections that are not encrypted, or for those with this material.
    Daemon* start(const TlsMaterial* tls) {
        auto daemon = std::make_unique<Daemon>();
        unsigned flags =
            MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME;
        std::vector<MHD_OptionItem> more;
        if (tls != nullptr) {
            daemon->tls = *tls;
            flags |= MHD_USE_TLS;
            const auto add = [&](MHD_OPTION option, std::string& text) {
                if (!text.empty())
                    more.push_back({option, 0, text.data()});
            };
            add(MHD_OPTION_HTTPS_MEM_KEY, daemon->tls->key);
            add(MHD_OPTION_HTTPS_MEM_CERT, daemon->tls->certificate);
            add(MHD_OPTION_HTTPS_MEM_TRUST, daemon->tls->client_ca);
            add(MHD_OPTION_HTTPS_PRIORITIES, daemon->tls->priorities);
        }
        more.push_back({MHD_OPTION_END, 0, nullptr});
        daemon->handle = MHD_start_daemon(
            flags, 0, nullptr, nullptr, &Loop::on_request, this, MHD_OPTION_ARRAY, more.data(),
            MHD_OPTION_CONNECTION_LIMIT, static_cast<unsigned>(2 * options_.limits.all),
            MHD_OPTION_CONNECTION_MEMORY_LIMIT, 2 * options_.most_header,
            MHD_OPTION_CONNECTION_TIMEOUT, 60u, MHD_OPTION_STRICT_FOR_CLIENT, 1,
            MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_UNESCAPE_CALLBACK, &Loop::on_unescape,
            nullptr, MHD_OPTION_URI_LOG_CALLBACK, &Loop::on_target, this,
            MHD_OPTION_NOTIFY_COMPLETED, &Loop::on_completed, this, MHD_OPTION_NOTIFY_CONNECTION,
            &Loop::on_connection, this, MHD_OPTION_END);
        if (daemon->handle == nullptr)
            throw Error(ErrorKind::failed,
                        tls == nullptr ? "start the HTTP server" : "start the HTTPS server")
                .hint(tls == nullptr ? "" : "cert_file and key_file have to belong together");
        daemon->epoll = MHD_get_daemon_info(daemon->handle, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
        daemons_.push_back(std::move(daemon));
        return daemons_.back().get();
    }

    // Whether `stop` can be read.
    bool wait(int stop) {
        std::vector<pollfd> waiting{{stop, POLLIN, 0}, {arrivals_->fd(), POLLIN, 0}};
        for (const Listener& listener : listeners_)
            waiting.push_back({listener.fd.get(), POLLIN, 0});
        for (const auto& daemon : daemons_)
            waiting.push_back({daemon->epoll, POLLIN, 0});
        const std::size_t streams_at = waiting.size();
        const std::vector<std::shared_ptr<Exchange>> streams = suspended_streams();
        for (const auto& stream : streams) { // the library does not look at what is suspended
            waiting.push_back({stream->reply->content->fd(), POLLIN, 0});
            waiting.push_back({stream->link->fd, POLLRDHUP, 0});
        }
        while (::poll(waiting.data(), waiting.size(), patience()) < 0)
            if (errno != EINTR)
                throw Error(ErrorKind::failed, "wait for connections", errno);
        for (std::size_t i = 0; i < streams.size(); ++i) {
            streams[i]->left = waiting[streams_at + 2 * i + 1].revents != 0;
            if (streams[i]->left || waiting[streams_at + 2 * i].revents != 0)
                resume(*streams[i]);
        }
        return waiting.front().revents != 0;
    }

    std::vector<std::shared_ptr<Exchange>> suspended_streams() const {
        std::vector<std::shared_ptr<Exchange>> found;
        for (const auto& [key, exchange] : exchanges_)
            if (exchange->suspended && exchange->queued && exchange->link != nullptr)
                found.push_back(exchange);
        return found;
    }

    int patience() const {
        using std::chrono::milliseconds;
        milliseconds most{60'000};
        for (const auto& daemon : daemons_) {
            MHD_UNSIGNED_LONG_LONG asked = 0;
            if (MHD_get_timeout(daemon->handle, &asked) == MHD_YES)
                most = std::min(most, milliseconds(static_cast<std::int64_t>(
                                          std::min<MHD_UNSIGNED_LONG_LONG>(asked, 60'000))));
        }
        const auto until = [](Clock::time_point when) {
            return std::max(std::chrono::ceil<milliseconds>(when - Clock::now()), milliseconds(0));
        };
        if (const auto next = table_.next_deadline(); next && *next != Clock::time_point::max())
            most = std::min(most, until(*next));
        if (options_.idle_exit.count() > 0 && table_.size() == 0)
            most = std::min(most, until(idle_since_ + options_.idle_exit));
        return static_cast<int>(most.count());
    }

    void accept_all(const Listener& listener) {
        constexpr int at_once = 64; // then others have their turn
        for (int i = 0; i < at_once; ++i) {
            Accepted accepted = accept_on(listener);
            if (!accepted.fd)
                return;
            ++accepted_;
            add(listener, std::move(accepted));
        }
    }

    void add(const Listener& listener, Accepted accepted) {
        Daemon* const daemon = daemon_for(listener);
        if (daemon == nullptr)
            return;
        const auto admission = table_.admit(accepted.peer.key, Clock::now());
        if (admission.evict) {
            ++evicted_;
            hang_up(*admission.evict);
        }
        if (!admission.id) {
            ++refused_;
            return;
        }
        open_ = table_.size();
        auto link = std::make_unique<Link>();
        link->id = *admission.id;
        link->fd = accepted.fd.get();
        link->peer = std::move(accepted.peer);
        link->tls = daemon->tls ? &*daemon->tls : nullptr;
        const ConnectionTable::Id id = link->id;
        const int fd = link->fd;
        pending_[fd] = std::move(link);
        static_cast<void>(accepted.fd.release()); // closes it, whatever it answers
        if (MHD_add_connection(daemon->handle, fd,
                               reinterpret_cast<const sockaddr*>(accepted.address.data()),
                               static_cast<socklen_t>(accepted.address.size())) != MHD_YES) {
            pending_.erase(fd);
            table_.closed(id);
        }
    }

    // The one with the certificates of now: files are looked at with each connection.
    Daemon* daemon_for(const Listener& listener) {
        if (tls_ == nullptr || listener.local)
            return plain_;
        try {
            const std::uint64_t version = tls_->version();
            if (encrypted_ == nullptr || version != tls_version_) {
                encrypted_ = start(&tls_->material());
                tls_version_ = version;
            }
            return encrypted_;
        } catch (const Error& error) {
            log::warn(std::string("a connection is refused: ") + error.what());
            return nullptr;
        }
    }

    void drop_old_daemons() {
        std::erase_if(daemons_, [&](const auto& daemon) {
            return daemon.get() != plain_ && daemon.get() != encrypted_ && daemon->connections == 0;
        });
    }

    void hang_up(ConnectionTable::Id id) {
        for (const auto& [fd, link] : pending_)
            if (link->id == id)
                ::shutdown(fd, SHUT_RDWR);
        if (const auto found = links_.find(id); found != links_.end())
            ::shutdown(found->second->fd, SHUT_RDWR);
    }

    // A client that still waits gets an answer that says so.
    void expire(ConnectionTable::Id id) {
        ++expired_;
        for (const auto& [key, exchange] : exchanges_) {
            if (exchange->link == nullptr || exchange->link->id != id || !exchange->suspended ||
                exchange->queued)
                continue;
            exchange->reply = error_reply(HttpError(503, "the answer took too long")
                                              .with("Retry-After", "5")
                                              .with("Connection", "close"));
            return resume(*exchange);
        }
        hang_up(id);
    }

    void resume(Exchange& exchange) {
        if (exchange.connection == nullptr || !exchange.suspended)
            return;
        exchange.suspended = false;
        MHD_resume_connection(exchange.connection);
    }

    void arrived(const std::shared_ptr<Exchange>& exchange, const Reply& reply) {
        if (!exchange->reply)
            exchange->reply = reply;
        resume(*exchange);
    }

    void remove_sockets() const {
        for (const Listener& listener : listeners_)
            if (!listener.path.empty())
                ::unlink(listener.path.c_str());
    }

    // What was begun is finished, within reason.
    void finish() {
        remove_sockets();
        listeners_.clear();
        const Clock::time_point end = Clock::now() + std::chrono::seconds(1);
        const auto at_work = [&] {
            return std::any_of(exchanges_.begin(), exchanges_.end(), [](const auto& each) {
                return each.second->has_header && !each.second->request.target.segments.empty();
            });
        };
        while (at_work() && Clock::now() < end) {
            wait_briefly();
            for (const auto& [exchange, reply] : arrivals_->take())
                arrived(exchange, reply);
            for (const auto& daemon : daemons_)
                MHD_run(daemon->handle);
        }
    }

    void wait_briefly() {
        std::vector<pollfd> waiting{{arrivals_->fd(), POLLIN, 0}};
        for (const auto& daemon : daemons_)
            waiting.push_back({daemon->epoll, POLLIN, 0});
        ::poll(waiting.data(), waiting.size(), std::min(patience(), 50));
    }

    // What the library calls

    static std::size_t on_unescape(void*, MHD_Connection*, char* text) {
        return std::strlen(text); // parse_target() decodes, once
    }

    static void* on_target(void* self, const char* target, MHD_Connection* connection) {
        auto exchange = std::make_shared<Exchange>();
        exchange->target = target;
        exchange->connection = connection;
        exchange->began = Clock::now();
        exchange->link = link_of(connection);
        Exchange* const key = exchange.get();
        static_cast<Loop*>(self)->exchanges_.emplace(key, std::move(exchange));
        return key;
    }

    static void on_connection(void* self, MHD_Connection* connection, void** context,
                              MHD_ConnectionNotificationCode code) {
        auto& loop = *static_cast<Loop*>(self);
        if (code == MHD_CONNECTION_NOTIFY_STARTED) {
            const int fd =
                MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
            const auto found = loop.pending_.find(fd);
            if (found == loop.pending_.end())
                return;
            *context = found->second.get();
            loop.links_[found->second->id] = std::move(found->second);
            loop.pending_.erase(found);
            ++loop.daemon_of(connection).connections;
        } else if (const auto* link = static_cast<Link*>(*context)) {
            --loop.daemon_of(connection).connections;
            loop.table_.closed(link->id);
            loop.open_ = loop.table_.size();
            std::erase_if(loop.exchanges_,
                          [&](const auto& each) { return each.second->link == link; });
            *context = nullptr;
            loop.links_.erase(link->id);
        }
    }

    static void on_completed(void* self, MHD_Connection*, void** context,
                             MHD_RequestTerminationCode) {
        auto& loop = *static_cast<Loop*>(self);
        const auto found = loop.exchanges_.find(static_cast<Exchange*>(*context));
        if (found == loop.exchanges_.end())
            return;
        Exchange& exchange = *found->second;
        exchange.connection = nullptr;
        const auto now = Clock::now();
        if (exchange.link != nullptr)
            loop.table_.answered(exchange.link->id, now);
        if (exchange.status != 0)
            loop.handler_.answered(exchange.request, exchange.status,
                                   std::chrono::duration<double>(now - exchange.began).count());
        loop.exchanges_.erase(found);
        *context = nullptr;
    }

    static MHD_Result on_request(void* self, MHD_Connection*, const char*, const char* method,
                                 const char*, const char* data, std::size_t* size, void** context) {
        auto& loop = *static_cast<Loop*>(self);
        const auto found = loop.exchanges_.find(static_cast<Exchange*>(*context));
        if (found == loop.exchanges_.end())
            return MHD_NO;
        const std::shared_ptr<Exchange> exchange = found->second;
        if (!exchange->has_header)
            return loop.take_header(*exchange, method);
        if (*size > 0) {
            if (exchange->request.body.size() + *size > loop.options_.most_body)
                exchange->over_limit = true;
            else if (!exchange->reply)
                exchange->request.body.append(data, *size);
            *size = 0;
            return MHD_YES;
        }
        return loop.answer(exchange);
    }

    MHD_Result take_header(Exchange& exchange, const char* method) {
        exchange.has_header = true;
        Request& request = exchange.request;
        request.method = method;
        if (exchange.link == nullptr)
            return MHD_NO;
        request.peer = exchange.link->peer;
        bool is_framed = false; // where its body ends is known
        try {
            check_framing(exchange);
            is_framed = true;
            check_header(exchange);
        } catch (const std::exception& fault) {
            exchange.reply = error_reply(http_error(fault));
        }
        const std::string length = request.header("content-length");
        const bool has_body =
            (!length.empty() && length != "0") || !request.header("transfer-encoding").empty();
        table_.header_done(exchange.link->id, Clock::now(), has_body);
        // A client that still sends its body would not read an answer before that.
        return exchange.reply && !(has_body && is_framed) ? queue(exchange) : MHD_YES;
    }

    void check_framing(Exchange& exchange) const {
        Request& request = exchange.request;
        HeaderSum sum{.request = &request, .bytes = exchange.target.size(), .twice = ""};
        MHD_get_connection_values(exchange.connection, MHD_HEADER_KIND, &note_header, &sum);
        if (sum.bytes > options_.most_header)
            throw HttpError(431, "the header is longer than " +
                                     std::to_string(options_.most_header) + " bytes");
        if (!sum.twice.empty())
            throw HttpError(400, "the header '" + sum.twice + "' stands there twice", sum.twice);
        require_plain_framing(request, options_.most_body);
    }

    void check_header(Exchange& exchange) {
        Request& request = exchange.request;
        if (!request.peer.local && is_foreign_host(request.header("host"), options_.host_names))
            throw HttpError(421,
                            "this server does not have the name '" + request.header("host") + "'",
                            "host", "use its address, or name it with --host");
        request.target = parse_target(exchange.target);
        if (options_.only_reads && !request.reads())
            throw HttpError(405, "this server only answers GET and HEAD", "method",
                            "the server with --role control takes others")
                .with("Allow", "GET, HEAD");
        if (exchange.link->tls != nullptr) {
            request.peer.tls = true;
            const auto* info =
                MHD_get_connection_info(exchange.connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
            request.peer.names = client_names(info->tls_session, *exchange.link->tls);
        }
        handler_.admit(request);
    }

    MHD_Result answer(const std::shared_ptr<Exchange>& exchange) {
        if (!exchange->has_body) {
            exchange->has_body = true;
            table_.body_done(exchange->link->id);
            if (!exchange->reply)
                hand_over(exchange);
        }
        if (exchange->reply)
            return queue(*exchange);
        exchange->suspended = true;
        MHD_suspend_connection(exchange->connection);
        return MHD_YES;
    }

    void hand_over(const std::shared_ptr<Exchange>& exchange) {
        try {
            if (exchange->over_limit)
                throw HttpError(
                    413, "the body is longer than " + std::to_string(options_.most_body) + " bytes",
                    "body");
            // An answer from this very call needs no detour.
            auto direct = std::make_shared<std::atomic<Exchange*>>(exchange.get());
            const auto here = std::this_thread::get_id();
            handler_.handle(exchange->request,
                            [arrivals = arrivals_, exchange, direct, here](Reply reply) {
                                Exchange* const at_once =
                                    std::this_thread::get_id() == here ? direct->load() : nullptr;
                                if (at_once != nullptr)
                                    at_once->reply = std::move(reply);
                                else
                                    arrivals->add(exchange, std::move(reply));
                            });
            direct->store(nullptr);
        } catch (const std::exception& fault) {
            exchange->reply = error_reply(http_error(fault));
        }
    }

    MHD_Result queue(Exchange& exchange) {
        const Reply& reply = *exchange.reply;
        MHD_Response* const response = make_response(exchange, reply);
        if (response == nullptr)
            return MHD_NO;
        MHD_add_response_header(response, "Content-Type", reply.type.c_str());
        MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
        MHD_add_response_header(response, "Cache-Control", "no-store");
        for (const auto& [name, value] : reply.headers)
            MHD_add_response_header(response, name.c_str(), value.c_str());
        exchange.queued = true;
        exchange.status = reply.status;
        const MHD_Result result =
            MHD_queue_response(exchange.connection, static_cast<unsigned>(reply.status), response);
        MHD_destroy_response(response);
        return result;
    }

    MHD_Response* make_response(Exchange& exchange, const Reply& reply) {
        if (reply.status == 204 || reply.status == 304)
            return MHD_create_response_from_buffer(0, nullptr, MHD_RESPMEM_PERSISTENT);
        if (!reply.content)
            return MHD_create_response_from_buffer(
                reply.text.size(), const_cast<char*>(reply.text.data()), MHD_RESPMEM_MUST_COPY);
        constexpr std::size_t piece = 16384;
        const auto size = reply.content->size();
        if (!size)
            table_.unlimited(exchange.link->id);
        auto reading = std::make_unique<Reading>(Reading{reply.content, exchanges_.at(&exchange)});
        MHD_Response* const response = MHD_create_response_from_callback(
            size.value_or(MHD_SIZE_UNKNOWN), piece, &Loop::on_content, reading.get(),
            [](void* done) { delete static_cast<Reading*>(done); });
        if (response == nullptr)
            return nullptr;
        static_cast<void>(reading.release()); // the response's
        return response;
    }

    static ssize_t on_content(void* context, std::uint64_t at, char* into, std::size_t most) {
        const auto& reading = *static_cast<Reading*>(context);
        const auto got = reading.content->read(at, into, most);
        if (!got)
            return MHD_CONTENT_READER_END_WITH_ERROR;
        if (*got > 0)
            return static_cast<ssize_t>(*got);
        if (reading.content->ended())
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (reading.exchange->left)
            return MHD_CONTENT_READER_END_WITH_ERROR;
        reading.exchange->suspended = true;
        MHD_suspend_connection(reading.exchange->connection);
        return 0;
    }

    static Link* link_of(MHD_Connection* connection) {
        return static_cast<Link*>(
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
                ->socket_context);
    }

    Daemon& daemon_of(MHD_Connection* connection) {
        MHD_Daemon* const handle =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_DAEMON)->daemon;
        return **std::find_if(daemons_.begin(), daemons_.end(),
                              [&](const auto& each) { return each->handle == handle; });
    }

    ServerOptions options_;
    std::vector<Listener> listeners_;
    Handler& handler_;
    TlsSource* tls_;
    ConnectionTable table_;
    std::shared_ptr<Arrivals> arrivals_; // shared with answers that other threads still make
    std::atomic<std::uint64_t> accepted_ = 0, refused_ = 0, evicted_ = 0, expired_ = 0;
    std::atomic<std::size_t> open_ = 0;
    Clock::time_point idle_since_;
    std::map<int, std::unique_ptr<Link>> pending_; // that the library has not begun with
    std::map<ConnectionTable::Id, std::unique_ptr<Link>> links_;
    std::map<Exchange*, std::shared_ptr<Exchange>> exchanges_;
    Daemon* plain_ = nullptr;
    Daemon* encrypted_ = nullptr;
    std::uint64_t tls_version_ = 0;
    std::vector<std::unique_ptr<Daemon>> daemons_; // go first: they call back
};

HttpServer::HttpServer(ServerOptions options, std::vector<Listener> listeners, Handler& handler,
                       TlsSource* tls)
    : loop_(std::make_unique<Loop>(std::move(options), std::move(listeners), handler, tls)) {}

HttpServer::~HttpServer() = default;

void HttpServer::run(int stop) {
    loop_->run(stop);
}

ServerCounters HttpServer::counters() const {
    return loop_->counters();
}

} // namespace dynmon::serve
