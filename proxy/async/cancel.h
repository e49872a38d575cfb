// How waiting ends early. A CancelScope covers everything that waits on behalf of one exchange (or one connection, or
// one branch of it); cancelling it ends each of those waits with the exception Cancelled, on the loop's next turn.
//
// Ownership: a scope lives in the frame or object that may cancel it, and outlives what runs under it: whoever starts
//            work under a scope also joins it (async::both, async::any and Loop::spawn do).
// Threading: one loop. Cancel from another thread through Loop::post.
#pragma once

#include <exception>

namespace caisson::async {

// The work was given up from outside: the client left, another branch won, the server stops.
struct Cancelled final : std::exception {
  const char* what() const noexcept override { return "cancelled"; }
};

// A deadline passed.
struct TimedOut final : std::exception {
  const char* what() const noexcept override { return "timed out"; }
};

// A bounded queue is full: come back later (503 with Retry-After).
struct Busy final : std::exception {
  const char* what() const noexcept override { return "too busy"; }
};

class CancelScope;

// Something that waits and can be told to stop waiting. A node of its scope's list while it waits.
class Waiter {
 public:
  Waiter() = default;
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

 protected:
  virtual ~Waiter() { leave(); }
  // Starts to listen for the scope's cancellation; a null scope is never cancelled.
  void enter(CancelScope* scope) noexcept;
  void leave() noexcept;

 private:
  friend class CancelScope;
  // The scope was cancelled. The waiter has left it already. Must not resume a coroutine by itself (Loop::resume_soon).
  virtual void on_cancel() noexcept = 0;

  CancelScope* scope_ = nullptr;
  Waiter* next_ = nullptr;
  Waiter* previous_ = nullptr;
};

class CancelScope final : private Waiter {
 public:
  // A scope under `parent` is cancelled with it; one made under a cancelled parent is cancelled from the start.
  explicit CancelScope(CancelScope* parent = nullptr) noexcept;
  ~CancelScope() override;

  // Ends all waits under this scope, now and to come. Calling it again changes nothing.
  void cancel() noexcept;
  bool cancelled() const noexcept { return cancelled_; }

 private:
  friend class Waiter;
  void on_cancel() noexcept override { cancel(); }

  Waiter* first_ = nullptr;
  bool cancelled_ = false;
};

}  // namespace caisson::async
