//! More threads for what does not wait for each other.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
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
            Err(panicked) => resume_unwind(panicked),
        }
    })
}

/// Does `count` pieces of work, the workers taking turns, and gives what comes out in the order of the pieces: the same
/// whatever the number of workers. Each is at most one piece ahead. The first error ends it.
///
/// # Panics
/// When the work does, or without any worker.
pub(super) fn in_order<W: Send, T: Send, E>(
    workers: &mut [W],
    count: usize,
    work: impl Fn(&mut W, usize) -> T + Sync,
    mut each: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    if let [only] = workers {
        return (0..count).try_for_each(|n| each(work(only, n)));
    }
    let turns = workers.len();
    thread::scope(|scope| {
        let work = &work;
        let mut given = Vec::with_capacity(turns);
        for (turn, worker) in workers.iter_mut().enumerate() {
            let (give, taken) = sync_channel(1);
            // Nobody takes any more after an error.
            scope.spawn(move || (turn..count).step_by(turns).try_for_each(|n| give.send(work(worker, n))));
            given.push(taken);
        }
        // Nothing comes from a worker that panicked: the scope goes on with its panic.
        (0..count).map_while(|n| given[n % turns].recv().ok()).try_for_each(&mut each)
    })
}

/// What `work` makes of each, in their order; on all processors, the heaviest first.
///
/// # Panics
/// When the work does.
pub(super) fn at_once<I: Sync, T: Send>(
    items: &[I],
    weight: impl Fn(&I) -> usize,
    work: impl Fn(&I) -> T + Sync,
) -> Vec<T> {
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|n| std::cmp::Reverse(weight(&items[*n])));
    let next = AtomicUsize::new(0);
    let worker = || {
        let mine = || order.get(next.fetch_add(1, Ordering::Relaxed));
        std::iter::from_fn(|| mine().map(|n| (*n, work(&items[*n])))).collect::<Vec<_>>()
    };
    let mut done: Vec<(usize, T)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..processors()).map(|_| scope.spawn(worker)).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, _>| worker.join().unwrap_or_else(|e| resume_unwind(e));
        workers.into_iter().flat_map(join).collect()
    });
    done.sort_by_key(|(n, _)| *n);
    done.into_iter().map(|(_, made)| made).collect()
}

/// How many threads can work at once here.
pub(super) fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
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
            let all = in_order(&mut done, 10, work, |square| {
                out.push(square);
                Ok::<_, ()>(())
            });
            assert_eq!((all, &out), (Ok(()), &(0..10).map(|n| n * n).collect()));
            assert_eq!(done.iter().sum::<usize>(), 10);
            let to_four = |n| if n == 4 { Err(n) } else { Ok(()) };
            assert_eq!(in_order(&mut done, usize::MAX, |_, n| n, to_four), Err(4));
        }
    }

    #[test]
    fn what_is_made_at_once_keeps_its_order() {
        let made = at_once(&[3, 1, 2, 9, 0], |n| *n, |n| n * 10);
        assert_eq!(made, [30, 10, 20, 90, 0]);
        assert!(at_once(&[0_u8; 0], |_| 1, |n| *n).is_empty());
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_goes_on() {
        let work = |(): &mut (), n| assert!(n != 4, "no fourth");
        let _ = in_order(&mut [(); 2], 9, work, |()| Ok::<_, ()>(()));
    }
}
