// A whole store looked through: the digests of its contents first, then its repositories by what is known of them.
//
// Ownership: refers to its store. Threading: one thread calls it; it starts others and joins them. Every call may
// block, for hours where there are terabytes.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "registry/doctor/contents.h"
#include "registry/doctor/digest_walk.h"
#include "registry/doctor/finding.h"
#include "registry/doctor/repository_check.h"
#include "registry/doctor/rights.h"
#include "registry/store/store.h"

namespace caisson::registry::doctor {

struct ExaminationOptions {
  unsigned threads = 1;
  std::uint64_t bytes_a_second = 0;  // 0: as fast as it goes
  bool digests = true;               // computes those of all contents, not of the manifests alone
  std::optional<std::string> resume_file = {};
};

class Examination {
 public:
  using OnProgress = std::function<void(const DigestWalk::Progress&)>;

  Examination(store::Store& store, ExaminationOptions options);

  // Everything. Errors: what keeps it from looking at all.
  Result<Diagnosis> all(const OnProgress& on_progress, const std::stop_token& stop);
  // These repositories again, after something was mended.
  Diagnosis again(const std::set<std::string>& repositories);

  Contents& contents() noexcept { return contents_; }

 private:
  Result<void> compute_digests(const OnProgress& on_progress, const std::stop_token& stop);
  void check_repositories(const std::vector<store::RepositoryName>& names, Diagnosis& diagnosis);
  // Contents that are wrong, whether or not anybody needs them.
  void add_faulty_contents(Findings& findings);

  store::Store& store_;
  const ExaminationOptions options_;
  Throttle throttle_;
  Contents contents_;
  RightsCheck rights_;
  CheckRules rules_;
  Counts digest_counts_;
  Findings digest_findings_;
};

}  // namespace caisson::registry::doctor
