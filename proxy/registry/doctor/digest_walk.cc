#include "registry/doctor/digest_walk.h"

#include <thread>
#include <vector>

#include "base/text.h"

namespace caisson::registry::doctor {
namespace {

constexpr unsigned kShards = 256;
constexpr unsigned kAllShards = 2 * kShards;

// Where a digest stands in the order of the walk.
unsigned shard_of(const store::Digest& digest) {
  const unsigned first = digest.algorithm() == store::Algorithm::Sha256 ? 0 : kShards;
  const std::string_view hex = digest.hex();
  return first + static_cast<unsigned>(text::hex_value(hex[0])) * 16 + static_cast<unsigned>(text::hex_value(hex[1]));
}

}  // namespace

// REQUIRES: the mutex is held. Makes names_ the contents of the next shard that has any.
bool DigestWalk::open_next_shard() {
  if (after_ && shard_ < shard_of(*after_)) shard_ = shard_of(*after_);
  while (shard_ < kAllShards) {
    const unsigned number = shard_++;
    algorithm_ = number < kShards ? store::Algorithm::Sha256 : store::Algorithm::Sha512;
    const std::byte first{static_cast<unsigned char>(number % kShards)};
    const store::Key folder = store::Layout::blobs(algorithm_, text::to_hex(std::span(&first, 1)));
    auto names = store_.driver().folders(folder);
    if (names.ok()) {
      rights_.look_at(folder);
      names_ = std::move(names).value();
      at_ = 0;
      return true;
    }
    if (names.error().code == ErrorCode::NotFound) continue;
    Finding finding{Place::Folder, Fault::Unreadable};
    finding.path = folder.path();
    finding.detail = names.error().what;
    add(findings_, std::move(finding));
  }
  return false;
}

std::optional<std::pair<std::uint64_t, store::Digest>> DigestWalk::next() {
  const std::lock_guard lock(mutex_);
  for (;;) {
    while (names_ && at_ < names_->size()) {
      const std::string& name = (*names_)[at_++];
      auto digest = store::Digest::parse(std::string(to_string(algorithm_)) + ':' + name);
      if (!digest.ok()) continue;  // nobody looks there
      if (after_ && shard_of(digest.value()) == shard_of(*after_) && name <= after_->hex()) continue;
      issued_.push_back({digest.value()});
      return std::pair(first_issued_ + issued_.size() - 1, std::move(digest).value());
    }
    if (!open_next_shard()) return std::nullopt;
  }
}

void DigestWalk::finish(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  issued_[number - first_issued_].done = true;
  while (!issued_.empty() && issued_.front().done) {
    done_ = std::move(issued_.front().digest);
    issued_.pop_front();
    ++first_issued_;
  }
}

void DigestWalk::work(const std::stop_token& stop, const std::function<void()>& on_done) {
  while (!stop.stop_requested()) {
    const auto item = next();
    if (!item) return;
    const auto& [number, digest] = *item;
    const ContentState state = contents_.examine(digest);
    if (state.fault != Fault::Missing) {  // a folder without content, which a crash leaves behind
      rights_.look_at(store::Layout::blob(digest));
      rights_.look_at(store::Layout::blob_data(digest));
      ++contents_done_;
      bytes_done_ += state.size;
    }
    finish(number);
    const std::lock_guard lock(on_done_mutex_);
    if (on_done) on_done();
  }
}

void DigestWalk::run(unsigned threads, const std::stop_token& stop, const std::function<void()>& on_done) {
  std::vector<std::jthread> team;
  for (unsigned i = 1; i < threads; ++i) team.emplace_back([&] { work(stop, on_done); });
  work(stop, on_done);
}

DigestWalk::Progress DigestWalk::progress() const {
  Progress now{contents_done_, bytes_done_, 0};
  const std::lock_guard lock(mutex_);
  // Digests are spread evenly; those of the second algorithm are few.
  if (!done_) return now;
  const std::string first(done_->hex().substr(0, 4));
  now.part = done_->algorithm() == store::Algorithm::Sha512 ? 1 : std::stoi(first, nullptr, 16) / 65536.0;
  return now;
}

std::optional<store::Digest> DigestWalk::position() const {
  const std::lock_guard lock(mutex_);
  return done_;
}

Findings DigestWalk::findings() const {
  const std::lock_guard lock(mutex_);
  return findings_;
}

}  // namespace caisson::registry::doctor
