// The master process: one thread that starts workers, replaces those that die, and takes nginx's signals.
//
//   TERM, INT  stop at once              HUP    load the configuration anew; a broken one changes nothing
//   QUIT       stop after the requests   USR1   reopen the logs
//                                        USR2   start a new binary beside this one, on the same sockets
//                                        WINCH  let the workers finish and start none, after USR2
//
// With registry:2's draintimeout the first TERM is a QUIT.
//
// A reload starts a worker with the new configuration beside the old one. Only when the new one says that it is ready,
// the old one is told to finish: until then nothing has changed, and whatever goes wrong is logged and dropped.
//
// Certificates, keys and password files are watched. New ones are tried here, together with all the rest, before the
// workers get them; broken ones are logged and the old ones stay.
//
// A new binary (new_binary.h) runs beside this process until the administrator ends one of them: QUIT here and the new
// one is alone; or HUP here, which starts workers again after WINCH, and QUIT there. When the new one ends, whatever
// the reason, this process is back where it was.
//
// Threading: one thread; it waits for signals and workers and never for anything else.
#pragma once

#include <signal.h>
#include <sys/signalfd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/certificate_watch.h"
#include "app/daemon.h"
#include "app/listening_sockets.h"
#include "app/pid_file.h"
#include "app/product.h"
#include "app/watched_files.h"
#include "app/worker_process.h"
#include "observe/error_log.h"

namespace caisson::app {

// A configuration as it was loaded. Its number and all but the texts of its files stay as they were.
struct Generation {
  unsigned number = 0;
  Plan plan;
};

// How long a start waits for an address in use. nginx tries five times, half a second apart.
inline constexpr std::chrono::milliseconds patience_at_start{2000};

class Master {
 public:
  using Clock = std::chrono::steady_clock;

  // `console` is told what goes wrong until everything runs; `inherited` is what an old binary left.
  // REQUIRES: block_signals() was called.
  Master(Product& product, const Invocation& invocation, observe::ErrorLog console, std::vector<Fd> inherited);
  ~Master();

  // Starts with the plan and serves until told to stop. Returns the exit status.
  int run(Plan plan);

 private:
  enum class Stopping { No, Gracefully, AtOnce };

  // master.cc: from the start to the end, and what happens between
  bool start(Plan plan);
  void turn();  // waits for the next event and sees to it
  std::optional<Clock::time_point> next_deadline() const;
  void on_deadlines();
  void take_signals();
  void on_signal(const signalfd_siginfo& info);
  const Plan& plan_in_force() const;  // also of a start that is not done yet
  void stop(Stopping how);
  void log_errors(const std::vector<Error>& errors) const;
  static void tell_reasons(const observe::ErrorLog& log, std::string_view reasons);  // one a line

  // master_workers.cc
  bool start_worker(std::shared_ptr<const Generation> generation);
  void take_messages(WorkerProcess& worker);
  void on_ready(WorkerProcess& worker);
  void on_failed_start(WorkerProcess& worker);
  void reap();
  void on_exit(WorkerProcess& worker, int status);

  // master_reload.cc
  void reload();
  void give_up_reload(const std::string& why);
  void retire_older_than(const Generation& generation);
  void keep_only_what(const Plan& plan);  // needs, of sockets and memories
  void close_sockets_but(const std::vector<Plan::Listener>& wanted);
  void watch_files();
  void take_up_changed_files();
  void reopen_logs();

  // master_binary.cc
  bool in_background() const noexcept;
  // Whether the old binary that started this process still runs.
  bool has_predecessor() const noexcept { return predecessor_ != 0 && ::getppid() == predecessor_; }
  void start_successor();
  void on_successor_exit(int status);
  void stop_accepting();
  void accept_again();

  static constexpr std::chrono::milliseconds longest_respawn_delay{10'000};

  Product& product_;
  const Invocation invocation_;
  observe::ErrorLog console_;
  observe::ErrorLog log_;
  ListeningSockets sockets_;
  SharedMemories memories_;
  PidFile pid_file_;
  Daemon daemon_;
  Fd signals_;

  std::shared_ptr<Generation> current_;  // what serves, and what a dead worker is replaced with
  std::shared_ptr<Generation> coming_;   // a reload under way; not yet in force
  bool reload_again_ = false;            // HUP came while one was under way
  bool running_ = false;                 // the first worker was ready
  bool failed_start_ = false;
  std::vector<std::unique_ptr<WorkerProcess>> workers_;

  WatchedFiles watched_;   // those of current_
  config::Files changed_;  // what differs from current_, taken up or not
  std::optional<Clock::time_point> look_at_;
  CertificateWatch certificates_;

  Stopping stopping_ = Stopping::No;
  std::optional<Clock::time_point> respawn_at_;  // the current generation has no worker; start one then
  std::chrono::milliseconds respawn_delay_{};    // grows while workers die young
  unsigned generations_ = 0;

  pid_t predecessor_ = 0;  // the process that left us its sockets
  pid_t successor_ = 0;    // the new binary, while it runs
  bool accepting_ = true;  // false after WINCH: workers that end are not replaced
};

}  // namespace caisson::app
