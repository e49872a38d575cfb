// The embedded registry in nginx's language: inside `upstream NAME { ... }`
//
//     registry DIR;                     the folder of the store, as registry:2's rootdirectory
//     registry_delete on | off;         whether manifests, tags and blobs may be deleted; off
//     registry_read_only on | off;      whether nothing may be written; off
//     registry_upload_purging on | off; whether uploads that nobody finished are removed; on
//     registry_upload_age TIME;         how long after their beginning; 168h
//     registry_upload_purge_interval TIME;     how often to look for them; 24h
//     registry_upload_purge_dry_run on | off;  only log what would be removed; off
//     registry_catalog_max NUMBER;      the longest page of _catalog that a client may ask for; 1000
//     registry_layer_urls_allow REGEX...;      the URLs that foreign layers may name: all that one of these matches
//     registry_layer_urls_deny REGEX...;       and none of these; without either, all of http and https
//     registry_layer_urls_unchecked on | off;  any URL at all; off
//     registry_sparse_indexes on | off; whether an index may list manifests that are not there; off
//     registry_automatic_mount on | off;       whether a mount without "from" looks for the blob in every repository,
//                                       by which whoever may push learns what others have; off
//     registry_public_url URL;          scheme, host and port that every Location begins with, instead of the client's
//     registry_relative_urls on | off;  a Location is a path alone; off
//     registry_forwarded on | off;      a Location has the scheme and host of Forwarded or X-Forwarded-Proto and -Host,
//                                       whoever sent them, as registry:2's; off
//     registry_make_folder on | off;    DIR is made when it is not there; off
//     registry_gc [off] [interval=TIME] [grace=TIME] [trash=TIME] [rate=NUMBER] [untagged=on|off] [dry_run=on|off]
//                 [first=TIME];         garbage is collected every 24h; what was pushed or asked for within the grace
//                                       period (1h) stays; what goes is in the trash for 24h; so many manifests and
//                                       blobs are looked at in a second (1000); untagged: manifests that no tag leads
//                                       to go, too (off); first: at the earliest so long after the start. With off it
//                                       says only how the command is to collect. Without it nothing is collected
//     registry_retention REGEX [newest=NUMBER] [younger=TIME] [keep=REGEX] [dry_run=on|off];
//                                       in repositories that match, tags go which no condition keeps; the first counts
//
// and registry_notify with its like (registry/notify/module.h).
//
// Collection spares what any process that serves the folder may have promised, however short its own grace period is.
// What stands outside of upstream is in registry/api/front.h and registry/routes/prefix.h.
#pragma once

#include "rules/language.h"

namespace caisson::registry {

void describe(rules::Language& language);

}  // namespace caisson::registry
