// Throws things into the store's trash, one collection's worth: short batches, each while nobody links anything.
//
// Nothing is synced. What a power cut undoes the next collection does again; and in whichever order it undoes things, a
// link without its blob has it brought back, and a blob without links is garbage.
//
// A full disk has no room for a trash either. There things go for good, as room is what they are collected for: they
// are moved aside, which takes none, and removed as soon as nobody can take them back.
//
// Ownership: refers to its driver. Threading: one thread.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "registry/maintenance/pace.h"
#include "registry/store/driver.h"

namespace caisson::registry::maintenance {

class Bin {
 public:
  Bin(store::Driver& driver, Pace& pace) : driver_(driver), pace_(pace) {}

  // Waits until nobody links content, and keeps everybody from it until the end of what it returns. Null when told to
  // stop. What holds it should take milliseconds.
  Result<std::unique_ptr<store::Hold>> keep_others_out();

  // One thing. False when it is not there.
  Result<bool> throw_away(const store::Key& place);
  // Takes back what was thrown since the last call of accept() or of this.
  Result<void> take_back();
  // Whether what was at `key` when the last thing was thrown, which it is in, was used since that time.
  Result<bool> used_since(const store::Key& key, store::Time since) const;
  // What was thrown stays thrown.
  void accept();

  // Removes what a collection that was killed left aside.
  Result<void> clear_away();
  // How many things went for good, as there was no room for them.
  std::size_t gone_for_good() const noexcept { return gone_for_good_; }

 private:
  struct Thrown {
    store::Key from;
    store::Key to;
    bool aside = false;
  };
  Result<void> move_away(Thrown& thrown);

  store::Driver& driver_;
  Pace& pace_;
  std::optional<store::TrashName> name_;
  std::vector<Thrown> fresh_;  // may be taken back
  std::size_t gone_for_good_ = 0;
};

}  // namespace caisson::registry::maintenance
