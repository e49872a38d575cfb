#include "tls/sessions.h"

#include <openssl/rand.h>

#include <algorithm>
#include <cassert>
#include <stdexcept>

namespace caisson::tls {

namespace {

// What an entry costs beside its text: list and map nodes, string headers.
constexpr std::size_t entry_overhead = 160;

template <class Entry>
std::size_t cost(const Entry& entry) {
  return entry.id.size() + entry.session.size() + entry_overhead;
}

}  // namespace

void SessionCache::put(std::string id, std::string session) {
  const std::lock_guard lock(mutex_);
  if (const auto old = by_id_.find(id); old != by_id_.end()) erase(old->second);
  entries_.push_front({std::move(id), std::move(session)});
  by_id_.emplace(entries_.front().id, entries_.begin());
  used_ += cost(entries_.front());
  while (used_ > capacity_) erase(std::prev(entries_.end()));
}

std::optional<std::string> SessionCache::find(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto known = by_id_.find(id);
  if (known == by_id_.end()) return std::nullopt;
  return known->second->session;
}

void SessionCache::remove(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (const auto known = by_id_.find(id); known != by_id_.end()) erase(known->second);
}

std::size_t SessionCache::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

void SessionCache::erase(Entries::iterator entry) {
  used_ -= cost(*entry);
  by_id_.erase(entry->id);
  entries_.erase(entry);
}

std::optional<TicketKey> TicketKey::parse(std::string_view bytes) {
  if (bytes.size() != 48 && bytes.size() != 80) return std::nullopt;
  TicketKey key{};
  key.width = bytes.size() == 48 ? 16 : 32;
  const auto take = [&bytes](std::uint8_t* into, std::size_t size) {
    std::copy_n(bytes.begin(), size, into);
    bytes.remove_prefix(size);
  };
  // As nginx lays them out (ngx_ssl_session_ticket_keys): AES-128 first its cipher's key, AES-256 first its HMAC's.
  take(key.name.data(), key.name.size());
  if (key.width == 16) {
    take(key.aes.data(), key.width);
    take(key.hmac.data(), key.width);
  } else {
    take(key.hmac.data(), key.width);
    take(key.aes.data(), key.width);
  }
  return key;
}

TicketKey TicketKey::random() {
  TicketKey key;
  const auto fill = [](auto& bytes) { return RAND_priv_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1; };
  if (!fill(key.name) || !fill(key.aes) || !fill(key.hmac)) throw std::runtime_error("RAND_priv_bytes() failed");
  return key;
}

void TicketKeys::rotate(std::size_t keep) {
  const TicketKey key = TicketKey::random();
  const std::lock_guard lock(mutex_);
  keys_.insert(keys_.begin(), key);
  if (keys_.size() > keep) keys_.resize(std::max<std::size_t>(keep, 1));
}

void TicketKeys::install(std::vector<TicketKey> keys) {
  assert(!keys.empty());
  const std::lock_guard lock(mutex_);
  keys_ = std::move(keys);
}

std::vector<TicketKey> TicketKeys::all() const {
  const std::shared_lock lock(mutex_);
  return keys_;
}

TicketKey TicketKeys::newest() const {
  const std::shared_lock lock(mutex_);
  return keys_.front();
}

std::optional<TicketKeys::Found> TicketKeys::find(std::span<const std::uint8_t, 16> name) const {
  const std::shared_lock lock(mutex_);
  for (const TicketKey& key : keys_) {
    if (std::equal(name.begin(), name.end(), key.name.begin())) return Found{key, &key == &keys_.front()};
  }
  return std::nullopt;
}

}  // namespace caisson::tls
