#include "auth/failure_budget.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

namespace caisson::auth {
namespace {

template <class T>
std::string bytes_of(const T& value, std::size_t from, std::size_t size) {
  return {reinterpret_cast<const char*>(&value) + from, size};
}

double seconds(FailureBudget::Clock::duration d) noexcept { return std::chrono::duration<double>(d).count(); }

FailureBudget::Clock::duration duration_of(double s) noexcept {
  return std::chrono::duration_cast<FailureBudget::Clock::duration>(std::chrono::duration<double>(s));
}

}  // namespace

std::string budget_key(std::string_view source) {
  std::string text(source);
  if (in_addr v4{}; ::inet_pton(AF_INET, text.c_str(), &v4) == 1) return bytes_of(v4, 0, sizeof v4);
  if (in6_addr v6{}; ::inet_pton(AF_INET6, text.c_str(), &v6) == 1) {
    return IN6_IS_ADDR_V4MAPPED(&v6) ? bytes_of(v6, 12, 4) : bytes_of(v6, 0, 8);
  }
  return text;
}

FailureBudget::Turn FailureBudget::take(std::string_view source, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  Bucket& bucket = bucket_of(source, now);
  fill(bucket, now);
  if (bucket.attempts - 1 < -limits_.waiting) {
    return {false, duration_of((1 - limits_.waiting - bucket.attempts) / limits_.per_second)};
  }
  bucket.attempts -= 1;
  return {true, duration_of(std::max(0.0, -bucket.attempts / limits_.per_second))};
}

void FailureBudget::give_back(std::string_view source, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  Bucket& bucket = bucket_of(source, now);
  fill(bucket, now);
  bucket.attempts = std::min(limits_.burst, bucket.attempts + 1);
}

FailureBudget::Bucket& FailureBudget::bucket_of(std::string_view source, Clock::time_point now) {
  std::string key = budget_key(source);
  if (const auto found = buckets_.find(key); found != buckets_.end()) return found->second;
  if (buckets_.size() >= limits_.sources) forget_full(now);
  if (buckets_.size() >= limits_.sources) key.clear();  // the shared one
  return buckets_.try_emplace(std::move(key), Bucket{limits_.burst, now}).first->second;
}

double FailureBudget::attempts_at(const Bucket& bucket, Clock::time_point now) const noexcept {
  if (now <= bucket.filled) return bucket.attempts;  // another thread looked at its clock a moment later
  return std::min(limits_.burst, bucket.attempts + seconds(now - bucket.filled) * limits_.per_second);
}

void FailureBudget::fill(Bucket& bucket, Clock::time_point now) const noexcept {
  bucket.attempts = attempts_at(bucket, now);
  bucket.filled = std::max(bucket.filled, now);
}

// A full bucket says nothing that a new one would not. Looks at all of them, so at most once a second.
void FailureBudget::forget_full(Clock::time_point now) {
  if (now < swept_ + std::chrono::seconds(1)) return;
  swept_ = now;
  std::erase_if(buckets_, [&](const auto& entry) { return attempts_at(entry.second, now) >= limits_.burst; });
}

}  // namespace caisson::auth
