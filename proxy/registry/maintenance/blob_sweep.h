// Throws away the blobs that a Marker did not find, with the links to them, and links that lead nowhere. What somebody
// was told of meanwhile stays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "registry/maintenance/bin.h"
#include "registry/maintenance/marker.h"

namespace caisson::registry::maintenance {

class BlobSweep {
 public:
  // All of them outlive it.
  BlobSweep(store::Store& store, const Marker& marker, Bin& bin, Pace& pace, store::Time cutoff, const Report& report)
      : store_(store), marker_(marker), bin_(bin), pace_(pace), cutoff_(cutoff), report_(report) {}

  // What there is to throw away: blobs that are not needed and were not used since the cutoff, sorted.
  Result<void> find();
  std::size_t found() const noexcept { return doomed_.size(); }
  // Only tells, and counts.
  void tell();
  Result<void> sweep();

  std::size_t blobs() const noexcept { return blobs_; }
  std::uint64_t bytes() const noexcept { return bytes_; }
  std::size_t links() const noexcept { return links_; }
  // What could not be moved; each was reported.
  std::size_t failures() const noexcept { return failures_; }

 private:
  // A link to something that goes.
  struct Link {
    std::size_t blob;        // its position in doomed_
    std::size_t repository;  // its position in repositories_
    PackedDigest name;       // of the link's folder
  };

  Result<void> find_in(store::Algorithm algorithm, const std::string& first_two);
  Result<void> find_links();
  Result<void> look_at_link(std::size_t repository, const store::Digest& name);
  Result<void> sweep_batch(std::size_t first, std::size_t last);
  Result<void> sweep_one(std::size_t blob, std::uint64_t size);
  Result<void> sweep_dead_links();
  void fail(const store::Key& place, const Error& error);

  store::Store& store_;
  const Marker& marker_;
  Bin& bin_;
  Pace& pace_;
  const store::Time cutoff_;
  const Report& report_;
  std::vector<PackedDigest> doomed_;
  std::vector<store::RepositoryName> repositories_;
  std::vector<Link> links_to_doomed_;  // sorted by blob
  std::vector<Link> dead_links_;       // to nothing; `blob` is of no use
  std::size_t blobs_ = 0;
  std::uint64_t bytes_ = 0;
  std::size_t links_ = 0;
  std::size_t failures_ = 0;
};

}  // namespace caisson::registry::maintenance
