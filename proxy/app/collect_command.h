// registry:2's garbage-collect: the same command line and the same lines on standard output, beside a registry that
// serves or without one.
//
// Threading: the main thread.
#pragma once

#include <span>
#include <string_view>

namespace caisson::app {

inline constexpr std::string_view collect_usage =
    R"(`garbage-collect` deletes layers not referenced by any manifests

Usage:
  registry garbage-collect [CONFIG] [flags]

CONFIG is a config.yml, or one of nginx's that ends with .conf; without it the configuration is that of "registry serve".
A registry may serve the same folder meanwhile. What goes stays in the trash for a while ("registry trash").

Flags:
  -m, --delete-untagged   delete manifests that are not currently referenced via tag
  -d, --dry-run           do everything except remove the blobs
  -h, --help              help for garbage-collect
      --root DIR          the folder, instead of a configuration
      --grace TIME        keep what was pushed or asked for within this time (1h)
      --rate NUMBER       look at so many manifests and blobs a second (2000 while this program serves the folder,
                          else 0: as many as there can be)
)";

// `args` are those behind the word. The exit status.
int run_collect(std::span<const char* const> args, char** environment);

}  // namespace caisson::app
