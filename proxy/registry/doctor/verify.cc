#include "registry/doctor/verify.h"

#include <ostream>
#include <set>

#include "registry/doctor/mender.h"
#include "registry/doctor/plan.h"
#include "registry/doctor/report.h"

namespace caisson::registry::doctor {
namespace {

constexpr int kClean = 0;
constexpr int kDamaged = 1;
constexpr int kFailed = 2;

// One line that changes, a few times a second.
class ProgressLine {
 public:
  explicit ProgressLine(std::ostream* terminal) : terminal_(terminal) {}
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine() {
    if (shown_) *terminal_ << "\r\x1b[K" << std::flush;
  }

  void show(const DigestWalk::Progress& now) {
    if (terminal_ == nullptr || Clock::now() - last_ < std::chrono::milliseconds(200)) return;
    last_ = Clock::now();
    shown_ = true;
    *terminal_ << "\r\x1b[K" << static_cast<int>(now.part * 100) << " %, " << now.contents << " contents, "
               << size_text(now.bytes) << std::flush;
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::ostream* const terminal_;
  Clock::time_point last_{};
  bool shown_ = false;
};

// Whom what is wrong concerns.
std::set<std::string> repositories_of(const Findings& findings) {
  std::set<std::string> all;
  for (const auto& [key, finding] : findings) {
    if (!finding.repository.empty()) all.insert(finding.repository);
    all.insert(finding.needed_in.begin(), finding.needed_in.end());
  }
  return all;
}

// What is not about one repository is not looked for again.
void keep_folders(const Findings& before, Findings& now) {
  for (const auto& [key, finding] : before) {
    if (finding.place == Place::Folder) add(now, finding);
  }
}

// One thing mended may show the next: a manifest that is back says which layers it needs. Nothing is tried twice.
void mend(store::Store& store, Examination& examination, OtherRegistry* other, Outcome& outcome) {
  Mender mender(store, examination.contents(), other);
  std::set<std::string> tried;
  for (bool goes_on = true; goes_on;) {
    goes_on = false;
    std::vector<Step> steps = plan(outcome.left, store, examination.contents(), {.can_fetch = other != nullptr});
    std::erase_if(steps, [&](const Step& step) { return tried.contains(describe(step)); });
    for (Step& step : steps) {
      tried.insert(describe(step));
      mender.carry_out(step);
      goes_on = goes_on || step.result == Step::Result::Done;
      outcome.steps.push_back(std::move(step));
    }
    if (!goes_on) return;
    Diagnosis now = examination.again(repositories_of(outcome.left));
    keep_folders(outcome.left, now.findings);
    outcome.left = now.findings;
    outcome.found.merge(std::move(now));
  }
}

}  // namespace

int verify(std::unique_ptr<store::Driver> driver, const Verification& what, OtherRegistry* other, std::ostream& out,
           std::ostream& errors, std::ostream* terminal) {
  store::Store store(std::move(driver), observe::ErrorLog());
  Examination examination(store, what.examination);
  Result<Diagnosis> diagnosis = Diagnosis{};
  {
    ProgressLine line(terminal);
    diagnosis = examination.all([&](const DigestWalk::Progress& now) { line.show(now); }, {});
  }
  if (!diagnosis.ok()) {
    errors << "registry: \"" << what.root << "\" cannot be verified: " << diagnosis.error().what << '\n';
    return kFailed;
  }
  Outcome outcome{what.root, what.examination.digests, std::move(diagnosis).value(), {}, {}, what.repair};
  outcome.left = outcome.found.findings;
  if (what.repair) {
    mend(store, examination, other, outcome);
  } else {
    outcome.steps = plan(outcome.left, store, examination.contents(), {.can_fetch = other != nullptr});
  }
  (what.json ? write_json : write_text)(outcome, out);
  return outcome.is_clean() ? kClean : kDamaged;
}

}  // namespace caisson::registry::doctor
