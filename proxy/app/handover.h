// The protocol between the master and a worker. Both are the same binary, so it has no version.
//
// They share a socket pair (AF_UNIX, SOCK_SEQPACKET): each message is a letter, its text, and descriptors.
//
//   master -> worker
//     H text        The handover begins; once, first. `text` is the number of descriptors that it has. The first one
//                   is a memory file with the encoded Handover; then come the listening sockets, the logs and the
//                   shared memories, in the order in which the Handover names them.
//     D             More descriptors of the handover (one message holds at most 253).
//     L path        The log at `path` was opened anew; one descriptor.
//     U             Certificates, keys or password files have other texts; one descriptor, of a memory file with them.
//   worker -> master
//     R             Ready: loaded, checked with its final rights, about to accept.
//     F text        It cannot start; one reason a line. The worker then exits.
//
// To stop, the master sends a worker SIGTERM (at once) or SIGQUIT (when the last request has been answered). Closing
// its end does the same as SIGQUIT, so that workers do not outlive a master that was killed.
//
// The memory file keeps the master from waiting for a worker that does not read: the socket carries a few bytes only.
//
// Ownership: descriptors in messages belong to the receiver. Threading: one thread at each end.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/invocation.h"
#include "app/rights.h"
#include "base/handle.h"
#include "base/result.h"
#include "config/source.h"
#include "observe/log_file.h"

namespace caisson::app {

// A descriptor and what it is called: a listening socket by its address ("0.0.0.0:443"), a log by its path.
struct NamedFd {
  std::string name;
  Fd fd;
};

// All that a worker gets. It needs no right to any file afterwards.
struct Handover {
  Invocation invocation;
  WorkerRights rights;
  bool check_only = false;  // for -t: report and exit
  config::Files files;      // configuration, certificates, keys, htpasswd files: what the master read to load it
  std::vector<NamedFd> listeners;
  std::vector<NamedFd> logs;
  std::vector<NamedFd> memories;  // SharedMemories
};

struct NamedDescriptor {
  std::string name;
  int descriptor = -1;
};

// The same, as the master lends it: descriptors stay its own.
struct HandoverView {
  const Invocation& invocation;
  const WorkerRights& rights;
  bool check_only = false;
  const config::Files& files;
  std::vector<NamedDescriptor> listeners;
  std::vector<NamedDescriptor> logs;
  std::vector<NamedDescriptor> memories{};
};

// The logs that have a path, as a handover names them.
std::vector<NamedDescriptor> descriptors_of(const observe::LogFiles& logs);

struct Message {
  char kind = 0;
  std::string text;
  std::vector<Fd> descriptors;
};

// The kinds of message.
inline constexpr char handover_begins = 'H';
inline constexpr char more_descriptors = 'D';
inline constexpr char log_reopened = 'L';
inline constexpr char files_changed = 'U';
inline constexpr char worker_ready = 'R';
inline constexpr char worker_failed = 'F';

// The two ends, closed by exec.
Result<std::pair<Fd, Fd>> make_channel();

// Sends without waiting. An error when the peer is gone, or has not read for very long.
Result<void> send_message(int channel, char kind, std::string_view text, std::span<const int> descriptors = {});

// The next message; nothing when the peer has closed its end. Waits for one unless `channel` is non-blocking or
// `wait` is false: then Busy when none is there.
Result<std::optional<Message>> receive_message(int channel, bool wait);

// A message `files_changed`, and what it brings.
Result<void> send_files(int channel, const config::Files& files);
Result<config::Files> files_in(const Message& message);

Result<void> send_handover(int channel, const HandoverView& handover);
// Waits until all of it is there.
Result<Handover> receive_handover(int channel);

}  // namespace caisson::app
