// Throws things into the store's trash, one collection's worth: short batches, each while nobody links anything.
//
// Nothing is synced. What a power cut undoes the next collection does again; and in whichever order it undoes things, a
// link without its blob has it brought back, and a blob without links is garbage.
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
  // Whether what is at `key`, inside of something thrown since then, was used since that time.
  Result<bool> used_since(const store::Key& key, store::Time since) const;
  // What was thrown stays thrown.
  void accept() { fresh_.clear(); }

 private:
  struct Thrown {
    store::Key from;
    store::Key to;
  };

  store::Driver& driver_;
  Pace& pace_;
  std::optional<store::TrashName> name_;
  std::vector<Thrown> fresh_;  // may be taken back
};

}  // namespace caisson::registry::maintenance
