// Talks to a registry behind a proxy_pass as the proxy would for a client, to see whether pushes can work: its /v2/,
// and an upload that is begun and cancelled again.
//
// Ownership: values. Threading: probe_registry() waits; any thread.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace caisson::monitor {

struct RegistryProbe {
  std::string base;                  // "http://registry:5000": scheme and authority of the backend
  std::string unix_socket;           // its path; empty: none
  std::string api = "/v2/";          // the path that clients' /v2/ becomes
  std::vector<std::string> headers;  // "Host: registry.company.org", as the proxy sets them
  std::string client_url;            // "https://registry.company.org:5043": where clients are, for the Location
  bool verify = false;               // the backend's certificate, against
  std::string authorities;           // a PEM file; empty: the system's
  std::chrono::milliseconds timeout{10'000};
};

struct ProbeLine {
  bool good = false;
  std::string text;
};

// What was seen, in the order in which it was tried; the first that is not good mostly ends it.
std::vector<ProbeLine> probe_registry(const RegistryProbe& probe);

// What becomes of a client that an upload's Location sends on. `client_url` as above.
ProbeLine judge_location(const std::string& location, const std::string& client_url);

}  // namespace caisson::monitor
