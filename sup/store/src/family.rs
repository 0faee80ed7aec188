//! The column families: the ten rooms that every store has and that one batch may span.

/// A column family. Its name on disk never changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Family {
    /// blake3 hash → code, assets, chunks; content-addressed.
    Blob,
    /// Names, their history, releases, heads per channel.
    Meta,
    /// `(tenant, namespace, key…)` → value: what `kv/…` reads and writes.
    Data,
    /// Earlier values, only for namespaces with retention.
    Hist,
    /// Due times, leases, dead letters.
    Job,
    /// Journals of long-running flows.
    Flow,
    /// Topics and offsets.
    Event,
    /// Sessions.
    Sess,
    /// Structured log and sampled recordings of requests.
    Log,
    /// Identity, tokens, sealed secrets, counters, the schema version.
    Sys,
}

impl Family {
    /// Every family, in the order of [`Family::index`].
    pub const ALL: [Family; 10] = [
        Family::Blob,
        Family::Meta,
        Family::Data,
        Family::Hist,
        Family::Job,
        Family::Flow,
        Family::Event,
        Family::Sess,
        Family::Log,
        Family::Sys,
    ];

    /// The name of the family on disk and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Family::Blob => "blob",
            Family::Meta => "meta",
            Family::Data => "data",
            Family::Hist => "hist",
            Family::Job => "job",
            Family::Flow => "flow",
            Family::Event => "event",
            Family::Sess => "sess",
            Family::Log => "log",
            Family::Sys => "sys",
        }
    }

    /// The place of the family in [`Family::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_stands_at_its_index() {
        for (family_idx, family) in Family::ALL.iter().enumerate() {
            assert_eq!(family.index(), family_idx);
        }
    }
}
