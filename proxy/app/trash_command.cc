#include "app/trash_command.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "app/option_words.h"
#include "app/registry_command.h"
#include "app/store_choice.h"
#include "config/arguments.h"
#include "registry/maintenance/restore.h"
#include "registry/maintenance/trash_tour.h"
#include "registry/store/trash.h"

namespace caisson::app {
namespace {

using registry::maintenance::Thrown;
using registry::store::TrashName;

void print(std::FILE* to, std::string_view text) { static_cast<void>(std::fwrite(text.data(), 1, text.size(), to)); }

struct TrashArguments {
  bool help = false;
  std::string verb;
  std::vector<std::string> what;
  std::string config;
  std::string root;
  std::chrono::milliseconds older{0};
};

Error refused(std::string_view what) { return {ErrorCode::BadRequest, std::string(what)}; }

Result<TrashArguments> parse(std::span<const char* const> args) {
  TrashArguments parsed;
  std::string value;
  for (OptionWords words(args); !words.done();) {
    const std::string_view word = words.next();
    if (word == "-h" || OptionWords::is_flag(word, "--help", parsed.help)) {
      parsed.help = true;
    } else if (words.is_option(word, "--config", parsed.config)) {
      if (parsed.config.empty()) return refused("--config needs a file");
    } else if (words.is_option(word, "--root", parsed.root)) {
      if (parsed.root.empty()) return refused("--root needs a folder");
    } else if (words.is_option(word, "--older", value)) {
      const auto time = config::parse_milliseconds(value);
      if (!time) return refused("--older needs a time such as 12h");
      parsed.older = *time;
    } else if (word.starts_with('-')) {
      return refused("unknown flag: " + std::string(word));
    } else if (parsed.verb.empty()) {
      parsed.verb = word;
    } else {
      parsed.what.emplace_back(word);
    }
  }
  if (parsed.help) return parsed;
  if (parsed.verb != "list" && parsed.verb != "restore" && parsed.verb != "empty") {
    return refused(parsed.verb.empty() ? "list, restore or empty?" : "unknown command \"" + parsed.verb + '"');
  }
  if (parsed.verb == "restore" && parsed.what.empty()) return refused("restore what? \"all\" is everything");
  return parsed;
}

Result<void> summarize(registry::store::Driver& driver, const TrashName& time) {
  std::map<Thrown::Kind, std::size_t> counts;
  std::uint64_t bytes = 0;
  auto done = registry::maintenance::each_thrown(driver, time, [&](const Thrown& thrown) {
    ++counts[thrown.kind];
    bytes += thrown.size;
    return Result<void>();
  });
  if (!done.ok()) return done;
  print(stdout, time.str() + "  " + std::to_string(counts[Thrown::Kind::Blob]) + " blobs (" + std::to_string(bytes) +
                    " bytes), " + std::to_string(counts[Thrown::Kind::Link]) + " links, " +
                    std::to_string(counts[Thrown::Kind::Manifest]) + " manifests, " +
                    std::to_string(counts[Thrown::Kind::Tag]) + " tags\n");
  return {};
}

Result<void> list(const TrashArguments& arguments, registry::store::Driver& driver) {
  auto times = trash_names(driver);
  if (!times.ok()) return std::move(times).error();
  for (const TrashName& time : times.value()) {
    if (arguments.what.empty()) {
      if (auto done = summarize(driver, time); !done.ok()) return done;
    } else if (arguments.what.front() == time.str()) {
      return registry::maintenance::each_thrown(driver, time, [](const Thrown& thrown) {
        print(stdout, thrown.str() + '\n');
        return Result<void>();
      });
    }
  }
  if (arguments.what.empty()) return {};
  return Error{ErrorCode::NotFound, "nothing of the name \"" + arguments.what.front() + "\" is in the trash"};
}

Result<void> restore(const TrashArguments& arguments, registry::store::Store& store) {
  registry::maintenance::Restored all;
  for (const std::string& text : arguments.what) {
    auto wanted = registry::maintenance::parse_wanted(text);
    if (!wanted.ok()) return std::move(wanted).error();
    auto restored = registry::maintenance::restore(store, wanted.value());
    if (!restored.ok()) return std::move(restored).error().in(text);
    if (restored.value().things == 0) print(stderr, "registry: nothing of \"" + text + "\" came back\n");
    all.things += restored.value().things;
    all.in_the_way += restored.value().in_the_way;
  }
  print(stdout, std::to_string(all.things) + " restored, " + std::to_string(all.in_the_way) +
                    " left in the trash as their places are taken\n");
  return all.things > 0 ? Result<void>() : Error{ErrorCode::NotFound, "nothing was restored"};
}

Result<void> empty(const TrashArguments& arguments, OpenStore& opened) {
  auto emptied = empty_trash(*opened.driver, std::chrono::system_clock::now() - arguments.older);
  if (!emptied.ok()) return std::move(emptied).error();
  opened.driver->finish_removals();
  print(stdout, "the trash of " + std::to_string(emptied.value()) + " collections removed\n");
  return {};
}

Result<void> work_on(const StoreChoice& choice, const TrashArguments& arguments, const observe::ErrorLog& log) {
  auto opened = open_store(choice, log);
  if (!opened.ok()) return std::move(opened).error();
  if (arguments.verb == "list") return list(arguments, *opened.value().driver);
  const auto alone = opened.value().driver->try_hold(registry::store::Layout::collection_lock());
  if (!alone.ok() && alone.error().code == ErrorCode::Conflict) {
    return Error{ErrorCode::Conflict, "somebody is collecting garbage at this moment, try again later"};
  }
  if (!alone.ok()) return alone.error();
  return arguments.verb == "restore" ? restore(arguments, *opened.value().store) : empty(arguments, opened.value());
}

}  // namespace

int run_trash(std::span<const char* const> args, char** environment) {
  const auto parsed = parse(args);
  if (!parsed.ok()) {
    print(stderr, "Error: " + parsed.error().what + '\n' + std::string(trash_usage));
    return EXIT_FAILURE;
  }
  const TrashArguments& arguments = parsed.value();
  if (arguments.help) {
    print(stdout, trash_usage);
    return EXIT_SUCCESS;
  }
  const auto stores = arguments.root.empty() ? stores_of(invocation_for(arguments.config, environment))
                                             : Result(std::vector{StoreChoice{arguments.root, {}}});
  if (!stores.ok()) {
    print(stderr, "configuration error: " + stores.error().what + '\n');
    return EXIT_FAILURE;
  }
  const observe::ErrorLog log({{observe::LogFile::standard_error(), observe::Level::Notice, "registry"}});
  int status = EXIT_SUCCESS;
  for (const StoreChoice& choice : stores.value()) {
    auto done = work_on(choice, arguments, log);
    if (!become_root_again()) done = Error{ErrorCode::Denied, "root's rights did not come back"};
    if (done.ok()) continue;
    print(stderr, "registry: " + done.error().what + '\n');
    status = EXIT_FAILURE;
  }
  return status;
}

}  // namespace caisson::app
