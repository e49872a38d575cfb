// Log lines in the forms of registry:2 (logrus): fields by name, in the order of their names.
//
//   text      time="2026-11-21T06:34:32.041525290Z" level=info msg="listening on [::]:5000" service=registry
//   json      {"level":"info","msg":"listening on [::]:5000","service":"registry","time":"2026-11-21T06:34:32.0415Z"}
//   logstash  {"@timestamp":"...","@version":"1","level":"info","message":"...","service":"registry"}
//
// Threading: none of its own.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "observe/error_log.h"

namespace caisson::observe {

// One line without its end. What was unprintable in it is escaped.
std::string structured_line(const LineForm& form, Level level, std::string_view message, const LogContext& context,
                            std::chrono::system_clock::time_point now = std::chrono::system_clock::now());

}  // namespace caisson::observe
