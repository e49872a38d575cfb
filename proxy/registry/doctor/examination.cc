#include "registry/doctor/examination.h"

#include <atomic>
#include <mutex>
#include <thread>

#include "registry/doctor/checkpoint.h"
#include "registry/store/repositories.h"

namespace caisson::registry::doctor {
namespace {

// As long as registry:2's purging leaves an upload alone.
constexpr std::chrono::hours kUploadAge{168};
constexpr std::chrono::seconds kSaveEvery{5};

void take_over(Diagnosis from, Diagnosis& into) {
  for (auto& [key, finding] : from.findings) add(into.findings, std::move(finding));
  for (Image& image : from.images) into.images.push_back(std::move(image));
  into.counts += from.counts;
}

}  // namespace

Examination::Examination(store::Store& store, ExaminationOptions options)
    : store_(store),
      options_(std::move(options)),
      throttle_(options_.bytes_a_second),
      contents_(store, throttle_),
      rights_(store) {
  rules_.absence_is_normal = store.driver().size(store::Layout::cache_schedule()).ok();
  rules_.abandoned_before = store::Time::clock::now() - kUploadAge;
}

Result<Diagnosis> Examination::all(const OnProgress& on_progress, const std::stop_token& stop) {
  if (auto base = store_.driver().folders(store::Layout::base()); !base.ok()) {
    if (base.error().code != ErrorCode::NotFound) return std::move(base).error();
    return Error{ErrorCode::NotFound,
                 "it is no registry's volume, or an empty one: there is no docker/registry/v2 in it"};
  }
  if (options_.digests) {
    if (auto done = compute_digests(on_progress, stop); !done.ok()) return std::move(done).error();
  }
  std::vector<store::RepositoryName> names;
  auto walked = store::each_repository(store_.driver(), [&](const store::RepositoryName& name) -> Result<void> {
    names.push_back(name);
    return {};
  });
  if (!walked.ok()) return std::move(walked).error();
  Diagnosis diagnosis;
  check_repositories(names, diagnosis);
  diagnosis.counts += digest_counts_;
  for (const auto& [key, finding] : digest_findings_) add(diagnosis.findings, finding);
  for (auto& [key, finding] : rights_.findings()) add(diagnosis.findings, std::move(finding));
  add_faulty_contents(diagnosis.findings);
  return diagnosis;
}

Diagnosis Examination::again(const std::set<std::string>& repositories) {
  std::vector<store::RepositoryName> names;
  for (const std::string& text : repositories) {
    if (auto name = store::RepositoryName::parse(text); name.ok()) names.push_back(std::move(name).value());
  }
  Diagnosis diagnosis;
  check_repositories(names, diagnosis);
  add_faulty_contents(diagnosis.findings);
  return diagnosis;
}

Result<void> Examination::compute_digests(const OnProgress& on_progress, const std::stop_token& stop) {
  Checkpoint start;
  if (options_.resume_file) {
    auto loaded = load_checkpoint(*options_.resume_file);
    if (!loaded.ok()) return std::move(loaded).error();
    start = std::move(loaded).value();
  }
  for (const store::Digest& digest : start.faulty) (void)contents_.examine(digest);  // somebody may have healed it
  DigestWalk walk(store_, contents_, rights_, start.position);
  const auto counts = [&] {
    const DigestWalk::Progress progress = walk.progress();
    return DigestWalk::Progress{start.contents + progress.contents, start.bytes + progress.bytes, progress.part};
  };
  const auto save = [&]() -> Result<void> {
    if (!options_.resume_file) return {};
    return save_checkpoint(*options_.resume_file,
                           {walk.position(), contents_.faulty(), counts().contents, counts().bytes});
  };
  if (auto saved = save(); !saved.ok()) return saved;
  auto last = std::chrono::steady_clock::now();
  walk.run(options_.threads, stop, [&] {
    if (on_progress) on_progress(counts());
    if (std::chrono::steady_clock::now() - last < kSaveEvery) return;
    last = std::chrono::steady_clock::now();
    (void)save();  // the first one went well; at worst some work is done again
  });
  digest_counts_.contents = counts().contents;
  digest_counts_.bytes = counts().bytes;
  digest_findings_ = walk.findings();
  if (stop.stop_requested()) {
    if (auto saved = save(); !saved.ok()) return saved;
    return Error{ErrorCode::Conflict, "stopped before its end"};
  }
  if (options_.resume_file) remove_checkpoint(*options_.resume_file);
  return {};
}

void Examination::check_repositories(const std::vector<store::RepositoryName>& names, Diagnosis& diagnosis) {
  std::atomic<std::size_t> next{0};
  std::vector<Diagnosis> found(names.size());
  const auto work = [&] {
    for (std::size_t i = next++; i < names.size(); i = next++) {
      found[i] = RepositoryCheck::run(store_, contents_, rights_, rules_, names[i]);
    }
  };
  {
    std::vector<std::jthread> team;
    for (unsigned i = 1; i < options_.threads; ++i) team.emplace_back(work);
    work();
  }
  for (Diagnosis& one : found) take_over(std::move(one), diagnosis);
}

void Examination::add_faulty_contents(Findings& findings) {
  for (const store::Digest& digest : contents_.faulty()) {
    const ContentState state = contents_.state(digest);
    if (!state.fault || *state.fault == Fault::Missing) continue;
    Finding finding{Place::Content, *state.fault};
    finding.digest = digest;
    finding.detail = state.detail;
    add(findings, std::move(finding));
  }
}

}  // namespace caisson::registry::doctor
