// Which manifest is about which: remembered, as reading thousands of manifests for one list of referrers is slow. A
// manifest's subject stands in its bytes, and its bytes are what its digest says, so what is remembered cannot become
// wrong, whoever writes to the store meanwhile. Which manifests there are is never remembered.
//
// Threading: any number of threads. Memory: bounded; what does not fit is read again.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "registry/store/digest.h"

namespace caisson::registry {

class Subjects {
 public:
  // "" for a manifest without one; nothing when it is not known.
  std::optional<std::string> find(const store::Digest& manifest) const;
  void remember(const store::Digest& manifest, const std::optional<store::Digest>& subject);

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::string> subject_of_;
};

}  // namespace caisson::registry
