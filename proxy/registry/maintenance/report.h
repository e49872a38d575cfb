// What is told of a collection while it runs: the lines that registry:2's garbage-collect prints, which people's
// scripts read (registry contract, section 11.2), for whoever wants them.
//
// Ownership: the caller's. Threading: one thread.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "registry/store/digest.h"
#include "registry/store/name.h"

namespace caisson::registry::maintenance {

class Report {
 public:
  using Line = std::function<void(std::string_view)>;
  // Nobody wants them.
  Report() = default;
  explicit Report(Line line) : line_(std::move(line)) {}

  // Whether it is worth while to make what the lines say.
  explicit operator bool() const noexcept { return line_ != nullptr; }

  void repository(const store::RepositoryName& name) const {
    if (line_) line_(name.str());
  }
  void marking_manifest(const store::RepositoryName& name, const store::Digest& digest) const {
    if (line_) line_(name.str() + ": marking manifest " + digest.str() + ' ');  // the space is registry:2's
  }
  void marking_blob(const store::RepositoryName& name, const store::Digest& digest) const {
    if (line_) line_(name.str() + ": marking blob " + digest.str());
  }
  void manifest_eligible(const store::Digest& digest) const {
    if (line_) line_("manifest eligible for deletion: " + digest.str());
  }
  void counted(std::size_t marked, std::size_t blobs, std::size_t manifests) const {
    if (!line_) return;
    line_("");
    line_(std::to_string(marked) + " blobs marked, " + std::to_string(blobs) + " blobs and " +
          std::to_string(manifests) + " manifests eligible for deletion");
  }
  void blob_eligible(const store::Digest& digest) const {
    if (line_) line_("blob eligible for deletion: " + digest.str());
  }

 private:
  Line line_;
};

}  // namespace caisson::registry::maintenance
