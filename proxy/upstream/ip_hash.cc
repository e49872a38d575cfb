// ngx_http_upstream_ip_hash_module: the client's address decides; of an IPv4 address only its first three bytes.

#include <netinet/in.h>

#include "upstream/balancer.h"

namespace caisson::upstream {

namespace {

std::vector<unsigned char> key_of(const std::string& client) {
  const auto address = net::Address::from_ip(client, 0);
  if (!address) return {0, 0, 0};  // a unix socket
  if (address->family() == AF_INET) {
    const auto* bytes =
        reinterpret_cast<const unsigned char*>(&reinterpret_cast<const sockaddr_in*>(address->get())->sin_addr);
    return {bytes, bytes + 3};
  }
  const auto* bytes =
      reinterpret_cast<const unsigned char*>(&reinterpret_cast<const sockaddr_in6*>(address->get())->sin6_addr);
  return {bytes, bytes + 16};
}

class ByClient final : public Balancer::Choice {
 public:
  explicit ByClient(std::vector<unsigned char> key) : key_(std::move(key)) {}

  std::optional<std::size_t> next(const Candidates& among) override {
    const std::uint64_t total = among.total_weight();
    while (total != 0 && misses_ <= most_misses) {
      for (const unsigned char byte : key_) hash_ = (hash_ * 113 + byte) % 6271;
      const std::size_t i = among.at_weight(hash_ % total);
      if (among.usable(i)) return i;
      ++misses_;
    }
    return take_turn(among);
  }

 private:
  const std::vector<unsigned char> key_;
  std::uint64_t hash_ = 89;
  unsigned misses_ = 0;
};

class IpHash final : public Balancer {
  std::unique_ptr<Choice> choice(rules::RequestState& state) const override {
    return std::make_unique<ByClient>(key_of(state.exchange.client_address()));
  }
};

}  // namespace

std::shared_ptr<const Balancer> ip_hash() { return std::make_shared<const IpHash>(); }

}  // namespace caisson::upstream
