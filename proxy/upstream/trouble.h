// A backend that did not do its part.
#pragma once

#include <stdexcept>
#include <string>

#include "upstream/settings.h"

namespace caisson::upstream {

// Thrown inside one call to a backend, and caught where it is decided whether another server is tried. What the client
// does wrong is never one of these.
struct Trouble final : std::runtime_error {
  Trouble(NextOn trouble_kind, unsigned answer_status, const std::string& text)
      : std::runtime_error(text), kind(trouble_kind), status(answer_status) {}

  NextOn kind;
  unsigned status;  // for the client, when nothing better comes
};

// "TEXT while DOING", 502.
inline Trouble broken(const std::string& text, const char* doing) { return {OnError, 502, text + " while " + doing}; }
inline Trouble invalid(const std::string& text, const char* doing) {
  return {OnInvalidHeader, 502, text + " while " + doing};
}
// 504, in nginx's words.
inline Trouble timed_out(const char* doing) {
  return {OnTimeout, 504, std::string("upstream timed out (110: Connection timed out) while ") + doing};
}

}  // namespace caisson::upstream
