// Tells all endpoints of a registry what happened in it.
//
// What is promised: when publish() returns, the event is kept for every endpoint that wants it, and survives the end of
// the process, also by kill -9 (not a power cut); it is delivered at least once, by this process or by another one on
// the same volume. A queue that is full loses its oldest events, a disk that is full the new ones: both are counted.
// Where nothing may be written the queues are in memory. Nobody who publishes waits for a receiver.
//
// Ownership: owns the endpoints and their threads. Threading: any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "observe/error_log.h"
#include "observe/metrics.h"
#include "registry/notify/endpoint.h"
#include "registry/notify/event.h"

namespace caisson::registry::notify {

struct Settings {
  std::vector<EndpointSettings> endpoints;
  bool references = false;  // events of manifests say what these refer to
  std::string source;       // "host:port", or ":port" of this host; "": this host
};

class Notifier {
 public:
  // `folder` is where queues are kept; "": in memory.
  Notifier(Settings settings, const std::string& folder, const observe::ErrorLog& log);

  bool wants_references() const noexcept { return settings_.references; }
  void publish(const Event& event);

  void write(observe::Exposition& to) const;

 private:
  const Settings settings_;
  Source source_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
};

}  // namespace caisson::registry::notify
