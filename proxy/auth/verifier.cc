#include "auth/verifier.h"

#include <algorithm>
#include <new>
#include <optional>
#include <utility>

#include "async/loop.h"

namespace caisson::auth {
namespace {

constexpr std::chrono::seconds retry_when_full{2};

Verdict accepted() { return {Verdict::Outcome::Accepted, {}}; }
Verdict denied() { return {Verdict::Outcome::Denied, {}}; }
Verdict verdict_of(Flight::Outcome outcome) { return outcome == Flight::Outcome::Right ? accepted() : denied(); }
Verdict busy(FailureBudget::Clock::duration wait) {
  return {Verdict::Outcome::Busy, std::max(std::chrono::seconds(1), std::chrono::ceil<std::chrono::seconds>(wait))};
}

// An attempt taken from an address's budget; given back unless it was spent.
class Charge {
 public:
  Charge(FailureBudget& budget, std::string_view source) : budget_(budget), source_(source) {}
  ~Charge() {
    if (!spent_) budget_.give_back(source_, FailureBudget::Clock::now());
  }
  Charge(const Charge&) = delete;
  Charge& operator=(const Charge&) = delete;
  void spend() noexcept { spent_ = true; }

 private:
  FailureBudget& budget_;
  const std::string_view source_;
  bool spent_ = false;
};

// Whichever way its leader ends, a flight lands.
class Landing {
 public:
  Landing(Flights& flights, const Flights::Key& key, Flight& flight) : flights_(flights), key_(key), flight_(flight) {}
  ~Landing() { flights_.land(key_, flight_, Flight::Outcome::GivenUp); }
  Landing(const Landing&) = delete;
  Landing& operator=(const Landing&) = delete;

 private:
  Flights& flights_;
  const Flights::Key& key_;
  Flight& flight_;
};

}  // namespace

Verifier::Verifier(async::BlockingPool& pool, Limits limits)
    : pool_(pool), cache_(limits.cache), failures_(limits.failures), memory_(limits.memory) {}

async::Task<Verdict> Verifier::verify(std::shared_ptr<const Htpasswd> users, std::string_view user,
                                      std::string_view password, std::string_view source) {
  const StoredHash* const known = users->find(user);
  const StoredHash* const hash = known != nullptr ? known : users->decoy();
  if (hash == nullptr) co_return denied();  // nobody can log in: there is nothing to give away
  // No hash line is empty, so an unknown user's key is never a known one's.
  const CredentialCache::Key key = cache_.key(user, known != nullptr ? known->text() : std::string_view(), password);

  std::optional<Charge> charge;
  for (;;) {
    if (known != nullptr && cache_.holds(key, CredentialCache::Clock::now())) co_return accepted();
    if (const std::shared_ptr<Flight> other = flights_.find(key)) {
      const Flight::Outcome outcome = co_await other->outcome();
      if (outcome != Flight::Outcome::GivenUp) co_return verdict_of(outcome);
      continue;
    }
    if (!charge) {
      const FailureBudget::Turn turn = failures_.take(source, FailureBudget::Clock::now());
      if (!turn.granted) co_return busy(turn.wait);
      charge.emplace(failures_, source);
      if (turn.wait.count() > 0) {
        co_await async::Loop::current().sleep_for(std::chrono::ceil<std::chrono::milliseconds>(turn.wait));
        continue;  // meanwhile it may have become known
      }
    }
    const std::shared_ptr<Flight> mine = flights_.begin(key);
    if (!mine) continue;
    const Landing landing(flights_, key, *mine);
    // Runs to its end also when this exchange is given up meanwhile: those who joined want its outcome, and a client
    // that leaves early pays for the hash all the same. This frame lives until then.
    const auto compute = [&] {
      const MemoryGate::Pass room(memory_, hash->memory());
      hashings_.fetch_add(1, std::memory_order_relaxed);
      const bool right = hash->matches(password) && known != nullptr;
      if (right) {
        cache_.remember(key, CredentialCache::Clock::now());
      } else {
        charge->spend();
      }
      const Flight::Outcome outcome = right ? Flight::Outcome::Right : Flight::Outcome::Wrong;
      flights_.land(key, *mine, outcome);
      return outcome;
    };
    try {
      co_return verdict_of(co_await pool_.run(compute));
    } catch (const async::Busy&) {
    } catch (const std::bad_alloc&) {
    }
    co_return busy(retry_when_full);
  }
}

}  // namespace caisson::auth
