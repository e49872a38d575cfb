// Whether the user who verifies may read and write what is in the volume, which is what whoever serves as that user
// may. There may be millions of files that are not his: they are counted, and some are named.
//
// Threading: any number of threads at once. Every call may block.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "registry/doctor/finding.h"
#include "registry/store/store.h"

namespace caisson::registry::doctor {

class RightsCheck {
 public:
  // Nothing is looked at for a user who may do everything, nor where he may not write at all: then it is not he who
  // serves pushes.
  explicit RightsCheck(const store::Store& store);

  void look_at(const store::Key& key);
  // At most one finding, of all that cannot be written.
  Findings findings() const;

 private:
  const store::Store& store_;
  bool wanted_ = false;
  mutable std::mutex mutex_;
  std::size_t refused_ = 0;
  std::vector<std::string> examples_;
};

}  // namespace caisson::registry::doctor
