//! Rows made by several threads and taken up in their order: what is written is the same however many there are.

use std::num::NonZero;
use std::ops::Range;
use std::sync::mpsc::sync_channel;
use std::thread;

use super::error::{Error, Result};

/// Rows of a table that are best made at once.
pub(super) const ROWS: usize = 4096;
/// Batches that wait to be taken up, of each thread.
const AHEAD: usize = 2;
/// More do not help: one thread puts all rows into pages.
const THREADS_AT_MOST: usize = 4;

/// Makes `count` rows, `at_once` of them at a time, and takes them up in order. Each thread begins with a state of its own.
pub(super) fn in_order<S, B: Send>(
    count: usize,
    at_once: usize,
    begin: impl Fn() -> Result<S> + Sync,
    make: impl Fn(&mut S, Range<usize>) -> Result<B> + Sync,
    mut take: impl FnMut(B) -> Result<()>,
) -> Result<()> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = threads.min(THREADS_AT_MOST);
    thread::scope(|scope| {
        let mut made = Vec::new();
        for first in 0..threads {
            let (sender, receiver) = sync_channel(AHEAD);
            made.push(receiver);
            let (begin, make) = (&begin, &make);
            let ranges = (first * at_once..count).step_by(threads * at_once);
            let work = move || {
                let mut state = None;
                for from in ranges {
                    let rows = from..count.min(from + at_once);
                    let batch = match &mut state {
                        Some(state) => make(state, rows),
                        none => begin().and_then(|begun| make(none.insert(begun), rows)),
                    };
                    let is_last = batch.is_err();
                    if sender.send(batch).is_err() || is_last {
                        return;
                    }
                }
            };
            let started = thread::Builder::new()
                .name("rows".into())
                .spawn_scoped(scope, work);
            started.map_err(|source| Error::File {
                operation: "start a thread that writes",
                path: "the index".into(),
                source,
            })?;
        }
        let mut turns = made.iter().cycle();
        for _ in 0..count.div_ceil(at_once) {
            let batch = turns.next().and_then(|made| made.recv().ok());
            take(batch.ok_or(Error::Inconsistent("a thread that makes rows died"))??)?;
        }
        Ok(())
    })
}

/// Returns the part of a slice that holds what begins in a range: what is the same stays together.
pub(super) fn together<T>(
    all: &[T],
    range: Range<usize>,
    is_same: impl Fn(&T, &T) -> bool,
) -> Range<usize> {
    let whole = |mut at: usize| {
        while at > 0 && at < all.len() && is_same(&all[at - 1], &all[at]) {
            at += 1;
        }
        at
    };
    whole(range.start)..whole(range.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_taken_up_in_their_order() {
        for count in [0, 1, ROWS, 10 * ROWS + 7] {
            let mut taken = Vec::new();
            let make = |_: &mut (), rows: Range<usize>| Ok(rows.collect::<Vec<usize>>());
            let take = |batch: Vec<usize>| {
                taken.extend(batch);
                Ok(())
            };
            in_order(count, ROWS, || Ok(()), make, take).unwrap();
            assert_eq!(taken, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_is_the_same_stays_together() {
        let all = [1, 1, 1, 2, 3, 3];
        for at_once in 1..8 {
            let ranges = (0..all.len()).step_by(at_once);
            let ranges = ranges.map(|from| from..all.len().min(from + at_once));
            let parts =
                ranges.map(|range| &all[together(&all, range, |left, right| left == right)]);
            let parts: Vec<&[i32]> = parts.filter(|part| !part.is_empty()).collect();
            assert_eq!(parts.concat(), all);
            assert!(parts.iter().all(|part| [1, 2, 3].iter().all(|one| {
                let here = part.iter().filter(|other| *other == one).count();
                here == 0 || here == all.iter().filter(|other| *other == one).count()
            })));
        }
    }

    #[test]
    fn the_first_failure_ends_all() {
        let make = |_: &mut (), rows: Range<usize>| match rows.start {
            0 => Ok(()),
            _ => Err(Error::Empty),
        };
        let mut taken = 0;
        let take = |()| {
            taken += 1;
            Ok(())
        };
        let ended = in_order(100 * ROWS, ROWS, || Ok(()), make, take);
        assert!(matches!(ended, Err(Error::Empty)));
        assert_eq!(taken, 1);
        let ended = in_order(
            1,
            1,
            || Err::<(), _>(Error::Empty),
            |_, _| Ok(()),
            |()| Ok(()),
        );
        assert!(matches!(ended, Err(Error::Empty)));
    }
}
