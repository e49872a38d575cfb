// What makes TLS sessions resumable on every loop thread, and after a reload by the next worker: a cache of session
// ids, and the keys that session tickets are sealed with. Both are handed to ServerContexts, one per thread.
//
// A session is bound to its virtual host by the session id context (context.h), not here: OpenSSL refuses one that
// comes back under another.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace caisson::tls {

// Serialised sessions by id; the oldest make room. Threading: any.
class SessionCache {
 public:
  // `capacity`: bytes, as in ssl_session_cache shared:SSL:10m.
  explicit SessionCache(std::size_t capacity) : capacity_(capacity) {}

  void put(std::string id, std::string session);
  std::optional<std::string> find(const std::string& id);
  void remove(const std::string& id);
  std::size_t size() const;

 private:
  struct Entry {
    std::string id;
    std::string session;
  };
  using Entries = std::list<Entry>;  // the newest first
  void erase(Entries::iterator entry);

  mutable std::mutex mutex_;
  const std::size_t capacity_;
  std::size_t used_ = 0;
  Entries entries_;
  std::unordered_map<std::string_view, Entries::iterator> by_id_;  // keys view the entries' ids
};

// One ticket key (RFC 5077 section 4): the name goes with each ticket.
struct TicketKey {
  std::array<std::uint8_t, 16> name;
  std::array<std::uint8_t, 32> aes;
  std::array<std::uint8_t, 32> hmac;
  std::size_t width = 32;  // how many bytes of `aes` and `hmac` count: AES-256, or 16 for AES-128

  static TicketKey random();
  // The bytes of a ssl_session_ticket_key file: 80 for AES-256, 48 for AES-128. Nothing for any other number.
  static std::optional<TicketKey> parse(std::string_view bytes);
};

// The key ring: the first key seals, all of them open. Threading: any.
class TicketKeys {
 public:
  TicketKeys() : keys_{TicketKey::random()} {}
  // REQUIRES: `keys` is not empty.
  explicit TicketKeys(std::vector<TicketKey> keys) : keys_(std::move(keys)) {}

  // A new key seals from now on; the `keep` newest ones still open.
  void rotate(std::size_t keep = 3);
  // Takes the ring that the master handed over. REQUIRES: `keys` is not empty.
  void install(std::vector<TicketKey> keys);
  std::vector<TicketKey> all() const;

  TicketKey newest() const;
  struct Found {
    TicketKey key;
    bool newest;  // else the client should get a new ticket
  };
  std::optional<Found> find(std::span<const std::uint8_t, 16> name) const;

 private:
  mutable std::shared_mutex mutex_;
  std::vector<TicketKey> keys_;
};

}  // namespace caisson::tls
