#include "app/collect_command.h"

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "app/option_words.h"
#include "app/registry_command.h"
#include "app/store_choice.h"
#include "config/arguments.h"
#include "registry/maintenance/collector.h"

namespace caisson::app {
namespace {

using registry::maintenance::CollectionRules;

// Manifests and blobs a second, without --rate, while clients are served: they hardly notice it.
constexpr std::size_t kRateBesideServers = 2000;

void print(std::FILE* to, std::string_view text) { static_cast<void>(std::fwrite(text.data(), 1, text.size(), to)); }

struct CollectArguments {
  bool help = false;
  bool dry_run = false;
  bool delete_untagged = false;
  std::string config;
  std::string root;
  std::optional<std::chrono::milliseconds> grace;
  std::optional<std::size_t> rate;
};

Error refused(std::string_view what) { return {ErrorCode::BadRequest, std::string(what)}; }

// Several letters behind one dash, as registry:2 takes them.
Result<void> read_letters(std::string_view letters, CollectArguments& into) {
  for (const char letter : letters) {
    if (letter == 'm') into.delete_untagged = true;
    if (letter == 'd') into.dry_run = true;
    if (letter == 'h') into.help = true;
    if (letter != 'm' && letter != 'd' && letter != 'h') {
      return refused(std::string("unknown shorthand flag: '") + letter + "' in -" + std::string(letters));
    }
  }
  return {};
}

Result<CollectArguments> parse(std::span<const char* const> args) {
  CollectArguments parsed;
  std::string value;
  for (OptionWords words(args); !words.done();) {
    const std::string_view word = words.next();
    if (OptionWords::is_flag(word, "--dry-run", parsed.dry_run) ||
        OptionWords::is_flag(word, "--delete-untagged", parsed.delete_untagged) ||
        OptionWords::is_flag(word, "--help", parsed.help)) {
      continue;
    }
    if (words.is_option(word, "--root", value)) {
      if (value.empty()) return refused("--root needs a folder");
      parsed.root = value;
    } else if (words.is_option(word, "--grace", value)) {
      parsed.grace = config::parse_milliseconds(value);
      if (!parsed.grace) return refused("--grace needs a time such as 1h or 90s");
    } else if (words.is_option(word, "--rate", value)) {
      const auto number = config::parse_number(value);
      if (!number) return refused("--rate needs a number");
      parsed.rate = *number;
    } else if (word.starts_with("--")) {
      return refused("unknown flag: " + std::string(word));
    } else if (word.size() > 1 && word.starts_with('-')) {
      if (auto read = read_letters(word.substr(1), parsed); !read.ok()) return std::move(read).error();
    } else if (!parsed.config.empty()) {
      return refused("one configuration file is enough");
    } else {
      parsed.config = word;
    }
  }
  if (!parsed.root.empty() && !parsed.config.empty()) return refused("--root takes the place of a configuration");
  return parsed;
}

// Whether a gate holds the folder at this moment. registry:2 does not tell.
bool is_served(const registry::store::Store& store) {
  const auto lease = store.oldest_lease();
  return lease.ok() && lease.value() > std::chrono::milliseconds(0);
}

Result<void> collect_one(StoreChoice choice, const CollectArguments& arguments, const observe::ErrorLog& log) {
  CollectionRules& rules = choice.collecting.rules;
  rules.dry_run = arguments.dry_run;
  rules.delete_untagged = rules.delete_untagged || arguments.delete_untagged;
  if (arguments.grace) rules.grace = *arguments.grace;
  auto opened = open_store(choice, log);
  if (!opened.ok()) return std::move(opened).error();
  rules.rate = arguments.rate.value_or(is_served(*opened.value().store) ? kRateBesideServers : 0);
  const registry::maintenance::Report report([](std::string_view line) {
    print(stdout, line);
    print(stdout, "\n");
  });
  auto done = registry::maintenance::collect(*opened.value().store, rules, report, log, {});
  std::fflush(stdout);
  if (!done.ok()) return std::move(done).error();
  print(stderr, done.value().line(rules.dry_run) + '\n');
  if (done.value().failures > 0) return Error{ErrorCode::Io, "some blobs could not be moved to the trash"};
  opened.value().driver->finish_removals();
  return {};
}

}  // namespace

int run_collect(std::span<const char* const> args, char** environment) {
  const auto parsed = parse(args);
  if (!parsed.ok()) {
    print(stderr, "Error: " + parsed.error().what + '\n' + std::string(collect_usage));
    return EXIT_FAILURE;
  }
  const CollectArguments& arguments = parsed.value();
  if (arguments.help) {
    print(stdout, collect_usage);
    return EXIT_SUCCESS;
  }
  auto stores = arguments.root.empty() ? stores_of(invocation_for(arguments.config, environment))
                                       : Result(std::vector{StoreChoice{arguments.root, {}}});
  if (!stores.ok()) {
    print(stderr, "configuration error: " + stores.error().what + '\n');
    return EXIT_FAILURE;
  }
  registry::maintenance::give_way_to_others();
  const observe::ErrorLog log({{observe::LogFile::standard_error(), observe::Level::Notice, "registry"}});
  int status = EXIT_SUCCESS;
  for (StoreChoice& choice : stores.value()) {
    auto done = collect_one(std::move(choice), arguments, log);
    if (!become_root_again()) done = Error{ErrorCode::Denied, "root's rights did not come back"};
    if (done.ok()) continue;
    print(stderr, "failed to garbage collect: " + done.error().what + '\n');
    status = EXIT_FAILURE;
  }
  return status;
}

}  // namespace caisson::app
