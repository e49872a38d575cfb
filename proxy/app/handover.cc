#include "app/handover.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace caisson::app {

namespace {

constexpr std::size_t most_descriptors = 253;  // SCM_MAX_FD
constexpr std::size_t longest_message = 64 * 1024;

// Values one after the other, each string behind its length: "5:hello". Both ends know the order.
class Writer {
 public:
  void put(std::string_view text) { out_ += std::to_string(text.size()) + ':' + std::string(text); }
  void put(std::uint64_t number) { put(std::to_string(number)); }
  const std::string& text() const noexcept { return out_; }

 private:
  std::string out_;
};

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  std::string text() {
    const std::size_t colon = std::min(rest_.find(':'), rest_.size());
    const std::optional<std::uint64_t> size = text::to_number(rest_.substr(0, colon));
    if (!size || *size >= rest_.size() - colon) {
      broken_ = true;
      rest_ = {};
      return {};
    }
    std::string value(rest_.substr(colon + 1, *size));
    rest_.remove_prefix(colon + 1 + *size);
    return value;
  }
  std::uint64_t number() {
    const std::optional<std::uint64_t> value = text::to_number(text());
    if (!value) broken_ = true;
    return value.value_or(0);
  }
  bool broken() const noexcept { return broken_; }
  bool whole() const noexcept { return !broken_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool broken_ = false;
};

void encode(const Invocation& invocation, Writer& to) {
  to.put(invocation.program);
  to.put(invocation.directives);
  to.put(invocation.prefix);
  to.put(invocation.conf);
  to.put(invocation.error_log);
  to.put(invocation.face == Invocation::Face::Registry ? 1 : 0);
  to.put(invocation.ipv6 ? 1 : 0);
  to.put(invocation.environment.size());
  for (const std::string& variable : invocation.environment) to.put(variable);
}

void decode(Reader& from, Invocation& invocation) {
  invocation.program = from.text();
  invocation.directives = from.text();
  invocation.prefix = from.text();
  invocation.conf = from.text();
  invocation.error_log = from.text();
  if (from.number() != 0) invocation.face = Invocation::Face::Registry;
  invocation.ipv6 = from.number() != 0;
  for (std::uint64_t n = from.number(); n > 0 && !from.broken(); --n) invocation.environment.push_back(from.text());
}

void encode(const WorkerRights& rights, Writer& to) {
  to.put(rights.identity ? 1 : 0);
  if (rights.identity) {
    to.put(rights.identity->user);
    to.put(rights.identity->uid);
    to.put(rights.identity->gid);
  }
  to.put(rights.descriptors ? 1 : 0);
  if (rights.descriptors) to.put(*rights.descriptors);
}

void decode(Reader& from, WorkerRights& rights) {
  if (from.number() != 0) {
    Identity& identity = rights.identity.emplace();
    identity.user = from.text();
    identity.uid = static_cast<uid_t>(from.number());
    identity.gid = static_cast<gid_t>(from.number());
  }
  if (from.number() != 0) rights.descriptors = from.number();
}

void encode(const std::vector<NamedDescriptor>& named, Writer& to) {
  to.put(named.size());
  for (const NamedDescriptor& one : named) to.put(one.name);
}

void encode(const config::Files& files, Writer& to) {
  to.put(files.size());
  for (const auto& [path, text] : files) {
    to.put(path);
    to.put(text);
  }
}

void decode(Reader& from, config::Files& files) {
  for (std::uint64_t n = from.number(); n > 0 && !from.broken(); --n) {
    std::string path = from.text();
    files.emplace_back(std::move(path), from.text());
  }
}

std::string encode(const HandoverView& handover) {
  Writer to;
  encode(handover.invocation, to);
  encode(handover.rights, to);
  to.put(handover.check_only ? 1 : 0);
  encode(handover.files, to);
  encode(handover.listeners, to);
  encode(handover.logs, to);
  encode(handover.memories, to);
  return to.text();
}

Error garbled() { return {ErrorCode::Io, "what the master handed over is garbled"}; }

// `descriptors` are those after the memory file.
Result<Handover> decode(std::string_view text, std::vector<Fd> descriptors) {
  Reader from(text);
  Handover handover;
  decode(from, handover.invocation);
  decode(from, handover.rights);
  handover.check_only = from.number() != 0;
  decode(from, handover.files);
  auto next = descriptors.begin();
  for (std::vector<NamedFd>* into : {&handover.listeners, &handover.logs, &handover.memories}) {
    for (std::uint64_t n = from.number(); n > 0 && next != descriptors.end(); --n) {
      into->push_back({from.text(), std::move(*next++)});
    }
  }
  if (!from.whole() || next != descriptors.end()) return garbled();
  return handover;
}

Result<Fd> to_memory_file(std::string_view text) {
  Fd file(::memfd_create("handover", MFD_CLOEXEC));
  if (!file) return system_error(errno, "memfd_create()");
  while (!text.empty()) {
    const ssize_t n = ::write(file.get(), text.data(), text.size());
    if (n < 0) return system_error(errno, "write() to a memory file");
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return file;
}

Result<std::string> from_memory_file(const Fd& file) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return system_error(errno, "fstat() of the handover");
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::pread(file.get(), text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (n <= 0) return system_error(errno, "pread() of the handover");
    done += static_cast<std::size_t>(n);
  }
  return text;
}

}  // namespace

std::vector<NamedDescriptor> descriptors_of(const observe::LogFiles& logs) {
  std::vector<NamedDescriptor> named;
  for (const auto& [path, log] : logs.all()) {
    if (!log->path().empty()) named.push_back({path, log->descriptor()});
  }
  return named;
}

Result<std::pair<Fd, Fd>> make_channel() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return system_error(errno, "socketpair()");
  return std::pair(Fd(ends[0]), Fd(ends[1]));
}

Result<void> send_message(int channel, char kind, std::string_view text, std::span<const int> descriptors) {
  text = text.substr(0, longest_message - 1);
  std::array<iovec, 2> parts{iovec{&kind, 1}, iovec{const_cast<char*>(text.data()), text.size()}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  std::vector<char> control(CMSG_SPACE(descriptors.size_bytes()));
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  for (;;) {
    if (::sendmsg(channel, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return {};
    if (errno != EINTR) return system_error(errno, "sendmsg() between master and worker");
  }
}

Result<std::optional<Message>> receive_message(int channel, bool wait) {
  std::string text(longest_message, '\0');
  std::vector<char> control(CMSG_SPACE(most_descriptors * sizeof(int)));
  iovec part{text.data(), text.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t n = 0;
  do {
    n = ::recvmsg(channel, &header, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
  } while (n < 0 && errno == EINTR);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Error{ErrorCode::Busy, "no message"};
  // A peer that went with unread messages in its queue resets the connection.
  if (n == 0 || (n < 0 && errno == ECONNRESET)) return std::optional<Message>();
  if (n < 0) return system_error(errno, "recvmsg() between master and worker");
  Message message;
  message.kind = text.front();
  message.text = text.substr(1, static_cast<std::size_t>(n) - 1);
  for (cmsghdr* at = CMSG_FIRSTHDR(&header); at != nullptr; at = CMSG_NXTHDR(&header, at)) {
    if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t offset = 0; offset + sizeof(int) <= at->cmsg_len - CMSG_LEN(0); offset += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(at) + offset, sizeof fd);
      message.descriptors.emplace_back(fd);
    }
  }
  return std::optional(std::move(message));
}

Result<void> send_files(int channel, const config::Files& files) {
  Writer to;
  encode(files, to);
  const Result<Fd> file = to_memory_file(to.text());
  if (!file.ok()) return file.error();
  const int descriptor = file.value().get();
  return send_message(channel, files_changed, "", {&descriptor, 1});
}

Result<config::Files> files_in(const Message& message) {
  if (message.descriptors.size() != 1) return garbled();
  const Result<std::string> text = from_memory_file(message.descriptors.front());
  if (!text.ok()) return text.error();
  Reader from(text.value());
  config::Files files;
  decode(from, files);
  if (!from.whole()) return garbled();
  return files;
}

Result<void> send_handover(int channel, const HandoverView& handover) {
  Result<Fd> file = to_memory_file(encode(handover));
  if (!file.ok()) return std::move(file).error();
  std::vector<int> all{file.value().get()};
  for (const std::vector<NamedDescriptor>* named : {&handover.listeners, &handover.logs, &handover.memories}) {
    for (const NamedDescriptor& one : *named) all.push_back(one.descriptor);
  }
  const std::string count = std::to_string(all.size());
  for (std::span<const int> rest = all; !rest.empty();) {
    const auto batch = rest.first(std::min(rest.size(), most_descriptors));
    const bool first = batch.data() == all.data();
    Result<void> sent =
        send_message(channel, first ? handover_begins : more_descriptors, first ? std::string_view(count) : "", batch);
    if (!sent.ok()) return sent;
    rest = rest.subspan(batch.size());
  }
  return {};
}

Result<Handover> receive_handover(int channel) {
  std::vector<Fd> descriptors;
  std::uint64_t expected = 1;
  while (descriptors.size() < expected) {
    Result<std::optional<Message>> received = receive_message(channel, true);
    if (!received.ok()) return std::move(received).error();
    if (!received.value()) return Error{ErrorCode::Io, "the master went away before it had handed over"};
    Message& message = *received.value();
    const bool first = descriptors.empty();
    if (message.kind != (first ? handover_begins : more_descriptors) || message.descriptors.empty()) return garbled();
    if (first) expected = text::to_number(message.text).value_or(0);
    std::move(message.descriptors.begin(), message.descriptors.end(), std::back_inserter(descriptors));
  }
  if (descriptors.size() != expected) return garbled();
  Result<std::string> text = from_memory_file(descriptors.front());
  if (!text.ok()) return std::move(text).error();
  descriptors.erase(descriptors.begin());
  return decode(text.value(), std::move(descriptors));
}

}  // namespace caisson::app
