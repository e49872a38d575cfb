// registry:2's configuration turned into our own language: config.yml and the REGISTRY_* variables become the
// directives that somebody would have written for the same registry, each with the place that asked for it. There is no
// second server and no second set of settings behind this face.
//
// Threading: none of its own.
#pragma once

#include <string>
#include <vector>

#include "config/parser.h"
#include "config/source.h"

namespace caisson::registry::face {

struct Call {
  std::string config;                    // config.yml; "": what the registry:2 image brings is the base
  std::vector<std::string> environment;  // "NAME=VALUE"; those that begin with REGISTRY_ count
  bool ipv6 = true;                      // whether ":5000" is to listen there, too
};

// Errors and warnings are complete, with their places. The same call and files always give the same directives.
config::Parsed translate(const Call& call, config::Source& files);

}  // namespace caisson::registry::face
