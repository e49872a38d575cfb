#include "registry/routes/accesses.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "registry/routes/query.h"

namespace caisson::registry {
namespace {

// registry:2's handlers/app.go, appendAccessRecords. A method that no registry knows needs every right.
std::vector<std::string_view> actions_of(std::string_view method) {
  if (method == "GET" || method == "HEAD") return {"pull"};
  if (method == "POST" || method == "PUT" || method == "PATCH") return {"pull", "push"};
  if (method == "DELETE") return {"delete"};
  if (method == "OPTIONS") return {};
  return {"*"};
}

}  // namespace

std::vector<Access> required_accesses(std::string_view method, const Route& route, std::string_view args) {
  switch (route.kind) {
    case Route::Kind::Unknown:
    case Route::Kind::Root:
    case Route::Kind::Version:
    case Route::Kind::VersionBare:
      return {};
    case Route::Kind::Catalog:
      return {{"registry", "catalog", "*"}};
    default:
      break;
  }
  std::vector<Access> accesses;
  for (const std::string_view action : actions_of(method)) {
    accesses.push_back({"repository", std::string(route.name), std::string(action)});
  }
  // Every one that some registry could take for the source of a mount: older ones also split at ';'.
  std::string pairs(args);
  std::replace(pairs.begin(), pairs.end(), ';', '&');
  for (std::string& from : query_values(pairs, "from")) {
    if (!from.empty()) accesses.push_back({"repository", std::move(from), "pull"});
  }
  return accesses;
}

std::string accesses_json(const std::vector<Access>& accesses) {
  if (accesses.empty()) return "null";
  auto list = nlohmann::ordered_json::array();
  for (const Access& access : accesses) {
    list.push_back({{"Type", access.type}, {"Class", ""}, {"Name", access.name}, {"Action", access.action}});
  }
  return list.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace caisson::registry
