#include "net/resolver.h"

#include <netdb.h>

#include <algorithm>

#include "base/handle.h"

namespace caisson::net {

namespace {

using namespace std::chrono_literals;

constexpr auto failure_lasts = 1s;
// Names may come from requests (proxy_pass with variables): what is kept has a bound.
constexpr std::size_t most_names = 1000;

}  // namespace

Result<Addresses> resolve_blocking(const std::string& host) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;  // else each address comes once per kind of socket
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(host.c_str(), nullptr, &wanted, &found);
  const std::unique_ptr<addrinfo, FreeWith<&::freeaddrinfo>> owner(found);
  if (failure == EAI_NONAME || failure == EAI_NODATA) return Error{ErrorCode::NotFound, "host not found"};
  if (failure != 0) return Error{ErrorCode::Io, std::string("host not found (") + ::gai_strerror(failure) + ')'};
  Addresses addresses;
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    if (a->ai_family != AF_INET && a->ai_family != AF_INET6) continue;
    const Address address = Address::from_sockaddr(a->ai_addr, a->ai_addrlen);
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) addresses.push_back(address);
  }
  if (addresses.empty()) return Error{ErrorCode::NotFound, "host not found"};
  return addresses;
}

// Good means that there are addresses, whether new or old.
struct Resolver::Entry {
  Addresses addresses;
  Error failure;                                // the last look-up's, when `addresses` is empty
  std::chrono::steady_clock::time_point since;  // `addresses` are known
  std::chrono::steady_clock::time_point fresh_until;
  bool looking = false;
  bool must_wait = true;  // what is known is not good enough to be used while a look-up runs
  async::Signal done;     // of the look-up under way
};

Resolver::Resolver(async::Loop& loop, async::BlockingPool& pool, std::chrono::milliseconds fresh_for, Lookup lookup)
    : loop_(loop), pool_(pool), fresh_for_(fresh_for), lookup_(std::move(lookup)) {}

Resolver::~Resolver() = default;

async::Task<Result<Resolver::Answer>> Resolver::resolve(std::string host, std::uint16_t port) {
  if (entries_.size() >= most_names) std::erase_if(entries_, [](const auto& e) { return !e.second->looking; });
  std::shared_ptr<Entry>& known = entries_[host];
  if (!known) known = std::make_shared<Entry>();
  const std::shared_ptr<Entry> entry = known;
  if (!entry->looking && loop_.now() >= entry->fresh_until) {
    entry->looking = true;
    entry->done.reset();
    // On its own: whoever asks first may be cancelled, while others wait for the same answer.
    loop_.spawn(look_up(host, entry));
  }
  if (entry->looking && entry->must_wait) co_await entry->done.wait();
  if (entry->addresses.empty()) co_return entry->failure;
  Answer answer{entry->addresses, entry->since};
  for (Address& address : answer.addresses) address.set_port(port);
  co_return answer;
}

void Resolver::expire(const std::string& host) {
  const auto known = entries_.find(host);
  if (known == entries_.end()) return;
  known->second->fresh_until = {};
  known->second->must_wait = true;
}

async::Task<void> Resolver::look_up(std::string host, std::shared_ptr<Entry> entry) {
  Result<Addresses> answer = Error{ErrorCode::Busy, "too many look-ups of names are under way"};
  // Named before it is awaited: g++ 12 destroys captures twice that are made inside a co_await expression.
  auto ask = [this, host] { return lookup_(host); };
  try {
    answer = co_await pool_.run(std::move(ask));
  } catch (const async::Busy&) {
  } catch (const async::Cancelled&) {
    answer = Error{ErrorCode::Io, "the look-up was given up"};
  }
  if (answer.ok()) {
    entry->addresses = std::move(answer).value();
    entry->since = std::chrono::steady_clock::now();
  } else {
    entry->failure = std::move(answer).error();
  }
  entry->must_wait = entry->addresses.empty();
  entry->fresh_until = loop_.now() + (answer.ok() ? fresh_for_ : failure_lasts);
  entry->looking = false;
  entry->done.set();
}

}  // namespace caisson::net
