// The embedded registry in nginx's language: inside `upstream NAME { ... }`
//
//     registry DIR;                     the folder of the store, as registry:2's rootdirectory
//     registry_delete on | off;         whether manifests, tags and blobs may be deleted; off
//     registry_read_only on | off;      whether anything may be written; off
#pragma once

#include "rules/language.h"

namespace caisson::registry {

void describe(rules::Language& language);

}  // namespace caisson::registry
