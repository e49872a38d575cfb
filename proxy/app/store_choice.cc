#include "app/store_choice.h"

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace caisson::app {
namespace {

using config::Directive;

// Adds the registries of this block and of those in it.
Result<void> add_stores(const std::vector<Directive>& block, const Invocation& invocation,
                        std::vector<StoreChoice>& into) {
  StoreChoice here;
  registry::maintenance::Retention retention;
  for (const Directive& directive : block) {
    if (directive.name == "registry" && directive.args.size() == 1 && !directive.has_block) {
      here.root = invocation.from_prefix(directive.args[0]);
    } else if (directive.name == "registry_gc") {
      auto collecting = registry::read_collecting(directive);
      if (!collecting.ok()) return std::move(collecting).error();
      here.collecting = std::move(collecting).value();
    } else if (directive.name == "registry_retention" && !directive.args.empty()) {
      auto rule = registry::read_retention(directive);
      if (!rule.ok()) return std::move(rule).error();
      retention.push_back(std::move(rule).value());
    }
    if (auto added = add_stores(directive.block, invocation, into); !added.ok()) return added;
  }
  here.collecting.rules.retention = std::move(retention);
  const auto same = [&](const StoreChoice& other) { return other.root == here.root; };
  if (!here.root.empty() && std::none_of(into.begin(), into.end(), same)) into.push_back(std::move(here));
  return {};
}

}  // namespace

Result<std::vector<StoreChoice>> stores_of(const Invocation& invocation) {
  config::FileSource disk;
  config::Parsed parsed = read_configuration(invocation, disk);
  if (!parsed.errors.empty()) return std::move(parsed.errors.front());
  std::vector<StoreChoice> stores;
  if (auto added = add_stores(parsed.directives, invocation, stores); !added.ok()) return std::move(added).error();
  if (stores.empty()) return Error{ErrorCode::BadConfig, "the configuration names no folder of a registry"};
  return stores;
}

Result<OpenStore> open_store(const StoreChoice& choice, const observe::ErrorLog& log) {
  struct stat folder {};
  const std::string base = choice.root + "/docker/registry/v2";
  const bool found = ::stat(base.c_str(), &folder) == 0 || ::stat(choice.root.c_str(), &folder) == 0;
  if (!found) return system_error(errno, "open folder \"" + choice.root + '"');
  if (::geteuid() == 0 && folder.st_uid != 0) {
    const bool became = ::setgroups(0, nullptr) == 0 && ::setegid(folder.st_gid) == 0 && ::seteuid(folder.st_uid) == 0;
    if (!became) return system_error(errno, "take the rights of the owner of \"" + base + '"');
  }
  auto driver = registry::store::FilesystemDriver::open_root(choice.root);
  if (!driver.ok()) return std::move(driver).error();
  registry::store::FilesystemDriver* const kept = driver.value().get();
  return OpenStore{std::make_unique<registry::store::Store>(std::move(driver).value(), log), kept};
}

bool become_root_again() { return ::getuid() != 0 || (::seteuid(0) == 0 && ::setegid(0) == 0); }

}  // namespace caisson::app
