//! Alarms: one thread of the process that tells machines when the time of their runs is over. A machine that has a deadline sets
//! one, since it may be inside a native function that takes long when the time comes, and would look at a clock too late or
//! too often.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::time::Instant;

use crate::inbox::Inbox;

/// The bit of a machine's interrupt switch that an alarm sets.
pub(crate) const TIME_IS_OVER: u32 = 2;

/// What is done when a time comes: a switch is set, and an isolate that waits is told to look about.
struct Ring {
    switch: Arc<AtomicU32>,
    nudged: Option<Arc<Inbox>>,
}

/// What is to ring, by time and by the order of asking.
static DUE: Mutex<BTreeMap<(Instant, u64), Ring>> = Mutex::new(BTreeMap::new());
static EARLIER: Condvar = Condvar::new();
static START: Once = Once::new();

/// An alarm; dropped, it is off.
pub(crate) struct Alarm {
    key: (Instant, u64),
    switch: Arc<AtomicU32>,
}

fn due() -> MutexGuard<'static, BTreeMap<(Instant, u64), Ring>> {
    // Nobody leaves the map half changed.
    DUE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets the bit in `switch` at that time. Without a thread for it a run is stopped by its fuel slices, which is later.
pub(crate) fn set(time: Instant, switch: &Arc<AtomicU32>) -> Alarm {
    ring_at(time, switch, None)
}

/// As `set`, and nudges the isolate's inbox then.
pub(crate) fn set_and_nudge(time: Instant, switch: &Arc<AtomicU32>, inbox: &Arc<Inbox>) -> Alarm {
    ring_at(time, switch, Some(inbox.clone()))
}

fn ring_at(time: Instant, switch: &Arc<AtomicU32>, nudged: Option<Arc<Inbox>>) -> Alarm {
    START.call_once(|| {
        let builder = std::thread::Builder::new().name("sup-clock".to_owned());
        drop(builder.spawn(run));
    });
    let mut due = due();
    let number = due
        .range((time, 0)..=(time, u64::MAX))
        .next_back()
        .map_or(0, |(key, _)| key.1 + 1);
    let key = (time, number);
    let is_first = due.first_key_value().is_none_or(|(first, _)| key < *first);
    let ring = Ring {
        switch: switch.clone(),
        nudged,
    };
    due.insert(key, ring);
    if is_first {
        EARLIER.notify_one();
    }
    Alarm {
        key,
        switch: switch.clone(),
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        due().remove(&self.key);
        self.switch.fetch_and(!TIME_IS_OVER, Ordering::Relaxed);
    }
}

fn run() {
    let mut rings = due();
    loop {
        let now = Instant::now();
        let first = rings.first_key_value().map(|(key, _)| *key);
        rings = match first {
            Some(key) if key.0 <= now => {
                let Some(ring) = rings.remove(&key) else { continue };
                ring.switch.fetch_or(TIME_IS_OVER, Ordering::Relaxed);
                // Whoever is woken may set an alarm.
                drop(rings);
                if let Some(inbox) = ring.nudged {
                    inbox.nudge();
                }
                due()
            }
            Some((time, _)) => {
                EARLIER
                    .wait_timeout(rings, time - now)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
            None => EARLIER.wait(rings).unwrap_or_else(PoisonError::into_inner),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn is_rung(switch: &AtomicU32) -> bool {
        switch.load(Ordering::Relaxed) & TIME_IS_OVER != 0
    }

    #[test]
    fn an_alarm_rings_at_its_time_and_an_earlier_one_before_it() {
        let (late, early, off) = (Arc::default(), Arc::default(), Arc::new(AtomicU32::new(1)));
        let start = Instant::now();
        let _late = set(start + Duration::from_secs(3600), &late);
        let early_alarm = set(start + Duration::from_millis(20), &early);
        drop(set(start + Duration::from_millis(10), &off));
        while !is_rung(&early) {
            assert!(start.elapsed() < Duration::from_secs(60), "it never rang");
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(start.elapsed() >= Duration::from_millis(20));
        assert!(!is_rung(&late) && !is_rung(&off));
        assert_eq!(off.load(Ordering::Relaxed), 1, "the other bits are left alone");
        drop(early_alarm);
        assert!(!is_rung(&early), "what is off does not ring on");
    }
}
