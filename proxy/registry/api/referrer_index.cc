#include "registry/api/referrer_index.h"

#include <algorithm>

namespace caisson::registry {
namespace {

using store::Algorithm;
using store::Digest;

// Bytes in all, about.
constexpr std::size_t kMostRemembered = 64U << 20;
// A descriptor may be nearly as large as a manifest, as it has its annotations; usually it has some hundred bytes.
constexpr std::size_t kLongestDescriptor = 2048;
constexpr std::size_t kWeightOfName = 100;
constexpr std::size_t kWeightOfEntry = 400;

// The names in `after` that are not in `before`; nothing at all when some of `before` went.
std::optional<std::vector<std::string_view>> new_names(const std::vector<std::string>& before,
                                                       const std::vector<std::string>& after) {
  if (!std::includes(after.begin(), after.end(), before.begin(), before.end())) return std::nullopt;
  std::vector<std::string_view> added;
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(), std::back_inserter(added));
  return added;
}

bool in_order(const ReferrerIndex::Entry& a, const ReferrerIndex::Entry& b) {
  return a.manifest.str() < b.manifest.str();
}

}  // namespace

ReferrerIndex::ReferrerIndex() : repositories_(kMostRemembered) {}

std::shared_ptr<ReferrerIndex::Known> ReferrerIndex::known(const std::string& repository) {
  const std::lock_guard lock(mutex_);
  if (const auto* found = repositories_.find(repository)) return *found;
  auto made = std::make_shared<Known>();
  repositories_.put(repository, made, kWeightOfEntry);
  return made;
}

Result<ReferrerIndex::Entries> ReferrerIndex::find(const store::Repository& repository, const Digest& subject) {
  const std::string& name = repository.name().str();
  const auto known = this->known(name);
  const std::lock_guard lock(known->mutex);
  const std::size_t weight_before = known->weight;
  if (auto learned = learn(*known, repository); !learned.ok()) return std::move(learned).error();
  if (known->weight != weight_before) {
    const std::lock_guard all(mutex_);
    repositories_.put(name, known, known->weight);
  }
  const auto found = known->by_subject.find(subject.str());
  return found != known->by_subject.end() ? found->second : std::make_shared<const std::vector<Entry>>();
}

// Reads what is new in the repository. REQUIRES: the lock of `known` is held.
Result<void> ReferrerIndex::learn(Known& known, const store::Repository& repository) {
  auto revisions = repository.revisions();
  if (!revisions.ok()) return std::move(revisions).error();
  store::Revisions& now = revisions.value();

  std::vector<Digest> to_read;
  to_read.swap(known.unread);
  for (const Algorithm algorithm : {Algorithm::Sha256, Algorithm::Sha512}) {
    if (known.seen.of(algorithm) == now.of(algorithm)) continue;
    auto added = new_names(*known.seen.of(algorithm), *now.of(algorithm));
    if (!added) {  // garbage was collected: what is known of it is of no use any more
      known.seen = store::Revisions();
      known.by_subject.clear();
      return learn(known, repository);
    }
    for (const std::string_view hex : *added) {
      auto digest = Digest::parse(std::string(to_string(algorithm)) + ':' + std::string(hex));
      if (digest.ok()) to_read.push_back(std::move(digest).value());
    }
  }

  std::map<std::string, std::vector<Entry>> found;
  for (Digest& digest : to_read) {
    auto bytes = repository.content_of_manifest(digest);
    if (!bytes.ok() && bytes.error().code == ErrorCode::TooLarge) continue;
    if (!bytes.ok() && bytes.error().code != ErrorCode::NotFound) return std::move(bytes).error();
    if (!bytes.ok()) {
      known.unread.push_back(std::move(digest));
      continue;
    }
    const auto subject = subject_of(bytes.value());
    if (!subject) continue;
    Referrer referrer = describe_referrer(digest, bytes.value());
    if (referrer.descriptor.size() > kLongestDescriptor) referrer.descriptor.clear();
    found[subject->str()].push_back({std::move(digest), std::move(referrer)});
  }
  for (auto& [subject, entries] : found) {
    Entries& all = known.by_subject[subject];
    if (all) entries.insert(entries.end(), all->begin(), all->end());
    std::sort(entries.begin(), entries.end(), in_order);
    all = std::make_shared<const std::vector<Entry>>(std::move(entries));
  }
  known.seen = std::move(now);
  known.weight = kWeightOfEntry + kWeightOfName * (known.seen.sha256->size() + known.seen.sha512->size());
  for (const auto& [subject, entries] : known.by_subject) {
    for (const Entry& entry : *entries) known.weight += kWeightOfEntry + entry.referrer.descriptor.size();
  }
  return {};
}

}  // namespace caisson::registry
