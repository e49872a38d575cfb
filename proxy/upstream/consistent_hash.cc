// ngx_http_upstream_hash_module, `hash KEY consistent`: ketama's circle, whose points are those of
// Cache::Memcached::Fast. A server that leaves takes only its own keys with it.

#include <algorithm>

#include "base/text.h"
#include "upstream/balancer.h"
#include "upstream/crc32.h"

namespace caisson::upstream {

namespace {

constexpr std::uint64_t points_per_weight = 160;

struct Point {
  std::uint32_t hash;
  std::string_view server;  // its name: peers of one name share its points
};

struct Circle {
  std::vector<std::shared_ptr<const Server>> servers;
  std::vector<Point> points;  // by hash, each hash once
};

// "HOST \0 PORT", the beginning of every point's hash.
Crc32 base_of(std::string_view server) {
  std::string_view host = server;
  std::string_view port;
  if (text::iequals(server.substr(0, 5), "unix:")) {
    host = server.substr(5);
  } else if (const std::size_t before_port = server.find_last_not_of("0123456789");
             before_port != std::string_view::npos && server[before_port] == ':') {
    host = server.substr(0, before_port);
    port = server.substr(before_port + 1);
  }
  Crc32 base;
  base.add(host).add(std::string_view("", 1)).add(port);
  return base;
}

std::string little_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

Circle circle_of(const std::vector<std::shared_ptr<const Server>>& servers) {
  Circle circle;
  circle.servers = servers;
  for (const auto& server : circle.servers) {
    if (server->backup) continue;
    const Crc32 base = base_of(server->name);
    std::uint32_t previous = 0;
    for (std::uint64_t i = 0; i < server->weight * points_per_weight; ++i) {
      Crc32 crc = base;
      previous = crc.add(little_endian(previous)).value();
      circle.points.push_back({previous, server->name});
    }
  }
  const auto less = [](const Point& a, const Point& b) { return a.hash < b.hash; };
  const auto same = [](const Point& a, const Point& b) { return a.hash == b.hash; };
  std::stable_sort(circle.points.begin(), circle.points.end(), less);
  circle.points.erase(std::unique(circle.points.begin(), circle.points.end(), same), circle.points.end());
  return circle;
}

class ByPoint final : public Balancer::Choice {
 public:
  ByPoint(const Circle& circle, std::string_view key) : circle_(circle), keyless_(key.empty()) {
    const std::uint32_t hash = Crc32().add(key).value();
    at_ = static_cast<std::size_t>(std::lower_bound(circle.points.begin(), circle.points.end(), hash,
                                                    [](const Point& p, std::uint32_t h) { return p.hash < h; }) -
                                   circle.points.begin());
  }

  std::optional<std::size_t> next(const Candidates& among) override {
    while (!keyless_ && !circle_.points.empty() && misses_ <= most_misses) {
      const std::string_view server = circle_.points[at_ % circle_.points.size()].server;
      if (auto found = take_turn(among, [&](std::size_t i) { return among[i].server->name == server; })) return found;
      ++at_;
      ++misses_;
    }
    return take_turn(among);
  }

 private:
  const Circle& circle_;
  const bool keyless_;
  std::size_t at_ = 0;
  unsigned misses_ = 0;
};

class ConsistentHash final : public Balancer {
 public:
  ConsistentHash(rules::Template key, Circle circle) : key_(std::move(key)), circle_(std::move(circle)) {}
  std::unique_ptr<Choice> choice(rules::RequestState& state) const override {
    return std::make_unique<ByPoint>(circle_, key_.expand(state));
  }

 private:
  const rules::Template key_;
  const Circle circle_;
};

}  // namespace

std::shared_ptr<const Balancer> consistent_hash(rules::Template key,
                                                const std::vector<std::shared_ptr<const Server>>& servers) {
  return std::make_shared<const ConsistentHash>(std::move(key), circle_of(servers));
}

}  // namespace caisson::upstream
