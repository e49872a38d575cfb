// ngx_http_upstream_random_module: a peer by chance, in proportion to its weight; or the less busy one of two.

#include <random>

#include "upstream/balancer.h"

namespace caisson::upstream {

namespace {

std::size_t by_chance(const Candidates& among, std::uint64_t total) {
  static thread_local std::minstd_rand numbers{std::random_device{}()};
  return among.at_weight(std::uniform_int_distribution<std::uint64_t>(0, total - 1)(numbers));
}

bool busier(const Peer& a, const Peer& b) { return a.active * b.server->weight > b.active * a.server->weight; }

class ByChance final : public Balancer::Choice {
 public:
  explicit ByChance(RandomKind kind) : kind_(kind) {}

  std::optional<std::size_t> next(const Candidates& among) override {
    const std::uint64_t total = among.total_weight();
    std::optional<std::size_t> first;
    while (total != 0 && misses_ <= most_misses) {
      const std::size_t i = by_chance(among, total);
      if (i == first || !among.usable(i)) {
        ++misses_;
      } else if (kind_ == RandomKind::One) {
        return i;
      } else if (first) {
        return busier(among[i], among[*first]) ? *first : i;
      } else {
        first = i;
      }
    }
    return take_turn(among);
  }

 private:
  const RandomKind kind_;
  unsigned misses_ = 0;
};

class Random final : public Balancer {
 public:
  explicit Random(RandomKind kind) : kind_(kind) {}
  std::unique_ptr<Choice> choice(rules::RequestState&) const override { return std::make_unique<ByChance>(kind_); }

 private:
  const RandomKind kind_;
};

}  // namespace

std::shared_ptr<const Balancer> random_peer(RandomKind kind) { return std::make_shared<const Random>(kind); }

}  // namespace caisson::upstream
