#include "async/frames.h"

#include <array>
#include <new>
#include <utility>

namespace caisson::async {

namespace {

constexpr std::size_t step = 64;               // bytes from one size of block to the next
constexpr std::size_t largest = 4096;          // larger frames come from the heap
constexpr std::size_t most_kept = 256 * 1024;  // bytes on a thread's lists; what is given back beyond goes to the heap

// The sanitizers find what is used after it was freed only where freeing is real.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool reused = false;
#else
constexpr bool reused = true;
#endif

struct Block {
  Block* next;
};

// A frame may outlive the lists of its thread, at the thread's end.
thread_local bool lists_are_gone = false;

class FreeBlocks {
 public:
  FreeBlocks() = default;
  ~FreeBlocks() {
    for (Block* first : lists_) {
      while (first != nullptr) ::operator delete(std::exchange(first, first->next));
    }
    lists_are_gone = true;
  }
  FreeBlocks(const FreeBlocks&) = delete;
  FreeBlocks& operator=(const FreeBlocks&) = delete;

  void* take(std::size_t index) noexcept {
    Block* const block = lists_[index];
    if (block == nullptr) return nullptr;
    lists_[index] = block->next;
    kept_ -= size_of(index);
    return block;
  }
  // False: there is no room for it.
  bool keep(void* frame, std::size_t index) noexcept {
    if (lists_are_gone || kept_ + size_of(index) > most_kept) return false;
    lists_[index] = new (frame) Block{lists_[index]};
    kept_ += size_of(index);
    return true;
  }

  static std::size_t index_of(std::size_t size) noexcept { return (size + step - 1) / step; }
  static std::size_t size_of(std::size_t index) noexcept { return index * step; }

 private:
  std::array<Block*, largest / step + 1> lists_{};
  std::size_t kept_ = 0;
};

thread_local FreeBlocks free_blocks;

}  // namespace

void* allocate_frame(std::size_t size) {
  if (!reused || size > largest) return ::operator new(size);
  const std::size_t index = FreeBlocks::index_of(size);
  void* const block = lists_are_gone ? nullptr : free_blocks.take(index);
  return block != nullptr ? block : ::operator new(FreeBlocks::size_of(index));
}

void free_frame(void* frame, std::size_t size) noexcept {
  if (reused && size <= largest && free_blocks.keep(frame, FreeBlocks::index_of(size))) return;
  ::operator delete(frame);
}

}  // namespace caisson::async
