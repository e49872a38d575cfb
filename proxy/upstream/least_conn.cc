// ngx_http_upstream_least_conn_module: the peer with the fewest requests under way for its weight; those with as few
// take turns.

#include "upstream/balancer.h"

namespace caisson::upstream {

namespace {

// Which of two peers has more to do: below zero, the first has less.
int compare_load(const Peer& a, const Peer& b) {
  const std::uint64_t left = a.active * b.server->weight;
  const std::uint64_t right = b.active * a.server->weight;
  return left < right ? -1 : static_cast<int>(left > right);
}

class LeastConn final : public Balancer {
  struct LeastBusy final : Choice {
    std::optional<std::size_t> next(const Candidates& among) override {
      std::optional<std::size_t> least;
      bool several = false;
      for (std::size_t i = 0; i < among.size(); ++i) {
        if (!among.usable(i)) continue;
        const int compared = least ? compare_load(among[i], among[*least]) : -1;
        if (compared < 0) least = i;
        if (compared <= 0) several = compared == 0;
      }
      if (!several) return least;
      return take_turn(among, [&](std::size_t i) { return compare_load(among[i], among[*least]) == 0; });
    }
  };
  std::unique_ptr<Choice> choice(rules::RequestState&) const override { return std::make_unique<LeastBusy>(); }
};

}  // namespace

std::shared_ptr<const Balancer> least_conn() { return std::make_shared<const LeastConn>(); }

}  // namespace caisson::upstream
