// What a client sent, made fit for a log: one request stays one line, whatever bytes it has.
//
// Threading: none of its own.
#pragma once

#include <string>
#include <string_view>

namespace caisson::observe {

// access_log's default: quotes, backslashes and all bytes outside printable ASCII as \xHH (upper-case digits).
std::string escaped(std::string_view value);

// log_format's escape=json: what RFC 8259 wants escaped in a string; bytes from 0x80 on stay as they are.
std::string json_escaped(std::string_view value);

// For error log lines: control bytes alone as \xHH, so that paths and names stay readable.
std::string without_controls(std::string_view message);

}  // namespace caisson::observe
