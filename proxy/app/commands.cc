#include "app/commands.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "advice/advice.h"
#include "app/backend_probe.h"
#include "app/master.h"
#include "app/new_binary.h"
#include "app/pid_file.h"
#include "app/registry_command.h"
#include "app/trial.h"
#include "app/worker.h"

namespace caisson::app {

namespace {

using observe::ErrorLog;
using observe::Level;
using observe::LogFile;

void print(std::FILE* to, const std::string& text) { static_cast<void>(std::fwrite(text.data(), 1, text.size(), to)); }

// Whoever started this may have closed standard input, output or error. Their numbers must not go to a socket or a log,
// which would then get what is printed.
void fill_standard_streams() {
  int opened = -1;
  do {
    opened = ::open("/dev/null", O_RDWR);
  } while (opened >= 0 && opened <= STDERR_FILENO);
  if (opened > STDERR_FILENO) ::close(opened);
}

// Where complaints go until the configuration's own error log is open: standard error, in the form of a command, and
// the file of -e. With "-e stderr" standard error is that log, and has its form. ngx_log_init
ErrorLog open_console(const Invocation& invocation) {
  const ErrorLog::Target terminal{LogFile::standard_error(), Level::Warn, invocation.program};
  if (invocation.error_log == "stderr") {
    if (!invocation.error_log_given) return ErrorLog({terminal});
    return ErrorLog({{LogFile::standard_error(), Level::Notice, {}}});
  }
  Result<std::shared_ptr<LogFile>> file = LogFile::open(invocation.error_log);
  if (file.ok()) return ErrorLog({terminal, {std::move(file).value(), Level::Notice, {}}});
  ErrorLog alone({terminal});
  alone.alert("could not open error log file: " + file.error().what);
  return alone;
}

// In registry:2's face warnings have the log's form, also at the start: whoever gathers it reads one form.
bool report(const Product::Loaded& loaded, const Invocation& invocation, const ErrorLog& console) {
  const bool by_log = loaded.plan && invocation.face == Invocation::Face::Registry;
  const bool silent = invocation.test && invocation.quiet;
  for (const std::string& warning : loaded.warnings) {
    if (!silent) (by_log ? loaded.plan->error_log : console).warn(warning);
  }
  for (const Error& error : loaded.errors) console.emerg(error.what);
  return loaded.plan.has_value();
}

// nginx -T. Of what was read only the configuration: certificates' keys and passwords were read, too.
void dump(const Invocation& invocation, const config::Files& files) {
  config::MemorySource read(files);
  config::RecordingSource configuration(read);
  static_cast<void>(read_configuration(invocation, configuration));
  for (const auto& [path, text] : configuration.files()) {
    print(stdout, "# configuration file " + path + ":\n" + text + '\n');
  }
}

// What works and will hurt, one line each.
void give_advice(const Invocation& invocation, const config::Files& files) {
  config::MemorySource read(files);
  const std::vector<config::Directive> configuration = read_configuration(invocation, read).directives;
  std::vector<advice::Finding> findings = advice::advise(configuration, files);
  for (advice::Finding& unknown : unknown_names(configuration)) findings.push_back(std::move(unknown));
  for (const advice::Finding& finding : findings) {
    print(stderr, invocation.program + ": [advice] " + finding.at.str() + ": " + finding.text + '\n');
  }
}

// nginx -t: everything but serving.
bool passes_test(Product& product, const Invocation& invocation, const ErrorLog& console) {
  Product::Loaded loaded = load_from_disk(product, invocation, {});
  if (!report(loaded, invocation, console)) return false;
  const std::string file = "configuration file " + invocation.conf;
  if (!invocation.quiet) print(stderr, invocation.program + ": the " + file + " syntax is ok\n");

  const Plan& plan = *loaded.plan;
  std::vector<Error> errors = check_listeners(plan.listeners);
  Result<void> pid = excused_in_container(check_pid_file(plan.pid_path), console);
  if (!pid.ok()) errors.push_back(std::move(pid).error());
  for (const Error& error : errors) console.emerg(error.what);
  const std::vector<std::string> problems = check_in_worker(invocation, plan);
  for (const std::string& problem : problems) console.emerg(problem);
  if (!errors.empty() || !problems.empty()) return false;

  if (!invocation.quiet) {
    print(stderr, invocation.program + ": " + file + " test is successful\n");
    give_advice(invocation, plan.files);
  }
  if (invocation.dump) dump(invocation, plan.files);
  return true;
}

// caisson check --probe. False: a backend does not do what a registry's clients need.
bool passes_probe(const Invocation& invocation) {
  config::FileSource disk;
  bool good = true;
  for (const BackendFinding& finding : probe_backends(invocation, read_configuration(invocation, disk).directives)) {
    const std::string_view verdict = finding.good ? ": [probe] ok: " : ": [probe] FAILED: ";
    if (finding.good && invocation.quiet) continue;
    print(stderr, invocation.program + std::string(verdict) + finding.at.str() + ": " + finding.text + '\n');
    good = good && finding.good;
  }
  return good;
}

int test(Product& product, const Invocation& invocation, const ErrorLog& console) {
  if (passes_test(product, invocation, console)) {
    return !invocation.probe || passes_probe(invocation) ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  print(stderr, invocation.program + ": configuration file " + invocation.conf + " test failed\n");
  return EXIT_FAILURE;
}

// The pid file that a configuration names, also one with errors elsewhere.
std::string pid_path_in(const Invocation& invocation, const config::Parsed& parsed) {
  for (const config::Directive& directive : parsed.directives) {
    if (directive.name == "pid" && directive.args.size() == 1) return invocation.from_prefix(directive.args[0]);
  }
  return default_pid_path;
}

// nginx -s. Unlike nginx's, a broken configuration keeps nobody from stopping the server.
int signal_master(Product& product, const Invocation& invocation, const ErrorLog& console) {
  constexpr std::pair<std::string_view, int> signals[] = {
      {"stop", SIGTERM}, {"quit", SIGQUIT}, {"reopen", SIGUSR1}, {"reload", SIGHUP}};
  if (invocation.signal == "reload" && !report(load_from_disk(product, invocation, {}), invocation, console))
    return EXIT_FAILURE;
  config::FileSource disk;
  // One that is not there is not broken: it says nothing of where the pid file is.
  if (const Result<std::string> there = disk.read(invocation.conf); !there.ok()) {
    console.emerg(there.error().what);
    return EXIT_FAILURE;
  }
  console.notice("signal process started");
  Result<pid_t> pid = read_pid_file(pid_path_in(invocation, read_configuration(invocation, disk)));
  if (!pid.ok() && is_process_1_this_program()) pid = pid_t{1};
  if (!pid.ok()) {
    console.error(pid.error().what);
    return EXIT_FAILURE;
  }
  for (const auto& [name, number] : signals) {
    if (name != invocation.signal || ::kill(pid.value(), number) == 0) continue;
    console.alert(
        system_error(errno, "kill(" + std::to_string(pid.value()) + ", " + std::to_string(number) + ')').what);
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}

// master_process off: this process serves.
int serve_alone(Product& product, const Invocation& invocation, Plan plan, const ErrorLog& console,
                std::vector<Fd> inherited) {
  ListeningSockets sockets;
  sockets.adopt(std::move(inherited));
  const std::vector<Error> errors = sockets.open(plan.listeners, patience_at_start);
  for (const Error& error : errors) console.emerg(error.what);
  if (!errors.empty()) return EXIT_FAILURE;

  Daemon daemon;
  if (plan.daemon) {
    Result<Daemon> started = Daemon::start();
    if (!started.ok()) {
      console.emerg(started.error().what);
      return EXIT_FAILURE;
    }
    daemon = std::move(started).value();
  }
  PidFile pid_file;
  const auto on_ready = [&]() -> Result<void> {
    Result<void> written = excused_in_container(pid_file.write(plan.pid_path), plan.error_log);
    if (!written.ok()) return written;
    daemon.finish(plan.error_log);
    return {};
  };
  Control control(on_ready, plan.logs);
  std::vector<NamedFd> listeners;
  for (const NamedDescriptor& listener : sockets.of(plan.listeners)) {
    listeners.push_back({listener.name, Fd(::fcntl(listener.descriptor, F_DUPFD_CLOEXEC, 0))});
  }
  const int status = product.serve(
      {invocation, std::move(plan.files), std::move(listeners), plan.logs, SharedMemories(), false, control});
  for (const std::string& failure : control.failures()) console.emerg(failure);
  return status;
}

int start(Product& product, const Invocation& invocation, const ErrorLog& console) {
  std::vector<Fd> inherited = take_inherited_sockets();  // first: no descriptor is in doubt yet
  std::optional<std::string> provisioned;
  if (invocation.face == Invocation::Face::Registry) {
    Result<std::optional<std::string>> done = provision_users(invocation);
    if (!done.ok()) {
      console.emerg(done.error().what);
      return EXIT_FAILURE;
    }
    provisioned = std::move(done).value();
  }
  Product::Loaded loaded = load_from_disk(product, invocation, {});
  if (!report(loaded, invocation, console)) return EXIT_FAILURE;
  if (provisioned) loaded.plan->error_log.warn(*provisioned);
  if (!loaded.plan->logs_to_stderr) {  // the console has them already
    for (const std::string& warning : loaded.warnings) loaded.plan->error_log.warn(warning);
  }
  if (!loaded.plan->master_process) {
    return serve_alone(product, invocation, std::move(*loaded.plan), console, std::move(inherited));
  }
  return Master(product, invocation, console, std::move(inherited)).run(std::move(*loaded.plan));
}

int run_invocation(Product& product, const Invocation& invocation) {
  const ErrorLog console = open_console(invocation);
  block_signals();
  if (invocation.test) return test(product, invocation, console);
  if (!invocation.signal.empty()) return signal_master(product, invocation, console);
  return start(product, invocation, console);
}

}  // namespace

Product::Loaded load_from_disk(Product& product, const Invocation& invocation, const observe::LogFiles& open_logs) {
  config::FileSource disk;
  config::RecordingSource recording(disk);
  observe::LogFiles logs(open_logs);
  Product::Loaded loaded = product.load(invocation, recording, logs);
  if (loaded.plan) {
    loaded.plan->files = recording.files();
    loaded.plan->logs = std::move(logs);
  }
  return loaded;
}

int run(Product& product, std::span<const char* const> argv) {
  if (const int channel = worker_channel(); channel >= 0) return run_worker(product, channel);

  fill_standard_streams();
  if (const auto registry = parse_registry_command(argv, environ)) {
    if (registry->serve) return run_invocation(product, *registry->serve);
    if (registry->work) return registry->work();
    print(stdout, registry->output);
    print(stderr, registry->errors);
    return registry->status;
  }
  const auto check = parse_check(argv);
  const Result<Invocation> parsed = check ? *check : parse_invocation(argv);
  if (!parsed.ok()) {
    print(stderr, program_name(argv) + ": " + parsed.error().what + '\n');
    return EXIT_FAILURE;
  }
  if (parsed.value().show_version) {
    print(stderr, version_text(parsed.value(), product.build_options()));
    if (!parsed.value().test) return EXIT_SUCCESS;
  }
  return run_invocation(product, parsed.value());
}

}  // namespace caisson::app
