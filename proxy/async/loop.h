// One thread's event loop: a thin face on a libevent event_base. Coroutines wait on it; C callbacks never resume a
// coroutine but put it on the ready queue, so no exception crosses libevent.
//
// Ownership: the thread that runs it. Everything that waits on a loop ends before the loop is destroyed.
// Threading: one thread, but for post(), which any thread may call until the loop is destroyed.
#pragma once

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "async/task.h"

struct event_base;
struct event;

namespace caisson::async {

// No limit, where a duration is wanted.
inline constexpr std::chrono::milliseconds no_timeout{-1};

class Loop {
 public:
  using Milliseconds = std::chrono::milliseconds;
  // Told of what escapes a spawned task, but for Cancelled. Called on the loop's thread.
  using FailureHandler = std::function<void(std::exception_ptr)>;

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // The loop that this thread runs (from the constructor on). REQUIRES: there is one.
  static Loop& current() noexcept;

  // Runs until stop() was called and every spawned task has ended.
  void run();
  // Cancels all spawned tasks; run() returns when they have ended.
  void stop();
  // Makes run() return at its next turn once no spawned task is left, without cancelling any.
  void stop_when_idle();

  // Starts a task that nobody awaits, under `scope` (null: the loop's own, which stop() cancels). Its frame lives until
  // it ends.
  void spawn(Task<void> task, CancelScope* scope = nullptr);
  std::size_t spawned() const noexcept { return spawned_; }
  void on_failure(FailureHandler handler) { on_failure_ = std::move(handler); }
  // Calls `fn` on the loop's thread when run() is about to return, while events can still be taken back: whoever keeps
  // sockets between requests (a pool of idle connections) lets go of them then.
  void at_end(std::function<void()> fn) { at_end_.push_back(std::move(fn)); }

  // Runs `fn` on the loop's thread, soon. From any thread.
  void post(std::function<void()> fn);
  // Resumes the coroutine on the loop's next turn.
  void resume_soon(std::coroutine_handle<> waiting);

  // Waits. Throws Cancelled.
  Task<void> sleep_for(Milliseconds duration);

  event_base* base() const noexcept { return base_.get(); }

  // The time of the loop's current turn; cheap.
  std::chrono::steady_clock::time_point now() const noexcept { return now_; }

 private:
  friend class Pollable;
  struct Shared;    // what post() touches from other threads
  struct Closures;  // whose peers are watched for their close
  struct Root;
  struct FreeBase {
    void operator()(event_base* base) const noexcept;
  };
  Root run_root(Task<void> task, CancelScope* scope);
  void run_ready();
  void take_posted();

  std::unique_ptr<event_base, FreeBase> base_;
  std::unique_ptr<Shared> shared_;
  std::unique_ptr<Closures> closures_;
  CancelScope scope_;
  std::vector<std::coroutine_handle<>> ready_;
  std::vector<std::coroutine_handle<>> running_;
  std::size_t spawned_ = 0;
  bool stopping_ = false;
  std::chrono::steady_clock::time_point now_;
  FailureHandler on_failure_;
  std::vector<std::function<void()>> at_end_;
  Loop* previous_ = nullptr;
};

// The base of what coroutines wait for on the loop: registers with the awaiting coroutine's scope, and resumes it
// through the ready queue, once. A derived awaitable starts its event in start() and takes it back in stop().
class Suspension : protected Waiter {
 public:
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> self) {
    if (self.promise().scope != nullptr && self.promise().scope->cancelled()) {
      outcome_ = Outcome::Cancelled;
      return false;
    }
    waiting_ = self;
    enter(self.promise().scope);
    start();
    return true;
  }
  // Throws Cancelled or TimedOut.
  void await_resume() const {
    if (outcome_ == Outcome::Cancelled) throw Cancelled();
    if (outcome_ == Outcome::TimedOut) throw TimedOut();
  }

 protected:
  enum class Outcome : unsigned char { Ready, TimedOut, Cancelled };

  Suspension() = default;
  ~Suspension() override = default;
  // Ends the wait; the coroutine is resumed on the next turn. Once.
  void finish(Outcome outcome) noexcept;
  Outcome outcome() const noexcept { return outcome_; }

 private:
  virtual void start() = 0;          // begin to wait
  virtual void stop() noexcept = 0;  // the wait is given up before it ended
  void on_cancel() noexcept override;

  std::coroutine_handle<> waiting_;
  Outcome outcome_ = Outcome::Ready;
};

// Readiness of one file descriptor. At most one coroutine waits for each direction at a time.
//
// Ownership: borrows the descriptor, which must stay open until this is destroyed.
class Pollable {
 public:
  Pollable(Loop& loop, int fd);
  ~Pollable();
  Pollable(const Pollable&) = delete;
  Pollable& operator=(const Pollable&) = delete;

  enum class Direction : unsigned char { Read, Write };

  class Wait final : public Suspension {
   public:
    Wait(Pollable& owner, Direction direction, Loop::Milliseconds limit) noexcept
        : owner_(owner), direction_(direction), limit_(limit) {}

   private:
    friend class Pollable;
    void start() override;
    void stop() noexcept override;
    static void on_event(int fd, short what, void* slot);
    static void on_timer(int fd, short what, void* slot);

    Pollable& owner_;
    Direction direction_;
    Loop::Milliseconds limit_;
  };

  // co_await: throws TimedOut after `limit` without an event, Cancelled.
  Wait readable(Loop::Milliseconds limit = no_timeout) noexcept { return {*this, Direction::Read, limit}; }
  Wait writable(Loop::Milliseconds limit = no_timeout) noexcept { return {*this, Direction::Write, limit}; }
  // From now on `scope` is cancelled as soon as the peer closes its side (FIN or reset), also when unread bytes stand
  // before that; at once when it is known to have done so. Null: no more. A wait without a coroutine, since every
  // request has one and hardly any ends by it. REQUIRES: taken back before the scope dies.
  void cancel_when_closed(CancelScope* scope);

 private:
  friend struct Loop::Closures;
  struct FreeEvent {
    void operator()(event* e) const noexcept;
  };
  using Time = std::chrono::steady_clock::time_point;
  struct Slot {
    std::unique_ptr<event, FreeEvent> registration;
    // Most waits end long before their limit. So the timer is not taken back when one ends: it goes off at last, and is
    // set anew then if somebody waits.
    std::unique_ptr<event, FreeEvent> timer;
    Time deadline;                       // of the wait; the greatest: none
    std::optional<Time> timer_goes_off;  // nothing: the timer is not set
    Wait* waiting = nullptr;
    Pollable* owner = nullptr;
    bool registered = false;
  };
  // For its deadline, which is a time. False when there is no memory.
  bool set_timer(Slot& slot, Time now) noexcept;
  void on_peer_closed() noexcept;
  Slot& slot(Direction direction) noexcept { return slots_[static_cast<std::size_t>(direction)]; }

  Loop& loop_;
  int fd_;
  Slot slots_[2];
  CancelScope* on_close_ = nullptr;
  bool watched_ = false;      // the loop's Closures know the descriptor
  bool peer_closed_ = false;  // they have told
};

// A flag that coroutines of one loop can wait for. set() wakes all that wait; later waits end at once until reset().
class Signal {
 public:
  Signal() = default;
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  void set() noexcept;
  void reset() noexcept { set_ = false; }
  bool is_set() const noexcept { return set_; }

  class Wait final : public Suspension {
   public:
    explicit Wait(Signal& signal) noexcept : signal_(signal) {}
    bool await_ready() const noexcept { return signal_.set_; }

   private:
    friend class Signal;
    void start() override;
    void stop() noexcept override;
    Signal& signal_;
  };
  // co_await: throws Cancelled.
  Wait wait() noexcept { return Wait(*this); }

 private:
  std::vector<Wait*> waiting_;
  bool set_ = false;
};

}  // namespace caisson::async
