// What modules put into the handling of a request, and the order in which the gateway runs it: rewrite, preaccess,
// access, content, then response stages on the head and, at the end, the log.
//
// Ownership: registered objects live as long as the Language. Threading: all of these are called from several loops at
// once and keep no state of a request but in RequestState.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "async/task.h"
#include "http/handler.h"
#include "http/message.h"
#include "rules/request_state.h"

namespace caisson::rules {

// One step of a rewrite script: return, set, if, rewrite, break.
class RewriteStep {
 public:
  enum class Flow {
    Next,    // go on with the next step
    Break,   // leave the script
    Answer,  // stop: *answer is to be sent
    Return,  // the same, and the request's body is taken away first (ngx_http_send_response)
  };
  virtual ~RewriteStep() = default;
  virtual Flow run(RequestState& state, std::optional<http::Answer>& answer) const = 0;
};

// The rewrite script written at one level. Not inherited.
struct RewriteScript {
  std::vector<std::unique_ptr<RewriteStep>> steps;
};

// Decides before all access checks whether a request may go on now: rates, numbers of connections.
class PreaccessStep {
 public:
  virtual ~PreaccessStep() = default;
  // Whether the step has anything to do under these settings. Cheap: it saves a coroutine.
  virtual bool applies(const Level& level) const = 0;
  // Goes on when the request may, which can be later; or its refusal. Throws Cancelled.
  virtual async::Task<std::optional<http::Answer>> run(RequestState& state) = 0;
};

// What one access check says of a request.
struct AccessVerdict {
  enum class Kind {
    NoOpinion,  // no rule fits, or the check is off here: it neither lets in nor keeps out
    Granted,
    Refused,  // with `answer`
  };
  Kind kind = Kind::NoOpinion;
  http::Answer answer;

  static AccessVerdict no_opinion() { return {}; }
  static AccessVerdict granted() { return {Kind::Granted, {}}; }
  static AccessVerdict refused(http::Answer answer) { return {Kind::Refused, std::move(answer)}; }
};

// Decides whether a request may go on: passwords, addresses. `satisfy` says whether all checks must agree or one is
// enough; the gateway puts their verdicts together.
class AccessCheck {
 public:
  virtual ~AccessCheck() = default;
  // Whether the check has anything to say under these settings. Cheap: it saves a coroutine.
  virtual bool applies(const Level& level) const = 0;
  virtual async::Task<AccessVerdict> judge(RequestState& state) = 0;
};

// Looks at and changes a response head just before it leaves.
class ResponseStage {
 public:
  virtual ~ResponseStage() = default;
  virtual void edit(RequestState& state, http::ResponseHead& head) const = 0;
};

// Looks on from the choice of the server to the last byte of the answer: for measuring.
class RequestObserver {
 public:
  virtual ~RequestObserver() = default;
  virtual void begins(RequestState& state) const = 0;
  virtual void ends(RequestState& state) const = 0;
};

// What answers in a location: set by proxy_pass and its like. An `if` inside a location takes the location's.
struct Content {
  std::shared_ptr<http::Handler> handler;

  void inherit(const Content& outer, Block kind) {
    if (!handler && (kind == IfInLocation || kind == LimitExcept)) handler = outer.handler;
  }
};

// The path that a location replaces, for a handler with a path of its own: `proxy_pass http://x/y/` puts "/y/" in its
// place. The gateway writes it before it reads the block. A regex or a named location has none.
struct LocationPrefix {
  std::optional<std::string> path;

  void inherit(const LocationPrefix& outer, Block kind) {
    if (!path && (kind == IfInLocation || kind == LimitExcept)) path = outer.path;
  }
};

// The statuses that `error_page` has a page for; proxy_intercept_errors lets it take the place of a backend's own. The
// gateway writes it.
struct PagedStatuses {
  std::optional<std::set<unsigned>> statuses;

  void inherit(const PagedStatuses& outer) { rules::inherit(statuses, outer.statuses); }
  bool has(unsigned status) const { return statuses && statuses->count(status) != 0; }
};

// Whether a Location that begins with '/' is made absolute (absolute_redirect). The gateway writes it.
struct AbsoluteRedirect {
  std::optional<bool> on;

  void inherit(const AbsoluteRedirect& outer) { rules::inherit(on, outer.on); }
};

// What the embedded registry, or a handler in front of it, says of itself.
class RegistryFront {
 public:
  virtual bool leads_to_registry() const noexcept = 0;
  // The accesses that a request needs, as the detail of a registry's 401: JSON, "" when nobody can say.
  virtual std::string wanted_accesses(const RequestState& state) const = 0;

 protected:
  ~RegistryFront() = default;
};

// What stands behind the name of an `upstream` block in the place of servers, such as the embedded registry.
struct EmbeddedUpstream {
  std::shared_ptr<http::Handler> handler;
};

}  // namespace caisson::rules
