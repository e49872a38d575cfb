#include "tls/wire.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>

namespace caisson::tls {

namespace {

using async::Block;

constexpr std::size_t most_pieces = 8;

}  // namespace

BIO_METHOD* TlsTransport::Wire::method() {
  static BIO_METHOD* const made = [] {
    BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "caisson wire");
    if (m == nullptr) throw std::bad_alloc();
    BIO_meth_set_read(m, [](BIO* bio, char* into, int size) {
      BIO_clear_retry_flags(bio);
      auto* const wire = static_cast<Wire*>(BIO_get_data(bio));
      const int n = wire->take_input(into, size);
      if (n == 0 && !wire->at_end_) {
        BIO_set_retry_read(bio);
        return -1;
      }
      return n;
    });
    BIO_meth_set_write(m, [](BIO* bio, const char* bytes, int size) {
      BIO_clear_retry_flags(bio);
      return static_cast<Wire*>(BIO_get_data(bio))->gather(bytes, size);
    });
    BIO_meth_set_ctrl(m, [](BIO* bio, int command, long, void*) -> long {
      if (command == BIO_CTRL_EOF) return static_cast<Wire*>(BIO_get_data(bio))->at_end_ ? 1 : 0;
      return command == BIO_CTRL_FLUSH ? 1 : 0;
    });
    return m;
  }();
  return made;
}

BIO* TlsTransport::Wire::bio() {
  BIO* const made = BIO_new(method());
  if (made == nullptr) throw std::bad_alloc();
  BIO_set_data(made, this);
  BIO_set_init(made, 1);
  return made;
}

int TlsTransport::Wire::take_input(char* into, int size) noexcept {
  const std::size_t n = std::min(static_cast<std::size_t>(size), in_end_ - in_begin_);
  if (n == 0) return 0;
  std::memcpy(into, in_->data() + in_begin_, n);
  in_begin_ += n;
  if (!has_input()) in_ = {};
  return static_cast<int>(n);
}

int TlsTransport::Wire::gather(const char* bytes, int size) noexcept try {
  const auto all = static_cast<std::size_t>(size);
  for (std::size_t done = 0; done < all;) {
    const std::size_t used = (out_begin_ + gathered_) - (out_.empty() ? 0 : (out_.size() - 1) * Block::capacity);
    if (out_.empty() || used == Block::capacity) {
      out_.push_back(Block::take());
      continue;
    }
    const std::size_t n = std::min(all - done, Block::capacity - used);
    std::memcpy(out_.back()->data() + used, bytes + done, n);
    gathered_ += n;
    done += n;
  }
  return size;
} catch (const std::bad_alloc&) {
  return -1;  // no exception crosses OpenSSL
}

async::Task<void> TlsTransport::Wire::receive(net::Milliseconds idle) {
  assert(!has_input());
  co_await socket_.take_turns();
  for (;;) {
    async::BlockRef block = Block::take();
    if (const auto n = socket_.read_now(block->whole())) {
      in_begin_ = 0;
      in_end_ = *n;
      at_end_ = *n == 0;
      if (!at_end_) in_ = std::move(block);
      co_return;
    }
    block = {};
    co_await socket_.wait_readable(idle);
  }
}

std::span<iovec> TlsTransport::Wire::pieces(std::span<iovec> parts) noexcept {
  std::size_t count = 0;
  std::size_t begin = out_begin_;
  std::size_t left = gathered_;
  for (; left > 0 && count < parts.size(); ++count) {
    const std::size_t n = std::min(left, Block::capacity - begin);
    parts[count] = {out_[count]->data() + begin, n};
    left -= n;
    begin = 0;
  }
  return parts.first(count);
}

void TlsTransport::Wire::drop_sent(std::size_t bytes) noexcept {
  gathered_ -= bytes;
  out_begin_ += bytes;
  if (gathered_ == 0) {
    out_.clear();
    out_begin_ = 0;
    return;
  }
  const std::size_t whole_blocks = out_begin_ / Block::capacity;
  out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(whole_blocks));
  out_begin_ %= Block::capacity;
}

async::Task<void> TlsTransport::Wire::flush(net::Milliseconds idle) {
  assert(!flushing_);
  flushing_ = true;
  while (gathered_ > 0) {
    std::array<iovec, most_pieces> parts;
    const std::span<iovec> ready = pieces(parts);
    std::size_t bytes = 0;
    for (const iovec& part : ready) bytes += part.iov_len;
    co_await socket_.write(ready, idle);
    drop_sent(bytes);
  }
  flushing_ = false;
}

void TlsTransport::Wire::flush_now() noexcept {
  if (flushing_ || gathered_ == 0) return;
  std::array<iovec, most_pieces> parts;
  drop_sent(socket_.write_now(pieces(parts)));
}

}  // namespace caisson::tls
