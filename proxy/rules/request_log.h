// The error log as a request sees it: the `error_log` in force where the request stands, with the facts of the request
// behind each message.
//
// Threading: from any loop.
#pragma once

#include <optional>
#include <string_view>

#include "observe/error_log.h"
#include "rules/request_state.h"

namespace caisson::rules {

// `error_log`, as a setting of every level.
struct ErrorLogSettings {
  std::optional<observe::ErrorLog> log;
  void inherit(const ErrorLogSettings& outer) { rules::inherit(log, outer.log); }
};

// Writes `message` with client, server, request, upstream, host and referrer. `upstream` is a URL, or empty.
void log(RequestState& state, observe::Level level, std::string_view message, std::string_view upstream = {});

}  // namespace caisson::rules
