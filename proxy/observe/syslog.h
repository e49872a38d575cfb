// Log lines as datagrams to a syslog server (RFC 3164), as nginx's "syslog:" parameter names it. ngx_syslog.c
//
// Ownership: shared by the logs that write to it. Threading: send() from any thread.
// Errors:    a datagram that cannot be sent is dropped: logging stops no request.
#pragma once

#include <sys/socket.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/handle.h"
#include "base/result.h"

namespace caisson::observe {

class Syslog {
 public:
  // Reads "server=ADDRESS[:PORT]|unix:PATH,facility=...,severity=...,tag=...,nohostname" and looks the server's name
  // up. Nothing is sent or opened yet. An error is in nginx's words, without file and line.
  static Result<std::shared_ptr<Syslog>> make(std::string_view parameters);

  // One message with the configured severity, or with another (0 emerg ... 7 debug).
  void send(std::string_view line) { send(line, severity_); }
  void send(std::string_view line, unsigned severity);

 private:
  Syslog() = default;
  Result<void> take_server(std::string_view server);
  Fd open() const;

  std::string server_;
  sockaddr_storage address_{};
  socklen_t address_size_ = 0;
  unsigned facility_ = 23;  // local7
  unsigned severity_ = 6;   // info
  std::string tag_ = "nginx";
  bool with_hostname_ = true;
  std::mutex mutex_;
  Fd socket_;  // guarded by mutex_
};

}  // namespace caisson::observe
