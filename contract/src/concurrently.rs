//! Two things at the same time.

/// What `first` and `second` give, done at the same time: most of what a step does is waiting for someone else.
pub fn concurrently<A: Send, B>(
    first: impl FnOnce() -> A + Send,
    second: impl FnOnce() -> B,
) -> (A, B) {
    std::thread::scope(|scope| {
        let first = scope.spawn(first);
        let second = second();
        let first = first.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (first, second)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn both_are_done_at_the_same_time() {
        let met = Barrier::new(2);
        // Neither would end if the other had not begun.
        let (first, second) = concurrently(|| met.wait().is_leader(), || met.wait().is_leader());
        assert!(first != second);
    }

    #[test]
    #[should_panic(expected = "the first")]
    fn a_panic_of_the_first_is_one_of_the_caller() {
        concurrently(|| panic!("the first"), || ());
    }
}
