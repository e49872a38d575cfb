// ngx_http_upstream_hash_module, `hash KEY`: places as Cache::Memcached finds them.

#include "upstream/balancer.h"
#include "upstream/crc32.h"

namespace caisson::upstream {

namespace {

class ByKey final : public Balancer::Choice {
 public:
  explicit ByKey(std::string key) : key_(std::move(key)) {}

  std::optional<std::size_t> next(const Candidates& among) override {
    const std::uint64_t total = among.total_weight();
    while (total != 0 && !key_.empty() && misses_ <= most_misses) {
      Crc32 crc;
      if (rounds_ > 0) crc.add(std::to_string(rounds_));
      sum_ += (crc.add(key_).value() >> 16) & 0x7fff;
      ++rounds_;
      const std::size_t i = among.at_weight(sum_ % total);
      if (among.usable(i)) return i;
      ++misses_;
    }
    return take_turn(among);
  }

 private:
  const std::string key_;
  std::uint32_t sum_ = 0;
  unsigned rounds_ = 0;
  unsigned misses_ = 0;
};

class Hash final : public Balancer {
 public:
  explicit Hash(rules::Template key) : key_(std::move(key)) {}
  std::unique_ptr<Choice> choice(rules::RequestState& state) const override {
    return std::make_unique<ByKey>(key_.expand(state));
  }

 private:
  const rules::Template key_;
};

}  // namespace

std::shared_ptr<const Balancer> hash(rules::Template key) { return std::make_shared<const Hash>(std::move(key)); }

}  // namespace caisson::upstream
