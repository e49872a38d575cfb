#include "async/cancel.h"

#include <cassert>

namespace caisson::async {

void Waiter::enter(CancelScope* scope) noexcept {
  assert(scope_ == nullptr);
  if (scope == nullptr) return;
  scope_ = scope;
  next_ = scope->first_;
  previous_ = nullptr;
  if (next_ != nullptr) next_->previous_ = this;
  scope->first_ = this;
}

void Waiter::leave() noexcept {
  if (scope_ == nullptr) return;
  if (previous_ != nullptr) {
    previous_->next_ = next_;
  } else {
    scope_->first_ = next_;
  }
  if (next_ != nullptr) next_->previous_ = previous_;
  scope_ = nullptr;
}

CancelScope::CancelScope(CancelScope* parent) noexcept : cancelled_(parent != nullptr && parent->cancelled_) {
  enter(parent);
}

CancelScope::~CancelScope() { assert(first_ == nullptr); }

void CancelScope::cancel() noexcept {
  cancelled_ = true;
  while (first_ != nullptr) {
    Waiter* waiter = first_;
    waiter->leave();
    waiter->on_cancel();
  }
}

}  // namespace caisson::async
