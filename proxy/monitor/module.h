// How this program watches itself and lets itself be watched:
//
//     health_check NAME folder PATH            fails while the folder cannot be opened
//     health_check NAME no_file PATH           fails while there is such a file: it takes the server out of service
//     health_check NAME http URL               fails while a HEAD brings another status
//     health_check NAME tcp HOST:PORT          fails while it takes no connection
//         [interval=10s] [threshold=1] [timeout=10s] [status=200] [header="Name: value"]...;       at http
//     health_gate on | off;      while a check fails, every request is answered with 503; off. At http, server,
//     location health_status;             answers with what fails, as JSON: 200 {} or 503 {"NAME": "reason"}. In a
//     location prometheus_metrics;        answers with all that is counted, as Prometheus reads it. In a location
#pragma once

#include "rules/language.h"

namespace caisson::monitor {

// Before other access checks: who is out of service asks for no password.
void describe(rules::Language& language);

}  // namespace caisson::monitor
