// An upload: the bytes of one blob while they come, hashed on the way, so that the final request takes the same time
// however large the blob is.
//
// Ownership: the request's that opened it; the Store must outlive it. Threading: one call at a time, from any thread;
// every call may block (BlockingPool).
// Last call: park() to keep it for the next request, commit() or cancel(). Just destroying it keeps the bytes too, as
//            long as the machine runs, but whoever opens it next hashes them again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "base/result.h"
#include "registry/store/digest.h"
#include "registry/store/driver.h"
#include "registry/store/name.h"

namespace caisson::registry::store {

class Store;

// Hash states of uploads between two requests. Of use only to the process that computed them, and only while nobody
// else opened the upload: `token` tells.
//
// Threading: any number of threads. Bounded: the one that waited longest goes first.
class ParkedUploads {
 public:
  struct State {
    DraftToken token{};
    std::uint64_t size = 0;
    Hasher hasher;
  };

  void put(const std::string& folder, State state);
  std::optional<State> take(const std::string& folder);

 private:
  using Entries = std::list<std::pair<std::string, State>>;  // oldest first
  std::mutex mutex_;
  Entries entries_;
  std::unordered_map<std::string, Entries::iterator> by_folder_;
};

class Upload {
 public:
  Upload(Upload&&) noexcept = default;
  Upload& operator=(Upload&&) = delete;
  ~Upload() = default;

  const UploadId& id() const noexcept { return id_; }
  // Bytes received so far.
  std::uint64_t size() const noexcept { return draft_->size(); }

  // All of `bytes` or none. Conflict: a newer request took the upload over; this one has to end.
  Result<void> append(std::span<const std::byte> bytes);

  // Where the upload stands, to come back to when what is appended from here on turns out to be wrong.
  struct Mark {
    std::uint64_t size;
    Hasher hasher;
  };
  Mark mark() const { return {draft_->size(), hasher_.copy()}; }
  Result<void> rewind(Mark mark);

  // Makes the bytes the blob `digest` of the repository. Success means that it survives a power cut and can be pulled.
  // DigestMismatch: they are not its bytes, and the upload is gone. After any other error the upload can be tried
  // again.
  Result<void> commit(const Digest& digest);

  // Removes the upload and its bytes.
  Result<void> cancel();

  // Leaves it to the next request, which finds all of it, also after a power cut. After an error it may be gone.
  Result<void> park();

 private:
  friend class Repository;
  Upload(Store& store, RepositoryName repository, UploadId id, std::unique_ptr<Draft> draft, Hasher hasher)
      : store_(&store),
        repository_(std::move(repository)),
        id_(std::move(id)),
        draft_(std::move(draft)),
        hasher_(std::move(hasher)) {}

  Store* store_;
  RepositoryName repository_;
  UploadId id_;
  std::unique_ptr<Draft> draft_;
  Hasher hasher_;
};

// The hash of what a draft holds already.
Result<Hasher> hash_of(const Draft& draft, Algorithm algorithm);

}  // namespace caisson::registry::store
