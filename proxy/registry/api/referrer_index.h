// Which manifests of a repository are about which: found by reading each manifest once, when somebody first asks, and
// afterwards only those that are new. A manifest's subject stands in its bytes, and its bytes are what its digest says;
// so what is remembered cannot become wrong, whoever writes to the store meanwhile. Whether the repository still has a
// manifest is never remembered.
//
// Ownership: the Api's. Threading: any number of threads; those that ask about one repository wait for one another.
// Every call may block (BlockingPool). Memory: bounded; what does not fit is read again.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "registry/manifest/manifest.h"
#include "registry/store/recent.h"
#include "registry/store/repository.h"

namespace caisson::registry {

class ReferrerIndex {
 public:
  ReferrerIndex();

  struct Entry {
    store::Digest manifest;
    Referrer referrer;  // without its descriptor when that is long: it is to be read again
  };
  using Entries = std::shared_ptr<const std::vector<Entry>>;

  // Those that say they are about `subject`, in the order of their digests. Some may be gone.
  Result<Entries> find(const store::Repository& repository, const store::Digest& subject);

 private:
  // What is known of one repository.
  struct Known {
    std::mutex mutex;
    store::Revisions seen;
    std::map<std::string, Entries> by_subject;
    std::vector<store::Digest> unread;  // they were not there when it was their turn
    std::size_t weight = 0;
  };

  std::shared_ptr<Known> known(const std::string& repository);
  static Result<void> learn(Known& known, const store::Repository& repository);

  std::mutex mutex_;
  store::Recent<std::shared_ptr<Known>> repositories_;
};

}  // namespace caisson::registry
