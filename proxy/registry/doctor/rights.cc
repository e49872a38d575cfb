#include "registry/doctor/rights.h"

#include <unistd.h>

namespace caisson::registry::doctor {
namespace {

constexpr std::size_t kMostExamples = 3;

}  // namespace

RightsCheck::RightsCheck(const store::Store& store) : store_(store) {
  const auto may_write = [&](const store::Key& key) {
    auto rights = store_.driver().rights(key);
    return rights.ok() && rights.value().write;
  };
  wanted_ = ::geteuid() != 0 && (may_write(store::Layout::base()) || may_write(store::Layout::blobs()) ||
                                 may_write(store::Layout::repositories()));
}

void RightsCheck::look_at(const store::Key& key) {
  if (!wanted_) return;
  auto rights = store_.driver().rights(key);
  if (!rights.ok() || rights.value().write) return;  // what cannot be found or read tells of itself
  const std::lock_guard lock(mutex_);
  ++refused_;
  if (examples_.size() < kMostExamples) examples_.push_back(key.path());
}

Findings RightsCheck::findings() const {
  Findings found;
  const std::lock_guard lock(mutex_);
  if (refused_ == 0) return found;
  Finding finding{Place::Folder, Fault::NotWritable};
  finding.detail = std::to_string(refused_) + " files and folders cannot be written by the user " +
                   std::to_string(::geteuid()) + ", among them";
  for (const std::string& example : examples_) finding.detail += " \"" + example + '"';
  add(found, std::move(finding));
  return found;
}

}  // namespace caisson::registry::doctor
