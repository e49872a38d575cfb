#include "registry/api/intake.h"

#include "async/join.h"

namespace caisson::registry {
namespace {

constexpr std::size_t kBuffer = 256 * 1024;

}  // namespace

async::Task<Result<void>> Intake::run(std::uint64_t most) {
  std::exception_ptr broken;
  try {
    co_await pump(most);
  } catch (...) {
    broken = std::current_exception();
  }
  if (!broken) co_return stored_;
  // What came is kept, so that the client can go on from there: also when the exchange was cancelled.
  try {
    co_await async::shielded(disk_.run([this] { append_all(); }));
  } catch (const async::Busy&) {  // then the client sends these bytes once more
  }
  std::rethrow_exception(broken);
}

async::Task<void> Intake::pump(std::uint64_t most) {
  bool more = co_await gather(most);
  while (stored_.ok() && more) {
    gathered_.swap(writing_);
    const auto done = co_await async::both(write(), gather(most));
    more = done.second;
  }
  if (stored_.ok() && !gathered_.empty()) co_await disk_.run([this] { append_all(); });
}

// Fills the buffer; false when the body ends (or is too long) before it is full.
async::Task<bool> Intake::gather(std::uint64_t most) {
  while (gathered_.size() < kBuffer) {
    const std::span<const std::byte> slice = co_await from_.read();
    if (slice.empty()) co_return false;
    received_ += slice.size();
    if (received_ > most) co_return false;
    gathered_.insert(gathered_.end(), slice.begin(), slice.end());
  }
  co_return true;
}

async::Task<void> Intake::write() {
  co_await disk_.run([this] {
    stored_ = upload_.append(writing_);
    if (stored_.ok()) writing_.clear();
  });
}

// On the pool.
void Intake::append_all() {
  for (std::vector<std::byte>* bytes : {&writing_, &gathered_}) {
    if (stored_.ok() && !bytes->empty()) stored_ = upload_.append(*bytes);
    if (stored_.ok()) bytes->clear();
  }
}

}  // namespace caisson::registry
