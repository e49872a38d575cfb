// The listening sockets that the master holds open over reloads.
//
// Ownership: owns the sockets; the file of a unix socket is removed with it, unless another process has it, too.
// Threading: one thread.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "app/handover.h"
#include "app/plan.h"
#include "base/handle.h"
#include "base/result.h"

namespace caisson::app {

class ListeningSockets {
 public:
  ListeningSockets() = default;
  ~ListeningSockets() { keep_only({}); }
  ListeningSockets(const ListeningSockets&) = delete;
  ListeningSockets& operator=(const ListeningSockets&) = delete;

  // Opens those that are not open yet, all of them or none; one error per address. An address in use is tried again
  // until `patience` is over: the process that is just ending may still have it.
  std::vector<Error> open(const std::vector<Plan::Listener>& wanted, std::chrono::milliseconds patience);
  // Takes sockets that another binary opened (new_binary.h), which has them still.
  void adopt(std::vector<Fd> inherited);
  // Closes all others. When they are `shared` with another process, the files of unix ones stay.
  void keep_only(const std::vector<Plan::Listener>& wanted, bool shared = false);
  std::vector<int> descriptors() const;
  // Those of a plan, all of them open.
  std::vector<NamedDescriptor> of(const std::vector<Plan::Listener>& wanted) const;

 private:
  struct Open {
    net::Address address;
    Fd fd;
  };
  std::map<std::string, Open> open_;  // by address
};

// Whether each could be listened on, an address in use counting as one that can: for -t beside a running server.
std::vector<Error> check_listeners(const std::vector<Plan::Listener>& wanted);

}  // namespace caisson::app
