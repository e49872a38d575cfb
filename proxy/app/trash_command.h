// What collection and retention took away: to look at, to bring back, to remove for good.
//
// Threading: the main thread.
#pragma once

#include <span>
#include <string_view>

namespace caisson::app {

inline constexpr std::string_view trash_usage =
    R"(What garbage collection and retention took away, until it is removed for good

Usage:
  registry trash list [NAME] [flags]      each time that something went, or all that went at one of them
  registry trash restore WHAT... [flags]  brings back: a NAME of the list, a repository (guide/app), a tag with its
                                          image (guide/app:v1), a digest, or "all"
  registry trash empty [flags]            removes it for good

Flags:
      --config FILE       a config.yml, or one of nginx's that ends with .conf; without it as "registry serve"
      --root DIR          the folder, instead of a configuration
      --older TIME        empty: only what went so long ago
  -h, --help              help for trash
)";

// `args` are those behind the word. The exit status.
int run_trash(std::span<const char* const> args, char** environment);

}  // namespace caisson::app
