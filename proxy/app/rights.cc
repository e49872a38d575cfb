#include "app/rights.h"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

namespace caisson::app {

Result<Identity> find_identity(const std::string& user, const std::string& group) {
  errno = 0;
  const passwd* const entry = ::getpwnam(user.c_str());
  if (entry == nullptr) {
    if (errno != 0 && errno != ENOENT) return system_error(errno, "getpwnam(\"" + user + "\")");
    return Error{ErrorCode::BadConfig, "getpwnam(\"" + user + "\") failed"};
  }
  Identity identity{user, entry->pw_uid, entry->pw_gid};
  if (group.empty()) return identity;
  errno = 0;
  const ::group* const found = ::getgrnam(group.c_str());
  if (found == nullptr) {
    if (errno != 0 && errno != ENOENT) return system_error(errno, "getgrnam(\"" + group + "\")");
    return Error{ErrorCode::BadConfig, "getgrnam(\"" + group + "\") failed"};
  }
  identity.gid = found->gr_gid;
  return identity;
}

Result<void> may_have_descriptors(std::uint64_t number) {
  rlimit now{};
  if (::getrlimit(RLIMIT_NOFILE, &now) != 0 || number <= now.rlim_max) return {};
  const rlimit raised{now.rlim_cur, number};
  if (::setrlimit(RLIMIT_NOFILE, &raised) != 0) {
    return system_error(errno, "setrlimit(RLIMIT_NOFILE, " + std::to_string(number) + ')');
  }
  ::setrlimit(RLIMIT_NOFILE, &now);
  return {};
}

DescriptorLimits descriptor_limits() {
  rlimit now{};
  ::getrlimit(RLIMIT_NOFILE, &now);
  return {now.rlim_cur, now.rlim_max};
}

Result<void> become(const WorkerRights& rights) {
  if (rights.descriptors) {
    const rlimit limit{*rights.descriptors, *rights.descriptors};
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
      return system_error(errno, "setrlimit(RLIMIT_NOFILE, " + std::to_string(*rights.descriptors) + ')');
    }
  }
  if (const auto& identity = rights.identity) {
    // Groups first: after setuid() there is no right left to change them.
    const std::string gid = std::to_string(identity->gid);
    if (::setgid(identity->gid) != 0) return system_error(errno, "setgid(" + gid + ')');
    if (::initgroups(identity->user.c_str(), identity->gid) != 0) {
      return system_error(errno, "initgroups(" + identity->user + ", " + gid + ')');
    }
    if (::setuid(identity->uid) != 0) return system_error(errno, "setuid(" + std::to_string(identity->uid) + ')');
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return system_error(errno, "prctl(PR_SET_NO_NEW_PRIVS)");
  return {};
}

}  // namespace caisson::app
