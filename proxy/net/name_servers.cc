#include "net/name_servers.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <random>

#include "async/join.h"
#include "base/text.h"

namespace caisson::net {

namespace {

using namespace std::chrono_literals;

constexpr Milliseconds resend_after = 5s;
constexpr Milliseconds pause_after_refusal = 500ms;
constexpr unsigned most_aliases = 50;  // NGX_RESOLVER_MAX_RECURSION
// Names come out of requests: what is kept has a bound.
constexpr std::size_t most_names = 1000;
constexpr std::size_t largest_datagram = 4096;

// Ids that cannot be guessed; the kernel chooses the port of each exchange by chance, too.
std::uint16_t random_id() {
  static thread_local std::random_device source;
  return static_cast<std::uint16_t>(source());
}

Fd connected_udp(const Address& server) {
  Fd fd(::socket(server.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), server.get(), server.size()) != 0) return {};
  return fd;
}

// The next datagram; nothing when none is there; empty when the server does not listen.
std::optional<std::string> receive_now(int fd) {
  std::string datagram(largest_datagram, '\0');
  const ssize_t n = ::recv(fd, datagram.data(), datagram.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return std::nullopt;
  datagram.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  return datagram;
}

Milliseconds until(std::chrono::steady_clock::time_point when) {
  return std::chrono::duration_cast<Milliseconds>(when - std::chrono::steady_clock::now());
}

}  // namespace

// A name that is known, or being looked up.
struct NameServers::Entry {
  std::vector<Address> addresses;
  std::string failure;  // in nginx's words, when `addresses` is empty
  Clock::time_point fresh_until;
  Clock::time_point wanted_until;  // somebody waits until then
  bool looking = false;
  async::Signal done;
};

async::Task<Result<std::vector<Address>>> NameServers::resolve(std::string host, std::uint16_t port,
                                                               Milliseconds limit) {
  host = text::lowered(host);
  if (host.ends_with('.')) host.pop_back();
  if (entries_.size() >= most_names) forget_old();
  std::shared_ptr<Entry>& known = entries_[host];
  if (!known) known = std::make_shared<Entry>();
  const std::shared_ptr<Entry> entry = known;
  const auto now = Clock::now();
  if (entry->looking || entry->addresses.empty() || now >= entry->fresh_until) {
    entry->wanted_until = std::max(entry->wanted_until, now + limit);
    if (!entry->looking) {
      entry->looking = true;
      entry->done.reset();
      // On its own: whoever asks first may be cancelled, while others wait for the same answer.
      loop_.spawn(look_up(host, entry));
    }
    auto waiting = [](async::Signal& done) -> async::Task<void> { co_await done.wait(); };
    bool in_time = true;
    try {
      co_await async::with_deadline(limit, waiting(entry->done));
    } catch (const async::TimedOut&) {
      in_time = false;
    }
    if (!in_time) co_return Error{ErrorCode::Io, "110: Operation timed out"};
  }
  if (entry->addresses.empty()) co_return Error{ErrorCode::NotFound, entry->failure};
  std::vector<Address> addresses = entry->addresses;
  std::rotate(addresses.begin(), addresses.begin() + static_cast<std::ptrdiff_t>(turn_++ % addresses.size()),
              addresses.end());
  for (Address& address : addresses) address.set_port(port);
  co_return addresses;
}

void NameServers::forget_old() {
  const auto now = Clock::now();
  std::erase_if(entries_, [&](const auto& one) { return !one.second->looking && now >= one.second->fresh_until; });
  if (entries_.size() < most_names) return;
  std::erase_if(entries_, [](const auto& one) { return !one.second->looking; });
}

async::Task<void> NameServers::look_up(std::string host, std::shared_ptr<Entry> entry) {
  Found found;
  try {
    found = co_await follow(host, *entry);
  } catch (const async::Cancelled&) {
  }
  entry->addresses = std::move(found.addresses);
  const std::chrono::seconds kept = settings_.valid.value_or(std::chrono::seconds(found.ttl.value_or(0)));
  entry->fresh_until = Clock::now() + kept;
  if (entry->addresses.empty()) {
    const bool nothing = found.code == dns::Code::Good;  // there is such a name, without any address
    entry->failure =
        !found.code ? "110: Operation timed out" : dns::describe(nothing ? dns::Code::NoSuchName : *found.code);
  }
  entry->looking = false;
  entry->done.set();
}

// Asks for the name, and for what it is an alias of.
async::Task<NameServers::Found> NameServers::follow(std::string host, const Entry& entry) {
  Found found;
  std::optional<std::uint32_t> ttl;
  unsigned aliases = 0;
  do {
    found = co_await ask(host, entry);
    if (found.ttl) ttl = std::min(ttl.value_or(*found.ttl), *found.ttl);
    found.ttl = ttl;
    host = found.alias;
  } while (found.addresses.empty() && !host.empty() && ++aliases < most_aliases);
  co_return found;
}

std::optional<std::vector<NameServers::Question>> NameServers::questions_for(const std::string& host) const {
  std::vector<Question> questions;
  for (const dns::Type type : {dns::Type::A, dns::Type::Aaaa}) {
    if (type == dns::Type::A ? !settings_.ipv4 : !settings_.ipv6) continue;
    Question question{random_id(), type, {}, {}};
    auto bytes = dns::query(question.id, host, type);
    if (!bytes) return std::nullopt;
    question.bytes = std::move(*bytes);
    questions.push_back(std::move(question));
  }
  return questions;
}

NameServers::Found NameServers::sum_of(const std::vector<Question>& questions) {
  Found found;
  bool whole = true;
  for (const Question& question : questions) {
    if (!question.answer || question.answer->code == dns::Code::FormatError) {
      whole = false;
      continue;
    }
    const dns::Answer& answer = *question.answer;
    // That one could not be answered outweighs that there is nothing of the other.
    if (!found.code || answer.code != dns::Code::Good) found.code = answer.code;
    found.addresses.insert(found.addresses.end(), answer.addresses.begin(), answer.addresses.end());
    if (!answer.alias.empty()) found.alias = answer.alias;
    if (!answer.addresses.empty() || !answer.alias.empty()) {
      found.ttl = std::min(found.ttl.value_or(answer.ttl), answer.ttl);
    }
  }
  if (!found.addresses.empty()) found.code = dns::Code::Good;
  const bool nothing = found.addresses.empty() && found.alias.empty();
  if (!whole && nothing && found.code == dns::Code::Good) found.code.reset();  // the other half may have something
  return found;
}

// One server after the other, until one says something.
async::Task<NameServers::Found> NameServers::ask(std::string host, const Entry& entry) {
  Found found;
  auto questions = questions_for(host);
  if (!questions) {
    found.code = dns::Code::NoSuchName;
    co_return found;
  }
  std::size_t silent = 0;
  while (!found.code && until(entry.wanted_until) > 0ms) {
    const Address& server = settings_.servers[next_server_++ % settings_.servers.size()];
    const auto began = Clock::now();
    co_await ask_server(server, host, *questions);
    found = sum_of(*questions);
    if (found.code) break;
    // All have turned away at once: no use in hurrying.
    const bool round = ++silent % settings_.servers.size() == 0;
    if (round && Clock::now() - began < pause_after_refusal) co_await loop_.sleep_for(pause_after_refusal);
  }
  co_return found;
}

async::Task<void> NameServers::ask_server(const Address& server, const std::string& host,
                                          std::vector<Question>& questions) {
  const Fd socket = connected_udp(server);
  if (!socket) co_return;
  async::Pollable poll(loop_, socket.get());
  for (Question& question : questions) {
    question.answer.reset();
  }
  for (const Question& question : questions) {
    // An error is what the kernel heard of the datagram before: nobody listens there.
    if (::send(socket.get(), question.bytes.data(), question.bytes.size(), 0) < 0) co_return;
  }
  const auto give_up = Clock::now() + resend_after;
  const auto open = [](const Question& question) { return !question.answer; };
  bool going_on = true;
  while (going_on && std::any_of(questions.begin(), questions.end(), open)) {
    const Milliseconds left = until(give_up);
    if (left <= 0ms) co_return;
    try {
      co_await poll.readable(left);
    } catch (const async::TimedOut&) {
      going_on = false;
    }
    std::optional<std::string> datagram = receive_now(socket.get());
    while (datagram && !datagram->empty()) {
      for (Question& question : questions) {
        auto answer = dns::parse_answer(*datagram, host, question.type);
        if (answer && answer->id == question.id && !question.answer) question.answer = std::move(answer);
      }
      datagram = receive_now(socket.get());
    }
    if (datagram) going_on = false;  // nobody listens there
  }
  for (Question& question : questions) {
    const bool cut = question.answer && question.answer->code == dns::Code::Good && question.answer->truncated;
    if (cut) co_await ask_over_tcp(server, host, question);
  }
}

// RFC 1035 section 4.2.2: each message behind its length.
async::Task<void> NameServers::ask_over_tcp(const Address& server, const std::string& host, Question& question) {
  question.answer.reset();
  try {
    Result<Fd> connected = co_await connect(server, resend_after);
    if (!connected.ok()) co_return;
    PlainTransport transport(loop_, std::move(connected).value());
    std::string message{static_cast<char>(question.bytes.size() >> 8), static_cast<char>(question.bytes.size() & 0xff)};
    message += question.bytes;
    co_await transport.write(text::bytes_of(message), resend_after);
    std::string got;
    std::size_t wanted = 2;
    while (got.size() < wanted) {
      std::array<std::byte, largest_datagram> buffer;
      const std::size_t n = co_await transport.read(buffer, resend_after);
      if (n == 0) co_return;
      got += text::view_of(std::span(buffer).first(n));
      if (got.size() >= 2) {
        wanted = 2 + (static_cast<std::size_t>(static_cast<unsigned char>(got[0])) << 8 |
                      static_cast<unsigned char>(got[1]));
      }
    }
    auto answer = dns::parse_answer(std::string_view(got).substr(2, wanted - 2), host, question.type);
    if (answer && answer->id == question.id && !answer->truncated) question.answer = std::move(answer);
  } catch (const ConnectionLost&) {
  } catch (const async::TimedOut&) {
  }
}

}  // namespace caisson::net
