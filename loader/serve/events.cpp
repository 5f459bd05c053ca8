// SPDX-License-Identifier: BSD-2-Clause
#include "serve/events.hpp"

#include <cerrno>
#include <charconv>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "control/window.hpp"
#include "format/sink.hpp"
#include "serve/faults.hpp"
#include "serve/snapshots.hpp"
#include "source/stream.hpp"

namespace dynmon::serve {

namespace {

// What comes out of a pipe, line by line where each becomes an event of its own.
// https://html.spec.whatwg.org/multipage/server-sent-events.html
class PipeContent final : public Content {
public:
    PipeContent(Fd fd, bool server_sent, std::shared_ptr<std::atomic<bool>> stopped)
        : fd_(std::move(fd)), server_sent_(server_sent), stopped_(std::move(stopped)) {}
    ~PipeContent() override { stopped_->store(true); }

    std::optional<std::uint64_t> size() const override { return std::nullopt; }
    bool ended() const override { return ended_; }
    int fd() const override { return fd_.get(); }

    std::optional<std::size_t> read(std::uint64_t, char* into, std::size_t most) override {
        if (!server_sent_)
            return fill(into, most);
        if (ready_.empty())
            frame(most);
        const std::size_t count = std::min(most, ready_.size());
        ready_.copy(into, count);
        ready_.erase(0, count);
        return count;
    }

private:
    std::optional<std::size_t> fill(char* into, std::size_t most) {
        const ssize_t got = ::read(fd_.get(), into, most);
        ended_ = got == 0;
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            return std::nullopt;
        return got < 0 ? 0 : static_cast<std::size_t>(got);
    }

    void frame(std::size_t most) {
        std::string piece(most, '\0');
        piece.resize(fill(piece.data(), piece.size()).value_or(0));
        for (const char c : piece) {
            if (c != '\n') {
                line_ += c;
                continue;
            }
            ready_ += "data: " + line_ + "\n\n";
            line_.clear();
        }
    }

    Fd fd_;
    bool server_sent_;
    bool ended_ = false;
    std::string line_;
    std::string ready_;
    std::shared_ptr<std::atomic<bool>> stopped_;
};

std::vector<std::string> columns_of(const std::string& text) {
    std::vector<std::string> columns;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(',', at), text.size());
        columns.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return columns;
}

StreamOptions options_of(const Target& target) {
    StreamOptions options;
    options.where = target.parameter("where");
    options.columns = columns_of(target.parameter("columns"));
    const std::string count = target.parameter("count");
    const auto [end, fault] =
        std::from_chars(count.data(), count.data() + count.size(), options.count);
    if (!count.empty() && (fault != std::errc() || end != count.data() + count.size()))
        throw HttpError(400, "'" + count + "' is no number", "count");
    return options;
}

} // namespace

EventStreams::~EventStreams() {
    for (const auto& stream : streams_) {
        stream->stopped = true;
        stream->thread.join();
    }
}

void EventStreams::reap() {
    std::erase_if(streams_, [](const auto& stream) {
        if (!stream->over)
            return false;
        stream->thread.join();
        return true;
    });
}

Reply EventStreams::open(const Match& match, const Request& request) {
    const std::lock_guard lock(mutex_);
    reap();
    if (streams_.size() >= most)
        throw HttpError(503, "there are " + std::to_string(most) + " streams already")
            .with("Retry-After", "10");
    require_known(settings_, match.name("monitor"));
    FoundMap map =
        map_of_monitor(settings_.open_store(false), match.name("monitor"), match.name("map"));
    StreamOptions options = options_of(request.target);
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0)
        throw Error(ErrorKind::failed, "make a pipe", errno);
    Fd out(ends[1]);
    Fd in(ends[0]);
    ::fcntl(in.get(), F_SETFL, O_NONBLOCK);
    const std::string accept = request.header("accept");
    const bool server_sent = accept.find("text/event-stream") != std::string::npos &&
                             quality_of(accept, "text/event-stream") > 0;
    auto stream = std::make_shared<Stream>();
    std::shared_ptr<std::atomic<bool>> stopped(stream, &stream->stopped);
    stream->thread = std::thread([stream = stream.get(), map = std::move(map),
                                  options = std::move(options), out = std::move(out)] {
        try {
            Sink sink(out.get());
            stream_events(map, options, sink, [&] { return stream->stopped.load(); });
        } catch (const std::exception& fault) {
            if (!stream->stopped) // else it is our own end of the pipe that is closed
                log::warn("a stream of events ends: " + std::string(fault.what()));
        }
        stream->over = true;
    });
    streams_.push_back(stream);
    Reply reply{.type = server_sent ? "text/event-stream" : "application/jsonl"};
    reply.content = std::make_shared<PipeContent>(std::move(in), server_sent, std::move(stopped));
    reply.headers = {{"Vary", "Accept"}};
    return reply;
}

} // namespace dynmon::serve
