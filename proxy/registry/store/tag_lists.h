// Which folders of a repository's tags are tags: those with a current link that holds a digest. A crash may leave
// others. To look into each takes long where there are thousands, so what was found is remembered.
//
// A folder that held a tag is one as long as it is there: tags are removed with their folders, in one step. One that
// held none is looked into each time.
//
// Ownership: the store's. Threading: any number of threads. Memory: bounded, as the lists of folders are.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "registry/store/driver.h"
#include "registry/store/recent.h"

namespace caisson::registry::store {

struct TagList {
  Names folders;
  std::vector<std::uint32_t> others;  // positions in `folders` that are no tags, ascending
};

class TagLists {
 public:
  TagLists();
  // Null when nothing is known of the repository.
  std::shared_ptr<const TagList> find(const std::string& repository);
  void put(const std::string& repository, std::shared_ptr<const TagList> list);

 private:
  std::mutex mutex_;
  Recent<std::shared_ptr<const TagList>> lists_;
};

}  // namespace caisson::registry::store
