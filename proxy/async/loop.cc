#include "async/loop.h"

#include <event2/event.h>
#include <event2/thread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <mutex>
#include <new>
#include <system_error>

#include "base/handle.h"

#ifdef __SANITIZE_THREAD__
// With its changelist libevent takes a closed descriptor out of epoll late, when another thread may have got that
// number anew. The kernel has forgotten the old one and says ENOENT; ThreadSanitizer takes it for a race on the
// descriptor.
extern "C" const char* __tsan_default_suppressions() { return "race:^__interceptor_epoll_ctl$\n"; }
#endif

namespace caisson::async {

namespace {

thread_local Loop* current_loop = nullptr;

timeval to_timeval(Loop::Milliseconds duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
  const auto rest = std::chrono::duration_cast<std::chrono::microseconds>(duration - seconds);
  return {seconds.count(), static_cast<suseconds_t>(rest.count())};
}

}  // namespace

struct Loop::Shared {
  std::mutex mutex;
  std::vector<std::function<void()>> posted;
  Fd wake;
  event* wake_event = nullptr;

  ~Shared() {
    if (wake_event != nullptr) event_free(wake_event);
  }
};

// The watch for a peer's FIN or reset. libevent 2.1 tells EV_CLOSED only for a FIN: a reset (EPOLLERR) counts as
// readable and writable, and where neither is waited for, its level-triggered epoll reports it for ever, and
// event_base_loop() spins without returning. So these watches stand in an epoll instance of their own, edge-triggered,
// which the loop watches like any other descriptor.
struct Loop::Closures {
  explicit Closures(event_base* base) : epoll(::epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll) throw std::system_error(errno, std::generic_category(), "epoll_create1");
    const auto on_any = [](int fd, short, void*) { tell(fd); };
    any.reset(event_new(base, epoll.get(), EV_READ | EV_PERSIST, on_any, nullptr));
    if (!any) throw std::bad_alloc();
    event_add(any.get(), nullptr);
  }

  void watch(Pollable& who, int fd) {
    epoll_event wanted{};
    wanted.events = EPOLLRDHUP | EPOLLET;  // EPOLLERR and EPOLLHUP come unasked
    wanted.data.ptr = &who;
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &wanted) != 0) {
      throw std::system_error(errno, std::generic_category(), "epoll_ctl");
    }
  }
  void forget(int fd) noexcept { ::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, fd, nullptr); }

  static void tell(int fd) {
    epoll_event events[64];
    const int n = ::epoll_wait(fd, events, 64, 0);
    for (int i = 0; i < n; ++i) static_cast<Pollable*>(events[i].data.ptr)->on_peer_closed();
  }

  Fd epoll;
  std::unique_ptr<event, FreeWith<&event_free>> any;
};

void Loop::FreeBase::operator()(event_base* base) const noexcept { event_base_free(base); }

Loop::Loop() : shared_(std::make_unique<Shared>()), now_(std::chrono::steady_clock::now()) {
  event_config* config = event_config_new();
  if (config == nullptr) throw std::bad_alloc();
  // Adding and taking back an event within one turn then costs no system call. Each loop belongs to one thread.
  event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST | EVENT_BASE_FLAG_NOLOCK);
  base_.reset(event_base_new_with_config(config));
  event_config_free(config);
  if (!base_) throw std::system_error(ENOMEM, std::generic_category(), "event_base_new_with_config");

  shared_->wake = Fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!shared_->wake) throw std::system_error(errno, std::generic_category(), "eventfd");
  const auto on_wake = [](int fd, short, void*) {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = ::read(fd, &count, sizeof count);
  };
  shared_->wake_event = event_new(base_.get(), shared_->wake.get(), EV_READ | EV_PERSIST, on_wake, nullptr);
  if (shared_->wake_event == nullptr) throw std::bad_alloc();
  event_add(shared_->wake_event, nullptr);
  closures_ = std::make_unique<Closures>(base_.get());

  previous_ = current_loop;
  current_loop = this;
}

Loop::~Loop() {
  assert(spawned_ == 0);
  closures_.reset();  // their events before their base
  shared_.reset();
  current_loop = previous_;
}

Loop& Loop::current() noexcept {
  assert(current_loop != nullptr);
  return *current_loop;
}

void Loop::run() {
  for (;;) {
    now_ = std::chrono::steady_clock::now();
    take_posted();
    run_ready();
    if (stopping_ && spawned_ == 0 && ready_.empty()) break;
    event_base_loop(base_.get(), ready_.empty() ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
  }
  for (const auto& fn : at_end_) fn();
  at_end_.clear();
}

void Loop::stop() {
  stopping_ = true;
  scope_.cancel();
}

void Loop::stop_when_idle() { stopping_ = true; }

void Loop::run_ready() {
  running_.swap(ready_);
  for (const std::coroutine_handle<> waiting : running_) waiting.resume();
  running_.clear();
}

void Loop::take_posted() {
  std::vector<std::function<void()>> posted;
  {
    const std::lock_guard lock(shared_->mutex);
    posted.swap(shared_->posted);
  }
  for (const auto& fn : posted) fn();
}

void Loop::post(std::function<void()> fn) {
  const std::lock_guard lock(shared_->mutex);
  shared_->posted.push_back(std::move(fn));
  if (shared_->posted.size() > 1) return;  // whoever posted first has woken the loop
  // Under the lock: what was posted may be the last thing that this loop waited for, and it is destroyed soon after it
  // took that. It cannot take it before this thread is done with the loop.
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(shared_->wake.get(), &one, sizeof one);
}

void Loop::resume_soon(std::coroutine_handle<> waiting) { ready_.push_back(waiting); }

// The coroutine that owns a spawned task: frees itself at its end.
struct Loop::Root {
  struct promise_type {
    CancelScope* scope = nullptr;
    promise_type(Loop&, Task<void>&, CancelScope* under) noexcept : scope(under) {}
    Root get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }  // run_root catches all
  };
};

Loop::Root Loop::run_root(Task<void> task, CancelScope* /*scope*/) {
  ++spawned_;
  try {
    co_await task;
  } catch (const Cancelled&) {  // asked for
  } catch (...) {
    if (on_failure_) on_failure_(std::current_exception());
  }
  --spawned_;
}

void Loop::spawn(Task<void> task, CancelScope* scope) { run_root(std::move(task), scope != nullptr ? scope : &scope_); }

namespace {

class Sleep final : public Suspension {
 public:
  Sleep(Loop& loop, Loop::Milliseconds duration)
      : timer_(event_new(
            loop.base(), -1, 0, [](int, short, void* self) { static_cast<Sleep*>(self)->finish(Outcome::Ready); },
            this)),
        duration_(duration) {
    if (!timer_) throw std::bad_alloc();
  }

 private:
  void start() override {
    const timeval limit = to_timeval(duration_);
    event_add(timer_.get(), &limit);
  }
  void stop() noexcept override { event_del(timer_.get()); }

  std::unique_ptr<event, FreeWith<&event_free>> timer_;
  Loop::Milliseconds duration_;
};

}  // namespace

Task<void> Loop::sleep_for(Milliseconds duration) {
  Sleep sleep(*this, duration);
  co_await sleep;
}

void Suspension::finish(Outcome outcome) noexcept {
  outcome_ = outcome;
  leave();
  Loop::current().resume_soon(waiting_);
}

void Suspension::on_cancel() noexcept {
  stop();
  finish(Outcome::Cancelled);
}

Pollable::Pollable(Loop& loop, int fd) : loop_(loop), fd_(fd) {
  for (Slot& s : slots_) s.owner = this;
}

Pollable::~Pollable() {
  if (watched_) loop_.closures_->forget(fd_);
}

void Pollable::on_peer_closed() noexcept {
  peer_closed_ = true;
  if (on_close_ != nullptr) on_close_->cancel();
}

void Pollable::cancel_when_closed(CancelScope* scope) {
  on_close_ = scope;
  if (scope == nullptr) return;
  if (peer_closed_) return scope->cancel();
  if (!watched_) loop_.closures_->watch(*this, fd_);
  watched_ = true;
}

void Pollable::FreeEvent::operator()(event* e) const noexcept { event_free(e); }

bool Pollable::set_timer(Slot& slot, Time now) noexcept {
  if (!slot.timer) slot.timer.reset(event_new(loop_.base(), -1, 0, &Wait::on_timer, &slot));
  if (!slot.timer) return false;
  const auto left = std::chrono::ceil<Loop::Milliseconds>(slot.deadline - now);
  const timeval limit = to_timeval(std::max(left, Loop::Milliseconds::zero()));
  if (event_add(slot.timer.get(), &limit) != 0) return false;
  slot.timer_goes_off = slot.deadline;
  return true;
}

void Pollable::Wait::start() {
  Slot& slot = owner_.slot(direction_);
  assert(slot.waiting == nullptr);
  if (!slot.registration) {
    // Reads stay registered between waits (see on_event): a socket that is waited for time and again costs no
    // epoll_ctl.
    const short kind = direction_ == Direction::Read ? EV_READ | EV_PERSIST : EV_WRITE;
    slot.registration.reset(event_new(owner_.loop_.base(), owner_.fd_, kind, &Wait::on_event, &slot));
    if (!slot.registration) throw std::bad_alloc();
  }
  slot.deadline = Time::max();
  if (limit_ >= Loop::Milliseconds::zero()) {
    const Time now = owner_.loop_.now();
    // A limit may be so long that it stands for none.
    if (limit_ < std::chrono::duration_cast<Loop::Milliseconds>(Time::max() - now)) slot.deadline = now + limit_;
    const bool too_late = slot.deadline < slot.timer_goes_off.value_or(Time::max());
    if (too_late && !owner_.set_timer(slot, now)) throw std::bad_alloc();
  }
  if (!slot.registered && event_add(slot.registration.get(), nullptr) != 0) {
    throw std::system_error(errno, std::generic_category(), "event_add");
  }
  slot.registered = true;
  slot.waiting = this;
}

void Pollable::Wait::stop() noexcept {
  Slot& slot = owner_.slot(direction_);
  slot.waiting = nullptr;
  if (direction_ == Direction::Write) {
    event_del(slot.registration.get());
    slot.registered = false;
  }
}

void Pollable::Wait::on_event(int, short, void* argument) {
  Slot& slot = *static_cast<Slot*>(argument);
  Wait* waiting = std::exchange(slot.waiting, nullptr);
  if (waiting == nullptr) {
    // Something came that nobody waits for yet: the next wait registers anew.
    event_del(slot.registration.get());
    slot.registered = false;
    return;
  }
  if (waiting->direction_ == Direction::Write) slot.registered = false;  // those are told once
  waiting->finish(Outcome::Ready);
}

void Pollable::Wait::on_timer(int, short, void* argument) {
  Slot& slot = *static_cast<Slot*>(argument);
  slot.timer_goes_off.reset();
  if (slot.waiting == nullptr || slot.deadline == Time::max()) return;
  const Time now = std::chrono::steady_clock::now();
  if (now < slot.deadline && slot.owner->set_timer(slot, now)) return;
  Wait* waiting = slot.waiting;
  waiting->stop();
  waiting->finish(Outcome::TimedOut);
}

void Signal::set() noexcept {
  set_ = true;
  std::vector<Wait*> woken;
  woken.swap(waiting_);
  for (Wait* wait : woken) wait->finish(Wait::Outcome::Ready);
}

void Signal::Wait::start() { signal_.waiting_.push_back(this); }

void Signal::Wait::stop() noexcept { std::erase(signal_.waiting_, this); }

}  // namespace caisson::async
