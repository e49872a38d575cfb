// ngx_http_upstream_round_robin.c

#include "upstream/balancer.h"

namespace caisson::upstream {

namespace {

class RoundRobin final : public Balancer {
  struct Turn final : Choice {
    std::optional<std::size_t> next(const Candidates& among) override { return take_turn(among); }
  };
  std::unique_ptr<Choice> choice(rules::RequestState&) const override { return std::make_unique<Turn>(); }
};

}  // namespace

std::optional<std::size_t> take_turn(const Candidates& among) {
  return take_turn(among, [](std::size_t) { return true; });
}

std::shared_ptr<const Balancer> round_robin() {
  static const auto method = std::make_shared<const RoundRobin>();
  return method;
}

}  // namespace caisson::upstream
