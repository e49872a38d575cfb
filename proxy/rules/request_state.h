// One request as the rules see it: where it stands ($uri, $args, the location in force), its captures, the values of
// variables, and what modules remember of it.
//
// Ownership: lives in the gateway's coroutine, for as long as the exchange is handled. Threading: one loop.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/exchange.h"
#include "rules/level.h"
#include "rules/regex.h"

namespace caisson::rules {

class VariableTable;

// A variable's value; nothing when it has none ("not found": "-" in a log, empty elsewhere).
using Value = std::optional<std::string>;

class RequestState;

// Takes a subrequest through its locations: the gateway.
class SubrequestRunner {
 public:
  virtual async::Task<void> run_subrequest(RequestState& state) const = 0;

 protected:
  ~SubrequestRunner() = default;
};

class RequestState final : public http::Exchange::Extension {
 public:
  RequestState(http::Exchange& of, const VariableTable& variables)
      : exchange(of),
        path(of.request().target.path),
        args(of.request().target.args),
        variables_(variables),
        started_(std::chrono::system_clock::now()) {}
  // Of a subrequest (rules/subrequest.h): it begins where the parent's server begins.
  RequestState(http::Exchange& of, RequestState& parent_state) : RequestState(of, parent_state.variables_) {
    parent = &parent_state;
    runner = parent_state.runner;
    server = parent_state.server;
    server_name = parent_state.server_name;
    level = server;
    internal = true;
  }

  // The state of an exchange that the gateway handles. REQUIRES: it does.
  static RequestState& of(http::Exchange& exchange) noexcept {
    return static_cast<RequestState&>(*exchange.extension());
  }

  http::Exchange& exchange;
  RequestState* parent = nullptr;            // whose subrequest this is; null: the client's own request
  const SubrequestRunner* runner = nullptr;  // null only where there are no subrequests
  std::string path;                          // $uri
  std::string args;                          // $args
  const Level* server = nullptr;
  std::string_view server_name;  // $server_name: the first name of the server block
  const Level* level = nullptr;  // the location, or the `if` inside it, whose settings are in force
  Captures captures;             // $1 ...: of the last regex that matched
  bool rewritten = false;        // `rewrite` changed $uri: the raw target is not what is asked for any more
  bool look_again = false;       // ... and a location for it is to be looked for when the script is over
  bool prefix_gone = false;      // by `rewrite ... break`: $uri need not begin with the location's prefix any more
  bool internal = false;         // redirected by error_page, try_files, rewrite
  bool error_page_used = false;  // one error page a request, unless recursive_error_pages
  unsigned override_status = 0;  // what error_page makes of the status of the page that it brings; 0: as it is
  unsigned intended_status = 0;  // of the answer that is being made
  bool closes = false;           // the connection ends after this response, whatever the location says
  http::Headers kept_headers;    // of the answer that error_page replaced: a challenge, a Location
  // Where a content handler that answers nothing sends the request on: "@name", or a path whose arguments stand behind
  // its "?" unless redirect_args has them.
  std::optional<std::string> redirect_to;
  std::optional<std::string> redirect_args;
  unsigned moves_left = 10;    // changes of location by rewrite, error_page, try_files; NGX_HTTP_MAX_URI_CHANGES
  bool completed = false;      // the response left whole
  unsigned failed_status = 0;  // what the log says when no head left: 499, 408, 400
  const http::ResponseHead* response = nullptr;  // the head that leaves or has left; for $sent_http_* and logs

  // The client's own request.
  RequestState& main() noexcept { return parent == nullptr ? *this : parent->main(); }
  const RequestState& main() const noexcept { return parent == nullptr ? *this : parent->main(); }

  template <class T>
  const T& settings() const {
    return level->get<T>();
  }

  // The status that was sent, or what stands for it in logs.
  unsigned status() const noexcept {
    if (exchange.responded()) return exchange.status();
    if (failed_status != 0) return failed_status;
    return override_status != 0 ? override_status : intended_status;
  }

  // The variable's value now; index from VariableTable.
  Value variable(std::size_t index);
  void set_variable(std::size_t index, Value value);

  // What a module remembers of this request; made at first use.
  template <class T>
  T& data() {
    auto& holder = slot(detail::slot_of<T>());
    if (!holder) holder = std::make_unique<DataOf<T>>();
    return static_cast<DataOf<T>&>(*holder).data;
  }

  std::chrono::system_clock::time_point started() const noexcept { return started_; }

 private:
  struct Data {
    virtual ~Data() = default;
  };
  template <class T>
  struct DataOf final : Data {
    T data{};
  };
  std::unique_ptr<Data>& slot(std::size_t i) {
    if (i >= data_.size()) data_.resize(i + 1);
    return data_[i];
  }

  std::optional<Value>& remembered(std::size_t index);

  const VariableTable& variables_;
  std::vector<std::optional<Value>> values_;  // assigned by `set`, or remembered; main()'s count for subrequests too
  std::vector<std::unique_ptr<Data>> data_;
  std::chrono::system_clock::time_point started_;
};

}  // namespace caisson::rules
