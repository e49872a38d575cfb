// What a health check looks at: a folder that must be there, a file that must not, a server that must answer.
//
// Threading: a probe is called by one thread, and may block for as long as its timeout says.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace caisson::monitor {

// Nothing when all is well, or why not. Ends early when told to stop.
using Probe = std::function<std::optional<std::string>(const std::stop_token& stop)>;

Probe folder_is_there(std::string path);
// A file that takes a server out of service by being there.
Probe no_file(std::string path);

struct HttpProbe {
  std::string url;
  unsigned status = 200;                  // the one that is right, after redirects
  std::vector<std::string> headers = {};  // "Name: value"
  std::chrono::milliseconds timeout{10'000};
};
Probe http_answers(HttpProbe what);  // by HEAD
// "host:port" takes a connection.
Probe tcp_connects(std::string address, std::chrono::milliseconds timeout);

}  // namespace caisson::monitor
