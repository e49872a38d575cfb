#include "registry/maintenance/blob_sweep.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "registry/store/repositories.h"

namespace caisson::registry::maintenance {

using store::Algorithm;
using store::Digest;
using store::Layout;
using store::RepositoryName;

namespace {

// Blobs that go while others are kept out: some milliseconds' worth.
constexpr std::size_t kAtOnce = 32;

bool is_two_hex_digits(std::string_view text) {
  return text.size() == 2 && text::hex_value(text[0]) >= 0 && text::hex_value(text[1]) >= 0;
}

}  // namespace

Result<void> BlobSweep::find() {
  for (const Algorithm algorithm : {Algorithm::Sha256, Algorithm::Sha512}) {
    auto parts = store::folders_if_any(store_.driver(), Layout::blobs(algorithm));
    if (!parts.ok()) return std::move(parts).error();
    for (const std::string& first_two : *parts.value()) {
      if (!is_two_hex_digits(first_two)) continue;
      if (auto found = find_in(algorithm, first_two); !found.ok()) return found;
    }
  }
  return {};
}

Result<void> BlobSweep::find_in(Algorithm algorithm, const std::string& first_two) {
  auto names = store::folders_if_any(store_.driver(), Layout::blobs(algorithm, first_two));
  if (!names.ok()) return std::move(names).error();
  for (const std::string& hex : *names.value()) {
    auto digest = Digest::parse(std::string(to_string(algorithm)) + ':' + hex);
    if (!digest.ok() || !hex.starts_with(first_two) || marker_.needs(pack(digest.value()))) continue;
    if (!pace_.take()) return {};
    auto used = store_.driver().changed(Layout::blob_data(digest.value()));
    if (!used.ok() && used.error().code != ErrorCode::NotFound) return std::move(used).error();
    if (used.ok() && used.value() < cutoff_) doomed_.push_back(pack(digest.value()));
  }
  return {};
}

void BlobSweep::tell() {
  for (const PackedDigest& one : doomed_) {
    const Digest digest = unpack(one);
    report_.blob_eligible(digest);
    if (auto size = store_.driver().size(Layout::blob_data(digest)); size.ok()) bytes_ += size.value();
    ++blobs_;
  }
}

Result<void> BlobSweep::sweep() {
  if (auto found = find_links(); !found.ok()) return found;
  for (std::size_t first = 0; first < doomed_.size(); first += kAtOnce) {
    const std::size_t last = std::min(first + kAtOnce, doomed_.size());
    if (!pace_.take(last - first)) return {};
    if (auto swept = sweep_batch(first, last); !swept.ok()) return swept;
  }
  return sweep_dead_links();
}

Result<void> BlobSweep::find_links() {
  auto walked = store::each_repository(store_.driver(), [this](const RepositoryName& repository) -> Result<void> {
    repositories_.push_back(repository);
    for (const Algorithm algorithm : {Algorithm::Sha256, Algorithm::Sha512}) {
      auto names = store::folders_if_any(store_.driver(), Layout::layers(repository, algorithm));
      if (!names.ok()) return std::move(names).error();
      for (const std::string& hex : *names.value()) {
        auto name = Digest::parse(std::string(to_string(algorithm)) + ':' + hex);
        if (!name.ok() || marker_.needs(pack(name.value()))) continue;
        if (!pace_.take()) return {};
        auto looked = look_at_link(repositories_.size() - 1, name.value());
        if (!looked.ok()) return looked;
      }
    }
    return {};
  });
  std::stable_sort(links_to_doomed_.begin(), links_to_doomed_.end(),
                   [](const Link& a, const Link& b) { return a.blob < b.blob; });
  return walked;
}

Result<void> BlobSweep::look_at_link(std::size_t repository, const Digest& name) {
  const store::Key link = Layout::layer_link(repositories_[repository], name);
  auto read = store_.read_link(link);
  if (!read.ok() && read.error().code != ErrorCode::NotFound) return std::move(read).error();
  if (!read.ok()) return {};  // registry:2 leaves the folder; what holds no digest is for somebody to mend
  const PackedDigest target = pack(read.value());
  const auto doomed = std::lower_bound(doomed_.begin(), doomed_.end(), target);
  if (doomed != doomed_.end() && *doomed == target) {
    links_to_doomed_.push_back({static_cast<std::size_t>(doomed - doomed_.begin()), repository, pack(name)});
    return {};
  }
  if (marker_.needs(target)) return {};
  auto linked = store_.driver().changed(link);
  if (!linked.ok() || linked.value() >= cutoff_) return {};
  auto size = store_.driver().size(Layout::blob_data(read.value()));
  if (!size.ok() && size.error().code == ErrorCode::NotFound) dead_links_.push_back({0, repository, pack(name)});
  return {};
}

Result<void> BlobSweep::sweep_batch(std::size_t first, std::size_t last) {
  std::array<std::uint64_t, kAtOnce> sizes{};
  for (std::size_t i = first; i < last; ++i) {
    const Digest digest = unpack(doomed_[i]);
    report_.blob_eligible(digest);
    auto size = store_.driver().size(Layout::blob_data(digest));
    if (size.ok()) sizes[i - first] = size.value();
  }
  auto others = bin_.keep_others_out();
  if (!others.ok()) return std::move(others).error();
  if (!others.value()) return {};
  for (std::size_t i = first; i < last; ++i) {
    auto swept = sweep_one(i, sizes[i - first]);
    if (!swept.ok()) fail(Layout::blob(unpack(doomed_[i])), swept.error());
  }
  return {};
}

// Links before the blob: whoever misses the blob although a link stands may bring it back, and would be deceived if the
// link went after that. REQUIRES: others are kept out.
Result<void> BlobSweep::sweep_one(std::size_t blob, std::uint64_t size) {
  const Digest digest = unpack(doomed_[blob]);
  const store::Key data = Layout::blob_data(digest);
  auto used = store_.driver().changed(data);
  if (!used.ok() && used.error().code != ErrorCode::NotFound) return std::move(used).error();
  if (!used.ok() || used.value() >= cutoff_) return {};
  std::size_t links = 0;
  const auto before = [](const Link& link, std::size_t position) { return link.blob < position; };
  for (auto link = std::lower_bound(links_to_doomed_.begin(), links_to_doomed_.end(), blob, before);
       link != links_to_doomed_.end() && link->blob == blob; ++link) {
    auto went = bin_.throw_away(Layout::layer(repositories_[link->repository], unpack(link->name)));
    if (!went.ok()) return std::move(went).error();
    if (went.value()) ++links;
  }
  auto went = bin_.throw_away(Layout::blob(digest));
  if (!went.ok()) return std::move(went).error();
  // Who found a link before it went has renewed the lease by now, or will miss the blob and look for the link again.
  auto renewed = went.value() ? bin_.used_since(data, cutoff_) : Result<bool>(false);
  if (!renewed.ok() || renewed.value()) return bin_.take_back();
  bin_.accept();
  if (!went.value()) return {};
  ++blobs_;
  bytes_ += size;
  links_ += links;
  return {};
}

// One that cannot be moved does not keep the others.
void BlobSweep::fail(const store::Key& place, const Error& error) {
  (void)bin_.take_back();
  ++failures_;
  store_.report_once(place, "cannot be collected: " + error.what);
}

Result<void> BlobSweep::sweep_dead_links() {
  for (std::size_t first = 0; first < dead_links_.size(); first += kAtOnce) {
    const std::size_t last = std::min(first + kAtOnce, dead_links_.size());
    if (!pace_.take(last - first)) return {};
    auto others = bin_.keep_others_out();
    if (!others.ok()) return std::move(others).error();
    if (!others.value()) return {};
    for (std::size_t i = first; i < last; ++i) {
      const RepositoryName& repository = repositories_[dead_links_[i].repository];
      const Digest name = unpack(dead_links_[i].name);
      auto target = store_.read_link(Layout::layer_link(repository, name));
      // Somebody may have pushed it again.
      if (!target.ok() || store_.driver().size(Layout::blob_data(target.value())).ok()) continue;
      auto went = bin_.throw_away(Layout::layer(repository, name));
      if (!went.ok()) {
        fail(Layout::layer(repository, name), went.error());
      } else if (store_.driver().size(Layout::blob_data(target.value())).ok()) {
        if (auto back = bin_.take_back(); !back.ok()) return back;
      } else if (went.value()) {
        ++links_;
      }
      bin_.accept();
    }
  }
  return {};
}

}  // namespace caisson::registry::maintenance
