// What a worker may do: whose it is, and how many descriptors it may have.
//
// Ownership: values. Threading: become() while the process has one thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace caisson::app {

struct Identity {
  std::string user;
  uid_t uid = 0;
  gid_t gid = 0;
};

struct WorkerRights {
  std::optional<Identity> identity;            // none: the worker stays what the master is
  std::optional<std::uint64_t> descriptors{};  // none: as many as the master
};

// Looks the user up; an empty group is the user's own. The error is nginx's: `getpwnam("x") failed`.
Result<Identity> find_identity(const std::string& user, const std::string& group);

// Whether this process may have so many descriptors; the error is nginx's. In a container it may often not.
Result<void> may_have_descriptors(std::uint64_t number);
// How many it has now, and how many it may have without further rights.
struct DescriptorLimits {
  std::uint64_t now = 0;
  std::uint64_t most = 0;
};
DescriptorLimits descriptor_limits();

// Takes the rights over, for good: what is given up cannot be got back, also not by a set-user-id program.
Result<void> become(const WorkerRights& rights);

}  // namespace caisson::app
