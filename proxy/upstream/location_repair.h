// The Location of an answer to a blob upload is where the client sends its layer next. A registry that was not told the
// client's scheme (no X-Forwarded-Proto) or port (Host without it) sends the client to a wrong place on the right host,
// and the push ends in "blob upload unknown". A Location that the backend can only have made from what we told it is
// therefore corrected to what the client used. It never changes a set-up that works: a Location with a host of its own,
// or one that says https to a client of a plain listener (a TLS terminator stands before us), stays.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace caisson::upstream {

struct ClientView {
  std::string_view scheme;     // that the client used
  std::string_view authority;  // Host as the client sent it
  std::string_view sent_host;  // Host as we sent it to the backend
};

// The corrected Location, or nothing when it needs no correction.
std::optional<std::string> repaired_upload_location(std::string_view location, const ClientView& client);

}  // namespace caisson::upstream
