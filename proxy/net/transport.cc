#include "net/transport.h"

namespace caisson::net {

async::Task<void> Transport::write(std::span<const std::byte> bytes, Milliseconds idle) {
  co_await write(std::span(&bytes, 1), idle);
}

}  // namespace caisson::net
