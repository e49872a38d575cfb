// Removing uploads that nobody came back for (registry contract, section 11.3).
#include <algorithm>

#include "registry/store/store.h"

namespace caisson::registry::store {
namespace {

class Purge {
 public:
  Purge(Store& store, std::chrono::system_clock::time_point before, bool dry_run, const std::stop_token& stop)
      : store_(store), before_(before), dry_run_(dry_run), stop_(stop) {}

  // Looks into the repositories `names` and all below them.
  void visit(const std::string& prefix, const Names& names) {
    for (const std::string& name : *names) {
      if (stop_.stop_requested()) return;
      auto repository = RepositoryName::parse(prefix + name);
      if (!repository.ok()) continue;
      const Key folder = Layout::repository(repository.value());
      auto inner = store_.driver().folders(folder);
      if (!inner.ok()) {
        report(folder, inner.error());
        continue;
      }
      if (std::binary_search(inner.value()->begin(), inner.value()->end(), kUploadsFolder)) purge(repository.value());
      visit(prefix + name + '/', inner.value());
    }
  }

  std::size_t purged() const noexcept { return purged_; }

 private:
  void purge(const RepositoryName& repository) {
    auto names = store_.driver().folders(Layout::uploads(repository));
    if (!names.ok()) return report(Layout::uploads(repository), names.error());
    for (const std::string& name : *names.value()) {
      auto id = UploadId::parse(name);
      if (stop_.stop_requested() || !id.ok()) continue;
      const Key folder = Layout::upload(repository, id.value());
      auto removed = purge_if_old(folder);
      if (!removed.ok()) {
        report(folder, removed.error());
      } else if (removed.value()) {
        ++purged_;
      }
    }
  }

  Result<bool> purge_if_old(const Key& folder) {
    auto status = store_.driver().draft_status(folder);
    if (!status.ok()) return std::move(status).error();
    if (status.value().began >= before_) return false;
    return dry_run_ ? Result<bool>(true) : store_.driver().discard_idle_draft(folder);
  }

  // Somebody else may remove things at the same time; that is no fault.
  void report(const Key& key, const Error& error) {
    if (error.code != ErrorCode::NotFound) store_.report_once(key, "cannot be purged: " + error.what);
  }

  Store& store_;
  const std::chrono::system_clock::time_point before_;
  const bool dry_run_;
  const std::stop_token& stop_;
  std::size_t purged_ = 0;
};

}  // namespace

Result<std::size_t> Store::purge_uploads(std::chrono::system_clock::time_point before, bool dry_run,
                                         const std::stop_token& stop) {
  auto names = driver_->folders(Layout::repositories());
  if (!names.ok()) {
    if (names.error().code == ErrorCode::NotFound) return std::size_t{0};  // nothing was ever pushed
    return std::move(names).error();
  }
  Purge purge(*this, before, dry_run, stop);
  purge.visit("", names.value());
  return purge.purged();
}

}  // namespace caisson::registry::store
