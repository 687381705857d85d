// Package audit judges what a crowd saw of a line: whether the invariants of the
// waiting room held, as far as that can be told from outside. It is pure: a
// [History] goes in, a [Verdict] comes out.
//
// # Intervals
//
// Nobody outside knows when an operation took effect, only that it did so between
// the moment it was invoked and the moment its reply was complete, a [Span]. Each
// rule below is worded so that it finds a breach only if every order of effects
// that the spans allow is one. An operation without a reply is [Unknown]: it may
// have happened or not, and both must be fine. So a breach is a breach; but
// what happened between two looks is not seen.
//
// # Rules
//
//   - I1: two visitors of one generation were shown the same position. A place
//     whose generation nobody knows is left out.
//   - I2: a place was shown with two positions.
//   - I3: a place was entered early, see below.
//   - I4: a code was redeemed twice.
//   - I5: a place that the server had given was unknown to it, or a visit that it
//     had acknowledged, and nobody ended, was.
//   - I6: more visits were surely alive at one moment than the capacity. A visit is
//     surely alive from the completion of the reply that let it in to the
//     invocation of the last request that only a live visit is granted, and not
//     beyond the invocation of its end.
//   - I7, I8: what the witness saw in a single answer, see [Fault].
//   - I9: a place was let in after its visit had surely ended, or was let in with
//     two times of admission.
//
// # Early
//
// With [History.Alone], only the operations in [History.Serves] raise the
// serving counter. Then it can't have been higher, at any time, than it was at first
// plus all that had been invoked by then and not refused; the Unknown ones
// count as if they had happened. A claim that completed while its position was above
// that is early: it completed before any serve that covers it was
// invoked. Nothing is assumed of falls, losses and stale answers. That the counter is
// seen above the bound is a breach too: it moved by itself.
//
// Otherwise the counter is judged by the answers that showed it. One that was
// invoked at i and showed v means that the counter was at most v until
// i − [History.Stale], if it only rises. A claim of a position above v that completed by
// then is early. An answer is dropped if a higher counter had been seen before:
// then the counter fell, which is noted, and is the operator's right. So this
// rule takes two things for granted, that no answer is staler than
// Stale, and that the counter did not rise and fall again unseen.
package audit
