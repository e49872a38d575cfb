// Carries out what was planned, beside processes that push, delete and collect at the same time: it looks again under
// the store's locks before it writes, writes atomically, and removes only what it saw.
//
// Ownership: refers to its store, the contents and the other registry. Threading: one thread. Every call may block.
#pragma once

#include "registry/doctor/contents.h"
#include "registry/doctor/other_registry.h"
#include "registry/doctor/plan.h"
#include "registry/store/store.h"

namespace caisson::registry::doctor {

class Mender {
 public:
  // `other` may be null.
  Mender(store::Store& store, Contents& contents, OtherRegistry* other)
      : store_(store), contents_(contents), other_(other) {}

  // Sets the step's result.
  void carry_out(Step& step);

 private:
  // Whether there was anything left to do.
  Result<bool> work_on(Step& step);
  Result<bool> set_aside(const store::Digest& digest);
  Result<bool> relink(const Finding& finding);
  Result<bool> unlink(const Finding& finding);
  Result<bool> point_tag(Step& step);
  Result<bool> fetch(const Finding& finding);
  Result<void> fetch_blob(const store::RepositoryName& name, const store::Digest& digest);
  Result<void> fetch_manifest(const store::RepositoryName& name, const store::Digest& digest);
  Result<bool> discard(const Finding& finding);
  Result<store::Digest> target_of_tag(const store::RepositoryName& name, const store::Tag& tag) const;
  Result<std::unique_ptr<store::Hold>> hold_alone(const store::Key& lock);

  store::Store& store_;
  Contents& contents_;
  OtherRegistry* const other_;
};

}  // namespace caisson::registry::doctor
