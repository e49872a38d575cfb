#include "registry/doctor/checkpoint.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace caisson::registry::doctor {
namespace {

using Json = nlohmann::json;
constexpr int kVersion = 1;

}  // namespace

Result<Checkpoint> load_checkpoint(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return Checkpoint{};
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const Json json = Json::parse(text, nullptr, false);
  const Error strange{ErrorCode::BadConfig, '"' + path + "\" is not a file of an earlier run; name another one"};
  if (!json.is_object() || json.value("caisson-verify", 0) != kVersion) return strange;
  Checkpoint checkpoint;
  try {
    checkpoint.contents = json.at("contents").get<std::uint64_t>();
    checkpoint.bytes = json.at("bytes").get<std::uint64_t>();
    for (const Json& one : json.at("faulty")) {
      auto digest = store::Digest::parse(one.get<std::string>());
      if (digest.ok()) checkpoint.faulty.push_back(std::move(digest).value());
    }
    if (auto position = store::Digest::parse(json.at("position").get<std::string>()); position.ok()) {
      checkpoint.position = std::move(position).value();
    }
  } catch (const Json::exception&) {
    return strange;
  }
  return checkpoint;
}

Result<void> save_checkpoint(const std::string& path, const Checkpoint& checkpoint) {
  Json json{{"caisson-verify", kVersion}, {"contents", checkpoint.contents}, {"bytes", checkpoint.bytes}};
  json["position"] = checkpoint.position ? checkpoint.position->str() : "";
  json["faulty"] = Json::array();
  for (const store::Digest& digest : checkpoint.faulty) json["faulty"].push_back(digest.str());
  const std::string temporary = path + ".tmp";
  {
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    file << json.dump(1) << '\n';
    file.close();
    if (!file) return system_error(errno, "write \"" + temporary + '"');
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) return system_error(errno, "rename \"" + temporary + '"');
  return {};
}

void remove_checkpoint(const std::string& path) { (void)::unlink(path.c_str()); }

}  // namespace caisson::registry::doctor
