// USR2: a new binary takes over the listening sockets while the old one serves on, so that a version changes without a
// connection refused.
//
// The way is nginx's own: the new program finds the numbers of the sockets in the environment, NGINX=6;7; and the old
// one's pid file has moved to PID.oldbin. So it works between nginx and this program, too, in both directions.
//
// Ownership: the sockets given to start_new_binary() stay the caller's. Threading: one thread, before others start.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <vector>

#include "base/handle.h"
#include "base/result.h"

namespace caisson::app {

// The listening sockets that an old binary left open for this process, closed by exec from now on; none for a process
// that was started otherwise. Clears the environment of them: the second call finds none.
std::vector<Fd> take_inherited_sockets();

// Starts the program anew by the call that started this one. Both processes then have the sockets.
Result<pid_t> start_new_binary(const std::vector<std::string>& call, std::span<const int> sockets);

}  // namespace caisson::app
