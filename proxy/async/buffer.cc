#include "async/buffer.h"

#include <vector>

namespace caisson::async {

namespace {

constexpr std::size_t most_spare_blocks = 64;  // 4 MiB a thread

std::vector<std::unique_ptr<Block>>& spare_blocks() {
  thread_local std::vector<std::unique_ptr<Block>> blocks;
  return blocks;
}

}  // namespace

BlockRef Block::take() {
  auto& spare = spare_blocks();
  if (spare.empty()) return BlockRef(new Block());
  Block* block = spare.back().release();
  spare.pop_back();
  return BlockRef(block);
}

void Block::drop() noexcept {
  if (--references_ != 0) return;
  std::unique_ptr<Block> mine(this);
  auto& spare = spare_blocks();
  if (spare.size() < most_spare_blocks) spare.push_back(std::move(mine));
}

}  // namespace caisson::async
