//! Who may connect: so many at a time in all, and so many of one address.

use super::head::Refusal;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
struct Counts {
    n_all: u64,
    by_address: HashMap<IpAddr, u64>,
}

/// The connections of a server, counted over all of its event loops.
#[derive(Default)]
pub struct Admission(Mutex<Counts>);

/// A connection that is counted until this is dropped.
pub struct Admitted {
    admission: Arc<Admission>,
    address: IpAddr,
}

impl Admission {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.counts().n_all
    }

    /// Counts a connection, or says why not.
    ///
    /// # Errors
    /// With what it is to be ended.
    pub fn admit(
        self: &Arc<Self>,
        address: IpAddr,
        most: u64,
        most_of_one: u64,
    ) -> Result<Admitted, Refusal> {
        // A client has a whole network of 64 bits under IPv6.
        let address = match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
            address => address,
        };
        let mut counts = self.counts();
        if counts.n_all >= most {
            return Err(Refusal::BUSY);
        }
        let n_of_one = counts.by_address.entry(address).or_insert(0);
        if *n_of_one >= most_of_one {
            return Err(Refusal::ADDRESS);
        }
        *n_of_one += 1;
        counts.n_all += 1;
        Ok(Admitted {
            admission: self.clone(),
            address,
        })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut counts = self.admission.counts();
        counts.n_all -= 1;
        if let Some(n_of_one) = counts.by_address.get_mut(&self.address) {
            *n_of_one -= 1;
            if *n_of_one == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}
