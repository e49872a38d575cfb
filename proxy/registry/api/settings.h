// What can be set of the embedded registry, with registry:2's defaults. Each face (nginx's directives, registry:2's
// configuration) fills it in.
//
// Ownership: values.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "registry/api/collection_settings.h"
#include "registry/notify/notifier.h"
#include "rules/regex.h"

namespace caisson::registry {

// Which URLs a layer may name that is kept elsewhere. Without any rule all of http and https are fine, unless they have
// a fragment.
struct LayerUrls {
  bool unchecked = false;  // whatever it says
  std::vector<rules::Regex> allow = {};
  std::vector<rules::Regex> deny = {};

  bool accepts(const std::string& url) const;
};

// Uploads that nobody finished are removed some day.
struct UploadPurging {
  bool enabled = true;
  bool dry_run = false;  // only says what it would do
  std::chrono::milliseconds age = std::chrono::hours(168);
  std::chrono::milliseconds interval = std::chrono::hours(24);
  // Until the first time; when unset a random time of less than an hour, so that several processes do not all begin
  // at once.
  std::optional<std::chrono::milliseconds> first_after = {};
};

struct ApiSettings {
  std::string root = {};            // the folder that registry:2 calls rootdirectory
  bool make_root = false;           // makes the folder when it is not there
  bool delete_enabled = false;      // storage.delete.enabled
  bool read_only = false;           // storage.maintenance.readonly.enabled
  Collecting collecting = {};       // of garbage, and retention; not while read_only
  UploadPurging purging = {};       // storage.maintenance.uploadpurging; not while read_only
  std::size_t catalog_most = 1000;  // catalog.maxentries
  LayerUrls layer_urls = {};        // validation.manifests.urls
  bool sparse_indexes = false;      // an index may list manifests that are not there
  // A mount without `from` looks for the blob everywhere. Whoever may push then learns what is in other repositories.
  bool automatic_mount = false;
  std::string public_url = {};  // http.host: "https://name:port", the start of every Location; "": as the client said
  bool relative_urls = false;   // http.relativeurls: a Location is a path alone, unless public_url is set
  bool forwarded = false;       // Forwarded and X-Forwarded-* say where the client is, whoever sent them
  notify::Settings notifications = {};
  std::string prefix = {};  // http.prefix: "/reg", which all paths begin with; "": none
};

}  // namespace caisson::registry
