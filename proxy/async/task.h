// A coroutine that computes a T: lazy (nothing runs before it is awaited), awaited once, owner of its frame. What it
// throws is rethrown where it is awaited.
//
// Ownership: a Task owns its frame; destroy it only before it was started or after it ended. async::both, async::any
//            and Loop::spawn see to that.
// Threading: one loop, from start to end.
//
// A child is started inside an await_suspend that returns bool, and a child that ends at once lets its parent go on
// without a nested resume: symmetric transfer would overflow the stack with g++ 12 where tail calls are not made
// (-O0, -O1, sanitizers) after some hundred thousand awaits that are ready at once.
//
// Traps of g++ 12: never build a braced aggregate inside a co_await expression or its arguments (it is destroyed
// twice); give it a name first. Never put co_await into the condition of a while or for (the loop may be compiled to a
// trap).
#pragma once

#include <cassert>
#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "async/cancel.h"
#include "async/frames.h"

namespace caisson::async {

template <class T>
class Task;

// What every coroutine frame of ours holds: who awaits it and which scope it waits under. A child takes its parent's
// scope when it is awaited.
struct PromiseBase {
  enum class State : unsigned char { Running, Awaited, Ended };

  std::coroutine_handle<> parent;
  CancelScope* scope = nullptr;
  State state = State::Running;

  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

  std::suspend_always initial_suspend() const noexcept { return {}; }

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      PromiseBase& promise = self.promise();
      if (promise.state == State::Awaited) {
        promise.parent.resume();  // may destroy this frame: nothing may follow
      } else {
        promise.state = State::Ended;  // still inside start(): the parent goes on by itself
      }
    }
    void await_resume() const noexcept {}
  };
  FinalAwaiter final_suspend() const noexcept { return {}; }
};

template <class T>
struct TaskPromise final : PromiseBase {
  std::optional<T> value;
  std::exception_ptr error;

  Task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  void unhandled_exception() noexcept { error = std::current_exception(); }
  T take() {
    if (error) std::rethrow_exception(std::move(error));
    return std::move(*value);
  }
};

template <>
struct TaskPromise<void> final : PromiseBase {
  std::exception_ptr error;

  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void unhandled_exception() noexcept { error = std::current_exception(); }
  void take() {
    if (error) std::rethrow_exception(std::move(error));
  }
};

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = TaskPromise<T>;
  using value_type = T;

  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (frame_) frame_.destroy();
      frame_ = std::exchange(other.frame_, nullptr);
    }
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    if (frame_) frame_.destroy();
  }

  // Runs the task up to its first wait on behalf of `parent`. True when it still waits: `parent` is resumed at its end.
  bool start(std::coroutine_handle<> parent, CancelScope* scope) {
    promise_type& promise = frame_.promise();
    promise.parent = parent;
    promise.scope = scope;
    frame_.resume();
    if (promise.state == PromiseBase::State::Ended) return false;
    promise.state = PromiseBase::State::Awaited;
    return true;
  }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> parent) {
    return start(parent, parent.promise().scope);
  }
  T await_resume() { return frame_.promise().take(); }

 private:
  friend promise_type;
  explicit Task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
  std::coroutine_handle<promise_type> frame_;
};

template <class T>
Task<T> TaskPromise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}
inline Task<void> TaskPromise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<TaskPromise>::from_promise(*this));
}

// co_await current_scope(): the scope that the awaiting coroutine waits under; null when nothing can cancel it.
struct CurrentScope {
  CancelScope* scope = nullptr;
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> self) noexcept {
    scope = self.promise().scope;
    return false;
  }
  CancelScope* await_resume() const noexcept { return scope; }
};
inline CurrentScope current_scope() noexcept { return {}; }

}  // namespace caisson::async
