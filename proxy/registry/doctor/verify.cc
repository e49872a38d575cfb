#include "registry/doctor/verify.h"

#include <ostream>

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

}  // namespace

int verify(std::unique_ptr<store::Driver> driver, const Verification& what, std::ostream& out, std::ostream& errors,
           std::ostream* terminal) {
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
  Outcome outcome{what.root, what.examination.digests, std::move(diagnosis).value(), {}, {}, false};
  outcome.left = outcome.found.findings;
  outcome.steps = plan(outcome.left, store, examination.contents(), {});
  (what.json ? write_json : write_text)(outcome, out);
  return outcome.is_clean() ? kClean : kDamaged;
}

}  // namespace caisson::registry::doctor
