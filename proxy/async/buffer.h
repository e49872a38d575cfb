// Blocks of memory that socket reads fill, recycled per thread. A block lives as long as anything views it: a request
// head, a slice of a body, the rest of a pipelined request. An idle connection holds none.
//
// Threading: one loop; the count is not atomic. Units: bytes.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

namespace caisson::async {

class BlockRef;

class Block {
 public:
  static constexpr std::size_t capacity = 64 * 1024;

  // A block from this thread's free list, or a new one.
  static BlockRef take();

  std::byte* data() noexcept { return bytes_.get(); }
  std::span<std::byte> whole() noexcept { return {bytes_.get(), capacity}; }

 private:
  friend class BlockRef;
  Block() : bytes_(new std::byte[capacity]) {}
  void drop() noexcept;

  std::unique_ptr<std::byte[]> bytes_;
  std::size_t references_ = 0;
};

// A share in a block; the last one gives it back.
class BlockRef {
 public:
  BlockRef() = default;
  BlockRef(const BlockRef& other) noexcept : block_(other.block_) {
    if (block_ != nullptr) ++block_->references_;
  }
  BlockRef(BlockRef&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  BlockRef& operator=(BlockRef other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~BlockRef() {
    if (block_ != nullptr) block_->drop();
  }

  explicit operator bool() const noexcept { return block_ != nullptr; }
  Block* operator->() const noexcept { return block_; }
  Block& operator*() const noexcept { return *block_; }

 private:
  friend class Block;
  explicit BlockRef(Block* block) noexcept : block_(block) { ++block_->references_; }
  Block* block_ = nullptr;
};

}  // namespace caisson::async
