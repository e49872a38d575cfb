// What the process model runs. It knows processes, signals, descriptors and rights; a Product knows what a
// configuration means and how requests are served.
//
// Ownership: one object, made by main(); it outlives all calls. Threading: load() on one thread; serve() may start
// threads of its own and has joined them when it returns.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/control.h"
#include "app/handover.h"
#include "app/invocation.h"
#include "app/plan.h"
#include "base/result.h"
#include "base/shared_memory.h"
#include "config/source.h"
#include "observe/log_file.h"

namespace caisson::app {

// What serve() gets. The descriptors are open and the rights are final.
struct Serving {
  const Invocation& invocation;
  config::Files files;             // load the configuration from these (config::MemorySource)
  std::vector<NamedFd> listeners;  // by Plan::Listener's address.text()
  observe::LogFiles& logs;         // finds every log of the Plan under its path
  const SharedMemories& memories;  // those of the Plan
  bool check_only = false;         // -t: say ready() or failed() and return, open nothing that others would notice
  Control& control;
};

class Product {
 public:
  struct Loaded {
    std::optional<Plan> plan;  // nothing when there are errors
    std::vector<Error> errors;
    std::vector<std::string> warnings;
  };

  virtual ~Product() = default;

  // Reads the configuration (read_configuration()) and all files that it names, through `files` alone: a worker will
  // find there what the master has read, and nothing else. Opens the logs that it names through `logs`. The master
  // calls it at every start and reload.
  virtual Loaded load(const Invocation& invocation, config::Source& files, observe::LogFiles& logs) = 0;

  // The "configure arguments:" line of -V.
  virtual std::string build_options() const = 0;

  // Serves in this process until control says Stop or Quit, and does what is asked. Calls control.ready() once when
  // it can accept, or control.failed() when it never will. Returns the exit status of the process.
  virtual int serve(Serving serving) = 0;
};

// load() from the disk; what was read and opened is in the plan. `open_logs` are those of the configuration before.
Product::Loaded load_from_disk(Product& product, const Invocation& invocation, const observe::LogFiles& open_logs);

}  // namespace caisson::app
