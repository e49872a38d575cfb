#include "registry/api/download.h"

#include <algorithm>
#include <vector>

#include "async/buffer.h"
#include "async/join.h"

namespace caisson::registry {
namespace {

constexpr std::size_t kReadAhead = 256 * 1024;

// How many of the next bytes were sent from memory alone.
async::Task<std::uint64_t> send_cached(const store::Content& content, std::uint64_t offset, std::uint64_t size,
                                       http::BodyWriter& to) {
  const async::BlockRef block = async::Block::take();
  std::uint64_t sent = 0;
  while (sent < size) {
    const std::span<std::byte> into =
        block->whole().first(std::min<std::uint64_t>(async::Block::capacity, size - sent));
    const auto read = content.read_cached(offset + sent, into);
    if (!read || *read == 0) break;
    co_await to.write(into.first(*read));
    sent += *read;
  }
  co_return sent;
}

// Reads a buffer's worth; empties it at an error.
async::Task<Result<void>> read_part(const store::Content& content, std::uint64_t offset, std::uint64_t size,
                                    std::vector<std::byte>& into, async::BlockingPool& disk) {
  into.resize(std::min<std::uint64_t>(kReadAhead, size));
  auto read = co_await disk.run([&] { return content.read(offset, into); });
  if (!read.ok()) co_return std::move(read).error();
  into.resize(read.value());
  if (into.empty() && size > 0) co_return Error{ErrorCode::Io, "stored content became shorter while it was read"};
  co_return Result<void>();
}

}  // namespace

async::Task<Result<void>> send_content(const store::Content& content, std::uint64_t offset, std::uint64_t size,
                                       http::BodyWriter& to, async::BlockingPool& disk) {
  const std::uint64_t cached = co_await send_cached(content, offset, size, to);
  offset += cached;
  size -= cached;
  if (size == 0) co_return Result<void>();

  std::vector<std::byte> ready;
  std::vector<std::byte> next;
  auto read = co_await read_part(content, offset, size, ready, disk);
  while (read.ok()) {
    offset += ready.size();
    size -= ready.size();
    if (size == 0) {
      co_await to.write(ready);
      co_return read;
    }
    auto both = co_await async::both(to.write(ready), read_part(content, offset, size, next, disk));
    read = std::move(both.second);
    ready.swap(next);
  }
  co_return read;
}

}  // namespace caisson::registry
