//! [`threads`]: processes that are threads of one.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::{Exchange, Processes};

/// As many processes, for as many threads of this one: each is to be given to a thread of its own.
///
/// They train as processes on several machines do, which tests use. To train on several processors of
/// one machine, [`Par`](numerics::Par) is the faster way.
pub fn threads(count: usize) -> Vec<Processes> {
    let (mut senders, mut receivers) = (Vec::new(), Vec::new());
    receivers.resize_with(count, Vec::new);
    for _ in 0..count {
        let mut to = Vec::with_capacity(count);
        for receivers in &mut receivers {
            let (sender, receiver) = channel();
            to.push(sender);
            receivers.push(receiver);
        }
        senders.push(to);
    }
    let links = senders.into_iter().zip(receivers).enumerate();
    links
        .map(|(index, (to, from))| Processes::of(Threads { index, links: Mutex::new((to, from)) }))
        .collect()
}

/// One of the threads, with a channel to each and one from each, itself included.
#[derive(Debug)]
struct Threads {
    index: usize,
    links: Mutex<Links>,
}

type Links = (Vec<Sender<Vec<u32>>>, Vec<Receiver<Vec<u32>>>);

impl Threads {
    /// Sends `part(i)` to thread i, and writes what came from there to the i-th part of `received`.
    fn exchange<'a>(&self, part: impl Fn(usize) -> &'a [u32], received: &mut [u32]) {
        const GONE: &str = "every thread of a training is there until its end";
        let links = self.links.lock().expect("one thread uses it");
        let (to, from) = &*links;
        for (i, to) in to.iter().enumerate() {
            to.send(part(i).to_vec()).expect(GONE);
        }
        let len = received.len() / from.len();
        for (i, from) in from.iter().enumerate() {
            received[i * len..][..len].copy_from_slice(&from.recv().expect(GONE));
        }
    }
}

impl Exchange for Threads {
    fn count(&self) -> usize {
        self.links.lock().expect("one thread uses it").0.len()
    }

    fn index(&self) -> usize {
        self.index
    }

    fn all_gather(&self, mine: &[u32], all: &mut [u32]) {
        self.exchange(|_| mine, all);
    }

    fn all_to_all(&self, parts: &[u32], received: &mut [u32]) {
        let len = parts.len() / self.count();
        self.exchange(|i| &parts[i * len..][..len], received);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What every thread gives.
    fn each<T: Send>(count: usize, run: impl Fn(&Processes) -> T + Sync) -> Vec<T> {
        std::thread::scope(|scope| {
            let run = &run;
            let all = threads(count).into_iter().map(|one| scope.spawn(move || run(&one)));
            let all: Vec<_> = all.collect();
            all.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    #[test]
    fn every_thread_gets_what_all_have() {
        let gathered = each(3, |one| {
            let mut all = [0; 6];
            one.all_gather(&[one.index() as u32, 7], &mut all);
            all
        });
        assert_eq!(gathered, [[0, 7, 1, 7, 2, 7]; 3]);
        let distributed = each(3, |one| {
            let mut received = [0; 3];
            let parts = [0, 1, 2].map(|to| (10 * one.index() + to) as u32);
            one.all_to_all(&parts, &mut received);
            received
        });
        assert_eq!(distributed, [[0, 10, 20], [1, 11, 21], [2, 12, 22]]);
        assert_eq!(each(3, |one| one.largest(-(one.index() as f32))), [0.0; 3]);
        assert_eq!(each(3, |one| one.any(one.index() == 2)), [true; 3]);
        assert_eq!(each(2, |one| one.any(false)), [false; 2]);
    }

    #[test]
    fn what_the_first_has_reaches_all_whole() {
        for len in [0, 1, 4, 11, 1000] {
            let bytes: Vec<u8> = (0..len).map(|i| (i * 7 % 251) as u8).collect();
            // What the others have does not count.
            let have = |one: &Processes| if one.is_first() { bytes.clone() } else { vec![9; 3] };
            for count in [1, 2, 3, 5] {
                let told = each(count, |one| one.from_first(Some(have(one))));
                assert_eq!(told, vec![Some(bytes.clone()); count]);
            }
        }
        let none = each(3, |one| one.from_first((!one.is_first()).then(|| vec![1])));
        assert_eq!(none, [None, None, None]);
    }
}
