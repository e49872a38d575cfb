#include "auth/flights.h"

#include <algorithm>

namespace caisson::auth {

async::Task<Flight::Outcome> Flight::outcome() {
  const auto seat = std::make_shared<Seat>(async::Loop::current());
  {
    const std::lock_guard lock(mutex_);
    if (outcome_) co_return *outcome_;
    seats_.push_back(seat);
  }
  // A seat is left before its coroutine ends, also by cancellation: nobody posts to a loop that may be gone.
  struct Leave {
    Flight& flight;
    const std::shared_ptr<Seat>& seat;
    ~Leave() {
      const std::lock_guard lock(flight.mutex_);
      std::erase(flight.seats_, seat);
    }
  };
  const Leave leave{*this, seat};
  co_await seat->landed.wait();
  const std::lock_guard lock(mutex_);
  co_return *outcome_;
}

void Flight::land(Outcome outcome) {
  const std::lock_guard lock(mutex_);
  if (outcome_) return;
  outcome_ = outcome;
  for (const std::shared_ptr<Seat>& seat : seats_) {
    seat->loop.post([seat] { seat->landed.set(); });
  }
}

std::shared_ptr<Flight> Flights::find(const Key& key) {
  const std::lock_guard lock(mutex_);
  const auto found = under_way_.find(key);
  return found != under_way_.end() ? found->second : nullptr;
}

std::shared_ptr<Flight> Flights::begin(const Key& key) {
  const std::lock_guard lock(mutex_);
  const auto [place, is_new] = under_way_.try_emplace(key);
  if (!is_new) return nullptr;
  place->second = std::make_shared<Flight>();
  return place->second;
}

void Flights::land(const Key& key, Flight& flight, Flight::Outcome outcome) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = under_way_.find(key);
    if (found != under_way_.end() && found->second.get() == &flight) under_way_.erase(found);
  }
  flight.land(outcome);
}

}  // namespace caisson::auth
