// Notifications in nginx's language: inside `upstream NAME { ... }`, beside `registry`
//
//     registry_notify NAME URL [PARAMETER...];   a receiver of events; NAME is for logs, numbers and its queue
//         timeout=TIME           of one delivery; 1s
//         threshold=NUMBER       failures in a row before deliveries become rare; 10
//         backoff=TIME           how rare; 1s
//         header=NAME:VALUE      sent along; may be repeated
//         credentials=FILE       a file with USER:PASSWORD, for basic authentication; taken up when it changes
//         ignore_type=TYPE       events about content of that media type are not sent; may be repeated
//         ignore_action=ACTION   nor those of an action: push, pull, mount, delete; may be repeated
//         queue=SIZE             how much may wait; 64m
//     registry_notify_references on | off;       events of manifests list what these refer to; off
//     registry_notify_source HOST:PORT;          who events say they are of; the machine's name, and ":PORT" adds a
//     port
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "registry/notify/notifier.h"
#include "rules/language.h"

namespace caisson::registry::notify {

// What one upstream block says.
struct NotifySettings {
  std::vector<EndpointSettings> endpoints;
  std::optional<bool> references;
  std::optional<std::string> source;

  Settings complete() const { return {endpoints, references.value_or(false), source.value_or("")}; }
};

void describe(rules::Language& language);

}  // namespace caisson::registry::notify
