//! More threads for what does not wait for each other.

use std::sync::mpsc::sync_channel;
use std::thread;

/// Does both at once. What comes out does not depend on the threads.
///
/// # Panics
/// When one of them does.
pub(super) fn both<A: Send, B>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        match one.join() {
            Ok(one) => (one, other),
            Err(panicked) => std::panic::resume_unwind(panicked),
        }
    })
}

/// Does `count` pieces of work, the workers taking turns, and gives what comes out in the order of the pieces: the same
/// whatever the number of workers. Each is at most one piece ahead.
///
/// # Panics
/// When the work does, or without any worker.
pub(super) fn in_order<W: Send, T: Send>(
    workers: &mut [W],
    count: usize,
    work: impl Fn(&mut W, usize) -> T + Sync,
    mut each: impl FnMut(T),
) {
    if let [only] = workers {
        return (0..count).for_each(|n| each(work(only, n)));
    }
    let turns = workers.len();
    thread::scope(|scope| {
        let work = &work;
        let mut given = Vec::with_capacity(turns);
        for (turn, worker) in workers.iter_mut().enumerate() {
            let (give, taken) = sync_channel(1);
            scope.spawn(move || (turn..count).step_by(turns).try_for_each(|n| give.send(work(worker, n))));
            given.push(taken);
        }
        // Nothing comes from a worker that panicked: the scope goes on with its panic.
        (0..count).map_while(|n| given[n % turns].recv().ok()).for_each(&mut each);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_in_order_whatever_the_number_of_workers() {
        for workers in 1..5 {
            let mut done = vec![0; workers];
            let mut out = Vec::new();
            let work = |done: &mut usize, n: usize| {
                *done += 1;
                n * n
            };
            in_order(&mut done, 10, work, |square| out.push(square));
            assert_eq!(out, (0..10).map(|n| n * n).collect::<Vec<_>>());
            assert_eq!(done.iter().sum::<usize>(), 10);
        }
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_goes_on() {
        in_order(&mut [(); 2], 9, |(), n| assert!(n != 4, "no fourth"), |()| ());
    }
}
