// The settings tree: one Level for each block of the configuration (main, http, server, location, if, upstream). Each
// module keeps its own settings type T in every level; rules/ knows none of them.
//
// A settings type says how an inner level takes from the outer one, by a member
//     void inherit(const T& outer);                     // plain values: inherit(mine, outer.mine) below
//     void inherit(const T& outer, Block kind);         // when the kind of the inner block matters
// A type without that member stays where it was written.
//
// Ownership: a level owns the levels inside it and shares inherited settings with them. Threading: written by the one
// thread that loads, read-only and shared by all loops afterwards.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "config/directive.h"

namespace caisson::rules {

// The kinds of block, as bits: a directive names all in which it may stand.
enum Block : unsigned {
  Main = 1U << 0,
  Events = 1U << 1,
  Http = 1U << 2,
  Server = 1U << 3,
  Location = 1U << 4,
  IfInServer = 1U << 5,
  IfInLocation = 1U << 6,
  LimitExcept = 1U << 7,
  Upstream = 1U << 8,
};

// A value that an inner level has of its own, or else takes from the outer one.
template <class T>
void inherit(std::optional<T>& mine, const std::optional<T>& outer) {
  if (!mine) mine = outer;
}

namespace detail {

struct Holder {
  virtual ~Holder() = default;
  virtual bool inheritable() const noexcept = 0;
  virtual void inherit(const Holder& outer, Block kind) = 0;
};

template <class T>
struct HolderOf final : Holder {
  T settings{};

  static constexpr bool takes_kind = requires(T t, const T& o, Block k) { t.inherit(o, k); };
  static constexpr bool takes_outer = requires(T t, const T& o) { t.inherit(o); };

  bool inheritable() const noexcept override { return takes_kind || takes_outer; }
  void inherit([[maybe_unused]] const Holder& outer, [[maybe_unused]] Block kind) override {
    if constexpr (takes_kind) {
      settings.inherit(static_cast<const HolderOf&>(outer).settings, kind);
    } else if constexpr (takes_outer) {
      settings.inherit(static_cast<const HolderOf&>(outer).settings);
    }
  }
};

std::size_t next_slot() noexcept;

// The place of a type in every level's (and every request's) table.
template <class T>
std::size_t slot_of() noexcept {
  static const std::size_t slot = next_slot();
  return slot;
}

}  // namespace detail

class Level {
 public:
  Level(Block kind, Level* outer, config::SourcePos at) : kind_(kind), outer_(outer), at_(std::move(at)) {}
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

  Block kind() const noexcept { return kind_; }
  const Level* outer() const noexcept { return outer_; }
  Level* outer() noexcept { return outer_; }
  const config::SourcePos& at() const noexcept { return at_; }

  // The settings written at this very level, made at first use. While loading only.
  template <class T>
  T& own() {
    auto& holder = slot(detail::slot_of<T>());
    if (!holder) holder = std::make_shared<detail::HolderOf<T>>();
    return static_cast<detail::HolderOf<T>&>(*holder).settings;
  }
  // Whether own<T>() was called here (after inherit_all: or an outer level lent its settings).
  template <class T>
  bool has() const noexcept {
    const std::size_t i = detail::slot_of<T>();
    return i < slots_.size() && slots_[i] != nullptr;
  }
  // The settings in force here; those of a T{} when nobody wrote any. After loading.
  template <class T>
  const T& get() const {
    const std::size_t i = detail::slot_of<T>();
    if (i < slots_.size() && slots_[i]) return static_cast<const detail::HolderOf<T>&>(*slots_[i]).settings;
    static const T unset{};
    return unset;
  }

  Level& add_inner(Block kind, config::SourcePos at);
  const std::vector<std::unique_ptr<Level>>& inner() const noexcept { return inner_; }

  // Lets every level below take what it lacks from the one around it. Once, from the outermost level.
  void inherit_all();

 private:
  std::shared_ptr<detail::Holder>& slot(std::size_t i) {
    if (i >= slots_.size()) slots_.resize(i + 1);
    return slots_[i];
  }

  Block kind_;
  Level* outer_;
  config::SourcePos at_;
  std::vector<std::shared_ptr<detail::Holder>> slots_;
  std::vector<std::unique_ptr<Level>> inner_;
};

}  // namespace caisson::rules
