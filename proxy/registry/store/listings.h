// What folders are in a folder of the file system, remembered as long as that folder does not change. A look costs one
// stat then, however many there are.
//
// What was read is trusted while the folder is the same one (device and inode) and has the same times. Its times alone
// do not tell of a change that came within the same tick of the file system's clock as the one before; so a list that
// was read so soon after a change is read again the next time. Thus a list is right whoever changed the folder, in
// whichever process. A list with symbolic links is never trusted: what they lead to changes elsewhere.
//
// Ownership: the driver's; refers to its root. Threading: any number of threads. Every call may block.
// Memory: bounded, some tens of megabytes at most; what does not fit is read again.
#pragma once

#include <sys/stat.h>

#include <mutex>
#include <string>

#include "base/handle.h"
#include "base/result.h"
#include "registry/store/driver.h"
#include "registry/store/recent.h"

namespace caisson::registry::store {

class Listings {
 public:
  explicit Listings(const Fd& root);

  // As Driver::folders() says.
  Result<Names> folders_in(const std::string& path);

 private:
  struct Listing {
    Names names;
    struct stat folder {};
    bool trusted = false;
  };
  struct Read {
    Listing listing;
    bool unchanged_meanwhile = false;
  };

  Names remembered(const std::string& path, const struct stat& folder);
  Result<Read> read(const std::string& path) const;
  Names remember(const std::string& path, Listing listing);

  const Fd& root_;
  std::mutex mutex_;
  Recent<Listing> listings_;
};

}  // namespace caisson::registry::store
