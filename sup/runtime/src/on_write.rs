//! Values that isolates share until one of them changes its own.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A value whose clones are one until somebody writes to theirs, which is copied then.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct OnWrite<T>(Arc<T>);

impl<T> OnWrite<T> {
    /// Whether both are one, so that neither has been written to since one was cloned from the other.
    #[must_use]
    pub fn is(&self, other: &OnWrite<T>) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Clone for OnWrite<T> {
    fn clone(&self) -> OnWrite<T> {
        OnWrite(self.0.clone())
    }
}

impl<T> From<T> for OnWrite<T> {
    fn from(value: T) -> OnWrite<T> {
        OnWrite(Arc::new(value))
    }
}

impl<T> Deref for OnWrite<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for OnWrite<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}
