#include "gateway/answers/deflate.h"

#include <new>

namespace caisson::gateway {

namespace {

constexpr int gzip_format = 16;  // added to the window bits: gzip's head and checksum instead of zlib's

void give(z_stream& stream, std::span<const std::byte> slice) {
  // zlib's interface wants mutable input, and does not change it
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(slice.data()));
  stream.avail_in = static_cast<uInt>(slice.size());
}

void take(z_stream& stream, std::vector<std::byte>& out) {
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
}

std::span<const std::byte> made(const z_stream& stream, const std::vector<std::byte>& out) {
  return std::span<const std::byte>(out).first(out.size() - stream.avail_out);
}

}  // namespace

GzipWriter::GzipWriter(http::BodyWriter& next, const DeflateOptions& options, GzipCount& count)
    : next_(next), count_(count), out_(options.buffer) {
  if (deflateInit2(&stream_, options.level, Z_DEFLATED, options.window_bits + gzip_format, options.memory_level,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  take(stream_, out_);
}

GzipWriter::~GzipWriter() { deflateEnd(&stream_); }

async::Task<void> GzipWriter::send_on() {
  const std::span<const std::byte> ready = made(stream_, out_);
  if (ready.empty()) co_return;
  count_.out += ready.size();
  co_await next_.write(ready);
  take(stream_, out_);
}

async::Task<void> GzipWriter::deflate_all(std::span<const std::byte> slice, int mode) {
  give(stream_, slice);
  bool more = true;
  while (more) {
    const int result = deflate(&stream_, mode);
    const bool full = stream_.avail_out == 0;
    if (full) co_await send_on();
    more = mode == Z_FINISH ? result != Z_STREAM_END : full || stream_.avail_in > 0;
  }
}

async::Task<void> GzipWriter::write(std::span<const std::byte> slice) {
  if (slice.empty()) co_return;
  count_.in += slice.size();
  unflushed_ = true;
  co_await deflate_all(slice, Z_NO_FLUSH);
}

async::Task<void> GzipWriter::flush() {
  if (unflushed_) {
    unflushed_ = false;
    co_await deflate_all({}, Z_SYNC_FLUSH);
    co_await send_on();
  }
  co_await next_.flush();
}

async::Task<void> GzipWriter::finish() {
  co_await deflate_all({}, Z_FINISH);
  co_await send_on();
  co_await next_.finish();
}

UnpackWriter::UnpackWriter(http::BodyWriter& next, std::size_t buffer) : next_(next), out_(buffer) {
  if (inflateInit2(&stream_, MAX_WBITS + gzip_format) != Z_OK) throw std::bad_alloc();
}

UnpackWriter::~UnpackWriter() { inflateEnd(&stream_); }

async::Task<void> UnpackWriter::write(std::span<const std::byte> slice) {
  give(stream_, slice);
  bool full = false;  // there may be more where that came from
  while (stream_.avail_in > 0 || full) {
    whole_ = false;
    take(stream_, out_);
    const int result = inflate(&stream_, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      throw http::BadMessage(502, "the backend's answer is not the gzip that it is said to be");
    }
    full = stream_.avail_out == 0;
    const std::span<const std::byte> ready = made(stream_, out_);
    if (!ready.empty()) co_await next_.write(ready);
    if (result == Z_STREAM_END) {
      whole_ = true;
      full = false;
      inflateReset(&stream_);
    }
  }
}

async::Task<void> UnpackWriter::finish() {
  if (!whole_) throw http::BadMessage(502, "the backend's gzip ended too early");
  co_await next_.finish();
}

}  // namespace caisson::gateway
