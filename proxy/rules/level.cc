#include "rules/level.h"

#include <atomic>

namespace caisson::rules {

std::size_t detail::next_slot() noexcept {
  static std::atomic<std::size_t> next{0};
  return next++;
}

Level& Level::add_inner(Block kind, config::SourcePos at) {
  inner_.push_back(std::make_unique<Level>(kind, this, std::move(at)));
  return *inner_.back();
}

void Level::inherit_all() {
  for (const auto& level : inner_) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (!slots_[i] || !slots_[i]->inheritable()) continue;
      auto& mine = level->slot(i);
      if (mine) {
        mine->inherit(*slots_[i], level->kind());
      } else if (slots_[i]) {
        mine = slots_[i];
      }
    }
    level->inherit_all();
  }
}

}  // namespace caisson::rules
