// Checks of credentials that are under way, so that those who bring the same credential meanwhile wait for the outcome
// instead of computing it again.
//
// Ownership: a Flight is shared by the task that leads it and those that joined. Threading: any loop's thread; the
// outcome may be set on a pool thread.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "async/loop.h"
#include "async/task.h"
#include "auth/credential_cache.h"

namespace caisson::auth {

class Flight {
 public:
  enum class Outcome : std::uint8_t {
    Right,
    Wrong,
    GivenUp,  // its leader left or found no room: whoever still wants to know begins anew
  };

  // Waits until the flight has landed. Throws Cancelled.
  async::Task<Outcome> outcome();

 private:
  friend class Flights;
  // One who waits. The signal belongs to the loop's thread.
  struct Seat {
    async::Loop& loop;
    async::Signal landed;
    explicit Seat(async::Loop& of) : loop(of) {}
  };
  void land(Outcome outcome);

  std::mutex mutex_;
  std::optional<Outcome> outcome_;
  std::vector<std::shared_ptr<Seat>> seats_;
};

class Flights {
 public:
  using Key = CredentialCache::Key;

  // The flight under way for this credential, or null.
  std::shared_ptr<Flight> find(const Key& key);
  // A new flight that the caller leads, or null when there is one under way. The leader must end it with land().
  std::shared_ptr<Flight> begin(const Key& key);
  // Ends the flight, once: a second call changes nothing. From any thread.
  void land(const Key& key, Flight& flight, Flight::Outcome outcome);

 private:
  std::mutex mutex_;
  std::unordered_map<Key, std::shared_ptr<Flight>, CredentialCache::KeyHash> under_way_;
};

}  // namespace caisson::auth
