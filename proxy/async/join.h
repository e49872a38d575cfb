// Two tasks side by side inside one coroutine. Whichever way it ends, both have ended before the await returns: the
// frames and objects that they refer to may die right after.
//
// Threading: one loop. Errors: the first exception of a child is rethrown, the other child is cancelled and joined.
#pragma once

#include <chrono>
#include <optional>
#include <utility>
#include <variant>

#include "async/loop.h"
#include "async/task.h"

namespace caisson::async {

// The result of a task that returns nothing, where a value is needed.
using Done = std::monostate;

namespace detail {

// What the branches of one join share. Lives in the joining coroutine's frame.
struct JoinState {
  explicit JoinState(CancelScope* parent_scope) : scope(parent_scope) {}
  CancelScope scope;
  std::coroutine_handle<> parent;
  int running = 0;
  bool waiting = false;
};

// One branch: a coroutine that starts at once and tells the join when it ends. Its frame frees itself.
struct Branch {
  struct promise_type {
    CancelScope* scope = nullptr;
    JoinState* join = nullptr;

    template <class... Args>
    explicit promise_type(JoinState& state, Args&&...) noexcept : scope(&state.scope), join(&state) {
      ++state.running;
    }
    Branch get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    struct Final {
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<promise_type> self) const noexcept {
        JoinState& state = *self.promise().join;
        self.destroy();
        if (--state.running == 0 && state.waiting) state.parent.resume();
      }
      void await_resume() const noexcept {}
    };
    Final final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }  // run_branch catches all
  };
};

template <class T>
using ValueOf = std::conditional_t<std::is_void_v<T>, Done, T>;

template <class T>
struct Slot {
  std::optional<ValueOf<T>> value;
  std::exception_ptr error;
  bool first = false;
};

// `race`: the first branch to end, however it ends, cancels the others; else only one that fails does.
template <class T>
Branch run_branch(JoinState& state, Task<T> task, Slot<T>& slot, bool race, bool& someone_ended) {
  try {
    if constexpr (std::is_void_v<T>) {
      co_await task;
      slot.value.emplace();
    } else {
      slot.value.emplace(co_await task);
    }
  } catch (...) {
    slot.error = std::current_exception();
  }
  if (!someone_ended && (race || slot.error)) {
    someone_ended = true;
    slot.first = true;
    state.scope.cancel();
  }
}

struct WaitForAll {
  JoinState& state;
  bool await_ready() const noexcept { return state.running == 0; }
  void await_suspend(std::coroutine_handle<> parent) noexcept {
    state.parent = parent;
    state.waiting = true;
  }
  void await_resume() const noexcept {}
};

}  // namespace detail

// Runs both to their end.
template <class A, class B>
Task<std::pair<detail::ValueOf<A>, detail::ValueOf<B>>> both(Task<A> a, Task<B> b) {
  CancelScope* outer = co_await current_scope();
  detail::JoinState state(outer);
  detail::Slot<A> slot_a;
  detail::Slot<B> slot_b;
  bool failed = false;
  detail::run_branch<A>(state, std::move(a), slot_a, false, failed);
  detail::run_branch<B>(state, std::move(b), slot_b, false, failed);
  detail::WaitForAll all{state};
  co_await all;
  if (slot_a.first) std::rethrow_exception(slot_a.error);
  if (slot_b.first) std::rethrow_exception(slot_b.error);
  co_return std::pair(std::move(*slot_a.value), std::move(*slot_b.value));
}

// Runs both until the first ends; the other is cancelled and joined. The variant's index says who was first.
template <class A, class B>
Task<std::variant<detail::ValueOf<A>, detail::ValueOf<B>>> any(Task<A> a, Task<B> b) {
  using Outcome = std::variant<detail::ValueOf<A>, detail::ValueOf<B>>;
  CancelScope* outer = co_await current_scope();
  detail::JoinState state(outer);
  detail::Slot<A> slot_a;
  detail::Slot<B> slot_b;
  bool ended = false;
  detail::run_branch<A>(state, std::move(a), slot_a, true, ended);
  if (!ended) detail::run_branch<B>(state, std::move(b), slot_b, true, ended);
  detail::WaitForAll all{state};
  co_await all;
  if (slot_a.first) {
    if (slot_a.error) std::rethrow_exception(slot_a.error);
    co_return Outcome(std::in_place_index<0>, std::move(*slot_a.value));
  }
  if (slot_b.error) std::rethrow_exception(slot_b.error);
  co_return Outcome(std::in_place_index<1>, std::move(*slot_b.value));
}

// The task, or TimedOut when it has not ended after `limit`.
template <class T>
Task<T> with_deadline(std::chrono::milliseconds limit, Task<T> task) {
  auto outcome = co_await any(std::move(task), Loop::current().sleep_for(limit));
  if (outcome.index() == 1) throw TimedOut();
  if constexpr (!std::is_void_v<T>) co_return std::move(std::get<0>(outcome));
}

// Runs the task under a scope of the caller's choice: whoever holds the scope can end just this wait. The scope is made
// under current_scope(), so that the outer one still counts.
template <class T>
struct Under {
  Task<T> task;
  CancelScope& scope;
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> self) { return task.start(self, &scope); }
  T await_resume() { return task.await_resume(); }
};
template <class T>
Under<T> under(CancelScope& scope, Task<T> task) {
  return {std::move(task), scope};
}

// Runs the task to its end although the caller's scope may be cancelled: for asynchronous clean-up such as parking an
// interrupted upload. Keep it short: nothing can end it early.
template <class T>
Task<T> shielded(Task<T> task) {
  detail::JoinState state(nullptr);
  detail::Slot<T> slot;
  bool ended = false;
  detail::run_branch<T>(state, std::move(task), slot, true, ended);
  detail::WaitForAll all{state};
  co_await all;
  if (slot.error) std::rethrow_exception(slot.error);
  if constexpr (!std::is_void_v<T>) co_return std::move(*slot.value);
}

}  // namespace caisson::async
