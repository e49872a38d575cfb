// `caisson registry verify`: examines a volume, says what is wrong with it, and mends what can be mended.
//
// Threading: one thread calls it. It may run for hours, beside any number of processes that serve from the volume.
#pragma once

#include <iosfwd>
#include <memory>
#include <string>

#include "registry/doctor/examination.h"
#include "registry/doctor/other_registry.h"
#include "registry/store/driver.h"

namespace caisson::registry::doctor {

struct Verification {
  std::string root;  // as people call it
  ExaminationOptions examination;
  bool json = false;
  bool repair = false;
};

// The report goes to `out`. `terminal`: where progress is shown, or null.
// 0: nothing is damaged, or not any more. 1: something is. 2: it could not do its work, and `errors` says why.
// `other` may be null.
int verify(std::unique_ptr<store::Driver> driver, const Verification& what, OtherRegistry* other, std::ostream& out,
           std::ostream& errors, std::ostream* terminal);

}  // namespace caisson::registry::doctor
