// What the master does when a configuration, a file that it names, or a log is to be taken anew.

#include "app/master.h"

#include <algorithm>
#include <iterator>
#include <set>

namespace caisson::app {

using std::chrono::milliseconds;

// All that was read but the configuration itself, which waits for a reload.
void Master::watch_files() {
  const config::Files& all = current_->plan.files;
  config::MemorySource memory(all);
  config::RecordingSource configuration(memory);
  static_cast<void>(read_configuration(invocation_, configuration));
  std::set<std::string> texts_of_configuration;
  for (const auto& [path, text] : configuration.files()) texts_of_configuration.insert(path);
  config::Files others;
  std::copy_if(all.begin(), all.end(), std::back_inserter(others),
               [&](const auto& file) { return !texts_of_configuration.contains(file.first); });
  look_at_.reset();
  if (!others.empty()) look_at_ = Clock::now() + WatchedFiles::look_every;
  watched_ = WatchedFiles(std::move(others));
  changed_.clear();
}

// A certificate and its key are two files: while only one of them has changed they do not fit, and the old pair stays.
void Master::take_up_changed_files() {
  config::Files changed = watched_.look();
  if (changed.empty()) return;
  std::string names;
  for (auto& [path, text] : changed) {
    names += (names.empty() ? "\"" : ", \"") + path + '"';
    std::erase_if(changed_, [&path = path](const auto& file) { return file.first == path; });
    changed_.emplace_back(path, std::move(text));
  }
  config::Files files = current_->plan.files;
  for (auto& [path, text] : files) {
    const auto found =
        std::find_if(changed_.begin(), changed_.end(), [&](const auto& file) { return file.first == path; });
    if (found != changed_.end()) text = found->second;
  }
  config::MemorySource memory(files);
  observe::LogFiles logs(current_->plan.logs);
  Product::Loaded loaded = product_.load(invocation_, memory, logs);
  if (!loaded.plan) {
    log_.error(names + " changed and cannot be used as it is; what was in force before goes on");
    return log_errors(loaded.errors);
  }
  log_.notice(names + " changed and is in force now");
  for (const std::string& warning : loaded.warnings) log_.warn(warning);
  current_->plan.files = std::move(files);
  certificates_.take(std::move(loaded.plan->certificates), log_);
  for (const auto& worker : workers_) {
    if (worker->generation() != current_ || worker->channel() < 0) continue;
    if (Result<void> sent = send_files(worker->channel(), changed_); !sent.ok()) log_.alert(sent.error().what);
  }
  changed_.clear();
}

void Master::reload() {
  if (stopping_ != Stopping::No) return;
  if (successor_ != 0) return accept_again();  // the configuration is the new binary's now
  if (coming_ != nullptr) {
    reload_again_ = true;
    return;
  }
  Product::Loaded loaded = load_from_disk(product_, invocation_, current_->plan.logs);
  for (const std::string& warning : loaded.warnings) log_.warn(warning);
  if (!loaded.plan) return log_errors(loaded.errors);
  std::vector<Error> errors = sockets_.open(loaded.plan->listeners, milliseconds(0));
  if (Result<void> made = memories_.make(loaded.plan->memories); !made.ok()) errors.push_back(made.error());
  if (!errors.empty()) return log_errors(errors);
  coming_ = std::make_shared<Generation>(Generation{++generations_, std::move(*loaded.plan)});
  if (!start_worker(coming_)) give_up_reload("no worker could be started");
}

void Master::give_up_reload(const std::string& why) {
  tell_reasons(log_, why);
  log_.error("the configuration in force before goes on unchanged");
  coming_ = nullptr;
  keep_only_what(current_->plan);
  if (std::exchange(reload_again_, false)) reload();
}

void Master::retire_older_than(const Generation& generation) {
  for (const auto& worker : workers_) {
    if (worker->generation()->number >= generation.number || worker->leaving()) continue;
    worker->finish(generation.plan.shutdown_timeout);
  }
}

void Master::reopen_logs() {
  std::set<const Generation*> generations{current_.get(), coming_.get()};
  for (const auto& worker : workers_) generations.insert(worker->generation().get());
  std::set<observe::LogFile*> logs;  // generations share most of them
  for (const Generation* generation : generations) {
    if (generation == nullptr) continue;
    for (const auto& [path, log] : generation->plan.logs.all()) logs.insert(log.get());
  }
  for (observe::LogFile* log : logs) {
    if (Result<void> reopened = log->reopen(); !reopened.ok()) log_.emerg(reopened.error().what);
  }
  for (const auto& worker : workers_) {
    if (worker->channel() < 0) continue;
    for (const auto& [path, descriptor] : descriptors_of(worker->generation()->plan.logs)) {
      Result<void> sent = send_message(worker->channel(), log_reopened, path, {&descriptor, 1});
      if (!sent.ok()) log_.alert(sent.error().what);
    }
  }
}

void Master::keep_only_what(const Plan& plan) {
  close_sockets_but(plan.listeners);
  memories_.keep_only(plan.memories);
}

void Master::close_sockets_but(const std::vector<Plan::Listener>& wanted) {
  sockets_.keep_only(wanted, successor_ != 0 || has_predecessor());
}

}  // namespace caisson::app
